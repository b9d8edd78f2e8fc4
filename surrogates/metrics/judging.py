"""How a fitted explainer is judged by a metric: against its own model and its own background."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from surrogates.blackbox.reference import draw_reference
from surrogates.metrics.question import as_table, own_background

__all__ = ["LOWER_IS_BETTER", "Metric", "explained_model", "judge", "judging_background", "name_of"]

Metric = Callable[..., NDArray[np.float64]]

LOWER_IS_BETTER = frozenset(
    {
        "average_sensitivity",
        "completeness_gap",
        "effective_size",
        "entropy",
        "infidelity",
        "local_lipschitz",
        "max_sensitivity",
        "non_sensitivity",
        "relative_input_stability",
        "relative_output_stability",
        "sufficiency",
    }
)
"""Names of the metrics of which the smaller number is the better one."""


def name_of(metric: Any) -> str:
    """Return the name of a metric, also of one with parameters filled in by ``partial``."""
    inner = getattr(metric, "func", metric)
    return str(getattr(inner, "__name__", type(inner).__name__))


def explained_model(explainer: Any) -> Any:
    """Return the model that a fitted explainer asks."""
    for name in ("model_", "estimator_", "estimator"):
        if getattr(explainer, name, None) is not None:
            return getattr(explainer, name)
    raise TypeError(
        f"{type(explainer).__name__} does not say which model it explains: it has no 'model_', "
        "'estimator_' or 'estimator'."
    )


def judging_background(explainer: Any, X: Any, n_background: int, seed: int) -> tuple[Any, Any]:
    """Return at most so many of the rows that an explainer compares with, and their weights."""
    rows, weights = own_background(explainer)
    if rows is None:
        rows, weights = as_table(X, "X"), None
    if rows.shape[0] <= n_background:
        return rows, weights
    drawn = draw_reference(rows, weights, n_background, seed)
    return drawn.rows, drawn.weights


def judge(
    metric: Metric, explainer: Any, X: Any, explanation: Any, options: Mapping[str, Any]
) -> NDArray[np.float64]:
    """Return what a metric says of an explanation of every row.

    Parameters
    ----------
    metric : callable
    explainer : object
        Fitted.
    X : {array-like, DataFrame} of shape (n_rows, n_columns)
    explanation : Attribution
        Of these rows.
    options : mapping
        Keywords; those that the metric does not take are left out.
    """
    if hasattr(explainer, "fit"):
        check_is_fitted(explainer)
    offered = {"explainer": explainer, **options}
    parameters = inspect.signature(metric).parameters
    known = {name: value for name, value in offered.items() if name in parameters}
    scores = np.asarray(metric(explained_model(explainer), X, explanation, **known), dtype=float)
    n_rows = as_table(X, "X").shape[0]
    if scores.shape != (n_rows,):
        raise ValueError(
            f"{name_of(metric)} must return one number for each of the {n_rows} rows. It returned "
            f"an array of shape {scores.shape}."
        )
    return scores
