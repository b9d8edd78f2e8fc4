"""What absent columns become: a row of means or of zeros."""

import sys
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.blackbox.column_kinds import ColumnKind, column_kind, column_numbers, read_levels
from surrogates.blackbox.recombination import recombine
from surrogates.blackbox.table import build_frame, column_values, is_frame, is_polars

__all__ = ["baseline_row"]


def baseline_row(table: Any, weights: NDArray[np.float64], kind: str) -> Any:
    """Return a row that stands for absence, in the container and the dtypes of a table.

    Floats become their mean, or zero. Integers and dates become the observed value nearest to
    their mean; integers zero where `kind` is. All else becomes the most frequent level; booleans
    False where `kind` is "zero". Missing values do not count.

    Parameters
    ----------
    table : ndarray or DataFrame of shape (n_rows, n_columns)
    weights : ndarray of shape (n_rows,)
    kind : {"mean", "zero"}

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"x": [0.5, 1.5], "n": [1, 9], "city": ["Rome", "Rome"]})
    >>> baseline_row(table, np.array([0.9, 0.1]), "mean")
         x  n  city
    0  0.6  1  Rome
    """
    positions, numbers = [], {}
    for column in range(table.shape[1]):
        position, number = _stand_in(table, column, weights, kind)
        positions.append(position)
        if number is not None:
            numbers[column] = number
    return _with_numbers(recombine(table, np.array([positions])), numbers)


def _stand_in(
    table: Any, column: int, weights: NDArray[np.float64], kind: str
) -> tuple[int, float | None]:
    """Return the row that holds the value, and the value itself where no row need hold it."""
    kind_of_column = column_kind(table, column)
    if kind_of_column is ColumnKind.LEVEL:
        return _level(table, column, weights, kind), None
    values = column_numbers(table, column)
    present = np.flatnonzero(~np.isnan(values) & (weights > 0.0))
    if not len(present):
        return 0, None
    mean = float(np.average(values[present], weights=weights[present]))
    nearest = int(present[np.abs(values[present] - mean).argmin()])
    if kind_of_column is ColumnKind.FLOAT:
        return nearest, 0.0 if kind == "zero" else mean
    return nearest, 0.0 if kind == "zero" and not _is_time(table, column) else None


def _level(table: Any, column: int, weights: NDArray[np.float64], kind: str) -> int:
    levels = read_levels(table, column)
    codes = levels.codes(table, column)
    mass = np.bincount(codes, weights=weights, minlength=levels.missing + 1)[: levels.missing]
    if not len(mass):
        return 0
    chosen = int(mass.argmax())
    if kind == "zero":
        false = [code for code, value in enumerate(levels.values) if _is_false(value)]
        chosen = false[0] if false else chosen
    return int(np.flatnonzero(codes == chosen)[0])


def _is_false(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_)) and not value


def _is_time(table: Any, column: int) -> bool:
    values = column_values(table, column)
    present = values[~pd.isna(values)]
    return values.dtype.kind in "mM" or not isinstance(present[0], Real)


def _with_numbers(row: Any, numbers: Mapping[int, float]) -> Any:
    """Write numbers into the only row of a table, keeping the dtypes of its columns."""
    if not is_frame(row):
        for column, number in numbers.items():
            row[0, column] = number
        return row
    columns = [
        _one_number(row, column, numbers[column]) if column in numbers else _column(row, column)
        for column in range(row.shape[1])
    ]
    return build_frame(row, columns)


def _column(row: Any, column: int) -> Any:
    if is_polars(row):
        return row.to_series(column)
    series = row.iloc[:, column]
    return series.to_numpy() if isinstance(series.dtype, np.dtype) else series.array


def _one_number(row: Any, column: int, number: float) -> Any:
    if is_polars(row):
        polars = sys.modules["polars"]
        return polars.Series([number]).cast(row.dtypes[column])
    dtype = row.dtypes.iloc[column]
    if isinstance(dtype, np.dtype):
        return np.array([number]).astype(dtype)
    return pd.array([number], dtype=dtype)
