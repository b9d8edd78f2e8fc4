"""Where a piecewise-linear function of one number bends."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Breaks", "Path"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Breaks:
    """Points in order along segments, one segment per row; 0 is its start and 1 its stop.

    Parameters
    ----------
    rows : ndarray of shape (n_points,)
        The row of each point, not decreasing.
    positions : ndarray of shape (n_points,)
        Between 0 and 1, not decreasing within a row. Both ends of a row are among them.
    """

    rows: NDArray[np.int64]
    positions: Floats

    def pieces(self) -> tuple[NDArray[np.int64], Floats, Floats]:
        """Return the row, the start and the stop of every piece between two points."""
        inner = np.flatnonzero(self.rows[1:] == self.rows[:-1])
        inner = inner[self.positions[inner + 1] > self.positions[inner]]
        return self.rows[inner], self.positions[inner], self.positions[inner + 1]


class Path:
    """Breaks found layer after layer: a layer is linear between the breaks of those before it.

    Parameters
    ----------
    n_rows : int
    most : int
        Rows with more breaks are given up.

    Examples
    --------
    >>> import numpy as np
    >>> path = Path(1, 10)
    >>> path.bend(np.array([[-1.0], [3.0]]))
    array([[-1.],
           [ 0.],
           [ 3.]])
    >>> path.breaks.positions
    array([0.  , 0.25, 1.  ])
    """

    def __init__(self, n_rows: int, most: int) -> None:
        rows = np.repeat(np.arange(n_rows), 2)
        self.breaks = Breaks(rows, np.tile([0.0, 1.0], n_rows))
        self._most = most

    def bend(self, values: Floats) -> Floats:
        """Add the roots of functions that are linear between the points.

        Parameters
        ----------
        values : ndarray of shape (n_points, n_functions)
            At the points so far.

        Returns
        -------
        values : ndarray of shape (n_more_points, n_functions)
            At the points and the roots.
        """
        rows, positions = self.breaks.rows, self.breaks.positions
        before, after = values[:-1], values[1:]
        crosses = ((before < 0.0) & (after > 0.0)) | ((before > 0.0) & (after < 0.0))
        crosses &= (rows[1:] == rows[:-1])[:, None]
        piece, function = np.nonzero(crosses)
        low, high = values[piece, function], values[piece + 1, function]
        share = low / (low - high)
        roots = positions[piece] + share * (positions[piece + 1] - positions[piece])
        between = values[piece] + share[:, None] * (values[piece + 1] - values[piece])
        between[np.arange(len(piece)), function] = 0.0
        rows = np.concatenate([rows, rows[piece]])
        positions = np.concatenate([positions, roots])
        order = np.lexsort((positions, rows))
        return self._kept(rows[order], positions[order], np.vstack([values, between])[order])

    def _kept(self, rows: NDArray[np.int64], positions: Floats, values: Floats) -> Floats:
        counts = np.bincount(rows) - 2
        kept = counts[rows] <= self._most
        self.breaks = Breaks(rows[kept], positions[kept])
        return values[kept]
