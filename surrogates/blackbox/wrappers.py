"""Estimators that hand a question on to the fitted estimator inside them, unchanged."""

from collections.abc import Callable
from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV

__all__ = ["unwrap"]

_SCORES = ("predict_proba", "predict_log_proba", "decision_function")


def unwrap(estimator: Any, method: str | Callable[[Any, Any], Any]) -> Any:
    """Return the innermost estimator that gives the same answers to a method.

    Fitted searches and `FrozenEstimator` hand on every method. Classifiers that move the threshold
    hand on scores, but decide themselves in ``predict``.

    Parameters
    ----------
    estimator : object
        A fitted estimator, or any other predictor.
    method : str or callable
        Name of the method asked. A function ``(estimator, X) -> array`` sees the wrapper itself, so
        nothing is looked through.

    Returns
    -------
    inner : object
        `estimator` itself where nothing can be looked through.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.model_selection import FixedThresholdClassifier
    >>> wrapper = FixedThresholdClassifier(DummyClassifier(), threshold=0.3)
    >>> wrapper = wrapper.fit([[0], [1]], [0, 1])
    >>> unwrap(wrapper, "predict_proba")
    DummyClassifier()
    >>> unwrap(wrapper, "predict") is wrapper
    True
    """
    inner = _inner(estimator, method)
    return estimator if inner is None else unwrap(inner, method)


def _inner(estimator: Any, method: str | Callable[[Any, Any], Any]) -> Any:
    if not isinstance(method, str):
        return None
    if isinstance(estimator, FrozenEstimator):
        return estimator.estimator
    if isinstance(estimator, (FixedThresholdClassifier, TunedThresholdClassifierCV)):
        return estimator.estimator_ if method in _SCORES else None
    # the halving searches cannot be imported unless their experiment is enabled
    if hasattr(estimator, "cv_results_"):
        return getattr(estimator, "best_estimator_", None)
    return None
