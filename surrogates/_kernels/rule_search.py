"""The search for a m-of-n test on bit planes: a beam, then exchanges, then omissions.

Literals are numbered; a number and that number plus the number of literals are negations of each
other.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel
from surrogates._kernels.gains import ENTROPY, split_gains, weight_of
from surrogates._kernels.sweeps import (
    NOISE,
    Limits,
    Planes,
    Room,
    count_levels,
    make_room,
    sweep,
    weigh,
)

__all__ = ["Limits", "Planes", "best_test", "gain_of", "improved_test"]

_SWEEPS = 3
_TINY = 1e-300


class _Tests(NamedTuple):
    """Several tests, the first `used[0]` of them in use."""

    numbers: NDArray[np.int64]  # (n_tests, most)
    size: NDArray[np.int64]  # (n_tests,)
    m: NDArray[np.int64]  # (n_tests,)
    gain: NDArray[np.float64]  # (n_tests,)
    inside: NDArray[np.float64]  # (n_tests, n_masses + 1)
    used: NDArray[np.int64]  # (1,)


@kernel
def _tests(n_tests: int, most: int, n_masses: int) -> _Tests:
    return _Tests(
        np.zeros((n_tests, most), np.int64),
        np.zeros(n_tests, np.int64),
        np.zeros(n_tests, np.int64),
        np.full(n_tests, -np.inf),
        np.zeros((n_tests, n_masses)),
        np.zeros(1, np.int64),
    )


@kernel
def _copy(source: _Tests, i: int, target: _Tests, j: int) -> None:
    target.numbers[j] = source.numbers[i]
    target.size[j] = source.size[i]
    target.m[j] = source.m[i]
    target.gain[j] = source.gain[i]
    target.inside[j] = source.inside[i]


@kernel
def _best(gains: NDArray[np.float64]) -> int:
    """Return the position of the largest gain, the first of several."""
    best = 0
    for i in range(1, gains.shape[0]):
        if gains[i] > gains[best]:
            best = i
    return best


@kernel
def _is_new(
    planes: Planes, limits: Limits, new: NDArray[np.float64], old: NDArray[np.float64]
) -> bool:
    """Tell whether rows are distributed differently on either side of two splits."""
    n = planes.total.shape[0] - 1
    if limits.kind != ENTROPY:
        return bool((new[:n] != old[:n]).any())
    scale = planes.n_rows / max(weight_of(limits.kind, planes.total), _TINY)
    return _differs(scale * new[:n], scale * old[:n], limits.critical) or _differs(
        scale * (planes.total - new)[:n], scale * (planes.total - old)[:n], limits.critical
    )


@kernel
def _differs(
    first: NDArray[np.float64], second: NDArray[np.float64], critical: NDArray[np.float64]
) -> bool:
    """Compare counts of classes by the chi-square test for two samples of unequal size."""
    ratio = np.sqrt(second.sum() / max(first.sum(), _TINY))
    statistic, present = 0.0, 0
    for j in range(first.shape[0]):
        if first[j] + second[j] > 0.0:
            present += 1
            gap = ratio * first[j] - second[j] / max(ratio, _TINY)
            statistic += gap * gap / (first[j] + second[j])
    return bool(statistic > critical[max(present - 1, 1)])


@kernel
def _append(tests: _Tests, base: _Tests, i: int, number: int, m: int, room: Room) -> None:
    """Add a test with one literal more than another."""
    at = tests.used[0]
    _copy(base, i, tests, at)
    tests.numbers[at, base.size[i]] = number
    tests.size[at], tests.m[at] = base.size[i] + 1, m
    tests.gain[at] = room.gains[number]
    tests.inside[at] = room.inside[:, number]
    tests.used[0] += 1


@kernel
def _same(n_literals: int, tests: _Tests, i: int, others: _Tests, j: int) -> bool:
    """Tell whether two tests of one size have the same literals, or are each other's negation."""
    size = tests.size[i]
    equal, negated = tests.m[i] == others.m[j], tests.m[i] + others.m[j] == size + 1
    for number in tests.numbers[i, :size]:
        held = opposed = False
        for other in others.numbers[j, :size]:
            held = held or number == other
            opposed = opposed or abs(number - other) == n_literals
        equal, negated = equal and held, negated and opposed
    return bool(equal or negated)


@kernel
def _keep_best(n_literals: int, grown: _Tests, beam: _Tests) -> None:
    """Fill the beam with the best different tests."""
    beam.used[0] = 0
    for _ in range(grown.used[0]):
        i = _best(grown.gain[: grown.used[0]])
        known = False
        for j in range(beam.used[0]):
            known = known or _same(n_literals, grown, i, beam, j)
        if not known:
            _copy(grown, i, beam, beam.used[0])
            beam.used[0] += 1
            if beam.used[0] == beam.gain.shape[0]:
                return
        grown.gain[i] = -np.inf


@kernel
def _grow(planes: Planes, limits: Limits, beam: _Tests, i: int, grown: _Tests, room: Room) -> None:
    """Add the best tests with one literal more than one of the beam, by both operators."""
    least = beam.gain[i] + limits.penalty * weight_of(limits.kind, planes.total)
    for m in range(beam.m[i], beam.m[i] + 2):
        sweep(planes, limits, beam.numbers[i, : beam.size[i]], m, room)
        for _ in range(limits.beam_width):
            number = _best(room.gains)
            if not room.gains[number] > least:
                break
            if _is_new(planes, limits, room.inside[:, number], beam.inside[i]):
                _append(grown, beam, i, number, m, room)
            room.gains[number] = -np.inf


@kernel
def _widen(planes: Planes, limits: Limits, beam: _Tests, best: _Tests, room: Room) -> None:
    """Add literals one at a time, and keep the best test of all sizes."""
    most, n_masses = beam.numbers.shape[1], planes.total.shape[0]
    grown = _tests(2 * limits.beam_width**2, most, n_masses)
    _copy(beam, 0, best, 0)
    while beam.used[0] and beam.size[0] < limits.most_literals:
        grown.used[0] = 0
        for i in range(beam.used[0]):
            _grow(planes, limits, beam, i, grown, room)
        _keep_best(planes.literals.shape[0], grown, beam)
        if beam.used[0] and beam.gain[0] > best.gain[0]:
            _copy(beam, 0, best, 0)


@kernel
def _exchange(planes: Planes, limits: Limits, best: _Tests, place: int, room: Room) -> bool:
    """Put the best literal in the place of one, with m moved by one; tell whether that gains."""
    n = best.size[0]
    others = np.empty(n - 1, np.int64)
    others[:place], others[place:] = best.numbers[0, :place], best.numbers[0, place + 1 : n]
    noise = NOISE * weight_of(limits.kind, planes.total)
    now, changed = best.m[0], False
    for m in range(max(now - 1, 1), min(now + 1, n) + 1):
        sweep(planes, limits, others, m, room)
        number = _best(room.gains)
        if room.gains[number] > best.gain[0] + noise:
            best.numbers[0, : n - 1], best.numbers[0, n - 1] = others, number
            best.m[0], best.gain[0] = m, room.gains[number]
            best.inside[0] = room.inside[:, number]
            changed = True
    return changed


@kernel
def _exchange_all(planes: Planes, limits: Limits, best: _Tests, room: Room) -> None:
    """Exchange literals while that gains."""
    if limits.most_literals < 2:
        return
    for _ in range(_SWEEPS):
        changed = False
        for number in best.numbers[0, : best.size[0]].copy():
            for place in range(best.size[0]):
                if best.numbers[0, place] == number:
                    changed = _exchange(planes, limits, best, place, room) or changed
                    break
        if not changed:
            return


@kernel
def _evaluate(planes: Planes, limits: Limits, tests: _Tests, room: Room) -> None:
    """Write inner masses and gain of the first test."""
    count_levels(planes, tests.numbers[0, : tests.size[0]], tests.m[0], room.levels)
    weigh(planes, room.levels[tests.m[0]], tests.inside[0])
    inside = tests.inside[0].copy().reshape((-1, 1))
    split_gains(limits.kind, inside, planes.total, tests.gain[:1], np.empty((4, 1)))
    least = limits.min_support - NOISE
    if not least <= tests.inside[0, -1] <= planes.total[-1] - least:
        tests.gain[0] = -np.inf


@kernel
def _omit(planes: Planes, limits: Limits, best: _Tests, room: Room) -> None:
    """Drop literals, the last first, while the gain stays."""
    noise = NOISE * weight_of(limits.kind, planes.total)
    fewer = _tests(1, best.numbers.shape[1], planes.total.shape[0])
    for place in range(best.size[0] - 1, -1, -1):
        n = best.size[0] - 1
        if n == 0:
            return
        for m in (best.m[0], best.m[0] - 1):
            if 1 <= m <= n:
                fewer.numbers[0, :place] = best.numbers[0, :place]
                fewer.numbers[0, place:n] = best.numbers[0, place + 1 : n + 1]
                fewer.size[0], fewer.m[0] = n, m
                _evaluate(planes, limits, fewer, room)
                if fewer.gain[0] >= best.gain[0] - noise:
                    _copy(fewer, 0, best, 0)
                    break


@kernel
def _improve(planes: Planes, limits: Limits, best: _Tests, room: Room) -> None:
    _exchange_all(planes, limits, best, room)
    _omit(planes, limits, best, room)


@kernel
def gain_of(planes: Planes, limits: Limits, numbers: NDArray[np.int64], m: int) -> float:
    """Return the gain of a test, -inf where it leaves too few reference rows on a side."""
    tests = _given(planes, limits, numbers, m)
    _evaluate(planes, limits, tests, make_room(planes, tests.numbers.shape[1]))
    return tests.gain[0]


@kernel
def _given(planes: Planes, limits: Limits, numbers: NDArray[np.int64], m: int) -> _Tests:
    most = max(limits.most_literals, numbers.shape[0])
    tests = _tests(max(limits.beam_width, 1), most, planes.total.shape[0])
    tests.numbers[0, : numbers.shape[0]] = numbers
    tests.size[0], tests.m[0], tests.used[0] = numbers.shape[0], m, 1
    return tests


@kernel
def improved_test(
    planes: Planes, limits: Limits, numbers: NDArray[np.int64], m: int
) -> tuple[NDArray[np.int64], int, float]:
    """Exchange, add and drop literals of a test; return numbers, m and gain of the best."""
    beam = _given(planes, limits, numbers, m)
    most, n_masses = beam.numbers.shape[1], planes.total.shape[0]
    room, best = make_room(planes, most), _tests(1, most, n_masses)
    _evaluate(planes, limits, beam, room)
    _improve(planes, limits, beam, room)
    _widen(planes, limits, beam, best, room)
    _improve(planes, limits, best, room)
    return best.numbers[0, : best.size[0]].copy(), best.m[0], best.gain[0]


@kernel
def best_test(planes: Planes, limits: Limits) -> tuple[NDArray[np.int64], int, float]:
    """Return numbers, m and gain of the best test; no numbers where no literal gains anything."""
    most, n_masses = max(limits.most_literals, 1), planes.total.shape[0]
    room, best = make_room(planes, most), _tests(1, most, n_masses)
    beam = _tests(limits.beam_width, most, n_masses)
    nothing, n_literals = _tests(1, most, n_masses), planes.literals.shape[0]
    sweep(planes, limits, nothing.numbers[0, :0], 1, room)
    least = limits.least_gain * weight_of(limits.kind, planes.total)
    for _ in range(limits.beam_width):
        number = _best(room.gains)
        if not room.gains[number] > least:
            break
        _append(beam, nothing, 0, number, 1, room)
        room.gains[number % n_literals] = room.gains[number % n_literals + n_literals] = -np.inf
    if beam.used[0] == 0:
        return best.numbers[0, :0].copy(), 1, -np.inf
    _widen(planes, limits, beam, best, room)
    _improve(planes, limits, best, room)
    return best.numbers[0, : best.size[0]].copy(), best.m[0], best.gain[0]
