"""Similar past cases: the training rows behind a decision, or those nearest to the row."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.base import Explainer
from surrogates.blackbox.column_kinds import ColumnKind, column_kind, column_numbers, read_levels
from surrogates.blackbox.conform import conform
from surrogates.blackbox.table import is_frame, row_labels
from surrogates.explanation import Influence
from surrogates.explanation.cells import cell_objects
from surrogates.explanation.displays.labels import value_text
from surrogates.report.markup import shortened
from surrogates.report.row_reading import equal_row

__all__ = ["gower_distances", "influential_cases", "nearest_cases"]


def nearest_cases(
    row: Any, X_train: Any, y_train: Any, columns: list[tuple[str, int]], count: int
) -> dict[str, Any]:
    """Return the training rows with the least Gower distance to a row.

    Parameters
    ----------
    row : {ndarray, DataFrame} of shape (1, n_columns)
    X_train : {ndarray, DataFrame} of shape (n_train, n_columns)
    y_train : array-like of shape (n_train,) or None
        What became of them.
    columns : list of (str, int)
        Names and positions of the columns shown.
    count : int

    Raises
    ------
    ValueError
        The columns differ, or `y_train` has another length.
    """
    table = conform(X_train if is_frame(X_train) else np.asarray(X_train), row)
    if table.shape[1] != row.shape[1]:
        raise ValueError(f"X_train has {table.shape[1]} columns, but the row has {row.shape[1]}.")
    outcomes = None if y_train is None else np.asarray(y_train)
    if outcomes is not None and len(outcomes) != table.shape[0]:
        raise ValueError(
            f"y_train must have {table.shape[0]} entries, as X_train has rows. Got {len(outcomes)}."
        )
    distances = gower_distances(row, table)
    nearest = np.argsort(distances, kind="stable")[:count]
    labels = row_labels(X_train if is_frame(X_train) else table)
    cases = [
        {
            "label": shortened(labels[place]),
            "outcome": None if outcomes is None else shortened(value_text(outcomes[place])),
            "measure": float(distances[place]),
            "cells": _cells(table, place, columns),
        }
        for place in nearest.tolist()
    ]
    return {"kind": "distance", "columns": [name for name, _ in columns], "cases": cases}


def gower_distances(row: Any, table: Any) -> NDArray[np.float64]:
    """Return the Gower distances between a row and those of a table.

    The mean over the columns of ``|difference| / range`` for ordered values, and of 0 or 1 for
    levels; a missing value differs from all others by 1 (Gower, 1971).

    Parameters
    ----------
    row : {ndarray, DataFrame} of shape (1, n_columns)
    table : {ndarray, DataFrame} of shape (n_rows, n_columns)

    Returns
    -------
    distances : ndarray of shape (n_rows,)

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"age": [30, 50, 40], "city": ["Oslo", "Oslo", "Rome"]})
    >>> gower_distances(table.iloc[:1], table)
    array([0.  , 0.5 , 0.75])
    """
    total = np.zeros(table.shape[0])
    for column in range(table.shape[1]):
        total += _column_distances(row, table, column)
    return total / table.shape[1]


def _column_distances(row: Any, table: Any, column: int) -> NDArray[np.float64]:
    if column_kind(table, column) is ColumnKind.LEVEL:
        levels = read_levels(table, column)
        unequal = levels.codes(row, column)[0] != levels.codes(table, column)
        return unequal.astype(np.float64)
    own, others = column_numbers(row, column)[0], column_numbers(table, column)
    known = others[np.isfinite(others)]
    spread = float(np.ptp(known)) if len(known) else 0.0
    with np.errstate(invalid="ignore"):
        gaps = np.abs(others - own)
    shares = np.minimum(gaps / spread, 1.0) if spread > 0.0 else (gaps > 0.0).astype(np.float64)
    missing = np.isnan(others)
    return np.where(missing | np.isnan(own), missing != np.isnan(own), shares).astype(np.float64)


def influential_cases(
    influence: Any, row: Any, decided: Any, columns: list[tuple[str, int]], count: int
) -> dict[str, Any]:
    """Return the training rows with the largest influence on a row.

    Parameters
    ----------
    influence : InfluenceFunctions or Influence
        A fitted explainer, or its answer about the row.
    row : {ndarray, DataFrame} of shape (1, n_columns)
    decided : object
        The label predicted, which stands for the outcome where the loss needs one; None for
        numbers.
    columns : list of (str, int)
        Names and positions of the columns shown.
    count : int
    """
    found = _explained(influence, row, decided)
    strongest = np.argsort(-np.abs(found.values[0]), kind="stable")[:count]
    targets = found.train_targets
    cases = [
        {
            "label": shortened(found.train_index[place]),
            "outcome": None if targets is None else shortened(value_text(targets[place])),
            "measure": float(found.values[0, place]),
            "cells": _cells(found.train_data, place, columns),
        }
        for place in strongest.tolist()
    ]
    return {
        "kind": "influence",
        "columns": [name for name, _ in columns],
        "cases": cases,
        "sign": str(found.details.get("sign", "")),
        "unit": str(found.details.get("unit", "")),
    }


def _explained(influence: Any, row: Any, decided: Any) -> Influence:
    if isinstance(influence, Influence):
        place = equal_row(conform(influence.data, row), row, "The Influence")
        return influence[place]
    if not isinstance(influence, Explainer) or not hasattr(influence, "train_data_"):
        raise TypeError(
            "influence must be a fitted InfluenceFunctions explainer, or the Influence of the row. "
            f"Got {type(influence).__name__} instead."
        )
    of_loss = getattr(influence, "of", "loss") == "loss"
    if of_loss and decided is None:
        raise ValueError(
            "influence on the loss needs the true number of the row: pass "
            "InfluenceFunctions(..., of='prediction')."
        )
    found: Influence = influence.explain(row, np.array([decided]) if of_loss else None)
    return found


def _cells(table: Any, place: int, columns: list[tuple[str, int]]) -> list[str]:
    return [shortened(value_text(cell_objects(table, at)[place])) for _, at in columns]
