"""All tests with one literal more than a given one, weighed at once on bit planes.

Literals are numbered; a number and that number plus the number of literals are negations of each
other. Which rows have at least j literals of a test, for each j, are planes too, so that a sweep
weighs a test by one `and` and one count of ones for 64 rows.

A test is a row of integers: how many literals it has, how many of them must hold, their numbers.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import constant, kernel
from surrogates._kernels.gains import split_gains
from surrogates._kernels.splits import count_ones

__all__ = [
    "FIRST",
    "NOISE",
    "REQUIRED",
    "SIZE",
    "Limits",
    "Planes",
    "Room",
    "best_supported",
    "drop_unsupported",
    "make_room",
    "sweep",
    "weigh",
    "weigh_test",
]

SIZE, REQUIRED, FIRST = constant(0), constant(1), constant(2)
NOISE = 1e-9

_CERTAIN, _EDGE = constant(0), constant(1)
_ALONE = constant(1)


class Planes(NamedTuple):
    """Rows as bit planes: what the literals say of them, and their masses."""

    literals: NDArray[np.uint64]  # (n_words, n_literals)
    masses: NDArray[np.uint64]  # (n_planes, n_words)
    mass_of: NDArray[np.int64]  # (n_planes,): the mass to which a plane adds
    unit_of: NDArray[np.float64]  # (n_planes,): what a row of the plane adds
    everything: NDArray[np.uint64]  # (n_words,)
    total: NDArray[np.float64]  # (n_masses + 1,): reference rows last
    allowed: NDArray[np.bool_]  # (2 * n_literals,)
    n_rows: int


class Limits(NamedTuple):
    """What a test may look like."""

    kind: int  # of gain
    most_literals: int
    beam_width: int
    penalty: float  # that another literal must gain, for each unit of weight
    least_gain: float  # for each unit of weight
    min_support: float
    critical: NDArray[np.float64]  # chi-square for 0, 1, ... degrees of freedom


class Room(NamedTuple):
    """Arrays that every sweep writes anew."""

    levels: NDArray[np.uint64]  # (most + 2, n_words): rows with at least 0, 1, ... literals
    ones: NDArray[np.int64]  # (n_literals,)
    masses: NDArray[np.float64]  # (2, n_masses + 1): of rows that pass surely, and on the edge
    inside: NDArray[np.float64]  # (n_masses + 1, 2 * n_literals)
    gains: NDArray[np.float64]  # (2 * n_literals,)
    work: NDArray[np.float64]  # (5, 2 * n_literals)
    places: NDArray[np.int64]  # (2 * n_literals,)


@kernel
def make_room(n_words: int, n_literals: int, n_masses: int, most: int) -> Room:
    n = 2 * n_literals
    return Room(
        np.empty((most + 2, n_words), np.uint64),
        np.empty(n_literals, np.int64),
        np.empty((2, n_masses)),
        np.empty((n_masses, n)),
        np.empty(n),
        np.empty((5, n)),
        np.empty(n, np.int64),
    )


@kernel
def _count_levels(
    literals: NDArray[np.uint64],
    everything: NDArray[np.uint64],
    tests: NDArray[np.int64],
    at: int,
    m: int,
    levels: NDArray[np.uint64],
) -> None:
    """Write the rows in which at least 0, 1, ..., m literals of a test hold."""
    n_words, n_literals = literals.shape
    for word in range(n_words):
        levels[0, word] = everything[word]
        for j in range(1, m + 1):
            levels[j, word] = np.uint64(0)
        for place in range(FIRST, FIRST + tests[at, SIZE]):
            number = tests[at, place]
            holds = (
                literals[word, number]
                if number < n_literals
                else ~literals[word, number - n_literals]
            )
            for j in range(m, 0, -1):
                levels[j, word] |= levels[j - 1, word] & holds


@kernel
def weigh(
    planes: NDArray[np.uint64],
    mass_of: NDArray[np.int64],
    unit_of: NDArray[np.float64],
    levels: NDArray[np.uint64],
    level: int,
    masses: NDArray[np.float64],
    at: int,
) -> None:
    """Write the masses of some rows."""
    for j in range(masses.shape[1]):
        masses[at, j] = 0.0
    for plane in range(planes.shape[0]):
        ones = np.uint64(0)
        for word in range(levels.shape[1]):
            ones += count_ones(planes[plane, word] & levels[level, word])
        masses[at, mass_of[plane]] += unit_of[plane] * ones


@kernel
def _count(
    literals: NDArray[np.uint64],
    planes: NDArray[np.uint64],
    plane: int,
    edge: NDArray[np.uint64],
    ones: NDArray[np.int64],
) -> None:
    """Write how many rows of a plane on the edge each literal holds in."""
    for literal in range(ones.shape[0]):
        ones[literal] = 0
    for word in range(0, edge.shape[0], 2):  # two at once: less is stored between them
        after = min(word + 1, edge.shape[0] - 1)
        first = planes[plane, word] & edge[word]
        second = planes[plane, after] & edge[after] if after > word else np.uint64(0)
        if first | second:
            for literal in range(ones.shape[0]):
                ones[literal] += np.int64(
                    count_ones(literals[word, literal] & first)
                    + count_ones(literals[after, literal] & second)
                )


@kernel
def _write_inside(planes: Planes, edge: NDArray[np.uint64], room: Room) -> None:
    """Write the masses inside the tests that have one literal more, or its negation.

    Reference rows are not counted.
    """
    n_masses, n_literals = planes.total.shape[0] - 1, planes.literals.shape[1]
    inside = room.inside
    for j in range(n_masses):
        for literal in range(n_literals):
            inside[j, literal] = 0.0
    for plane in range(planes.masses.shape[0]):
        j, unit = planes.mass_of[plane], planes.unit_of[plane]
        if j < n_masses:
            _count(planes.literals, planes.masses, plane, edge, room.ones)
            for literal in range(n_literals):
                inside[j, literal] += unit * room.ones[literal]
    for j in range(n_masses):
        certain, edges = room.masses[_CERTAIN, j], room.masses[_EDGE, j]
        for literal in range(n_literals):
            added = inside[j, literal]
            inside[j, literal] = certain + added
            inside[j, n_literals + literal] = certain + edges - added


@kernel
def sweep(
    planes: Planes,
    limits: Limits,
    tests: NDArray[np.int64],
    at: int,
    m: int,
    above: float,
    room: Room,
) -> int:
    """Write inner masses and gains of the tests "m of" the literals of a test and one more.

    Returns how many literals may gain more than a number: they are written to `room.places`.
    Whether they leave enough reference rows on both sides is asked of few.
    """
    n_literals, levels = planes.literals.shape[1], room.levels
    _count_levels(planes.literals, planes.everything, tests, at, m, levels)
    edge = levels[m - 1]
    for word in range(edge.shape[0]):
        edge[word] &= ~levels[m, word]
    own = planes.masses, planes.mass_of, planes.unit_of, levels
    weigh(*own, m, room.masses, _CERTAIN)
    weigh(*own, m - 1, room.masses, _EDGE)
    _write_inside(planes, edge, room)
    found = split_gains(
        limits.kind, room.inside, planes.total, 2 * n_literals, above,
        room.gains, room.work, room.places,
    )  # fmt: skip
    for k in range(found):
        if not planes.allowed[room.places[k]]:
            room.gains[room.places[k]] = -np.inf
    for place in range(FIRST, FIRST + tests[at, SIZE]):
        number = tests[at, place] % n_literals
        room.gains[number] = room.gains[number + n_literals] = -np.inf
    return found


@kernel
def _is_supported(planes: Planes, limits: Limits, number: int, m: int, room: Room) -> bool:
    """Tell whether a test just swept leaves enough reference rows on both sides."""
    n_literals, last = planes.literals.shape[1], planes.total.shape[0] - 1
    least, support = limits.min_support - NOISE, room.masses[_CERTAIN, last]
    for plane in range(planes.masses.shape[0]):
        if planes.mass_of[plane] == last:
            ones = np.uint64(0)
            for word in range(planes.literals.shape[0]):
                literal = planes.literals[word, number % n_literals]
                holds = literal if number < n_literals else ~literal
                ones += count_ones(holds & room.levels[m - 1, word] & planes.masses[plane, word])
            support += planes.unit_of[plane] * ones
    return least <= support <= planes.total[last] - least


@kernel
def best_supported(
    planes: Planes, limits: Limits, m: int, above: float, found: int, room: Room
) -> int:
    """Return the literal that gains most of those found, the first of several, or -1.

    It gains more than a number and leaves enough reference rows on both sides.
    """
    while True:
        best, most = -1, above
        for k in range(found):
            gain = room.gains[room.places[k]]
            if gain > most:
                best, most = room.places[k], gain
        if best < 0 or _is_supported(planes, limits, best, m, room):
            return best
        room.gains[best] = -np.inf


@kernel
def drop_unsupported(planes: Planes, limits: Limits, m: int, room: Room) -> None:
    """Set the gains of all tests that leave too few reference rows on a side to -inf."""
    for number in range(2 * planes.literals.shape[1]):
        if not _is_supported(planes, limits, number, m, room):
            room.gains[number] = -np.inf


@kernel
def weigh_test(
    planes: Planes, limits: Limits, tests: NDArray[np.int64], at: int, room: Room
) -> None:
    """Write the inner masses and the gain of a test, as of the first literal."""
    m, last, levels = tests[at, REQUIRED], planes.total.shape[0] - 1, room.levels
    _count_levels(planes.literals, planes.everything, tests, at, m, levels)
    weigh(planes.masses, planes.mass_of, planes.unit_of, levels, m, room.masses, _CERTAIN)
    for j in range(last + 1):
        room.inside[j, 0] = room.masses[_CERTAIN, j]
    split_gains(
        limits.kind, room.inside, planes.total, _ALONE, -np.inf, room.gains, room.work, room.places
    )
    least = limits.min_support - NOISE
    if not least <= room.inside[last, 0] <= planes.total[last] - least:
        room.gains[0] = -np.inf
