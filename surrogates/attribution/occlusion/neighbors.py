"""Reference rows that resemble a row in all columns but those of one player."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.blackbox.column_kinds import ColumnKind, column_kind, column_numbers, read_levels
from surrogates.blackbox.players import Players

__all__ = ["Resemblance"]


@dataclass(frozen=True)
class Resemblance:
    """Gower distances between rows and reference rows, one player left out at a time.

    Parameters
    ----------
    reference : ndarray or DataFrame of shape (n_references, n_columns)
    players : Players
    """

    reference: Any
    players: Players

    def weights(
        self, rows: Any, reference_weights: NDArray[np.float64], n_neighbors: int
    ) -> NDArray[np.float64]:
        """Return weights of reference rows, zero but for the nearest ones.

        Parameters
        ----------
        rows : ndarray or DataFrame of shape (n_rows, n_columns)
        reference_weights : ndarray of shape (n_references,)
        n_neighbors : int
            Rows as far away as the last of them count too.

        Returns
        -------
        weights : ndarray of shape (n_rows, n_players, n_references)
            They sum to one over the reference rows.
        """
        by_player = np.zeros((rows.shape[0], len(self.players), len(reference_weights)))
        for column, player in enumerate(self.players.of_column):
            by_player[:, player] += _distances(rows, self.reference, column)
        others = by_player.sum(axis=1, keepdims=True) - by_player
        last = min(n_neighbors, len(reference_weights)) - 1
        farthest = np.partition(others, last, axis=2)[:, :, last : last + 1]
        near = np.where(others <= farthest * (1.0 + 1e-12), reference_weights, 0.0)
        return np.asarray(near / near.sum(axis=2, keepdims=True))


def _distances(rows: Any, reference: Any, column: int) -> NDArray[np.float64]:
    """Return distances in one column, between 0 and 1: (n_rows, n_references)."""
    if column_kind(reference, column) is ColumnKind.LEVEL:
        levels = read_levels(reference, column)
        unequal = levels.codes(rows, column)[:, None] != levels.codes(reference, column)[None]
        return unequal.astype(np.float64)
    own, other = column_numbers(rows, column), column_numbers(reference, column)
    known = other[np.isfinite(other)]
    spread = float(np.ptp(known)) if len(known) else 0.0
    with np.errstate(invalid="ignore"):
        gaps = np.abs(own[:, None] - other[None])
    shares = np.minimum(gaps / spread, 1.0) if spread > 0.0 else (gaps > 0.0).astype(np.float64)
    missing = np.isnan(own)[:, None], np.isnan(other)[None]
    return np.where(missing[0] | missing[1], np.logical_xor(*missing), shares).astype(np.float64)
