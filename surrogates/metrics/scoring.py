"""Scorers: explainers chosen by ``GridSearchCV`` as models are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from surrogates.metrics.judging import (
    LOWER_IS_BETTER,
    Metric,
    judge,
    judging_background,
    name_of,
)

__all__ = ["ExplanationScorer", "make_explanation_scorer"]


@dataclass(frozen=True)
class ExplanationScorer:
    """Scores a fitted explainer by a metric: the larger, the better. Made by a function below.

    Parameters
    ----------
    metric : callable
    sign : int
        -1 where the smaller number of the metric is the better one.
    n_background : int
    random_state : int
    options : mapping
        Further keywords of the metric.

    Examples
    --------
    >>> from surrogates.metrics import entropy, make_explanation_scorer
    >>> make_explanation_scorer(entropy)
    make_explanation_scorer(entropy, greater_is_better=False)
    """

    metric: Metric
    sign: int
    n_background: int
    random_state: int
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, explainer: Any, X: Any, y: Any = None) -> float:  # noqa: ARG002
        """Return the mean score of the explanations of some rows.

        Parameters
        ----------
        explainer : object
            Fitted.
        X : {array-like, DataFrame} of shape (n_rows, n_columns)
            Rows to explain.
        y : array-like, default=None
            Ignored.

        Returns
        -------
        score : float
            Rows without a value are left out; NaN where no row has one.
        """
        background, weights = judging_background(explainer, X, self.n_background, self.random_state)
        options = {
            "background": background,
            "sample_weight": weights,
            "random_state": self.random_state,
            **self.options,
        }
        scores = judge(self.metric, explainer, X, explainer.explain(X), options)
        known = scores[np.isfinite(scores)]
        return self.sign * float(known.mean()) if len(known) else float("nan")

    def __repr__(self) -> str:
        return f"make_explanation_scorer({name_of(self.metric)}, greater_is_better={self.sign > 0})"


def make_explanation_scorer(
    metric: Callable[..., Any],
    *,
    greater_is_better: bool | None = None,
    n_background: int = 100,
    random_state: int = 0,
    **options: Any,
) -> ExplanationScorer:
    """Make a scorer of explainers from a metric of explanations.

    Parameters
    ----------
    metric : callable
        Such as `faithfulness_correlation`: ``metric(estimator, X, attributions, **keywords)``
        returns one number per row.
    greater_is_better : bool, default=None
        None is known for the metrics of this package, and True for all others.
    n_background : int, default=100
        The absent players take the values of at most so many of the explainer's reference rows.
    random_state : int, default=0
        Seed of the metric, the same for every explainer.
    **options : object
        Further keywords of the metric.

    Returns
    -------
    scorer : ExplanationScorer
        A callable ``scorer(explainer, X, y=None) -> float`` that can be pickled: the mean over
        the rows, with its sign changed where smaller is better.

    Raises
    ------
    TypeError
        The metric is no callable.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sklearn.model_selection import GridSearchCV
    >>> from surrogates import KernelSHAP
    >>> from surrogates.metrics import make_explanation_scorer, shapley_kernel_r2
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> forest = RandomForestRegressor(10, random_state=0).fit(X, y)
    >>> scorer = make_explanation_scorer(shapley_kernel_r2, n_background=20, n_samples=50)
    >>> explainer = KernelSHAP(forest, n_background=20, method="sampling", random_state=0)
    >>> search = GridSearchCV(explainer, {"n_coalitions": [16, 256]}, scoring=scorer, cv=2)
    >>> search.fit(X[:40]).best_params_
    {'n_coalitions': 256}
    """
    if not callable(metric):
        raise TypeError(f"metric must be a callable. Got {metric!r}.")
    if greater_is_better is None:
        greater_is_better = name_of(metric) not in LOWER_IS_BETTER
    sign = 1 if greater_is_better else -1
    return ExplanationScorer(metric, sign, n_background, random_state, options)
