"""The cheapest way to gain enough: options of several parts, depth first, with a linear bound.

Every part may take one of some options, or slide along a line on which gain and cost grow
together, in steps or without. Parts come in the order of their best gain per cost, so that the
fractional solution of what is left is a sum from the front.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = ["Cover", "cheapest_cover"]

_OPTIONS, _LINE, _STEPS = 0, 1, 2
_NODES = 2_000_000


class Cover(NamedTuple):
    """Parts, the one with the best gain per cost first."""

    kind: NDArray[np.int64]  # (n_parts,): 0 options, 1 line, 2 steps along a line
    ratio: NDArray[np.float64]  # (n_parts,): largest gain per cost
    most: NDArray[np.float64]  # (n_parts,): largest gain
    first: NDArray[np.float64]  # (n_parts,): gain of the first step
    step: NDArray[np.float64]  # (n_parts,): gain of each further step
    start: NDArray[np.int64]  # (n_parts + 1,): where the options of each part start
    gains: NDArray[np.float64]  # (n_options,)
    costs: NDArray[np.float64]  # (n_options,)
    changes: NDArray[np.int64]  # (n_options,)


@kernel
def _bound(cover: Cover, part: int, need: float) -> float:
    """Return the fractional cost of gaining `need` from `part` on."""
    total = 0.0
    for p in range(part, cover.ratio.shape[0]):
        if need <= 0.0:
            return total
        gain = min(need, cover.most[p])
        total += gain / cover.ratio[p]
        need -= gain
    return total if need <= 0.0 else np.inf


@kernel
def _n_alternatives(cover: Cover, part: int, need: float) -> int:
    kind = cover.kind[part]
    if kind == _OPTIONS:
        return cover.start[part + 1] - cover.start[part] + 1
    if kind == _LINE:
        return 2
    return _steps_within(cover, part, need) + 1


@kernel
def _steps_within(cover: Cover, part: int, need: float) -> int:
    """Return how many steps gain `need`, or as much as the part can."""
    gain = min(need, cover.most[part])
    if gain < cover.first[part] * (1.0 - 1e-12) and need > cover.most[part]:
        return 0
    if gain <= cover.first[part]:
        return 1
    more = (gain - cover.first[part]) / cover.step[part]
    steps = np.ceil(more - 1e-12) if need <= cover.most[part] else np.floor(more + 1e-12)
    if cover.first[part] + steps * cover.step[part] > cover.most[part] * (1.0 + 1e-12):
        steps -= 1
    return 1 + int(steps)


@kernel
def _alternative(cover: Cover, part: int, number: int, need: float) -> tuple[float, float, int]:
    """Return gain, cost and changes of an alternative of a part; the last is to leave it."""
    kind = cover.kind[part]
    if number == _n_alternatives(cover, part, need) - 1:
        return 0.0, 0.0, 0
    if kind == _OPTIONS:
        option = cover.start[part] + number
        return cover.gains[option], cover.costs[option], cover.changes[option]
    if kind == _LINE:
        gain = min(need, cover.most[part])
    else:
        steps = _steps_within(cover, part, need) - number
        gain = cover.first[part] + (steps - 1) * cover.step[part]
    return gain, gain / cover.ratio[part], 1


@kernel
def cheapest_cover(
    cover: Cover, need: float, most_changes: int, ceiling: float
) -> tuple[float, float, NDArray[np.int64], NDArray[np.float64]]:
    """Return cost and bound of the cheapest cover of `need`, the alternatives taken, their gains.

    The alternative of a part is the position of its option, or 0 for a line; -1 where the part
    stays. The cost is infinite where no cover is cheaper than `ceiling`; the bound is lower than
    the cost only where the search was cut short.
    """
    n = cover.ratio.shape[0]
    best, root = ceiling, _bound(cover, 0, need)
    taken, gained = np.full(n, -1, dtype=np.int64), np.zeros(n)
    own_taken, own_gained = np.full(n, -1, dtype=np.int64), np.zeros(n)
    needs, costs = np.empty(n + 1), np.empty(n + 1)
    changes, number = np.zeros(n + 1, dtype=np.int64), np.zeros(n + 1, dtype=np.int64)
    needs[0], costs[0], depth, found, nodes = need, 0.0, 0, False, 0
    if np.isinf(root) or root >= ceiling:
        return np.inf, min(root, ceiling), taken, gained
    small = 1e-13 * max(abs(need), 1.0)
    while depth >= 0:
        if depth == n or number[depth] >= _n_alternatives(cover, depth, needs[depth]):
            depth -= 1
            continue
        nodes += 1
        if nodes > _NODES:
            return best if found else np.inf, root, taken, gained
        k = number[depth]
        number[depth] += 1
        gain, cost, more = _alternative(cover, depth, k, needs[depth])
        left, total = needs[depth] - gain, costs[depth] + cost
        own_taken[depth] = -1 if more == 0 else k
        own_gained[depth] = gain
        if changes[depth] + more > most_changes:
            continue
        if left <= small:
            if total < best:
                best, found = total, True
                taken[:], gained[:] = -1, 0.0
                taken[: depth + 1], gained[: depth + 1] = (
                    own_taken[: depth + 1], own_gained[: depth + 1],
                )  # fmt: skip
            continue
        if total + _bound(cover, depth + 1, left) >= best * (1.0 - 1e-12):
            if cover.kind[depth] == _STEPS:  # fewer steps cost more in the end
                number[depth] = _n_alternatives(cover, depth, needs[depth])
            continue
        needs[depth + 1], costs[depth + 1] = left, total
        changes[depth + 1], number[depth + 1] = changes[depth] + more, 0
        depth += 1
    return best if found else np.inf, best if found else ceiling, taken, gained
