"""A single linear demand as a knapsack: the cheapest sum of gains that is large enough."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels.cover import Cover, cheapest_cover
from surrogates.counterfactuals.columns import same
from surrogates.counterfactuals.paths import OPTIONS, Paths

__all__ = ["fill_knapsack"]


@dataclass(frozen=True, eq=False)
class _Knapsack:
    """Parts as a cover of one demand, the best gain per cost first.

    Parameters
    ----------
    cover : Cover
    part : ndarray of shape (n_useful,)
        The part that each one of the cover is.
    option : ndarray
        The option that each one of the cover is.
    slope : ndarray of shape (n_lines,)
    """

    cover: Cover
    part: NDArray[np.int64]
    option: NDArray[np.int64]
    slope: NDArray[np.float64]


def _pack(paths: Paths, weights: NDArray[np.float64]) -> _Knapsack:
    """Return what parts gain for one demand, those that gain nothing left out."""
    n_parts, lines = len(paths.kind), slice(0, paths.n_lines)
    slope, gains = paths.slopes @ weights, paths.effects @ weights
    ratios, most = np.zeros(n_parts), np.zeros(n_parts)
    first, step = np.zeros(n_parts), np.zeros(n_parts)
    steep, side = np.abs(slope), (slope > 0).astype(np.int64)
    each = np.arange(paths.n_lines)
    ratios[lines] = steep / paths.unit
    most[lines] = steep * np.where(steep > 0, paths.last[each, side], 0.0)
    first[lines], step[lines] = steep * paths.first[each, side], steep * paths.step
    own_ratios = gains / paths.costs
    if len(gains):
        heads = np.searchsorted(paths.part, np.arange(paths.n_lines, n_parts))
        most[paths.n_lines :] = np.maximum.reduceat(gains, heads)
        ratios[paths.n_lines :] = np.maximum.reduceat(own_ratios, heads)
    useful = np.flatnonzero(most > 0.0)
    useful = useful[np.argsort(-ratios[useful], kind="stable")]
    rank = np.full(n_parts, n_parts)
    rank[useful] = np.arange(len(useful))
    options = np.flatnonzero(gains > 0.0)
    options = options[np.lexsort((-own_ratios[options], rank[paths.part[options]]))]
    ends = np.searchsorted(rank[paths.part[options]], np.arange(len(useful) + 1))
    cover = Cover(
        kind=paths.kind[useful],
        ratio=ratios[useful],
        most=most[useful],
        first=first[useful],
        step=step[useful],
        start=ends,
        gains=gains[options],
        costs=paths.costs[options],
        changes=paths.changes[options],
    )
    return _Knapsack(cover, useful, options, slope)


def fill_knapsack(
    paths: Paths, weights: NDArray[np.float64], missing: float
) -> tuple[NDArray[np.float64] | None, float]:
    """Return rows at the border and just beyond, and the cost that no row is below.

    Parameters
    ----------
    paths : Paths
    weights : ndarray of shape (n_raw,)
    missing : float
        Least gain.
    """
    start, packed = paths.start, _pack(paths, weights)
    cost, bound, taken, gained = cheapest_cover(packed.cover, missing, start.most_changes, np.inf)
    if np.isinf(cost):
        return None, bound
    rows = paths.starting_rows()
    for place in np.flatnonzero(taken >= 0).tolist():
        part = int(packed.part[place])
        members = list(paths.members[part])
        if paths.kind[part] == OPTIONS:
            option = int(packed.option[packed.cover.start[place] + taken[place]])
            rows[:, members] = paths.option_codes(part, option)
        else:
            side = 1.0 if packed.slope[part] > 0 else -1.0
            distance = gained[place] / abs(packed.slope[part])
            rows[:, members] = paths.moved(part, side * distance, side)[:, None]
    return rows[~same(rows, start.codes).all(axis=1)], bound
