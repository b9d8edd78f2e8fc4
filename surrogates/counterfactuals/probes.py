"""A reference row with one cell replaced at a time, to see what each cell does."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.blackbox.table import take_rows
from surrogates.counterfactuals.columns import Column, Composer

__all__ = ["whole_rows", "with_single_cells"]


def whole_rows(codes: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the rows that miss no value."""
    return np.flatnonzero(~np.isnan(codes).any(axis=1))


def with_single_cells(
    columns: tuple[Column, ...],
    reference: Any,
    codes: NDArray[np.float64],
    row: int,
    cells: Sequence[NDArray[np.float64]],
) -> tuple[Any, list[slice]]:
    """Return a reference row as it is, and then with single cells replaced.

    Parameters
    ----------
    columns : tuple of Column
    reference : ndarray or DataFrame of shape (n_references, n_columns)
    codes : ndarray of shape (n_references, n_columns)
    row : int
        The reference row.
    cells : sequence of ndarray
        What the cell of each column becomes.

    Returns
    -------
    table : ndarray or DataFrame of shape (1 + n_cells, n_columns)
    of_column : list of slice
        Where the rows stand in which each column is replaced.
    """
    ends = 1 + np.cumsum([0, *map(len, cells)])
    of_column = [slice(*own) for own in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]
    rows = np.repeat(codes[[row]], ends[-1], axis=0)
    for position, own in enumerate(of_column):
        rows[own, position] = cells[position]
    composer = Composer(columns, reference, take_rows(reference, slice(row, row + 1)))
    return composer.table(np.zeros(len(rows), dtype=np.int64), rows), of_column
