"""Explainers whose model is fitted again: the same procedure on other rows or labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from surrogates.blackbox.model import is_fitted
from surrogates.blackbox.table import take_rows
from surrogates.metrics.question import as_table

__all__ = [
    "check_target",
    "explain_refit",
    "fitted_explainer",
    "same_outputs",
    "unfitted_model",
    "unfitted_twin",
]


def unfitted_model(explainer: Any) -> Any:
    """Return an unfitted clone of the model that an explainer explains.

    Raises
    ------
    TypeError
        The model cannot be fitted, such as a callable.
    """
    model = getattr(explainer, "estimator", None)
    while isinstance(model, FrozenEstimator):
        model = model.estimator
    if not isinstance(model, BaseEstimator) or not hasattr(model, "fit"):
        raise TypeError(
            "The model must be fitted again, so the explainer must wrap a scikit-learn estimator. "
            f"{type(explainer).__name__} wraps {type(model).__name__}."
        )
    unfitted = clone(model)
    if is_fitted(unfitted):
        raise TypeError(f"{type(model).__name__} stays fitted when it is cloned: unwrap it.")
    return unfitted


def unfitted_twin(explainer: Any) -> Any:
    """Return an explainer of the same parameters around an unfitted clone of the model."""
    model = unfitted_model(explainer)
    return clone(explainer).set_params(estimator=model)


def fitted_explainer(explainer: Any, X: Any, y: Any) -> Any:
    """Return the explainer where it is fitted, else its twin fitted on the rows."""
    try:
        check_is_fitted(explainer)
    except NotFittedError:
        return unfitted_twin(explainer).fit(X, y)
    return explainer


def check_target(X: Any, y: Any) -> tuple[Any, NDArray[Any]]:
    """Return a table and its target, one for each row.

    Raises
    ------
    ValueError
        No target, or one of another length.
    """
    table, target = as_table(X, "X"), np.asarray(y)
    if y is None or target.ndim == 0 or len(target) != table.shape[0]:
        found = "None" if y is None else f"shape {target.shape}"
        raise ValueError(f"y must have one value for each of the {table.shape[0]} rows: {found}.")
    return table, target


def explain_refit(twin: Any, X: Any, y: NDArray[Any], train: NDArray[np.int64], rows: Any) -> Any:
    """Fit a clone of an explainer and its model on some rows, and explain others."""
    return clone(twin).fit(take_rows(X, train), y[train]).explain(rows)


def same_outputs(explanations: Sequence[Any]) -> None:
    """Refuse explanations of different outputs.

    Raises
    ------
    ValueError
        A model that was fitted again has other classes.
    """
    names = {tuple(explanation.output_names) for explanation in explanations}
    if len(names) > 1:
        raise ValueError(
            f"The models that were fitted again have different outputs: {sorted(names)}. Some "
            "class is too rare: merge classes, or name the 'target' of the explainer."
        )
