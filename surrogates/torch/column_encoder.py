"""Columns of a table as a block of numbers and a block of codes for embeddings."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from surrogates._params import BOOLEAN, NONE, Instance, check_params
from surrogates.blackbox.column_kinds import (
    ColumnKind,
    column_kind,
    column_numbers,
    read_levels,
)
from surrogates.blackbox.table import check_table, column_names, column_values, is_frame

__all__ = ["ColumnEncoder"]


class ColumnEncoder(BaseEstimator):
    """Turn the rows of a table into numbers, and codes for the rows of embeddings.

    Parameters
    ----------
    embedded : list of columns, default=None
        Columns to be coded: names for frames, positions for arrays. None is every column of text,
        categories or booleans.
    standardize : bool, default=True
        Whether numbers are shifted and scaled to mean 0 and standard deviation 1.

    Attributes
    ----------
    n_codes_ : tuple of int
        Rows that the embedding of each coded column needs. Code 0 is for levels that `fit` has not
        seen; a missing value is a level of its own where `fit` has seen one.
    levels_ : tuple of tuple
        The levels of each coded column, those of the codes 1, 2, ...
    column_owners_ : tuple of ndarray
        For each block, the position of the column that each of its columns comes from.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, where `fit` was given a frame.

    See Also
    --------
    TorchClassifier : Takes it as its ``encoder``.

    Notes
    -----
    Numbers that are missing stay missing; dates count nanoseconds.

    Examples
    --------
    >>> import pandas as pd
    >>> from surrogates.torch import ColumnEncoder
    >>> loans = pd.DataFrame({"amount": [1.0, 3.0], "purpose": ["car", "tv"]})
    >>> encoder = ColumnEncoder().fit(loans)
    >>> numbers, codes = encoder.transform(loans.assign(purpose=["tv", "boat"]))
    >>> numbers.tolist(), codes.tolist(), encoder.n_codes_
    ([[-1.0], [1.0]], [[2], [0]], (3,))
    """

    def __init__(self, *, embedded: Sequence[Any] | None = None, standardize: bool = True) -> None:
        self.embedded = embedded
        self.standardize = standardize

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Learn the levels of the coded columns, and the scales of the others.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)
        y : object, default=None
            Not used.

        Returns
        -------
        self : ColumnEncoder

        Raises
        ------
        ValueError
            A parameter out of range, an unknown column, or an unusable table.
        """
        constraints = {
            "embedded": [Instance((list, tuple, np.ndarray, pd.Index), "a list of columns"), NONE],
            "standardize": [BOOLEAN],
        }
        check_params(type(self).__name__, self.get_params(deep=False), constraints)
        X = check_table(self, X, reset=True)
        coded = self._coded(X)
        numbers = np.setdiff1d(np.arange(X.shape[1]), coded)
        self._numbers, self._codes = numbers, coded
        self.column_owners_ = tuple(some for some in (numbers, coded) if len(some))
        self.levels_ = tuple(_levels(X, position) for position in coded)
        self.n_codes_ = tuple(len(levels) + 1 for levels in self.levels_)
        columns = [column_numbers(X, position) for position in numbers]
        self._means = np.zeros(len(numbers))
        self._scales = np.ones(len(numbers))
        if self.standardize:
            known = [column[np.isfinite(column)] for column in columns]
            self._means = np.array([some.mean() if len(some) else 0.0 for some in known])
            spreads = np.array([some.std() if len(some) else 0.0 for some in known])
            self._scales = np.where(spreads > 0.0, spreads, 1.0)
        return self

    def transform(self, X: Any) -> tuple[NDArray[Any], ...]:
        """Return the numbers and the codes of rows.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)

        Returns
        -------
        blocks : tuple of ndarray
            Numbers (n_rows, n_numbers) in single precision, and codes (n_rows, n_coded) as
            integers; a block without columns is left out.

        Raises
        ------
        NotFittedError
            `fit` was not called.
        ValueError
            Columns other than those seen in `fit`.
        """
        check_is_fitted(self)
        X = check_table(self, X, reset=False)
        blocks: list[NDArray[Any]] = []
        if len(self._numbers):
            columns = [column_numbers(X, position) for position in self._numbers]
            scaled = (np.column_stack(columns) - self._means) / self._scales
            blocks.append(scaled.astype(np.float32))
        if len(self._codes):
            pairs = zip(self._codes, self.levels_, strict=True)
            blocks.append(np.column_stack([_codes(X, at, levels) for at, levels in pairs]))
        return tuple(blocks)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    def _coded(self, X: Any) -> NDArray[np.int64]:
        """Return the positions of the coded columns."""
        if self.embedded is None:
            kinds = [column_kind(X, position) for position in range(X.shape[1])]
            return np.flatnonzero([kind is ColumnKind.LEVEL for kind in kinds])
        names = list(column_names(X)) if is_frame(X) else list(range(X.shape[1]))
        unknown = [column for column in self.embedded if column not in names]
        if unknown:
            raise ValueError(
                f"The 'embedded' parameter of ColumnEncoder names columns that X lacks: {unknown}. "
                f"The columns are {names}."
            )
        return np.unique(np.array([names.index(column) for column in self.embedded], np.int64))


def _levels(X: Any, position: int) -> tuple[Any, ...]:
    """Return the levels of a column; the missing one is None and comes last."""
    seen = read_levels(X, position).values
    return (*seen, None) if pd.isna(column_values(X, position)).any() else seen


def _codes(X: Any, position: int, levels: tuple[Any, ...]) -> NDArray[np.int64]:
    values = column_values(X, position).astype(object)
    known = [level for level in levels if level is not None]
    codes = pd.Index(known, dtype=object).get_indexer(pd.Index(values, dtype=object)) + 1
    if len(known) < len(levels):
        codes[pd.isna(values)] = len(levels)
    return np.asarray(codes, dtype=np.int64)
