"""Read averaged trees, and find out what every training row counts in each of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.class_weight import compute_sample_weight

from surrogates._kernels.leaf_means import add_node_sums
from surrogates._kernels.leaves import apply
from surrogates._kernels.trees import LEAF
from surrogates.blackbox.ensembles import TreeEnsemble, read_ensemble
from surrogates.influence.engine import Training

__all__ = ["AveragedTrees", "is_forest", "read_forest"]

Array = NDArray[np.float64]

_CLASSIFIERS = (DecisionTreeClassifier, RandomForestClassifier, ExtraTreesClassifier)
_REGRESSORS = (DecisionTreeRegressor, RandomForestRegressor, ExtraTreesRegressor)
_TOLERANCE = 1e-7


@dataclass(frozen=True, eq=False)
class AveragedTrees:
    """Trees whose leaves hold means of targets, averaged.

    Parameters
    ----------
    ensemble : TreeEnsemble
    parents : ndarray of shape (n_nodes,)
        -1 for roots.
    encoded : ndarray of shape (n_rows, n_columns)
        The training rows as the trees see them.
    nodes : ndarray of shape (n_trees, n_rows)
        Leaves of the training rows.
    weights : ndarray of shape (n_trees, n_rows)
        What each row counts in each tree.
    y : ndarray of shape (n_rows, width)
        Indicators of the classes, or numbers.
    totals, sums : ndarray of shape (n_nodes,) and (n_nodes, width)
        Weights, and weighted targets, of all rows in a node.
    """

    ensemble: TreeEnsemble
    parents: NDArray[np.int64]
    encoded: Array
    nodes: NDArray[np.int64]
    weights: Array
    y: Array
    totals: Array
    sums: Array

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return len(self.nodes)

    def nodes_of(self, X: Any) -> NDArray[np.int64]:
        """Return the leaves that rows reach, of shape (n_trees, n_rows)."""
        return _nodes(self.ensemble, self.ensemble.encode(X))


def is_forest(estimator: Any) -> bool:
    """Tell whether `estimator` is of a class that is read here."""
    return isinstance(estimator, (*_CLASSIFIERS, *_REGRESSORS))


def read_forest(training: Training) -> AveragedTrees:
    """Read a forest or a single tree, and check that its leaves hold means over the rows given.

    Parameters
    ----------
    training : Training

    Returns
    -------
    forest : AveragedTrees

    Raises
    ------
    ValueError
        The leaves hold something else.
    """
    model = training.estimator
    ensemble = read_ensemble(model, "predict_proba" if is_classifier(model) else "predict")
    if ensemble is None or training.y.ndim > 1:
        raise ValueError(
            f"The trees of {type(model).__name__} predict several targets: use method='retrain'."
        )
    encoded = ensemble.encode(training.X)
    nodes = _nodes(ensemble, encoded)
    y = _targets(model, training)
    expected = ensemble.trees.values * len(nodes)
    for weights in _candidates(model, training):
        totals, sums = np.zeros(len(expected)), np.zeros(expected.shape)
        add_node_sums(ensemble.trees, encoded, weights, y, totals, sums)
        reached = totals > 0.0
        means = sums[reached] / totals[reached, None]
        scale = max(float(np.abs(expected).max()), np.finfo(float).tiny)
        if reached.all() and np.abs(means - expected).max() <= _TOLERANCE * scale:
            parents = _parents(ensemble)
            return AveragedTrees(ensemble, parents, encoded, nodes, weights, y, totals, sums)
    raise ValueError(
        f"The leaves of {type(model).__name__} do not hold means over the rows passed to fit. Pass "
        "the X, y and sample_weight that it was fitted on; criteria other than squared error, "
        "gini, entropy and log loss need method='retrain'."
    )


def _targets(model: Any, training: Training) -> Array:
    if not is_classifier(model):
        return np.ascontiguousarray(training.y[:, None], dtype=np.float64)
    return (training.y[:, None] == np.arange(len(model.classes_))).astype(np.float64)


def _nodes(ensemble: TreeEnsemble, encoded: Array) -> NDArray[np.int64]:
    nodes = np.empty((len(ensemble.trees.roots) - 1, len(encoded)), dtype=np.int64)
    apply(ensemble.trees, encoded, nodes)
    return nodes


def _parents(ensemble: TreeEnsemble) -> NDArray[np.int64]:
    trees = ensemble.trees
    parents = np.full(len(trees.feature), -1, dtype=np.int64)
    inner = np.flatnonzero(trees.feature != LEAF)
    parents[trees.left[inner]] = inner
    parents[trees.right[inner]] = inner
    return parents


def _candidates(model: Any, training: Training) -> list[Array]:
    """Return what rows may count in the trees: versions of scikit-learn differ.

    Sample weights multiplied the counts of a bootstrap, until they became the chances of drawing,
    and "balanced" weights did not heed them.
    """
    full = [training.weights * factors for factors in _class_factors(model, training)]
    if not getattr(model, "bootstrap", False):
        n_trees = len(getattr(model, "estimators_", [model]))
        return [np.tile(weights, (n_trees, 1)) for weights in full]
    counts = np.zeros((len(model.estimators_), training.n_rows))
    samples = model.estimators_samples_  # computed anew at every access
    for tree, drawn in enumerate(samples):
        counts[tree] = np.bincount(drawn, minlength=training.n_rows)
    if getattr(model, "class_weight", None) == "balanced_subsample":
        y = training.y
        factors = [compute_sample_weight("balanced", y, indices=drawn) for drawn in samples]
        counts, full = counts * np.array(factors), [training.weights]
    return [counts, *(counts * weights for weights in full)]


def _class_factors(model: Any, training: Training) -> list[Array]:
    given = getattr(model, "class_weight", None)
    if given is None:
        return [np.ones(training.n_rows)]
    if isinstance(given, dict):
        given = {code: given.get(label, 1.0) for code, label in enumerate(model.classes_)}
        return [np.asarray(compute_sample_weight(given, training.y), dtype=np.float64)]
    totals = np.bincount(training.y, training.weights, minlength=len(model.classes_))
    heeded = totals.sum() / (len(totals) * np.where(totals > 0.0, totals, np.inf))
    plain = np.asarray(compute_sample_weight("balanced", training.y), dtype=np.float64)
    return [heeded[training.y], plain]
