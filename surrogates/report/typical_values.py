"""What the reference group typically holds in a column."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.blackbox.column_kinds import ColumnKind, column_kind, column_numbers
from surrogates.blackbox.table import column_names
from surrogates.explanation.cells import cell_objects
from surrogates.explanation.displays.labels import value_text

__all__ = ["typical_value"]


def typical_value(table: Any, weights: NDArray[np.float64], columns: tuple[int, ...]) -> str:
    """Return the weighted median of a column, or its most frequent level, in words.

    Parameters
    ----------
    table : {ndarray, DataFrame} of shape (n_references, n_columns)
    weights : ndarray of shape (n_references,)
    columns : tuple of int
        Those of a player; several are listed with their names.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> table = pd.DataFrame({"age": [30, 50, 40], "city": ["Oslo", "Oslo", "Rome"]})
    >>> weights = np.full(3, 1 / 3)
    >>> typical_value(table, weights, (0,)), typical_value(table, weights, (1,))
    ('40 (median)', 'Oslo (67 %)')
    """
    if len(columns) == 1:
        return _of_column(table, weights, columns[0])
    names = column_names(table)
    parts = [f"{names[column]}: {_of_column(table, weights, column)}" for column in columns]
    return "; ".join(parts)


def _of_column(table: Any, weights: NDArray[np.float64], column: int) -> str:
    cells = cell_objects(table, column)
    if column_kind(table, column) is ColumnKind.LEVEL:
        return _most_frequent(cells, weights)
    numbers = column_numbers(table, column)
    known = np.flatnonzero(np.isfinite(numbers))
    if not len(known):
        return "missing"
    order = known[np.argsort(numbers[known], kind="stable")]
    heights = np.cumsum(weights[order])
    middle = int(np.searchsorted(heights, heights[-1] / 2.0 * (1.0 - 1e-12)))
    return f"{value_text(cells[order[middle]])} (median)"


def _most_frequent(cells: NDArray[Any], weights: NDArray[np.float64]) -> str:
    words = [value_text(cell) for cell in cells]
    heights = pd.Series(weights).groupby(words, sort=True).sum()
    share = heights.max() / heights.sum()
    return f"{heights.idxmax()} ({100 * share:.0f} %)"
