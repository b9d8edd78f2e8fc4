"""Real rows that the model answers as wanted: where to go when single changes lead nowhere."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates.counterfactuals.columns import same
from surrogates.counterfactuals.moves import Start

__all__ = ["Donors"]

_MOST = 8


@dataclass(frozen=True, eq=False)
class Donors:
    """Reference rows with the answer wanted.

    Parameters
    ----------
    codes : ndarray of shape (n_donors, n_columns)
    """

    codes: NDArray[np.float64]

    def rows_for(self, start: Start, most: int = _MOST) -> NDArray[np.float64]:
        """Return a row turned into the cheapest donors, as far as its constraints allow."""
        rows = self.projected(start)
        order = np.argsort(start.costs(rows), kind="stable")
        return rows[order[:most]]

    def projected(self, start: Start) -> NDArray[np.float64]:
        """Return donors with each value that a row may not take replaced by the row's own."""
        rows = np.where(np.isnan(self.codes), start.codes, self.codes)
        for members in start.parts.members:
            alone = np.repeat(start.codes[None], len(rows), axis=0)
            alone[:, list(members)] = rows[:, list(members)]
            self._snap(start, members, alone)
            wrong = ~start.admits(alone)
            alone[wrong] = start.codes
            rows[:, list(members)] = alone[:, list(members)]
        return self._within_most(start, rows)

    def _snap(self, start: Start, members: tuple[int, ...], rows: NDArray[np.float64]) -> None:
        if len(members) > 1:
            return
        (position,) = members
        column, own = start.columns[position], start.codes[position]
        if column.is_level or start.frozen[position]:
            return
        inside = np.clip(rows[:, position], start.low[position], start.high[position])
        snapped = column.snap(np.nan_to_num(inside))
        rows[:, position] = np.where(same(rows[:, position], own), own, snapped)

    def _within_most(self, start: Start, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        changed = ~same(rows, start.codes).all(axis=1)
        return rows[changed & (start.n_changes(rows) <= start.most_changes)]
