"""What the columns of a table hold: floats, other numbers, or levels."""

from dataclasses import dataclass
from enum import Enum
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.blackbox.table import column_values, is_polars

__all__ = ["ColumnKind", "Levels", "column_kind", "column_numbers", "read_levels"]


class ColumnKind(Enum):
    """How values between the observed ones are to be thought of.

    ``FLOAT`` columns can hold any number; ``NUMBER`` columns (integers, dates, durations) are
    ordered but hold observed values only; ``LEVEL`` columns (text, categories, booleans) have no
    order.
    """

    FLOAT = "float"
    NUMBER = "number"
    LEVEL = "level"


def column_kind(table: Any, position: int) -> ColumnKind:
    """Return the kind of a column, by its dtype; by its values where it holds objects.

    Parameters
    ----------
    table : ndarray or DataFrame of shape (n_rows, n_columns)
    position : int

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"amount": [0.5], "age": [30], "city": ["Oslo"]})
    >>> [column_kind(table, position).value for position in range(3)]
    ['float', 'number', 'level']
    """
    if is_polars(table):
        dtype = table.dtypes[position]
        if dtype.is_float():
            return ColumnKind.FLOAT
        ordered = dtype.is_integer() or dtype.is_temporal()
        return ColumnKind.NUMBER if ordered else ColumnKind.LEVEL
    dtype = table.dtypes.iloc[position] if isinstance(table, pd.DataFrame) else table.dtype
    if pd.api.types.is_object_dtype(dtype):
        return _kind_of_objects(column_values(table, position))
    if pd.api.types.is_float_dtype(dtype):
        return ColumnKind.FLOAT
    is_time = pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_timedelta64_dtype(
        dtype
    )
    ordered = is_time or pd.api.types.is_integer_dtype(dtype)
    return ColumnKind.NUMBER if ordered else ColumnKind.LEVEL


def _kind_of_objects(values: NDArray[Any]) -> ColumnKind:
    kinds = {type(value) for value in values[~pd.isna(values)]}
    if not kinds or any(issubclass(kind, (bool, np.bool_)) for kind in kinds):
        return ColumnKind.LEVEL
    if all(issubclass(kind, Integral) for kind in kinds):
        return ColumnKind.NUMBER
    return ColumnKind.FLOAT if all(issubclass(kind, Real) for kind in kinds) else ColumnKind.LEVEL


def column_numbers(table: Any, position: int) -> NDArray[np.float64]:
    """Return a column of ordered values as numbers, missing ones as NaN.

    Times count nanoseconds. What is no number is missing.
    """
    values = column_values(table, position)
    if values.dtype.kind == "O":
        return _numbers_of_objects(values)
    if values.dtype.kind in "mM":
        unit = "datetime64[ns]" if values.dtype.kind == "M" else "timedelta64[ns]"
        numbers = values.astype(unit).astype(np.int64).astype(np.float64)
        numbers[np.isnat(values)] = np.nan
        return numbers
    if values.dtype.kind in "SU":
        return np.full(len(values), np.nan)
    return values.astype(np.float64)


def _numbers_of_objects(values: NDArray[Any]) -> NDArray[np.float64]:
    numbers = np.full(len(values), np.nan)
    for position, value in enumerate(values):
        if isinstance(value, pd.Timestamp | pd.Timedelta) and not pd.isna(value):
            numbers[position] = value.value
        elif isinstance(value, Real):
            numbers[position] = float(value)
    return numbers


@dataclass(frozen=True, eq=False)
class Levels:
    """The levels of a column, numbered in the order of their text.

    Parameters
    ----------
    values : tuple
        All levels but the missing one.
    """

    values: tuple[Any, ...]

    @property
    def missing(self) -> int:
        """The code of a missing value."""
        return len(self.values)

    def codes(self, table: Any, position: int) -> NDArray[np.int32]:
        """Return the codes of a column, -1 for levels that are not known."""
        values = column_values(table, position).astype(object)
        known = {value: code for code, value in enumerate(self.values)}
        absent = pd.isna(values)
        return np.array(
            [
                self.missing if gone else known.get(value, -1)
                for value, gone in zip(values, absent, strict=True)
            ],
            dtype=np.int32,
        )


def read_levels(table: Any, position: int) -> Levels:
    """Return the levels that a column holds."""
    values = column_values(table, position).astype(object)
    present = pd.unique(values[~pd.isna(values)])
    return Levels(tuple(sorted(present, key=lambda level: (type(level).__name__, str(level)))))
