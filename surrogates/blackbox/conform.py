"""Bring rows to explain into the container and the dtypes of the reference table."""

import sys
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.blackbox.table import (
    build_frame,
    column_names,
    column_values,
    extended_categories,
    is_frame,
    is_polars,
    plain_column,
    row_labels,
)

__all__ = ["conform"]


def conform(X: Any, reference: Any) -> Any:
    """Return `X` in the container of the reference table.

    An array explained against a frame takes its column names; a frame of the other library is
    converted column by column; a frame explained against an array becomes an array. Columns take
    the dtypes of the reference table wherever that changes no value: whole numbers kept as floats
    become integers again, but 2.5 stays a float. A category that the reference table lacks is
    appended to its categories.

    Parameters
    ----------
    X : ndarray or DataFrame of shape (n_rows, n_columns)
    reference : ndarray or DataFrame of shape (n_references, n_columns)

    Returns
    -------
    table : ndarray or DataFrame of shape (n_rows, n_columns)
        `X` itself where nothing has to change.

    Raises
    ------
    ValueError
        The names of the columns differ, or a polars column holds values that the reference
        column has no place for.

    Examples
    --------
    >>> import pandas as pd
    >>> reference = pd.DataFrame({"age": [30, 40], "city": pd.Categorical(["Oslo", "Rome"])})
    >>> row = pd.DataFrame({"age": [35.0], "city": ["Bonn"]})
    >>> conform(row, reference).dtypes["age"]
    dtype('int64')
    >>> list(conform(row, reference)["city"].cat.categories)
    ['Oslo', 'Rome', 'Bonn']
    """
    if not is_frame(reference):
        return _retyped(X.to_numpy() if is_frame(X) else X, reference.dtype)
    if is_frame(X):
        _check_names(X, reference)
    return _polars_like(X, reference) if is_polars(reference) else _pandas_like(X, reference)


def _check_names(X: Any, reference: Any) -> None:
    """Compare names that scikit-learn does not: those that are no strings."""
    names, expected = column_names(X), column_names(reference)
    if names != expected:
        raise ValueError(
            "The columns of X must be those passed to fit, in the same order: "
            f"{list(expected)}. Got {list(names)}."
        )


def _retyped(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if array.dtype == dtype:
        return array
    try:
        with np.errstate(all="ignore"):
            converted = array.astype(dtype)
    except (TypeError, ValueError, OverflowError):
        return array
    return converted if _same_values(converted.astype(object), array.astype(object)) else array


def _same_values(first: NDArray[Any], second: NDArray[Any]) -> bool:
    """Compare objects the way Python does: integers and floats exactly, text never to numbers."""
    missing = pd.isna(first)
    equal = np.array_equal(missing, pd.isna(second))
    return equal and bool((first[~missing] == second[~missing]).all())


def _pandas_like(X: Any, reference: pd.DataFrame) -> pd.DataFrame:
    dtypes = list(reference.dtypes)
    if isinstance(X, pd.DataFrame) and all(map(_is_same, X.dtypes, dtypes)):
        return X
    columns = [
        plain_column(_recast(_series(X, position), dtype)) for position, dtype in enumerate(dtypes)
    ]
    frame = build_frame(reference, columns)
    frame.index = row_labels(X)
    return frame


def _is_same(dtype: Any, other: Any) -> bool:
    if isinstance(dtype, pd.CategoricalDtype) and dtype == other:
        return dtype.categories.equals(other.categories)  # unordered categories equal in any order
    return bool(dtype == other)


def _series(X: Any, position: int) -> pd.Series:
    if isinstance(X, pd.DataFrame):
        return X.iloc[:, position]
    values = column_values(X, position)
    return pd.Series(values, dtype=object if values.dtype.kind == "O" else None)


def _recast(column: pd.Series, dtype: Any) -> pd.Series:
    """Return the column with another dtype, or as it is where that would change a value."""
    if _is_same(column.dtype, dtype):
        return column
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = extended_categories(dtype, column)
    try:
        converted = column.astype(dtype)
    except (TypeError, ValueError, OverflowError):
        return column
    return converted if _same_values(_objects(converted), _objects(column)) else column


def _objects(column: pd.Series) -> NDArray[Any]:
    return column.astype(object).to_numpy()


def _polars_like(X: Any, reference: Any) -> Any:
    if is_polars(X) and X.schema == reference.schema:
        return X
    polars = sys.modules["polars"]
    columns = [
        _polars_series(polars, X, position, series)
        for position, series in enumerate(reference.get_columns())
    ]
    return polars.DataFrame(columns)


def _polars_series(polars: Any, X: Any, position: int, like: Any) -> Any:
    """Return a column with the dtype of a reference column, or with a wider one where it must."""
    values = _cells(X, position, keep_nan=like.dtype.is_float())
    for dtype in (like.dtype, None):
        try:
            column = polars.Series(like.name, values, dtype=dtype, strict=False)
        except (TypeError, polars.exceptions.PolarsError):
            continue
        if _same_values(_array(column.to_list()), _array(values)) and _can_join(
            polars, column, like
        ):
            return column
    raise ValueError(
        f"Column {like.name!r} must hold values of the dtype {like.dtype}, as the reference data "
        f"do. Got {values[0]!r} among others."
    )


def _can_join(polars: Any, column: Any, like: Any) -> bool:
    """Tell whether polars finds a common dtype that changes no value."""
    if column.dtype == like.dtype or (column.dtype.is_numeric() and like.dtype.is_numeric()):
        return True
    return bool(column.dtype == polars.String and isinstance(like.dtype, polars.Enum))


def _cells(X: Any, position: int, *, keep_nan: bool) -> list[Any]:
    """Return one column as a list, with None where values are missing."""
    if is_polars(X):
        cells: list[Any] = X.to_series(position).to_list()
        return cells
    column = _objects(_series(X, position))
    missing = [cell is None for cell in column] if keep_nan else pd.isna(column)
    return [None if gone else cell for cell, gone in zip(column, missing, strict=True)]


def _array(values: list[Any]) -> NDArray[Any]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
