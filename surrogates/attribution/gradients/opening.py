"""Ask an estimator for a response that has derivatives."""

from collections.abc import Callable
from typing import Any

from surrogates.blackbox.find_differentiable import find_differentiable, logit_model
from surrogates.blackbox.model import Model, make_model
from surrogates.blackbox.open_model import OpenModel

__all__ = ["open_response"]

_MARGIN, _CHANCES = "decision_function", "predict_proba"


def open_response(
    estimator: Any,
    response_method: str | Callable[[Any, Any], Any],
    target: Any,
    rows: Any,
    *,
    prefers_logits: bool,
) -> tuple[Model, OpenModel]:
    """Return the response asked for as a model, and its open inside.

    Parameters
    ----------
    estimator : object
    response_method : str or callable
        "decision_function" asks for the logits of a classifier without such a method, too.
    target : label, list of labels or None
    rows : ndarray or DataFrame of shape (n_rows, n_columns)
    prefers_logits : bool
        Whether "auto" takes logits before probabilities.

    Raises
    ------
    ValueError
        There is no such response, or its inside is not known.
    """
    method = response_method
    if method == "auto" and prefers_logits:
        has_scores = hasattr(estimator, _MARGIN) or hasattr(estimator, _CHANCES)
        method = _MARGIN if has_scores else "auto"
    is_hidden = method == _MARGIN and not hasattr(estimator, _MARGIN)
    if is_hidden and hasattr(estimator, _CHANCES):
        model, _ = make_model(estimator, _CHANCES, target, rows)
        return logit_model(model, find_differentiable(model, rows, logits=True))
    model, _ = make_model(estimator, method, target, rows)
    return model, find_differentiable(model, rows)
