"""How well a readable model stands for the model: held-out fidelity with its interval."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score, r2_score

from surrogates._params import Interval, check_params
from surrogates.explanation.intervals import wilson_interval
from surrogates.metrics.question import as_table, draw_seed

__all__ = ["SurrogateFidelity", "surrogate_fidelity"]


class SurrogateFidelity(NamedTuple):
    """Fidelity of a surrogate on rows that it was not fitted on.

    Parameters
    ----------
    fidelity : float
        Share of equal labels, or R2 of the surrogate's numbers for the model's.
    low, high : float
        Limits of its confidence interval.
    kappa : float
        Cohen's kappa of the labels: agreement beyond that of independent labels. NaN for numbers.
    n_rows : int

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import surrogate_fidelity
    >>> X = np.arange(10.0)[:, None]
    >>> found = surrogate_fidelity(lambda X: X[:, 0] > 4, lambda X: X[:, 0] > 5, X)
    >>> found.fidelity, round(found.low, 3), round(found.high, 3)
    (0.9, 0.596, 0.982)
    """

    fidelity: float
    low: float
    high: float
    kappa: float
    n_rows: int


def surrogate_fidelity(
    estimator: Any,
    surrogate: Any,
    X: Any,
    *,
    level: float = 0.95,
    n_bootstrap: int = 1000,
    random_state: Any = None,
) -> SurrogateFidelity:
    """Compare what a surrogate predicts with what the model predicts.

    Parameters
    ----------
    estimator : object
        The model: a fitted estimator with `predict`, or a callable.
    surrogate : object
        The same, such as a distilled tree.
    X : {array-like, DataFrame} of shape (n_rows, n_columns)
        Rows that the surrogate was not fitted on.
    level : float in (0, 1), default=0.95
        Of the interval: Wilson's (1927) for labels, bootstrap percentiles for numbers.
    n_bootstrap : int, default=1000
        Resamples of the rows, for numbers.
    random_state : int, RandomState instance or None, default=None
        Seed of the resamples.

    Returns
    -------
    SurrogateFidelity
        NaN where the numbers of the model do not vary.

    Raises
    ------
    ValueError
        One predicts labels and the other numbers, or a parameter is out of range.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> from surrogates.metrics import surrogate_fidelity
    >>> X, y = load_diabetes(return_X_y=True)
    >>> forest = RandomForestRegressor(20, random_state=0).fit(X[::2], y[::2])
    >>> tree = DecisionTreeRegressor(max_depth=4, random_state=0)
    >>> tree = tree.fit(X[::2], forest.predict(X[::2]))
    >>> found = surrogate_fidelity(forest, tree, X[1::2], random_state=0)
    >>> found.low < found.fidelity < found.high
    True
    """
    given = {"level": level, "n_bootstrap": n_bootstrap}
    share = Interval("float", 0, 1, "neither")
    rules = {"level": [share], "n_bootstrap": [Interval("int", 1, None)]}
    check_params("surrogate_fidelity", given, rules)
    table = as_table(X, "X")
    truth, said = (_predictions(model, table) for model in (estimator, surrogate))
    if (truth.dtype.kind == "f") != (said.dtype.kind == "f"):
        raise ValueError(
            "The model and the surrogate must both predict labels or both numbers. Got "
            f"{truth.dtype} and {said.dtype}."
        )
    if truth.dtype.kind == "f":
        return _of_numbers(truth, said, level, n_bootstrap, draw_seed(random_state))
    hits, n = int((truth == said).sum()), len(truth)
    together = [*truth.astype(str), *said.astype(str)]
    kappa = np.nan
    if len(set(together)) > 1:
        kappa = float(cohen_kappa_score(together[:n], together[n:]))
    return SurrogateFidelity(hits / n, *wilson_interval(hits, n, level), kappa, n)


def _predictions(model: Any, table: Any) -> NDArray[Any]:
    ask = getattr(model, "predict", model)
    if not callable(ask):
        raise TypeError(f"{type(model).__name__} has no predict and is no callable.")
    answers = np.asarray(ask(table))
    if answers.shape != (table.shape[0],):
        raise ValueError(f"A prediction is needed for each row. Got the shape {answers.shape}.")
    return answers.astype(np.float64) if answers.dtype.kind == "f" else answers


def _of_numbers(
    truth: NDArray[np.float64], said: NDArray[np.float64], level: float, n_bootstrap: int, seed: int
) -> SurrogateFidelity:
    n = len(truth)
    if n < 2 or np.ptp(truth) == 0.0:
        return SurrogateFidelity(np.nan, np.nan, np.nan, np.nan, n)
    drawn = np.random.default_rng(seed).integers(n, size=(n_bootstrap, n))
    some, own = truth[drawn], said[drawn]
    spread = ((some - some.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    missed = ((some - own) ** 2).sum(axis=1)
    scores = 1.0 - missed[spread > 0] / spread[spread > 0]
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return SurrogateFidelity(float(r2_score(truth, said)), float(low), float(high), np.nan, n)
