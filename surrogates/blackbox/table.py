"""One view over numpy arrays, pandas frames and polars frames.

Rows are always moved by integer position and column by column, so that dtypes, categories and
missing values survive and a mixed frame never becomes an object array.
"""

import sys
from collections import Counter
from collections.abc import Iterable
from datetime import date, time, timedelta
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_array, validate_data

__all__ = [
    "Column",
    "build_frame",
    "check_table",
    "column_names",
    "column_values",
    "extended_categories",
    "is_frame",
    "is_polars",
    "joined_columns",
    "numeric_block",
    "plain_column",
    "row_hashes",
    "row_labels",
    "take_rows",
    "wrap_block",
]

Column = Any
"""One column of a table: a numpy array, a pandas extension array or a polars Series."""


_AT_ONCE = 1 << 18  # cells
_MOST_EXACT = 2.0**53
_CELLS = (str, bytes, Number, np.generic, date, time, timedelta, type(None), type(pd.NA))


def is_polars(data: Any) -> bool:
    """Tell whether `data` is a polars DataFrame."""
    polars = sys.modules.get("polars")  # a polars frame cannot exist unless polars was imported
    return polars is not None and isinstance(data, polars.DataFrame)


def is_frame(data: Any) -> bool:
    """Tell whether `data` is a pandas or polars DataFrame."""
    return isinstance(data, pd.DataFrame) or is_polars(data)


def column_names(data: Any) -> tuple[str, ...]:
    """Return the names of the columns; those of an array are x0, x1, ..."""
    if is_frame(data):
        return tuple(str(name) for name in data.columns)
    return tuple(f"x{position}" for position in range(data.shape[1]))


def column_values(data: Any, position: int) -> NDArray[Any]:
    """Return one column as a numpy array, for reading."""
    if isinstance(data, pd.DataFrame):
        return np.asarray(data.iloc[:, position])
    if is_polars(data):
        values: NDArray[Any] = data.to_series(position).to_numpy()
        return values
    column: NDArray[Any] = data[:, position]
    return column


def row_labels(data: Any) -> pd.Index:
    """Return the caller's labels of the rows: the index of a pandas frame, else positions."""
    return data.index if isinstance(data, pd.DataFrame) else pd.RangeIndex(data.shape[0])


def row_hashes(data: Any) -> NDArray[np.uint64]:
    """Return a 64-bit hash of the values of each row, the same whatever else is in the table.

    Equal numbers have equal hashes whatever their dtype, and so have NaN, NA and NaT; None does
    not. Numbers differ from the text that spells them.
    """
    hashes = np.zeros(data.shape[0], dtype=np.uint64)
    block = numeric_block(data) if data.shape[0] * data.shape[1] <= _AT_ONCE else None
    by_column: Iterable[NDArray[np.uint64]]
    if block is not None:
        by_column = _hash_numbers(block.T.ravel()).reshape(block.T.shape)
    else:
        by_column = (_hash_column(column_values(data, at)) for at in range(data.shape[1]))
    for own in by_column:
        hashes = hashes * np.uint64(1000003) + own
    return hashes


def _hash_column(values: NDArray[Any]) -> NDArray[np.uint64]:
    return _hash_objects(values) if values.dtype.kind in "OSU" else _hash_numbers(values)


def _hash_numbers(values: NDArray[Any]) -> NDArray[np.uint64]:
    """Hash numbers as floats, but integers that no float holds, and times, by their bits."""
    if values.dtype.kind in "mM":
        return _hash_times(values)
    floats = values.astype(np.float64) + 0.0  # which turns -0.0 into 0.0
    floats[np.isnan(floats)] = np.nan
    hashes: NDArray[np.uint64] = pd.util.hash_array(floats)
    if values.dtype.kind in "iu":
        large = np.flatnonzero(np.abs(floats) > _MOST_EXACT)
        inexact = large[[not _is_float(value) for value in values[large]]]
        hashes[inexact] = pd.util.hash_array(values[inexact])
    return hashes


def _hash_times(values: NDArray[Any]) -> NDArray[np.uint64]:
    hashes: NDArray[np.uint64] = pd.util.hash_array(values)
    hashes[np.isnat(values)] = _hash_numbers(np.array([np.nan]))
    return hashes


def _hash_objects(values: NDArray[Any]) -> NDArray[np.uint64]:
    codes, levels = pd.factorize(values.astype(object))
    numeric = np.array([_is_float(level) for level in levels], dtype=bool)
    hashes = np.empty(len(levels) + 1, dtype=np.uint64)
    hashes[:-1][numeric] = _hash_numbers(levels[numeric].astype(np.float64))
    words = np.array([str(level) for level in levels[~numeric]], dtype=object)
    hashes[:-1][~numeric] = pd.util.hash_array(words, categorize=False)
    hashes[-1] = _hash_numbers(np.array([np.nan]))[0]  # factorize numbers missing values -1
    own: NDArray[np.uint64] = hashes[codes]
    own[[value is None for value in values]] += np.uint64(1)
    return own


def _is_float(value: Any) -> bool:
    """Tell whether a float has exactly this value."""
    number = value.item() if isinstance(value, np.generic) else value
    try:
        return isinstance(number, (int, float)) and float(number) == number
    except OverflowError:
        return False


def take_rows(data: Any, rows: Any) -> Any:
    """Return some rows in the same container: those of a slice, a mask or an array of positions."""
    if isinstance(data, pd.DataFrame):
        return data.iloc[rows]
    if is_polars(data) and not isinstance(rows, slice):
        return data[np.arange(data.shape[0])[rows]]
    return data[rows]


def check_table(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Validate `X` for an estimator without changing its container or dtypes.

    Parameters
    ----------
    estimator : BaseEstimator
        Receives ``n_features_in_`` and ``feature_names_in_`` when `reset` is true, and is compared
        with them otherwise.
    X : {array-like, DataFrame} of shape (n_rows, n_columns)
        Lists and other array-likes become numpy arrays.
    reset : bool
        Whether this is the table that the estimator is fitted on.

    Returns
    -------
    table : ndarray or DataFrame

    Raises
    ------
    ValueError
        No rows, no columns, duplicate names, or columns that differ from those seen in `fit`.
    TypeError
        Sparse matrices, and cells that hold lists or other containers.
    """
    owner = type(estimator).__name__
    if is_frame(X):
        _check_frame(owner, X)
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        return X
    if _is_numeric_array(X):
        _check_width(estimator, X, reset=reset)
        return X
    plainly = {"dtype": None, "ensure_all_finite": False, "accept_sparse": False}
    if reset or not hasattr(estimator, "feature_names_in_"):
        array = validate_data(estimator, X, reset=reset, **plainly)
    else:  # validate_data would warn that there are no names, which are known from `fit`
        array = check_array(X, estimator=estimator, input_name="X", **plainly)
        _check_n_columns(owner, array.shape[1], estimator.n_features_in_)
    if array.dtype.kind == "O":
        _check_objects(array)
    return array


def _is_numeric_array(X: Any) -> bool:
    """Tell whether `X` is an array of numbers with rows and columns, so that only its width counts.

    scikit-learn's own checks take as long as an explanation of a small table.
    """
    return type(X) is np.ndarray and X.ndim == 2 and X.dtype.kind in "biuf" and X.size > 0


def _check_width(estimator: Any, X: NDArray[Any], *, reset: bool) -> None:
    if not reset:
        _check_n_columns(type(estimator).__name__, X.shape[1], estimator.n_features_in_)
        return
    estimator.n_features_in_ = X.shape[1]
    if hasattr(estimator, "feature_names_in_"):  # of an earlier fit on a frame
        del estimator.feature_names_in_


def _check_n_columns(owner: str, n_columns: int, expected: int) -> None:
    if n_columns != expected:
        raise ValueError(
            f"X has {n_columns} features, but {owner} is expecting {expected} features as input."
        )


def _check_frame(owner: str, X: Any) -> None:
    names = column_names(X)
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise ValueError(f"Column names must be unique. Found duplicate columns {repeated}.")
    for count, words in zip(X.shape, ("sample(s)", "feature(s)"), strict=True):
        if count == 0:
            raise ValueError(
                f"Found array with 0 {words} (shape={X.shape}) while a minimum of 1 is required "
                f"by {owner}."
            )
    for name, kind in zip(names, _container_kinds(X), strict=True):
        if kind:
            raise TypeError(
                f"Column {name!r} holds values of type {kind}: each cell must be a string, a "
                "number, a date or another single value."
            )


def _container_kinds(X: Any) -> list[str]:
    """Name for each column the kind of container in its cells, or nothing."""
    if is_polars(X):
        return [str(dtype) if dtype.is_nested() else "" for dtype in X.dtypes]
    return [
        _unhashable(X.iloc[:, position]) if pd.api.types.is_object_dtype(dtype) else ""
        for position, dtype in enumerate(X.dtypes)
    ]


def _unhashable(column: pd.Series) -> str:
    return next((kind.__name__ for kind in set(map(type, column)) if kind.__hash__ is None), "")


def _check_objects(array: NDArray[Any]) -> None:
    for kind in set(map(type, array.flat)):
        if not issubclass(kind, _CELLS):
            raise TypeError(
                "Every entry of an object array argument must be a string, a number or a date. "
                f"Got one of type {kind.__name__}."
            )


def numeric_block(data: Any) -> NDArray[Any] | None:
    """Return the table as one numeric array where all of its columns share one numpy dtype.

    Returns
    -------
    block : ndarray of shape (n_rows, n_columns) or None
        None for arrays of objects and for frames of mixed or non-numpy dtypes.
    """
    if isinstance(data, pd.DataFrame):
        dtypes = set(data.dtypes)
        if len(dtypes) > 1 or not isinstance(next(iter(dtypes)), np.dtype):
            return None
        block = data.to_numpy()
    elif is_polars(data):
        if len(set(data.dtypes)) > 1 or not data.dtypes[0].is_numeric():
            return None
        if sum(data.null_count().row(0)):
            return None
        block = data.to_numpy()
    else:
        block = data
    return block if block.dtype.kind in "fiub" and block.dtype.itemsize <= 8 else None


def wrap_block(like: Any, block: NDArray[Any]) -> Any:
    """Return an array of one dtype in the container of `like`, without copying where it can be."""
    if isinstance(like, pd.DataFrame):
        return pd.DataFrame(block, columns=like.columns, copy=False)
    if is_polars(like):
        return sys.modules["polars"].DataFrame(block, schema=like.columns)
    return block


def build_frame(like: Any, columns: list[Column]) -> Any:
    """Assemble columns into a frame of the same library and names as `like`, without copying."""
    if is_polars(like):
        polars = sys.modules["polars"]
        return polars.DataFrame(
            [column.alias(name) for name, column in zip(like.columns, columns, strict=True)]
        )
    index = pd.RangeIndex(len(columns[0]))
    keep_object = {
        name: pd.Series(column, index=index, dtype=object, copy=False)
        if isinstance(column, np.ndarray) and column.dtype.kind == "O"
        else column
        for name, column in zip(like.columns, columns, strict=True)
    }
    frame = pd.DataFrame(keep_object, index=index, copy=False)
    frame.columns = like.columns
    return frame


def joined_columns(first: Any, second: Any) -> list[Column]:
    """Return the columns of two tables, one below the other, dtypes kept or promoted together.

    The categories of a categorical column stay those of `first` unless `second` has others,
    which are appended: no level is lost and none is invented.
    """
    if isinstance(first, pd.DataFrame):
        return [
            _joined_series(first.iloc[:, position], second.iloc[:, position])
            for position in range(first.shape[1])
        ]
    if is_polars(first):
        polars = sys.modules["polars"]
        frame = polars.concat([first, second], how="vertical_relaxed")
        return [frame.to_series(position) for position in range(frame.shape[1])]
    table = np.concatenate([first, second])
    return [table[:, position] for position in range(table.shape[1])]


def _joined_series(first: pd.Series, second: pd.Series) -> Column:
    if isinstance(first.dtype, pd.CategoricalDtype):
        dtype = extended_categories(first.dtype, second)
        first, second = first.astype(dtype), second.astype(dtype)
    return plain_column(pd.concat([first, second], ignore_index=True))


def plain_column(series: pd.Series) -> Column:
    """Return the numpy array or the extension array of a series."""
    return series.to_numpy() if isinstance(series.dtype, np.dtype) else series.array


def extended_categories(dtype: pd.CategoricalDtype, column: pd.Series) -> pd.CategoricalDtype:
    """Return a dtype with the values of a column that it lacks appended: none is invented."""
    present = pd.Index(column.dropna().unique())
    unseen = sorted(present[~present.isin(dtype.categories)], key=str)
    if not unseen:
        return dtype
    return pd.CategoricalDtype(dtype.categories.append(pd.Index(unseen)), dtype.ordered)
