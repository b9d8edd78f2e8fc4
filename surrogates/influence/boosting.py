"""Read boosted trees as structures whose leaf values follow from the training rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.utils.class_weight import compute_sample_weight

from surrogates._kernels.leaf_refit import BINOMIAL, MULTINOMIAL, SQUARED, refit_leaves
from surrogates._kernels.leaves import apply
from surrogates._kernels.trees import LEAF
from surrogates.blackbox.ensembles import TreeEnsemble, read_ensemble
from surrogates.influence.engine import Training
from surrogates.influence.losses import LogLoss, Loss, SoftmaxLoss, SquaredError
from surrogates.influence.objectives import Balance

__all__ = ["BoostedTrees", "is_boosting", "read_boosting"]

Array = NDArray[np.float64]

_HISTOGRAM = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
_GRADIENT = (GradientBoostingClassifier, GradientBoostingRegressor)
_TINY = 1e-15  # what histogram gradient boosting adds to the sum of curvatures
_TOLERANCE, _SINGLE_TOLERANCE = 1e-8, 1e-4


@dataclass(frozen=True, eq=False)
class BoostedTrees:
    """Boosted trees with fixed structure.

    Parameters
    ----------
    ensemble : TreeEnsemble
    loss : Loss
    kind : int
        The same for the kernel.
    leaf_of_node : ndarray of shape (n_nodes,)
        Number of a leaf, counted over all trees.
    tree_starts : ndarray of shape (n_trees + 1,)
        First leaf of each tree.
    leaves : ndarray of shape (n_trees, n_rows)
        Leaves of the training rows.
    y : ndarray of shape (n_rows,)
    weights : ndarray of shape (n_rows,)
        Sample weights times class weights.
    settings : tuple
        Learning rate, L2 regularization, factor of the slopes, and whether derivatives are
        rounded to single precision.
    starts_at_zero : bool
        Whether boosting starts from 0, and not from the best constant.
    balance : Balance or None
        How class weights depend on the rows.
    """

    ensemble: TreeEnsemble
    loss: Loss
    kind: int
    leaf_of_node: NDArray[np.int64]
    tree_starts: NDArray[np.int64]
    leaves: NDArray[np.int64]
    y: Array
    weights: Array
    settings: tuple[float, float, float, bool]
    starts_at_zero: bool
    balance: Balance | None

    @property
    def n_outputs(self) -> int:
        """Number of trees per stage."""
        return self.ensemble.n_outputs

    def leaves_of(self, X: Any) -> NDArray[np.int64]:
        """Return the leaves that rows reach, of shape (n_trees, n_rows)."""
        return _leaves(self.ensemble, self.leaf_of_node, X)

    def weights_without(self, removals: list[NDArray[np.int64]]) -> Array:
        """Return the weights of the training rows in every case, of shape (n_cases, n_rows)."""
        weights = np.tile(self.weights, (len(removals), 1))
        if self.balance is not None:
            weights *= self.balance.factors(removals)[:, self.balance.codes]
        for case, rows in enumerate(removals):
            weights[case, rows] = 0.0
        return weights

    def start(self, weights: Array) -> Array:
        """Return the raw predictions before any tree, of shape (n_cases, n_outputs)."""
        if self.starts_at_zero:
            return np.zeros((len(weights), self.n_outputs))
        totals = weights.sum(axis=1, keepdims=True)
        if self.kind != MULTINOMIAL:
            means = weights @ self.y[:, None] / totals
            return means if self.kind == SQUARED else np.asarray(logit(_inside(means)))
        shares = weights @ (self.y[:, None] == np.arange(self.n_outputs)) / totals
        logs = np.log(_inside(shares))
        return np.asarray(logs - logs.mean(axis=1, keepdims=True))

    def refit(self, weights: Array) -> Array:
        """Return what every leaf adds to the raw prediction, of shape (n_cases, n_leaves)."""
        values = np.empty((len(weights), self.tree_starts[-1]))
        refit_leaves(
            self.kind,
            self.leaves,
            self.tree_starts,
            self.y,
            weights,
            self.start(weights),
            self.settings,
            values,
        )
        return values


def _inside(shares: Array) -> Array:
    eps = np.finfo(np.float64).eps
    return np.clip(shares, eps, 1.0 - eps)


def is_boosting(estimator: Any) -> bool:
    """Tell whether `estimator` is of a class that is read here."""
    return isinstance(estimator, (*_GRADIENT, *_HISTOGRAM))


def read_boosting(training: Training) -> BoostedTrees:
    """Read a boosted model and check that its leaf values follow from the rows given.

    Parameters
    ----------
    training : Training

    Returns
    -------
    boosted : BoostedTrees

    Raises
    ------
    ValueError
        The loss is not known, or boosting replayed on the rows gives other leaf values.
    """
    model = training.estimator
    loss, kind = _loss(model)
    ensemble = read_ensemble(model, "decision_function" if is_classifier(model) else "predict")
    if ensemble is None:
        raise _unreadable(model, "its trees cannot be read")
    is_leaf = ensemble.trees.feature == LEAF
    leaf_of_node = np.cumsum(is_leaf) - 1
    counts = np.concatenate([[0], np.cumsum(is_leaf)])
    boosted = BoostedTrees(
        ensemble=ensemble,
        loss=loss,
        kind=kind,
        leaf_of_node=leaf_of_node.astype(np.int64),
        tree_starts=counts[ensemble.trees.roots].astype(np.int64),
        leaves=_leaves(ensemble, leaf_of_node, training.X),
        y=training.y.astype(np.float64),
        weights=_row_weights(model, training),
        settings=_settings(model, kind, ensemble.n_outputs),
        starts_at_zero=getattr(model, "init", None) == "zero",
        balance=_balance(model, training),
    )
    _check_replay(boosted, model)
    return boosted


def _loss(model: Any) -> tuple[Loss, int]:
    if model.loss == "squared_error":
        return SquaredError(), SQUARED
    if model.loss == "log_loss":
        return (LogLoss(), BINOMIAL) if len(model.classes_) == 2 else (SoftmaxLoss(), MULTINOMIAL)
    raise _unreadable(model, f"it was fitted with loss={model.loss!r}")


def _unreadable(model: Any, why: str) -> ValueError:
    return ValueError(
        f"The leaf values of {type(model).__name__} are no known function of the rows: {why}. "
        "Use method='retrain'."
    )


def _settings(model: Any, kind: int, n_outputs: int) -> tuple[float, float, float, bool]:
    rate = float(model.learning_rate)
    if isinstance(model, _HISTOGRAM):
        return rate, float(model.l2_regularization) + _TINY, 1.0, True
    if not isinstance(model.init_, (str, DummyClassifier, DummyRegressor)):
        raise _unreadable(model, "it starts from a model given as init")
    factor = (n_outputs - 1) / n_outputs if kind == MULTINOMIAL else 1.0
    return rate, 0.0, factor, False


def _row_weights(model: Any, training: Training) -> Array:
    given = getattr(model, "class_weight", None)
    if given is None:
        return training.weights
    if isinstance(given, dict):
        given = {code: given.get(label, 1.0) for code, label in enumerate(model.classes_)}
    return np.asarray(training.weights * compute_sample_weight(given, training.y))


def _balance(model: Any, training: Training) -> Balance | None:
    if not isinstance(getattr(model, "class_weight", None), str):
        return None
    sizes, adapts = np.ones(training.n_rows), np.ones(len(model.classes_), dtype=np.bool_)
    return Balance(training.y.astype(np.int64), sizes, adapts)


def _leaves(ensemble: TreeEnsemble, leaf_of_node: NDArray[Any], X: Any) -> NDArray[np.int64]:
    encoded = ensemble.encode(X)
    nodes = np.empty((len(ensemble.trees.roots) - 1, len(encoded)), dtype=np.int64)
    apply(ensemble.trees, encoded, nodes)
    return np.asarray(leaf_of_node[nodes], dtype=np.int64)


def _check_replay(boosted: BoostedTrees, model: Any) -> None:
    """Compare the leaf values of the model with those of boosting replayed on the rows."""
    trees = boosted.ensemble.trees
    expected = trees.values[trees.feature == LEAF][:, 0]
    found = boosted.refit(boosted.weights[None])[0]
    tolerance = _SINGLE_TOLERANCE if boosted.settings[3] else _TOLERANCE
    if np.abs(found - expected).max() > tolerance * max(np.abs(expected).max(), 1e-12):
        raise ValueError(
            f"The leaf values of {type(model).__name__} do not follow from the rows passed to "
            "fit. Pass the X, y and sample_weight that it was fitted on; models with subsample "
            "below 1, early stopping on held-out rows or monotonic constraints need "
            "method='retrain'."
        )
