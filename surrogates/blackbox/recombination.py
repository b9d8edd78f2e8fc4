"""Recombined rows: each cell comes from a row of its own. They try out what is column-wise."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.blackbox.table import (
    build_frame,
    column_values,
    is_frame,
    numeric_block,
    take_rows,
)

__all__ = ["draw_cells", "equal_tables", "recombine"]

_N_SOURCES = 256
_SHARE_MISSING = 0.25


def draw_cells(rows: Any, n_recombined: int) -> tuple[Any, NDArray[np.int64]]:
    """Draw source rows, and for each cell of a recombined row the source row it comes from.

    Missing values are over-represented: a quarter of the cells of each column that has any.

    Parameters
    ----------
    rows : ndarray or DataFrame of shape (n_rows, n_columns)
    n_recombined : int

    Returns
    -------
    sources : ndarray or DataFrame of shape (n_sources, n_columns)
        Some of the rows; always the same ones.
    places : ndarray of shape (n_recombined, n_columns)
        Positions in `sources`.
    """
    rng = np.random.default_rng(0)
    n_rows, n_columns = rows.shape
    drawn = rng.choice(n_rows, size=min(n_rows, _N_SOURCES), replace=False)
    places = drawn[rng.integers(len(drawn), size=(n_recombined, n_columns))]
    for column in range(n_columns):
        missing = np.flatnonzero(pd.isna(column_values(rows, column)))
        if len(missing):
            places[rng.random(n_recombined) < _SHARE_MISSING, column] = rng.choice(missing)
    kept, renumbered = np.unique(places, return_inverse=True)
    return take_rows(rows, kept), renumbered.reshape(places.shape)


def recombine(table: Any, places: NDArray[np.int64]) -> Any:
    """Take each cell from a row of its own, column by column.

    Parameters
    ----------
    table : ndarray or DataFrame of shape (n_rows, n_columns)
    places : ndarray of shape (n_recombined, n_columns)
        The row of the table from which each cell is taken.

    Returns
    -------
    recombined : ndarray or DataFrame of shape (n_recombined, n_columns)

    Examples
    --------
    >>> import numpy as np
    >>> recombine(np.array([[1, 10], [2, 20]]), np.array([[0, 1], [1, 0]]))
    array([[ 1, 20],
           [ 2, 10]])
    """
    if not is_frame(table):
        return np.ascontiguousarray(np.take_along_axis(table, places, axis=0))
    return build_frame(table, [_taken(table, column, own) for column, own in enumerate(places.T)])


def _taken(frame: Any, column: int, places: NDArray[np.int64]) -> Any:
    if not isinstance(frame, pd.DataFrame):
        return frame.to_series(column).gather(places)
    values = frame.iloc[:, column]
    plain = isinstance(values.dtype, np.dtype)
    return values.to_numpy()[places] if plain else values.array.take(places)


def equal_tables(first: Any, second: Any, tolerance: float) -> bool:
    """Tell whether two tables of one shape hold the same cells.

    Parameters
    ----------
    first, second : ndarray or DataFrame of shape (n_rows, n_columns)
    tolerance : float
        For numbers, relative to the largest one of the column: a number near zero may be the
        difference of large ones.

    Returns
    -------
    equal : bool
        Missing values are equal to one another, of whatever kind.
    """
    if first.shape != second.shape:
        return False
    blocks = numeric_block(first), numeric_block(second)
    if blocks[0] is not None and blocks[1] is not None:
        return _close(blocks[0], blocks[1], tolerance)
    return all(
        _equal_columns(column_values(first, column), column_values(second, column), tolerance)
        for column in range(first.shape[1])
    )


def _equal_columns(first: NDArray[Any], second: NDArray[Any], tolerance: float) -> bool:
    if first.dtype.kind in "fiub" and second.dtype.kind in "fiub":
        return _close(first, second, tolerance)
    present = ~pd.isna(first)
    return np.array_equal(present, ~pd.isna(second)) and bool(
        np.all(first[present] == second[present])
    )


def _close(first: NDArray[Any], second: NDArray[Any], tolerance: float) -> bool:
    largest = np.max(np.abs(second), axis=0, initial=0.0, where=np.isfinite(second))
    return bool(np.allclose(first, second, rtol=0.0, atol=tolerance * largest, equal_nan=True))
