"""Sanity checks: an explanation must change when what the model has learnt is destroyed.

Adebayo, Gilmer, Muelly, Goodfellow, Hardt and Kim, "Sanity checks for saliency maps" (NeurIPS
2018): a method that gives the same answers for a model of random labels, or of random parameters,
does not explain the model.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from surrogates._params import Interval, check_params
from surrogates.metrics.correlations import spearman
from surrogates.metrics.question import as_table, draw_seed
from surrogates.metrics.refitting import (
    check_target,
    explain_refit,
    fitted_explainer,
    same_outputs,
    unfitted_twin,
)
from surrogates.metrics.values import over_outputs

__all__ = ["label_randomization", "model_randomization", "permute_parameters"]

_REPEATS = [Interval("int", 1, None)]


def label_randomization(
    explainer: Any,
    X: Any,
    y: Any,
    rows: Any = None,
    *,
    n_repeats: int = 5,
    random_state: Any = None,
    n_jobs: int | None = None,
) -> NDArray[np.float64]:
    """Compare explanations with those of models fitted on permuted labels.

    Parameters
    ----------
    explainer : AttributionExplainer
        Around a scikit-learn estimator; if it is not fitted, it is on `X` and `y`.
    X : {array-like, DataFrame} of shape (n_train, n_columns)
        Training rows, and the reference group of the random models.
    y : array-like of shape (n_train,)
        Their target.
    rows : {array-like, DataFrame} of shape (n_rows, n_columns), default=None
        Rows to explain; None is `X`.
    n_repeats : int, default=5
        How many permutations.
    random_state : int, RandomState instance or None, default=None
        Seed of the permutations.
    n_jobs : int, default=None
        Number of joblib workers over the permutations.

    Returns
    -------
    change : ndarray of shape (n_rows,)
        ``1 - |Spearman correlation|`` of the magnitudes of the two explanations, the mean over
        permutations and outputs: about 0 if the explanation does not depend on what the model has
        learnt, about 0.7 to 0.8 for unrelated ones of ten players. NaN for a single player.

    Raises
    ------
    ValueError
        X and y differ in length, or a parameter is out of range.
    TypeError
        The model cannot be fitted again.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from surrogates import KernelSHAP
    >>> from surrogates.metrics import label_randomization
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> change = label_randomization(KernelSHAP(Ridge()), X, y, X[:50], random_state=0)
    >>> bool(change.mean() > 0.4)
    True
    """
    check_params("label_randomization", {"n_repeats": n_repeats}, {"n_repeats": _REPEATS})
    table, target = check_target(X, y)
    explained = table if rows is None else as_table(rows, "rows")
    twin, everyone = unfitted_twin(explainer), np.arange(len(target))
    rng = np.random.default_rng(draw_seed(random_state))
    shuffled = [rng.permutation(target) for _ in range(n_repeats)]
    found = Parallel(n_jobs=n_jobs)(
        delayed(explain_refit)(twin, table, labels, everyone, explained) for labels in shuffled
    )
    original = fitted_explainer(explainer, table, target).explain(explained)
    return _changes(original, found)


def model_randomization(
    explainer: Any,
    X: Any,
    y: Any = None,  # noqa: ARG001
    rows: Any = None,
    *,
    randomize: Callable[[Any, np.random.Generator], Any] | None = None,
    n_repeats: int = 5,
    random_state: Any = None,
    n_jobs: int | None = None,
) -> NDArray[np.float64]:
    """Compare explanations with those of models whose learnt parameters are permuted.

    Parameters
    ----------
    explainer : AttributionExplainer
        Fitted, around a fitted model.
    X : {array-like, DataFrame} of shape (n_reference, n_columns)
        The reference group of the random models.
    y : array-like, default=None
        Not used: nothing is fitted again. Both sanity checks are called alike.
    rows : {array-like, DataFrame} of shape (n_rows, n_columns), default=None
        Rows to explain; None is `X`.
    randomize : callable, default=None
        ``randomize(model, rng)`` returns a random model and leaves the model as it is. None is
        `permute_parameters`, which knows linear models, perceptrons, trees and their ensembles.
    n_repeats : int, default=5
        How many random models.
    random_state : int, RandomState instance or None, default=None
        Seed of the random models.
    n_jobs : int, default=None
        Number of joblib workers over the random models.

    Returns
    -------
    change : ndarray of shape (n_rows,)
        As for `label_randomization`.

    Raises
    ------
    TypeError
        The parameters of the model are not known: pass `randomize`, or use
        `label_randomization`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from surrogates import KernelSHAP
    >>> from surrogates.metrics import model_randomization
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> explainer = KernelSHAP(Ridge().fit(X, y), random_state=0).fit(X)
    >>> bool(model_randomization(explainer, X, y, X[:50], random_state=0).mean() > 0.4)
    True
    """
    check_params("model_randomization", {"n_repeats": n_repeats}, {"n_repeats": _REPEATS})
    table = as_table(X, "X")
    explained = table if rows is None else as_table(rows, "rows")
    model = getattr(explainer, "estimator_", explainer.estimator)
    make = permute_parameters if randomize is None else randomize
    rng = np.random.default_rng(draw_seed(random_state))
    models = [make(model, rng) for _ in range(n_repeats)]
    found = Parallel(n_jobs=n_jobs)(
        delayed(_explain_model)(explainer, other, table, explained) for other in models
    )
    return _changes(explainer.explain(explained), found)


def permute_parameters(model: Any, rng: np.random.Generator) -> Any:
    """Return a copy of a fitted model whose learnt parameters are permuted.

    The coefficients of linear models, the weights of every layer of perceptrons, and the values
    of the leaves of every tree trade places. Of a Pipeline, the last step is permuted.

    Parameters
    ----------
    model : object
        A fitted scikit-learn estimator; it is not changed.
    rng : numpy.random.Generator

    Returns
    -------
    model : object

    Raises
    ------
    TypeError
        The parameters of the model are not known.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from surrogates.metrics import permute_parameters
    >>> model = LinearRegression().fit(np.eye(4), [1.0, 2.0, 3.0, 5.0])
    >>> other = permute_parameters(model, np.random.default_rng(0))
    >>> sorted(other.coef_) == sorted(model.coef_), list(other.coef_) == list(model.coef_)
    (True, False)
    """
    copy = deepcopy(model)
    _permute(copy, rng)
    return copy


def _permute(model: Any, rng: np.random.Generator) -> None:
    if isinstance(model, Pipeline):
        _permute(model.steps[-1][1], rng)
    elif isinstance(model, FrozenEstimator):
        _permute(model.estimator, rng)
    elif hasattr(model, "best_estimator_"):
        _permute(model.best_estimator_, rng)
    elif hasattr(model, "coefs_"):
        model.coefs_ = [
            rng.permutation(weights.ravel()).reshape(weights.shape) for weights in model.coefs_
        ]
    elif isinstance(getattr(model, "coef_", None), np.ndarray):
        model.coef_ = rng.permuted(model.coef_, axis=-1)
    elif hasattr(model, "tree_"):
        _permute_leaves(model.tree_, rng)
    elif len(getattr(model, "estimators_", ())):
        for inner in np.ravel(model.estimators_):
            _permute(inner, rng)
    else:
        raise TypeError(
            f"The parameters of {type(model).__name__} are not known: pass 'randomize', or use "
            "label_randomization."
        )


def _permute_leaves(tree: Any, rng: np.random.Generator) -> None:
    leaves = np.flatnonzero(tree.children_left < 0)
    tree.value[leaves] = tree.value[rng.permutation(leaves)]


def _explain_model(explainer: Any, model: Any, X: Any, rows: Any) -> Any:
    return clone(explainer).set_params(estimator=model).fit(X).explain(rows)


def _changes(original: Any, others: list[Any]) -> NDArray[np.float64]:
    same_outputs([original, *others])
    size = np.abs(original.values)
    changes = [1.0 - np.abs(spearman(size, np.abs(other.values), axis=1)) for other in others]
    return over_outputs(np.concatenate(changes, axis=-1))
