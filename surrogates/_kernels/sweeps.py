"""All tests with one literal more than a given one, weighed at once on bit planes.

Literals are numbered; a number and that number plus the number of literals are negations of each
other. Which rows have at least j literals of a test, for each j, are planes too, so that a sweep
weighs a test by one `and` and one count of ones for 64 rows.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel
from surrogates._kernels.gains import split_gains
from surrogates._kernels.splits import count_ones

__all__ = ["NOISE", "Limits", "Planes", "Room", "count_levels", "make_room", "sweep", "weigh"]

NOISE = 1e-9


class Planes(NamedTuple):
    """Rows as bit planes: what the literals say of them, and their masses."""

    literals: NDArray[np.uint64]  # (n_literals, n_words)
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
    edges: NDArray[np.uint64]  # (n_planes, n_words)
    certain: NDArray[np.float64]  # (n_masses + 1,)
    edge: NDArray[np.float64]  # (n_masses + 1,)
    inside: NDArray[np.float64]  # (n_masses + 1, 2 * n_literals)
    gains: NDArray[np.float64]  # (2 * n_literals,)
    work: NDArray[np.float64]  # (4, 2 * n_literals)


@kernel
def make_room(planes: Planes, most: int) -> Room:
    n_words, n_masses, n = (
        planes.literals.shape[1],
        planes.total.shape[0],
        2 * planes.literals.shape[0],
    )
    return Room(
        np.empty((most + 2, n_words), np.uint64),
        np.empty((planes.masses.shape[0], n_words), np.uint64),
        np.empty(n_masses),
        np.empty(n_masses),
        np.empty((n_masses, n)),
        np.empty(n),
        np.empty((4, n)),
    )


@kernel
def count_levels(
    planes: Planes, numbers: NDArray[np.int64], m: int, levels: NDArray[np.uint64]
) -> None:
    """Write the rows in which at least 0, 1, ..., m of some literals hold."""
    n_literals = planes.literals.shape[0]
    levels[0] = planes.everything
    levels[1 : m + 1] = np.uint64(0)
    for number in numbers:
        plane = planes.literals[number % n_literals]
        for j in range(m, 0, -1):
            for word in range(plane.shape[0]):
                holds = plane[word] if number < n_literals else ~plane[word]
                levels[j, word] |= levels[j - 1, word] & holds


@kernel
def weigh(planes: Planes, rows: NDArray[np.uint64], masses: NDArray[np.float64]) -> None:
    """Write the masses of some rows."""
    masses[:] = 0.0
    for plane in range(planes.masses.shape[0]):
        ones = np.uint64(0)
        for word in range(rows.shape[0]):
            ones += count_ones(planes.masses[plane, word] & rows[word])
        masses[planes.mass_of[plane]] += planes.unit_of[plane] * ones


@kernel
def _add_counts(planes: Planes, room: Room) -> None:
    """Write the masses of the rows on the edge in which each literal holds, and does not."""
    n_literals = planes.literals.shape[0]
    room.inside[:] = 0.0
    for literal in range(n_literals):
        for plane in range(room.edges.shape[0]):
            ones = np.uint64(0)
            for word in range(room.edges.shape[1]):
                ones += count_ones(planes.literals[literal, word] & room.edges[plane, word])
            room.inside[planes.mass_of[plane], literal] += planes.unit_of[plane] * ones
    for j in range(room.inside.shape[0]):
        for literal in range(n_literals):
            added = room.inside[j, literal]
            room.inside[j, literal] = room.certain[j] + added
            room.inside[j, n_literals + literal] = room.certain[j] + room.edge[j] - added


@kernel
def sweep(planes: Planes, limits: Limits, numbers: NDArray[np.int64], m: int, room: Room) -> None:
    """Write inner masses and gains of the tests "m of" some literals and one more."""
    n_literals = planes.literals.shape[0]
    count_levels(planes, numbers, m, room.levels)
    for word in range(planes.everything.shape[0]):
        edge = room.levels[m - 1, word] & ~room.levels[m, word]
        for plane in range(room.edges.shape[0]):
            room.edges[plane, word] = planes.masses[plane, word] & edge
        room.levels[m - 1, word] = edge
    weigh(planes, room.levels[m], room.certain)
    weigh(planes, room.levels[m - 1], room.edge)
    _add_counts(planes, room)
    split_gains(limits.kind, room.inside, planes.total, room.gains, room.work)
    support, least = room.inside[-1], limits.min_support - NOISE
    most = planes.total[-1] - least
    for i in range(room.gains.shape[0]):
        if not planes.allowed[i] or support[i] < least or support[i] > most:
            room.gains[i] = -np.inf
    for number in numbers:
        room.gains[number % n_literals] = -np.inf
        room.gains[number % n_literals + n_literals] = -np.inf
