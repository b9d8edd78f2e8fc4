"""How well influence agrees with models that were fitted again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.base import clone

from surrogates.influence.forest_changes import ForestEngine
from surrogates.influence.gauss_newton import GaussNewtonEngine
from surrogates.influence.last_step import find_last_step, weight_parameter
from surrogates.influence.modules import is_module
from surrogates.influence.neighbors import NeighborsEngine
from surrogates.influence.network_changes import NetworkEngine
from surrogates.influence.parametric import ParametricEngine
from surrogates.influence.retraining import refit_without
from surrogates.influence.warm_refits import warm_refits

__all__ = ["Case", "agreement", "choose_rows", "compare_with_refits", "refuse_neighbors"]

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

_TIGHT = {"tol": 1e-10, "max_iter": 10_000}
_NOBODY = np.array([], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Case:
    """A model, its training rows, and the rows that its refits are judged on.

    Parameters
    ----------
    engine : Engine
    estimator : object
        Fitted on all rows.
    X, y : table and labels
        All training rows.
    weights : ndarray of shape (n_train,) or None
    X_test : table
    codes : ndarray or None
        Labels of the test rows, as the engine takes them.
    """

    engine: Any
    estimator: Any
    X: Any
    y: Any
    weights: Array | None
    X_test: Any
    codes: NDArray[Any] | None


def choose_rows(self_influence: Array, allowed: Rows, n: int, seed: int) -> Rows:
    """Return half of the rows by their influence on themselves, and half at random."""
    order = allowed[np.argsort(-np.abs(self_influence[allowed]), kind="stable")]
    n = min(n, len(order))
    first, others = order[: (n + 1) // 2], order[(n + 1) // 2 :]
    drawn = np.random.default_rng(seed).permutation(others)[: n - len(first)]
    return np.sort(np.concatenate([first, drawn])).astype(np.int64)


def compare_with_refits(
    case: Case, values: Array, rows: Rows, *, n_jobs: int | None, seed: int
) -> pd.DataFrame:
    """Compare influences with what models fitted again without the rows say.

    Parameters
    ----------
    case : Case
    values : ndarray of shape (n_test, n_rows)
        Influences of the rows.
    rows : ndarray of int of shape (n_rows,)
    n_jobs : int or None
    seed : int
        For forests grown with another seed.

    Returns
    -------
    frame : DataFrame
        One line per kind of refit with the columns pearson, spearman and relative_error.
    """
    found = {}
    if isinstance(case.engine, (NetworkEngine, GaussNewtonEngine)):
        found["trained on without the row"] = agreement(values, _trained_on(case, rows, n_jobs))
    last = find_last_step(case.estimator)
    if is_module(last.final):
        return pd.DataFrame(found).T.rename_axis("truth")
    anew = _refitted(_last_step_case(case), rows, n_jobs)
    found["last step fitted again"] = agreement(values, anew)
    if isinstance(case.engine, ForestEngine) and hasattr(last.final, "random_state"):
        other = _last_step_case(case)
        reseeded = clone(other.estimator).set_params(random_state=seed)
        again = _refitted(replace(other, estimator=reseeded), rows, n_jobs)
        found["refits of two seeds with each other"] = agreement(again, anew)
    if last.steps:
        whole = _refitted(case, rows, n_jobs)
        found["whole Pipeline fitted again"] = agreement(values, whole)
    return pd.DataFrame(found).T.rename_axis("truth")


def refuse_neighbors(engine: Any) -> None:
    """Raise where there is nothing to compare."""
    if isinstance(engine, NeighborsEngine):
        raise ValueError(
            "The Shapley values of nearest neighbors are exact: they are averages over all sets "
            "of training rows, not changes by leaving one row out."
        )


def _last_step_case(case: Case) -> Case:
    last = find_last_step(case.estimator)
    estimator = last.final
    if isinstance(case.engine, ParametricEngine):
        estimator = _tightened(estimator)
    return replace(
        case,
        estimator=estimator,
        X=last.transform(case.X),
        X_test=last.transform(case.X_test),
    )


def _tightened(estimator: Any) -> Any:
    """Return a clone that will be fitted to convergence, where it has a tolerance to set."""
    copy = clone(estimator)
    known = copy.get_params(deep=False)
    return copy.set_params(**{name: value for name, value in _TIGHT.items() if name in known})


def _refitted(case: Case, rows: Rows, n_jobs: int | None) -> Array:
    """Return changes by refits without every row alone, of shape (n_test, n_rows)."""
    tasks = [_NOBODY, *(rows[place : place + 1] for place in range(len(rows)))]
    found = Parallel(n_jobs=n_jobs)(delayed(_refit_answers)(case, task) for task in tasks)
    return np.asarray(np.array(found[1:]).T - found[0][:, None])


def _refit_answers(case: Case, rows: Rows) -> Array:
    weights: Mapping[str, Array] = {}
    if case.weights is not None:
        weights = {weight_parameter(case.estimator): case.weights}
    model = refit_without(case.estimator, case.X, case.y, weights, rows)
    last = find_last_step(model)
    answers: Array = case.engine.judge(last.final, last.transform(case.X_test), case.codes)
    return answers


def _trained_on(case: Case, rows: Rows, n_jobs: int | None) -> Array:
    """Return changes when a network is trained on without every row alone."""
    engine: NetworkEngine | GaussNewtonEngine = case.engine
    X_test = find_last_step(case.estimator).transform(case.X_test)
    network: Any = engine.network
    changes = warm_refits(network, [_NOBODY, *rows[:, None]], n_jobs)
    answers = [
        engine.answers(network.at(network.theta + change), X_test, case.codes) for change in changes
    ]
    return np.asarray(np.array(answers[1:]).T - answers[0][:, None])


def agreement(values: Array, truth: Array) -> dict[str, float]:
    """Return correlations, and the relative error in the Frobenius norm."""
    found, expected = values.ravel(), truth.ravel()
    size = float(np.linalg.norm(expected))
    constant = np.ptp(found) == 0.0 or np.ptp(expected) == 0.0
    return {
        "pearson": np.nan if constant else float(np.corrcoef(found, expected)[0, 1]),
        "spearman": np.nan if constant else float(spearmanr(found, expected).statistic),
        "relative_error": float(np.linalg.norm(found - expected)) / size if size else np.nan,
    }
