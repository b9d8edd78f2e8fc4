"""The one row that a report is about, in whichever form it is given."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from surrogates.blackbox.table import (
    column_names,
    is_frame,
    is_polars,
    row_hashes,
    row_labels,
    take_rows,
)

__all__ = ["equal_row", "read_row"]


def read_row(row: Any, X: Any, reference: Any) -> tuple[Any, Any]:
    """Return the row as a table of one line, and the caller's label of it.

    Parameters
    ----------
    row : int, Series, mapping, array-like or DataFrame of one row
        An int is a position in `X`.
    X : {ndarray, DataFrame} or None
    reference : {ndarray, DataFrame}
        A table with the columns that a row has.

    Raises
    ------
    ValueError, TypeError
        Not exactly one row, a position outside of `X`, or columns that are missing.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"age": [30, 40], "city": ["Oslo", "Rome"]}, index=["a", "b"])
    >>> read_row({"city": "Rome", "age": 40}, None, table)[0]
       age  city
    0   40  Rome
    >>> read_row(1, table, table)[1]
    'b'
    """
    if isinstance(row, Integral):
        return _at_position(int(row), X)
    if isinstance(row, pd.Series):
        label = 0 if row.name is None else row.name
        frame = _named(row.to_dict(), reference) if is_frame(reference) else _array(row)
        if isinstance(frame, pd.DataFrame):
            frame.index = pd.Index([label])
        return frame, label
    if isinstance(row, Mapping):
        return _named(row, reference), 0
    table = row if is_frame(row) else _array(row)
    if table.shape[0] != 1:
        raise ValueError(f"row must be a single row. Got {table.shape[0]} rows.")
    return table, row_labels(table)[0]


def _at_position(position: int, X: Any) -> tuple[Any, Any]:
    if X is None:
        raise ValueError(f"row={position} is a position: pass the table that has it as X.")
    table = X if is_frame(X) else np.asarray(X)
    if not 0 <= position < table.shape[0]:
        raise ValueError(
            f"row must be a position in the range [0, {table.shape[0]}). Got {position} instead."
        )
    return take_rows(table, slice(position, position + 1)), row_labels(table)[position]


def _array(row: Any) -> Any:
    try:
        array = np.asarray(row)
    except ValueError as error:
        raise TypeError(f"row must be a single row: {error}") from error
    if array.ndim not in (1, 2):
        raise TypeError(
            "row must be a position, a Series, a mapping, an array or a frame of one row. "
            f"Got {type(row).__name__} instead."
        )
    return array.reshape(1, -1) if array.ndim == 1 else array


def _named(cells: Mapping[Any, Any], reference: Any) -> pd.DataFrame:
    """Return named cells as a frame, in the order of the reference table."""
    names = column_names(reference)
    own = {str(name): value for name, value in cells.items()}
    lacking = [name for name in names if name not in own]
    if lacking:
        raise ValueError(f"row lacks the columns {lacking}.")
    unknown = [name for name in own if name not in names]
    if unknown:
        raise ValueError(f"row has the columns {unknown}, which the reference data lack.")
    frame = pd.DataFrame({name: pd.Series([own[name]], dtype=object) for name in names})
    if is_frame(reference) and not is_polars(reference):
        frame.columns = reference.columns
    return frame


def equal_row(data: Any, row: Any, what: str) -> int:
    """Return the position of the row of a table that holds what `row` holds.

    Raises
    ------
    ValueError
        There is none.
    """
    found = np.flatnonzero(row_hashes(data) == row_hashes(row)[0])
    if not len(found):
        raise ValueError(
            f"{what} is of other rows: explain the row of the report, or pass the explainer itself."
        )
    return int(found[0])
