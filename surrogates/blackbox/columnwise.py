"""Which transformers are column-wise: each column made depends on one column of the table given.

Classes are known by name and vouch for nothing but themselves: a subclass, or a class that is not
listed, is column-wise only where all columns that it is given come from one column of the table.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)

__all__ = ["trace_columns"]

_Sources = NDArray[np.int64]
_Rule = Callable[[Any, _Sources], _Sources | None]


def trace_columns(transformer: Any, sources: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Find the column on which each column made by a transformer depends.

    Parameters
    ----------
    transformer : object
        A fitted transformer, or "passthrough".
    sources : ndarray of shape (n_given,)
        The column of the table on which each column given to the transformer depends.

    Returns
    -------
    traced : ndarray of shape (n_made,) or None
        The column of the table on which each column made depends. None where a column made may
        depend on several of them, as far as is known.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import Normalizer, OneHotEncoder
    >>> X = [["car", "yes"], ["tv", "no"], ["boat", "yes"]]
    >>> trace_columns(OneHotEncoder().fit(X), np.arange(2))
    array([0, 0, 0, 1, 1])
    >>> trace_columns(Normalizer().fit([[3, 4]]), np.arange(2)) is None
    True
    """
    if isinstance(transformer, str) or transformer is None:
        return sources if transformer in ("passthrough", None) else None
    if isinstance(transformer, FrozenEstimator):
        return trace_columns(transformer.estimator, sources)
    rule = _RULES.get(type(transformer))
    if rule is None and getattr(type(transformer), "transform", None) is SelectorMixin.transform:
        rule = _selected
    if rule is None or getattr(transformer, "n_features_in_", len(sources)) != len(sources):
        return None
    return rule(transformer, sources)


def _one_to_one(_: Any, sources: _Sources) -> _Sources:
    return sources


def _selected(selector: Any, sources: _Sources) -> _Sources:
    selected: _Sources = sources[selector.get_support()]
    return selected


def _function(transformer: Any, sources: _Sources) -> _Sources | None:
    """Trust the identity and numpy's functions of one argument, which work on single values."""
    function = transformer.func
    single = isinstance(function, np.ufunc) and (function.nin, function.nout) == (1, 1)
    return sources if function is None or single else None


def _imputed(imputer: Any, sources: _Sources) -> _Sources:
    empty = pd.isna(imputer.statistics_)
    kept = sources if imputer.keep_empty_features else sources[~empty]
    if not imputer.add_indicator:
        return kept
    return np.concatenate([kept, _missing(imputer.indicator_, sources)])


def _missing(indicator: Any, sources: _Sources) -> _Sources:
    flagged: _Sources = sources[indicator.features_]
    return flagged


def _one_hot(encoder: Any, sources: _Sources) -> _Sources:
    sizes = np.array([len(levels) for levels in encoder.categories_], dtype=np.int64)
    # the attribute is only there where the encoder was asked to look for infrequent categories
    for column, infrequent in enumerate(getattr(encoder, "infrequent_categories_", ())):
        if infrequent is not None:
            sizes[column] -= len(infrequent) - 1
    if encoder.drop_idx_ is not None:
        sizes -= [dropped is not None for dropped in encoder.drop_idx_]
    return np.repeat(sources, sizes)


def _binned(discretizer: Any, sources: _Sources) -> _Sources:
    if discretizer.encode == "ordinal":
        return sources
    return np.repeat(sources, discretizer.n_bins_.astype(np.int64))


def _target_encoded(encoder: Any, sources: _Sources) -> _Sources:
    return np.repeat(sources, len(encoder.encodings_) // len(sources))


def _splines(transformer: Any, sources: _Sources) -> _Sources:
    return np.repeat(sources, transformer.n_features_out_ // len(sources))


def _chained(pipeline: Any, sources: _Sources) -> _Sources | None:
    traced: _Sources | None = sources
    for _, step in pipeline.steps:
        traced = None if traced is None else trace_columns(step, traced)
    return traced


def _united(union: Any, sources: _Sources) -> _Sources | None:
    parts = [
        trace_columns(transformer, sources)
        for _, transformer in union.transformer_list
        if not isinstance(transformer, str) or transformer != "drop"
    ]
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known and len(known) == len(parts) else None


def _by_column(transformer: Any, sources: _Sources) -> _Sources | None:
    slices = getattr(transformer, "output_indices_", {})  # not there where all columns are dropped
    names = getattr(transformer, "feature_names_in_", None)
    places = pd.Series(np.arange(len(sources)), index=names)
    left = np.ones(len(sources), dtype=bool)
    traced = np.empty(max((made.stop for made in slices.values()), default=0), dtype=np.int64)
    for name, part, columns in transformer.transformers_:
        given = np.flatnonzero(left) if name == "remainder" else _places(places, columns)
        left[given] = False
        made = slices.get(name, slice(0, 0))
        if made.stop > made.start:
            own = _part(part, sources[given], made.stop - made.start)
            if own is None:
                return None
            traced[made] = own
    return traced


def _places(places: pd.Series, columns: Any) -> NDArray[np.int64]:
    """Resolve columns as a ColumnTransformer names them: by label, position, slice or mask."""
    if isinstance(columns, slice):
        first = columns.stop if columns.start is None else columns.start
    else:
        columns = columns if isinstance(columns, str) else np.asarray(columns)
        first = columns if isinstance(columns, str) else next(iter(columns.flat), 0)
    chosen = places.loc[columns] if isinstance(first, str) else places.iloc[columns]
    return np.atleast_1d(np.asarray(chosen, dtype=np.int64))


def _part(transformer: Any, sources: _Sources, n_made: int) -> _Sources | None:
    """Trace a transformer of some columns; whatever is made of one column depends on it alone."""
    if len(np.unique(sources)) == 1:
        return np.full(n_made, sources[0])
    traced = trace_columns(transformer, sources)
    return traced if traced is not None and len(traced) == n_made else None


_RULES: dict[type, _Rule] = {
    **dict.fromkeys(
        (
            Binarizer,
            MaxAbsScaler,
            MinMaxScaler,
            OrdinalEncoder,
            PowerTransformer,
            QuantileTransformer,
            RobustScaler,
            StandardScaler,
        ),
        _one_to_one,
    ),
    ColumnTransformer: _by_column,
    FeatureUnion: _united,
    FunctionTransformer: _function,
    KBinsDiscretizer: _binned,
    MissingIndicator: _missing,
    OneHotEncoder: _one_hot,
    Pipeline: _chained,
    SimpleImputer: _imputed,
    SplineTransformer: _splines,
    TargetEncoder: _target_encoded,
}
