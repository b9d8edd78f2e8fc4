"""Inputs as received: what is missing, and what a fitted imputer put there."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline

from surrogates.blackbox.table import column_names
from surrogates.blackbox.wrappers import unwrap
from surrogates.explanation.cells import cell_objects
from surrogates.explanation.displays.labels import value_text

__all__ = ["imputed_values", "received_values"]


def received_values(estimator: Any, row: Any) -> list[dict[str, Any]]:
    """Return what each column of a row holds, in words.

    Parameters
    ----------
    estimator : object
        The model, whose imputers are asked.
    row : {ndarray, DataFrame} of shape (1, n_columns)
        As the model takes it.

    Returns
    -------
    inputs : list of dict
        column, value, missing (bool), and imputed: what an imputer that sees the raw column puts
        there, or None.
    """
    names = column_names(row)
    cells = [cell_objects(row, place)[0] for place in range(len(names))]
    gone = [cell is None or pd.isna(cell) is True for cell in cells]
    filled = imputed_values(estimator, row) if any(gone) else {}
    return [
        {
            "column": name,
            "value": value_text(cell),
            "missing": missing,
            "imputed": value_text(filled[place]) if missing and place in filled else None,
        }
        for place, (name, cell, missing) in enumerate(zip(names, cells, gone, strict=True))
    ]


def imputed_values(estimator: Any, row: Any) -> dict[int, Any]:
    """Return what fitted imputers make of the columns of a row, by position of the column.

    Only imputers that come first in their branch see the values as they are; what others put in is
    in other units, and is not told.

    Parameters
    ----------
    estimator : object
    row : {ndarray, DataFrame} of shape (1, n_columns)

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.impute import SimpleImputer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X = np.array([[1.0, 2.0], [3.0, np.nan], [8.0, 2.0]])
    >>> steps = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit(X)
    >>> filled = imputed_values(steps, np.array([[np.nan, 5.0]]))
    >>> {place: float(value) for place, value in filled.items()}
    {0: 3.0, 1: 5.0}
    """
    places = np.arange(row.shape[1])
    return dict(_found(unwrap(estimator, "predict"), places, row))


def _found(part: Any, places: NDArray[np.int64], row: Any) -> Iterator[tuple[int, Any]]:
    """Yield the columns that the imputers of a part of a model see, and what they make of them."""
    if isinstance(part, FrozenEstimator):
        yield from _found(part.estimator, places, row)
    elif isinstance(part, Pipeline):
        steps = [step for _, step in part.steps if step is not None and step != "passthrough"]
        yield from _found(steps[0], places, row) if steps else ()
    elif isinstance(part, ColumnTransformer):
        for _, branch, columns in part.transformers_:
            yield from _found(branch, _chosen(columns, places, column_names(row)), row)
    elif isinstance(part, FeatureUnion):
        for _, branch in part.transformer_list:
            yield from _found(branch, places, row)
    elif type(part).__module__.startswith("sklearn.impute"):
        yield from _imputed(part, places, row)
    elif hasattr(part, "estimator_"):
        yield from _found(part.estimator_, places, row)


def _imputed(imputer: Any, places: NDArray[np.int64], row: Any) -> Iterator[tuple[int, Any]]:
    """Yield what an imputer makes of its columns; it drops those that it never saw a value of."""
    if getattr(imputer, "n_features_in_", 0) != len(places):
        return
    statistics = getattr(imputer, "statistics_", None)
    if statistics is not None and not imputer.keep_empty_features:
        kept = places[~np.asarray(pd.isna(statistics), dtype=bool)]
    else:
        kept = places
    indicator = getattr(imputer, "indicator_", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names of columns, which the model itself handles
        try:
            made = np.asarray(imputer.transform(_columns(row, places)), dtype=object)
        except (TypeError, ValueError):  # the model makes something else of the row before
            return
    if made.shape[1] == len(kept) + (0 if indicator is None else len(indicator.features_)):
        yield from (
            (int(place), value)
            for place, value in zip(kept, made[0], strict=False)
            if pd.isna(value) is not True and value is not None
        )


def _columns(row: Any, places: NDArray[np.int64]) -> Any:
    return row.iloc[:, places] if isinstance(row, pd.DataFrame) else row[:, places.tolist()]


def _chosen(columns: Any, places: NDArray[np.int64], names: tuple[str, ...]) -> NDArray[np.int64]:
    """Resolve columns as a ColumnTransformer names them; none where they are no raw columns."""
    by_name = {names[place]: place for place in places.tolist()}
    if isinstance(columns, slice):
        by_label = isinstance(columns.start, str) or isinstance(columns.stop, str)
        chosen = (
            pd.Series(places, index=list(by_name)).loc[columns] if by_label else places[columns]
        )
        return np.asarray(chosen, dtype=np.int64)
    wanted = [columns] if isinstance(columns, (str, int)) else list(columns)
    if any(isinstance(column, str) for column in wanted):
        known = [by_name.get(str(column), -1) for column in wanted]
        return np.array([] if -1 in known else known, dtype=np.int64)
    return np.asarray(places[np.asarray(wanted)] if wanted else places[:0], dtype=np.int64)
