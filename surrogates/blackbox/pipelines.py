"""Column-wise preprocessing done once per source row, not once per mixture.

Where every preprocessed column depends on one column of the table, to preprocess a mixture of rows
is to mix preprocessed rows. The model left over then answers mixtures without its preprocessing.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from surrogates.blackbox.columnwise import trace_columns
from surrogates.blackbox.model import Model
from surrogates.blackbox.players import Players
from surrogates.blackbox.recombination import draw_cells, equal_tables, recombine
from surrogates.blackbox.table import column_names, is_frame, numeric_block, take_rows
from surrogates.blackbox.wrappers import unwrap
from surrogates.exceptions import ModelOutputError

__all__ = ["ColumnwisePreprocessing", "preprocess_once", "split_columnwise"]

_MOST_MADE = 64  # of a column: wide dense rows take longer than preprocessing into sparse ones
_N_RECOMBINED = 128
_TOLERANCE, _SINGLE_TOLERANCE = 1e-9, 1e-6


@dataclass(frozen=True)
class ColumnwisePreprocessing:
    """The first steps of a Pipeline, each column of whose result depends on one column.

    Parameters
    ----------
    steps : tuple
        Fitted transformers, applied one after the other.
    source_column : ndarray of shape (n_preprocessed,)
        For each preprocessed column, the position of the column on which it depends.
    as_array : bool, default=False
        Whether frames are sent as arrays, to transformers that were fitted on arrays.
    """

    steps: tuple[Any, ...]
    source_column: NDArray[np.int64]
    as_array: bool = False

    def transform(self, X: Any) -> Any:
        """Preprocess rows.

        Parameters
        ----------
        X : ndarray or DataFrame of shape (n_rows, n_columns)

        Returns
        -------
        preprocessed : ndarray or DataFrame of shape (n_rows, n_preprocessed)
            What the last step returns: sparse matrices made dense, frames of several numeric
            dtypes brought to their common dtype.

        Raises
        ------
        ModelOutputError
            A transformer raised, or returned another number of rows or columns than it should.
        """
        table = X.to_numpy() if self.as_array and is_frame(X) else X
        for step in self.steps:
            table = _ask(step, table)
        expected = (X.shape[0], len(self.source_column))
        if np.shape(table) != expected:
            raise ModelOutputError(
                f"transform of {type(self.steps[-1]).__name__} returned a table of shape "
                f"{np.shape(table)} where {expected} was expected."
            )
        return _one_dtype(table.toarray() if hasattr(table, "toarray") else table)

    def players(self, players: Players) -> Players:
        """Return the same players as owners of the preprocessed columns.

        Parameters
        ----------
        players : Players
            Owners of the columns of the table.

        Returns
        -------
        players : Players
            A player all of whose columns are dropped owns no preprocessed column.
        """
        return replace(players, of_column=players.of_column[self.source_column])


def preprocess_once(model: Model, rows: Any) -> tuple[Model, ColumnwisePreprocessing] | None:
    """Take the column-wise preprocessing off a model, if that is proved to change nothing.

    The proof is by trial: random recombinations of the rows, each cell from a row of its own, are
    preprocessed and sent to the model; the preprocessed rows, recombined in the same way, must be
    equal and get the same responses from the model left over. Missing values are over-represented:
    a quarter of the cells of each column that has any.

    Parameters
    ----------
    model : Model
        Asks a fitted Pipeline, or a wrapper that hands on to one, by the name of a method.
    rows : ndarray or DataFrame of shape (n_rows, n_columns)
        Rows that the model accepts.

    Returns
    -------
    inner : Model
        Gives to preprocessed rows the outputs that `model` gives to raw rows.
    preprocessing : ColumnwisePreprocessing
        The pair is None where the model is no such Pipeline, or where the trial fails.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import KBinsDiscretizer
    >>> from surrogates.blackbox.model import make_model
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> pipeline = make_pipeline(
    ...     KBinsDiscretizer(3, strategy="uniform"), LinearRegression()
    ... ).fit(X, X[:, 0])
    >>> model, responses = make_model(pipeline, "auto", None, X)
    >>> inner, preprocessing = preprocess_once(model, X)
    >>> inner.predictor
    LinearRegression()
    >>> preprocessing.source_column
    array([0, 0, 0, 1, 1, 1])
    >>> bool(np.allclose(inner(preprocessing.transform(X)), responses))
    True
    """
    if not isinstance(model.method, str):
        return None
    found = split_columnwise(model.predictor, model.method, rows, as_array=model.as_array)
    if found is None:
        return None
    preprocessing, final = found
    inner = replace(model, predictor=final, as_array=False)
    return (inner, preprocessing) if _is_equal(model, inner, preprocessing, rows) else None


def split_columnwise(
    estimator: Any, method: str, rows: Any, *, as_array: bool = False
) -> tuple[ColumnwisePreprocessing, Any] | None:
    """Divide a fitted Pipeline after the longest run of first steps that are column-wise.

    Parameters
    ----------
    estimator : object
        A fitted Pipeline, or a wrapper that hands `method` on to one.
    method : str
        The predicting method.
    rows : ndarray or DataFrame of shape (n_rows, n_columns)
        A table with the columns that the estimator will be given.
    as_array : bool, default=False
        Whether frames are sent to the estimator as arrays.

    Returns
    -------
    preprocessing : ColumnwisePreprocessing
    final : object
        The last step, or a Pipeline of the steps left. The pair is None where `estimator` is no
        Pipeline, its first step is not known to be column-wise, or too many columns are made.
    """
    sources = _given_columns(unwrap(estimator, method), rows, as_array=as_array)
    if sources is None:
        return None
    steps, sources, final = _split(estimator, method, sources)
    if not steps or not 0 < len(sources) <= _MOST_MADE * rows.shape[1]:
        return None
    return ColumnwisePreprocessing(steps, sources, as_array), final


def _given_columns(pipeline: Any, rows: Any, *, as_array: bool) -> NDArray[np.int64] | None:
    """Find the columns that the first step was fitted on; a ColumnTransformer may leave some."""
    seen = getattr(pipeline, "feature_names_in_", None)
    if seen is None or as_array or not is_frame(rows):
        return np.arange(rows.shape[1])
    place = {name: position for position, name in enumerate(column_names(rows))}
    if any(name not in place for name in seen):
        return None
    return np.array([place[name] for name in seen], dtype=np.int64)


def _split(
    estimator: Any, method: str, sources: NDArray[np.int64]
) -> tuple[tuple[Any, ...], NDArray[np.int64], Any]:
    """Return the column-wise steps, the sources of what they make, and the model left over."""
    pipeline = unwrap(estimator, method)
    if not isinstance(pipeline, Pipeline):
        return (), sources, estimator
    steps: tuple[Any, ...] = ()
    for position, (_, step) in enumerate(pipeline.steps[:-1]):
        traced = trace_columns(step, sources)
        if traced is None:
            return steps, sources, pipeline[position:]
        sources = traced
        if step is not None and not isinstance(step, str):
            steps += (step,)
    more, sources, final = _split(pipeline.steps[-1][1], method, sources)
    return steps + more, sources, final


def _ask(step: Any, table: Any) -> Any:
    try:
        return step.transform(table)
    except MemoryError:
        raise
    except Exception as error:
        raise ModelOutputError(
            f"transform of {type(step).__name__} raised {type(error).__name__}: {error}"
        ) from error


def _one_dtype(table: Any) -> Any:
    if not isinstance(table, pd.DataFrame) or not all(map(_is_number, table.dtypes)):
        return table
    return table.astype(np.result_type(*table.dtypes))


def _is_number(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind in "fiub"


def _is_equal(
    model: Model, inner: Model, preprocessing: ColumnwisePreprocessing, rows: Any
) -> bool:
    """Compare both ways on recombined rows; a way that raises is left to the direct path."""
    sources, places = draw_cells(rows, _N_RECOMBINED)
    as_they_are = np.arange(sources.shape[0])
    all_places = np.vstack([np.tile(as_they_are[:, None], places.shape[1]), places])
    table, recombined = recombine(sources, all_places), slice(len(as_they_are), None)
    try:
        preprocessed = preprocessing.transform(table)
        composed = recombine(preprocessed, places[:, preprocessing.source_column])
        # another batch than the one preprocessed gives away a transformer that mixes up rows
        expected = model(take_rows(table, recombined))
        found = inner(composed)
    except ModelOutputError:
        return False
    tolerance = _tolerance(composed)
    return equal_tables(composed, take_rows(preprocessed, recombined), tolerance) and equal_tables(
        found, expected, tolerance
    )


def _tolerance(table: Any) -> float:
    """Allow for sums of single precision, which differ between sparse and dense rows."""
    block = numeric_block(table)
    single = block is not None and block.dtype.kind == "f" and block.dtype.itemsize < 8
    return _SINGLE_TOLERANCE if single else _TOLERANCE
