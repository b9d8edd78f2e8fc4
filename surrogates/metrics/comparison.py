"""Explainers side by side: what each metric says of each, with standard errors."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates._params import Interval, check_params
from surrogates.metrics.complexity import effective_size
from surrogates.metrics.faithfulness import faithfulness_correlation
from surrogates.metrics.flipping import abpc
from surrogates.metrics.judging import (
    LOWER_IS_BETTER,
    Metric,
    judge,
    judging_background,
    name_of,
)
from surrogates.metrics.question import draw_seed
from surrogates.metrics.surrogate_fit import shapley_kernel_r2

__all__ = ["compare_explainers"]

_N_SETS = 256


def compare_explainers(
    explainers: Mapping[str, Any] | Sequence[Any],
    X: Any,
    metrics: Mapping[str, Metric] | Sequence[Metric] | None = None,
    *,
    background: Any = None,
    sample_weight: Any = None,
    n_background: int = 100,
    n_samples: int | None = None,
    random_state: Any = 0,
) -> pd.DataFrame:
    """Judge several explainers on the same rows, by the same metrics, with the same seed.

    Parameters
    ----------
    explainers : mapping of str to explainer, or sequence of explainers
        Fitted; a sequence is named after its classes.
    X : {array-like, DataFrame} of shape (n_rows, n_columns)
        Rows to explain.
    metrics : mapping of str to callable, or sequence of callables, default=None
        Of this module, also with parameters filled in by ``functools.partial``. None is
        `faithfulness_correlation`, `shapley_kernel_r2`, `abpc` and `effective_size`.
    background : {array-like, DataFrame} of shape (n_background, n_columns), default=None
        Rows that absent players take their values from, for all explainers. None is each
        explainer's own reference rows.
    sample_weight : array-like of shape (n_background,), default=None
        Weights of `background`.
    n_background : int, default=100
        At most so many of an explainer's own reference rows are used.
    n_samples : int, default=None
        Sets or neighbours of each metric that draws some; None is the default of each, but 256
        sets for the `shapley_kernel_r2` that is compared by default.
    random_state : int, RandomState instance or None, default=0
        Seed of all metrics.

    Returns
    -------
    frame : DataFrame
        One line per metric and explainer: explainer, metric, mean (over the rows that have a
        value), std_error (of the mean), n_rows (that have a value), better ("larger" or
        "smaller"). Draw it by ``surrogates.explanation.ComparisonDisplay(frame).plot()``.

    Raises
    ------
    ValueError
        No explainers, equal names, or what the metrics refuse.
    NotFittedError
        An explainer was not fitted.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from surrogates import LIME, KernelSHAP
    >>> from surrogates.metrics import compare_explainers
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = Ridge().fit(X, y)
    >>> explainers = [KernelSHAP(model, random_state=0).fit(X), LIME(model).fit(X)]
    >>> frame = compare_explainers(explainers, X[:20], background=X)
    >>> best = frame[frame["metric"] == "shapley_kernel_r2"].set_index("explainer")["mean"]
    >>> bool(best["KernelSHAP"] > 0.99 > best["LIME"])
    True
    """
    rules = {"n_background": [Interval("int", 1, None)]}
    check_params("compare_explainers", {"n_background": n_background}, rules)
    named, seed = _named(explainers), draw_seed(random_state)
    judges = _recommended(n_samples) if metrics is None else _judges(metrics)
    lines = []
    for name, explainer in named.items():
        rows, weights = background, sample_weight
        if background is None:
            rows, weights = judging_background(explainer, X, n_background, seed)
        options = {"background": rows, "sample_weight": weights, "random_state": seed}
        if n_samples is not None:
            options["n_samples"] = n_samples
        explanation = explainer.explain(X)
        for metric_name, metric in judges.items():
            scores = judge(metric, explainer, X, explanation, _unless_given(metric, options))
            lines.append({"explainer": name, "metric": metric_name, **_summary(scores, metric)})
    frame = pd.DataFrame(lines)
    places = frame["metric"].map({name: place for place, name in enumerate(judges)})
    return frame.iloc[np.argsort(places, kind="stable")].reset_index(drop=True)


def _named(explainers: Mapping[str, Any] | Sequence[Any]) -> dict[str, Any]:
    if isinstance(explainers, Mapping):
        named = dict(explainers)
    else:
        names = [type(explainer).__name__ for explainer in explainers]
        if len(set(names)) < len(names):
            raise ValueError(
                f"explainers of one class need names: pass a mapping of names. Got {names}."
            )
        named = dict(zip(names, explainers, strict=True))
    if not named:
        raise ValueError("explainers must hold at least one explainer.")
    return named


def _recommended(n_samples: int | None) -> dict[str, Metric]:
    return {
        "faithfulness_correlation": faithfulness_correlation,
        "shapley_kernel_r2": partial(shapley_kernel_r2, n_samples=n_samples or _N_SETS),
        "abpc": abpc,
        "effective_size": effective_size,
    }


def _judges(metrics: Mapping[str, Metric] | Sequence[Metric]) -> dict[str, Metric]:
    if isinstance(metrics, Mapping):
        return dict(metrics)
    judges = {name_of(metric): metric for metric in metrics}
    if not judges or len(judges) < len(metrics):
        raise ValueError("metrics must hold at least one callable, and none of one name twice.")
    return judges


def _unless_given(metric: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that a partial function does not fill in itself."""
    filled_in = getattr(metric, "keywords", {})
    return {name: value for name, value in options.items() if name not in filled_in}


def _summary(scores: NDArray[np.float64], metric: Metric) -> dict[str, Any]:
    known = scores[np.isfinite(scores)]
    n = len(known)
    return {
        "mean": float(known.mean()) if n else np.nan,
        "std_error": float(known.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan,
        "n_rows": n,
        "better": "smaller" if name_of(metric) in LOWER_IS_BETTER else "larger",
    }
