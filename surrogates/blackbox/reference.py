"""Reference rows: whom an explained row is compared with."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels.rng import uniform, uniforms
from surrogates.blackbox.portable import pack_table, unpack_table
from surrogates.blackbox.table import row_hashes, take_rows

__all__ = ["ReferenceRows", "draw_reference"]


@dataclass(frozen=True)
class ReferenceRows:
    """The rows kept from the reference table, with weights that sum to one.

    Parameters
    ----------
    rows : ndarray or DataFrame of shape (n_references, n_columns)
    weights : ndarray of shape (n_references,)
    n_available : int
        Distinct rows of positive weight in the whole reference table.
    """

    rows: Any
    weights: NDArray[np.float64]
    n_available: int

    def __len__(self) -> int:
        return len(self.weights)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "rows": pack_table(self.rows)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({**state, "rows": unpack_table(state["rows"])})

    @property
    def share_left(self) -> float:
        """Finite-population factor: the share of the reference table that was not kept."""
        return 1.0 - len(self) / self.n_available


def draw_reference(
    X: Any, sample_weight: NDArray[np.float64] | None, n_kept: int | None, seed: int
) -> ReferenceRows:
    """Keep distinct rows, drawn without replacement with chances proportional to their weights.

    Equal rows are one row of their summed weight, and the draw depends on the values of a row, not
    on its place: neither the order of the table nor whether weights or repetitions are given
    changes the answer. Kept rows weigh their weight over their chance, so that weighted means
    over them estimate those over the whole table (Horvitz and Thompson, 1952).

    Parameters
    ----------
    X : ndarray or DataFrame of shape (n_rows, n_columns)
    sample_weight : ndarray of shape (n_rows,) or None
        Rows of weight zero are as if they were not there.
    n_kept : int or None
        None keeps every row.
    seed : int
    """
    weight: NDArray[np.float64] = np.ones(X.shape[0]) if sample_weight is None else sample_weight
    present = np.flatnonzero(weight > 0)
    hashes, first, group = np.unique(
        row_hashes(take_rows(X, present)), return_index=True, return_inverse=True
    )
    weight = np.bincount(group, weights=weight[present]).astype(np.float64)
    keys = np.empty(len(hashes))
    uniforms(seed, 0, hashes >> np.uint64(1), keys)
    order = np.argsort(keys)
    first, weight = present[first[order]], weight[order]
    if n_kept is None or n_kept >= len(weight):
        return ReferenceRows(take_rows(X, first), weight / weight.sum(), len(weight))
    chances = _inclusion(weight, n_kept)
    kept = _systematic(chances, uniform(seed, 1, 0))
    adjusted = weight[kept] / chances[kept]
    return ReferenceRows(take_rows(X, first[kept]), adjusted / adjusted.sum(), len(weight))


def _inclusion(weight: NDArray[np.float64], n_kept: int) -> NDArray[np.float64]:
    """Return chances proportional to the weights, at most one, that sum to `n_kept`."""
    certain = np.zeros(len(weight), dtype=bool)
    while True:
        chances: NDArray[np.float64] = (n_kept - certain.sum()) * weight / weight[~certain].sum()
        chances[certain] = 1.0
        if not (chances > 1.0).any():
            return chances
        certain |= chances > 1.0


def _systematic(chances: NDArray[np.float64], start: float) -> NDArray[np.int64]:
    """Draw with the given chances: a comb over the rows in their random order."""
    teeth = start + np.arange(round(chances.sum()))
    edges = np.cumsum(chances)
    edges[-1] = np.inf
    return np.searchsorted(edges, teeth, side="right")
