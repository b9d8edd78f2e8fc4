"""Which players are present in the neighbours: masks shared by all rows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates.blackbox.samplers import ScrambledPoints
from surrogates.blackbox.table import row_hashes

__all__ = ["MaskDesign", "draw_masks"]

_FEWEST_PLAYERS = 4  # with fewer, masks left out would be missed by the fit
_HELD_OUT = 3  # every third mask is never fitted
_DRAWS_PER_MASK = 4


@dataclass(frozen=True, eq=False)
class MaskDesign:
    """Masks to fit a surrogate on, and others to measure it by.

    Parameters
    ----------
    masks : ndarray of shape (n_masks, n_players)
        1 where a player is present; first all players, then none, then others. Those that are
        held out come last.
    dealt : ndarray of shape (n_masks,)
        The baseline row that absent players take their values from.
    n_fitted : int
        How many masks are fitted.
    n_held_out : int
        How many masks, counted from the end, measure the fit: with fewer than four players all
        of them, those that are fitted included.
    """

    masks: NDArray[np.uint8]
    dealt: NDArray[np.int64]
    n_fitted: int
    n_held_out: int

    @property
    def fitted(self) -> NDArray[np.float64]:
        """The masks to fit, as numbers."""
        return self.masks[: self.n_fitted].astype(np.float64)

    @property
    def held_out(self) -> NDArray[np.float64]:
        """The masks that measure the fit, as numbers."""
        return self.masks[-self.n_held_out :].astype(np.float64)


def draw_masks(
    n_players: int, n_samples: int, baseline_weights: NDArray[np.float64], seed: int
) -> MaskDesign:
    """Draw distinct masks whose numbers of present players are evenly spread.

    Coordinates of scrambled Sobol points give the number of present players, their ranks and the
    baseline row. A mask is either for fitting or held out, by a hash of the mask.

    Parameters
    ----------
    n_players : int
    n_samples : int
        Masks to fit at most; half as many are held out.
    baseline_weights : ndarray of shape (n_baselines,)
        Chances of the baseline rows; they sum to one.
    seed : int
    """
    points = ScrambledPoints(_DRAWS_PER_MASK * n_samples, n_players + 2, seed)
    masks = _draw(points, n_players)
    _, first = np.unique(masks, axis=0, return_index=True)
    distinct = np.sort(first)
    ends = masks[distinct].sum(axis=1) % n_players == 0
    inner = distinct[~ends]
    held = np.zeros(len(inner), dtype=bool)
    if n_players >= _FEWEST_PLAYERS:
        held = row_hashes(masks[inner]) % np.uint64(_HELD_OUT) == 0
    fitted, kept = inner[~held][: n_samples - 2], inner[held][: n_samples // 2]
    both = np.array([np.ones(n_players), np.zeros(n_players)], dtype=np.uint8)
    chosen = np.concatenate([fitted, kept])
    dealt = _deal(points.column(1, 0, 1), baseline_weights)
    return MaskDesign(
        masks=np.concatenate([both, masks[chosen]]),
        dealt=np.concatenate([dealt[:2], dealt[chosen]]),
        n_fitted=2 + len(fitted),
        n_held_out=len(kept) or 2 + len(fitted),
    )


def _draw(points: ScrambledPoints, n_players: int) -> NDArray[np.uint8]:
    sizes = np.floor(points.column(0, 0, 1) * (n_players + 1)).astype(np.int64)
    keys = np.column_stack([points.column(2 + player, 0, 1) for player in range(n_players)])
    ranks = keys.argsort(axis=1).argsort(axis=1)
    return (ranks < sizes[:, None]).astype(np.uint8)


def _deal(u: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.int64]:
    edges = np.cumsum(weights)
    edges[-1] = np.inf
    return np.searchsorted(edges, u, side="right")
