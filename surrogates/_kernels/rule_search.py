"""The search for a m-of-n test on bit planes: a beam, then exchanges, then omissions.

Literals are numbered; a number and that number plus the number of literals are negations of each
other.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import constant, kernel
from surrogates._kernels.gains import ENTROPY, weight_of
from surrogates._kernels.sweeps import (
    FIRST,
    NOISE,
    REQUIRED,
    SIZE,
    Limits,
    Planes,
    Room,
    best_supported,
    make_room,
    sweep,
    weigh_test,
)

__all__ = ["Limits", "Planes", "best_test", "gain_of", "improved_test", "search"]

_SWEEPS = 3
_TINY = 1e-300

_EVALUATE, _SEARCH, _IMPROVE = 0, 1, 2  # how often the best test is improved
# rows of tests, and columns of what is known of them; other tests follow the beam
_BEST, _SPARE, _ORDER, _BEAM = constant(0), constant(1), constant(2), constant(3)
_GAIN, _INSIDE = constant(0), constant(1)
_VERSION, _OMITTED = constant(0), constant(1)
_WEIGHED = constant(0)


class _Tests(NamedTuple):
    """Several tests, one in a row, and what is known of them."""

    tests: NDArray[np.int64]  # (n_tests, 2 + most)
    scores: NDArray[np.float64]  # (n_tests, 1 + n_masses): the gain, and the masses inside
    tried: NDArray[np.int64]  # (2 * n_literals,): the version in which an exchange was in vain
    versions: NDArray[
        np.int64
    ]  # (2,): of the best test, and of that from which none can be omitted


@kernel
def _copy(own: _Tests, i: int, j: int) -> None:
    for k in range(own.tests.shape[1]):
        own.tests[j, k] = own.tests[i, k]
    for k in range(own.scores.shape[1]):
        own.scores[j, k] = own.scores[i, k]


@kernel
def _is_new(
    planes: Planes,
    limits: Limits,
    inside: NDArray[np.float64],
    number: int,
    scores: NDArray[np.float64],
    at: int,
) -> bool:
    """Tell whether rows are distributed differently on either side of two splits."""
    if limits.kind != ENTROPY:
        for j in range(planes.total.shape[0] - 1):
            if inside[j, number] != scores[at, _INSIDE + j]:
                return True
        return False
    scale = planes.n_rows / max(weight_of(limits.kind, planes.total), _TINY)
    for side in range(2):
        if _differs(planes.total, limits.critical, inside, number, scores, at, scale, side):
            return True
    return False


@kernel
def _differs(
    total: NDArray[np.float64],
    critical: NDArray[np.float64],
    inside: NDArray[np.float64],
    number: int,
    scores: NDArray[np.float64],
    at: int,
    scale: float,
    side: int,
) -> bool:
    """Compare counts of classes by the chi-square test for two samples of unequal size."""
    n = total.shape[0] - 1
    ratio, statistic, present, sums = 0.0, 0.0, 0, np.zeros(2)
    for measured in range(2):
        for j in range(n):
            first, second = inside[j, number], scores[at, _INSIDE + j]
            if side == 1:
                first, second = total[j] - first, total[j] - second
            first, second = scale * first, scale * second
            if measured == 0:
                sums[0] += first
                sums[1] += second
            elif first + second > 0.0:
                present += 1
                gap = ratio * first - second / max(ratio, _TINY)
                statistic += gap * gap / (first + second)
        ratio = np.sqrt(sums[1] / max(sums[0], _TINY))
    return bool(statistic > critical[max(present - 1, 1)])


@kernel
def _score(own: _Tests, at: int, room: Room, number: int) -> None:
    """Write the gain and the masses of what was just weighed."""
    own.scores[at, _GAIN] = room.gains[number]
    for j in range(room.inside.shape[0] - 1):
        own.scores[at, _INSIDE + j] = room.inside[j, number]


@kernel
def _write(own: _Tests, at: int, size: int, number: int, m: int, room: Room) -> None:
    """Make the last literal of a test another one, just weighed."""
    own.tests[at, SIZE], own.tests[at, REQUIRED] = size, m
    own.tests[at, FIRST + size - 1] = number
    _score(own, at, room, number)


@kernel
def _same(n_literals: int, tests: NDArray[np.int64], i: int, j: int) -> bool:
    """Tell whether two tests of one size have the same literals, or are each other's negation."""
    size = tests[i, SIZE]
    equal = tests[i, REQUIRED] == tests[j, REQUIRED]
    negated = tests[i, REQUIRED] + tests[j, REQUIRED] == size + 1
    for place in range(FIRST, FIRST + size):
        number = tests[i, place]
        held = opposed = False
        for other_place in range(FIRST, FIRST + size):
            other = tests[j, other_place]
            held = held or number == other
            opposed = opposed or abs(number - other) == n_literals
        equal, negated = equal and held, negated and opposed
    return bool(equal or negated)


@kernel
def _keep_best(n_literals: int, own: _Tests, width: int, n_grown: int) -> int:
    """Fill the beam with the best different tests, and return how many they are."""
    used, grown = 0, _BEAM + width
    for _ in range(n_grown):
        i, known = grown, False
        for other in range(grown + 1, grown + n_grown):
            if own.scores[other, _GAIN] > own.scores[i, _GAIN]:
                i = other
        for j in range(_BEAM, _BEAM + used):
            known = known or _same(n_literals, own.tests, i, j)
        if not known:
            _copy(own, i, _BEAM + used)
            used += 1
            if used == width:
                break
        own.scores[i, _GAIN] = -np.inf
    return used


@kernel
def _rank(top: NDArray[np.float64], gain: float, noise: float) -> None:
    """Put a gain among the largest different ones: a test below them all finds no place.

    Tests that say the same may differ in their gains by rounding.
    """
    for k in range(top.shape[0]):
        if abs(gain - top[k]) <= noise:
            return
        if gain > top[k]:
            gain, top[k] = top[k], gain


@kernel
def _widen(planes: Planes, limits: Limits, own: _Tests, room: Room) -> None:
    """Add literals one at a time to the tests of a beam, and keep the best test of all sizes.

    The beam begins with one test, which may have no literals.
    """
    width, weight, used = limits.beam_width, weight_of(limits.kind, planes.total), 1
    penalty, n_literals, top = limits.penalty * weight, planes.literals.shape[1], np.empty(width)
    while used and own.tests[_BEAM, SIZE] < limits.most_literals:
        grown = _BEAM + width
        for k in range(width):
            top[k] = -np.inf
        for i in range(_BEAM, _BEAM + used):
            size, required = own.tests[i, SIZE], own.tests[i, REQUIRED]
            least = own.scores[i, _GAIN] + penalty if size else limits.least_gain * weight
            for m in range(max(required, 1), required + 2):
                above = max(least, top[width - 1])
                found = sweep(planes, limits, own.tests, i, m, above, room)
                for _ in range(width):
                    number = best_supported(planes, limits, m, above, found, room)
                    if number < 0:
                        break
                    if not size or _is_new(planes, limits, room.inside, number, own.scores, i):
                        _copy(own, i, grown)
                        _write(own, grown, size + 1, number, m, room)
                        _rank(top, room.gains[number], NOISE * weight)
                        grown += 1
                    room.gains[number] = -np.inf
                    if not size:  # the negation of a single literal says the same
                        room.gains[(number + n_literals) % (2 * n_literals)] = -np.inf
        used = _keep_best(n_literals, own, width, grown - _BEAM - width)
        if used and own.scores[_BEAM, _GAIN] > own.scores[_BEST, _GAIN]:
            _copy(own, _BEAM, _BEST)
            own.versions[_VERSION] += 1


@kernel
def _without(own: _Tests, number: int) -> bool:
    """Write the best test without a literal to the spare row; tell whether it had that."""
    size = 0
    for place in range(FIRST, FIRST + own.tests[_BEST, SIZE]):
        own.tests[_SPARE, FIRST + size] = own.tests[_BEST, place]
        size += own.tests[_BEST, place] != number
    own.tests[_SPARE, SIZE] = size
    return bool(size < own.tests[_BEST, SIZE])


@kernel
def _exchange(planes: Planes, limits: Limits, own: _Tests, room: Room) -> None:
    """Put other literals in the place of one, with m moved by one at most, while that gains.

    Those tried in vain wait until another one has changed.
    """
    n, noise = own.tests[_BEST, SIZE], NOISE * weight_of(limits.kind, planes.total)
    for _ in range(_SWEEPS if limits.most_literals > 1 else 0):
        _copy(own, _BEST, _ORDER)
        begun = own.versions[_VERSION]
        for at in range(FIRST, FIRST + n):
            before, now = own.versions[_VERSION], own.tests[_BEST, REQUIRED]
            number = own.tests[_ORDER, at]
            if own.tried[number] == before or not _without(own, number):
                continue
            for m in range(max(now - 1, 1), min(now + 1, n) + 1):
                least = own.scores[_BEST, _GAIN] + noise
                found = sweep(planes, limits, own.tests, _SPARE, m, least, room)
                other = best_supported(planes, limits, m, least, found, room)
                if other >= 0:
                    _copy(own, _SPARE, _BEST)
                    _write(own, _BEST, n, other, m, room)
                    own.versions[_VERSION] = before + 1
            if own.versions[_VERSION] == before:
                own.tried[number] = before
        if own.versions[_VERSION] == begun:
            return


@kernel
def _omit(planes: Planes, limits: Limits, own: _Tests, room: Room) -> None:
    """Drop literals, the last first, while the gain stays."""
    noise, before = NOISE * weight_of(limits.kind, planes.total), own.versions[_VERSION]
    if own.versions[_OMITTED] == before:
        return
    for place in range(FIRST + own.tests[_BEST, SIZE] - 1, FIRST - 1, -1):
        n, now = own.tests[_BEST, SIZE] - 1, own.tests[_BEST, REQUIRED]
        for m in range(now, max(now - 2, 0), -1):
            if m > n:
                continue
            _without(own, own.tests[_BEST, place])
            own.tests[_SPARE, REQUIRED] = m
            weigh_test(planes, limits, own.tests, _SPARE, room)
            if room.gains[0] >= own.scores[_BEST, _GAIN] - noise:
                _score(own, _SPARE, room, _WEIGHED)
                _copy(own, _SPARE, _BEST)
                own.versions[_VERSION] += 1
                break
    if own.versions[_VERSION] == before:
        own.versions[_OMITTED] = before


@kernel
def search(
    planes: Planes, limits: Limits, numbers: NDArray[np.int64], m: int, work: int
) -> tuple[NDArray[np.int64], int, float]:
    """Weigh a test, or improve it, or look for one; return its numbers, m and gain."""
    n_words, n_literals = planes.literals.shape
    n_masses, width = planes.total.shape[0] - 1, limits.beam_width
    most = max(limits.most_literals, numbers.shape[0])
    own = _Tests(
        np.zeros((_BEAM + width + 2 * width * width, FIRST + most), np.int64),
        np.full((_BEAM + width + 2 * width * width, _INSIDE + n_masses), -np.inf),
        np.zeros(2 * n_literals, np.int64),
        np.zeros(2, np.int64),
    )
    own.versions[_VERSION] = 1
    room = make_room(n_words, n_literals, n_masses + 1, most)
    if work != _SEARCH:
        own.tests[_BEST, SIZE], own.tests[_BEST, REQUIRED] = numbers.shape[0], m
        for k in range(numbers.shape[0]):
            own.tests[_BEST, FIRST + k] = numbers[k]
        weigh_test(planes, limits, own.tests, _BEST, room)
        _score(own, _BEST, room, _WEIGHED)
    for left in range(work, 0, -1):
        if left == 1:
            _copy(own, _BEST, _BEAM)
            _widen(planes, limits, own, room)
        _exchange(planes, limits, own, room)
        _omit(planes, limits, own, room)
    found = np.empty(own.tests[_BEST, SIZE], np.int64)
    for k in range(found.shape[0]):
        found[k] = own.tests[_BEST, FIRST + k]
    return found, own.tests[_BEST, REQUIRED], own.scores[_BEST, _GAIN]


def gain_of(planes: Planes, limits: Limits, numbers: NDArray[np.int64], m: int) -> float:
    """Return the gain of a test, -inf where it leaves too few reference rows on a side."""
    return search(planes, limits, numbers, m, _EVALUATE)[2]


def improved_test(
    planes: Planes, limits: Limits, numbers: NDArray[np.int64], m: int
) -> tuple[NDArray[np.int64], int, float]:
    """Exchange, add and drop literals of a test; return numbers, m and gain of the best."""
    return search(planes, limits, numbers, m, _IMPROVE)


def best_test(planes: Planes, limits: Limits) -> tuple[NDArray[np.int64], int, float]:
    """Return numbers, m and gain of the best test; no numbers where no literal gains anything."""
    return search(planes, limits, np.empty(0, np.int64), 1, _SEARCH)
