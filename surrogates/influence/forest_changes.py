"""Influence on averaged trees of fixed structure, from the weights of rows in their leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from surrogates._kernels.leaf_means import add_node_sums, means_without_each, means_without_some
from surrogates._kernels.leaves import add_leaf_rows, add_shared_leaves
from surrogates.influence.engine import Question, Training
from surrogates.influence.fixed_splits import STRUCTURE, leaf_members, refuse_exact
from surrogates.influence.forests import AveragedTrees, read_forest

__all__ = ["ForestEngine", "GroupMeans", "LeafMeans", "make_forest_engine"]

Array = NDArray[np.float64]
Removals = Sequence[NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class _Averages:
    """Predictions of averaged trees, and what their changes do to the squared error."""

    forest: AveragedTrees
    question: Question

    def predictions(self, nodes: NDArray[np.int64]) -> Array:
        """Return the predictions for rows, of shape (n_rows, width)."""
        forest = self.forest
        means = forest.sums / forest.totals[:, None]
        return np.asarray(means[nodes].mean(axis=0))

    def targets(self, y: NDArray[Any] | None, n_rows: int) -> Array:
        """Return indicators of classes, or numbers, of shape (n_rows, width)."""
        if y is None:
            raise ValueError("The loss of a row needs its label: pass y to explain.")
        width = self.forest.y.shape[1]
        if width == 1:
            return y.reshape(n_rows, 1).astype(np.float64)
        return (y[:, None] == np.arange(width)).astype(np.float64)

    def answer(
        self, nodes: NDArray[np.int64], y: NDArray[Any] | None, steps: Any, out: Array
    ) -> None:
        """Write the changes of losses or predictions; `steps(k)` gives those of output k."""
        if self.question.of == "prediction":
            width = self.forest.y.shape[1]
            out[:] = steps((self.question.output or 0) if width > 1 else 0)
            return
        errors = self.predictions(nodes) - self.targets(y, nodes.shape[1])
        out[:] = 0.0
        for k in range(errors.shape[1]):
            step = steps(k)
            quadratic = 0.0 if self.question.method == "first_order" else step
            out += step * (2.0 * errors[:, k, None] + quadratic)


@dataclass(frozen=True, eq=False)
class LeafMeans(_Averages):
    """Changes of leaf means when every training row is removed alone.

    Parameters
    ----------
    forest : AveragedTrees
    question : Question
    changes : ndarray of shape (width, n_trees, n_train)
        Of the mean of the leaf that a row is in.
    members : ndarray of shape (n_trees, n_train)
    starts : ndarray of shape (n_nodes + 1,)
    """

    changes: Array
    members: NDArray[np.int64]
    starts: NDArray[np.int64]

    def fill(self, X: Any, y: NDArray[Any] | None, out: Array) -> None:
        """Write the influence of training rows on test rows."""
        nodes = self.forest.nodes_of(X)
        self.answer(nodes, y, _Shared(self, nodes), out)

    def of_own_row(self, y: NDArray[Any]) -> Array:
        """Return the influence of training rows on themselves."""
        own = np.empty((len(y), 1))
        self.answer(self.forest.nodes, y, _Own(self), own)
        return own[:, 0]

    def similarity(self, nodes: NDArray[np.int64]) -> Array:
        """Return the weights of the training rows in the predictions for rows."""
        forest = self.forest
        return self.shared(nodes, forest.weights / forest.totals[forest.nodes])

    def shared(self, nodes: NDArray[np.int64], train: Array) -> Array:
        """Return averages over the trees in which training rows share the leaf of a row."""
        out = np.zeros((nodes.shape[1], train.shape[1]))
        shares = np.full(nodes.shape, 1.0 / len(nodes))
        add_shared_leaves(nodes, self.members, self.starts, shares, train, out)
        return out


@dataclass(frozen=True)
class _Shared:
    """Changes of predictions for test rows."""

    means: LeafMeans
    nodes: NDArray[np.int64]

    def __call__(self, output: int) -> Array:
        return self.means.shared(self.nodes, self.means.changes[output])


@dataclass(frozen=True)
class _Own:
    """Changes of predictions for the removed rows themselves."""

    means: LeafMeans

    def __call__(self, output: int) -> Array:
        return self.means.changes[output].mean(axis=0)[:, None]


@dataclass(frozen=True, eq=False)
class GroupMeans(_Averages):
    """Changes of leaf means when sets of training rows are removed.

    Parameters
    ----------
    forest : AveragedTrees
    question : Question
    changes : ndarray of shape (width, n_nodes, n_groups)
    """

    changes: Array

    def fill(self, X: Any, y: NDArray[Any] | None, out: Array) -> None:
        """Write the influence of groups on test rows."""
        nodes = self.forest.nodes_of(X)
        self.answer(nodes, y, _Tabled(self, nodes), out)


@dataclass(frozen=True)
class _Tabled:
    """Changes of predictions for test rows, looked up node by node."""

    means: GroupMeans
    nodes: NDArray[np.int64]

    def __call__(self, output: int) -> Array:
        table = self.means.changes[output]
        out = np.zeros((self.nodes.shape[1], table.shape[1]))
        add_leaf_rows(self.nodes, table, out)
        return out / len(self.nodes)


@dataclass(frozen=True, eq=False)
class ForestEngine:
    """Averaged trees, and the changes of their leaf means for every training row removed alone.

    Parameters
    ----------
    means : LeafMeans
    training : Training
    details : mapping
    """

    means: LeafMeans
    training: Training
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def worker(self) -> LeafMeans:
        """What a process needs to fill blocks of rows."""
        return self.means

    @property
    def self_influence(self) -> Array:
        """Influence of every training row on itself."""
        return self.means.of_own_row(self.training.y)

    def losses(self, X: Any, y: NDArray[Any]) -> Array:
        """Return the squared error of the predictions for rows."""
        nodes = self.means.forest.nodes_of(X)
        errors = self.means.predictions(nodes) - self.means.targets(y, len(y))
        return np.asarray(np.square(errors).sum(axis=1))

    def judge(self, model: Any, X: Any, y: NDArray[Any] | None) -> Array:
        """Return the loss, or the prediction, of another fitted model for rows."""
        outputs = model.predict_proba(X) if hasattr(model, "classes_") else model.predict(X)
        outputs = np.asarray(outputs, dtype=np.float64).reshape(len(outputs), -1)
        if self.means.question.of == "prediction":
            return outputs[:, (self.means.question.output or 0) if outputs.shape[1] > 1 else 0]
        errors = outputs - self.means.targets(y, len(outputs))
        return np.asarray(np.square(errors).sum(axis=1))

    def similarity(self, X: Any) -> Array:
        """Return the weights of the training rows in the predictions, (n_rows, n_train)."""
        return self.means.similarity(self.means.forest.nodes_of(X))

    def without(self, groups: Removals) -> tuple[GroupMeans, dict[str, Any]]:
        """Return the changes when sets of rows are removed."""
        forest = self.means.forest
        changes = np.empty((forest.sums.shape[1], len(forest.totals), len(groups)))
        for place, rows in enumerate(groups):
            totals, sums = np.zeros_like(forest.totals), np.zeros_like(forest.sums)
            weights = np.ascontiguousarray(forest.weights[:, rows])
            trees = forest.ensemble.trees
            add_node_sums(trees, forest.encoded[rows], weights, forest.y[rows], totals, sums)
            out = np.empty_like(sums)
            means_without_some(forest.parents, forest.totals, forest.sums, totals, sums, out)
            changes[:, :, place] = out.T
        return GroupMeans(forest, self.means.question, np.ascontiguousarray(changes)), {}


def make_forest_engine(training: Training, question: Question) -> ForestEngine:
    """Read the trees and compute the changes for every row removed alone."""
    refuse_exact(training, question)
    forest = read_forest(training)
    details = {
        "loss": (
            "squared error of the probabilities (Brier score)"
            if is_classifier(training.estimator)
            else "squared error"
        ),
        "formula": "leaf weights",
        "structure": STRUCTURE,
        "noise_ceiling": (
            "trees drawn anew differ by more than one row does: refits with two seeds agree by a "
            "correlation near 0.2 for 100 trees; validate() measures it for this forest"
        ),
        "stationarity_residual": 0.0,
        "polished_rows": 0,
    }
    members, starts = leaf_members(forest.nodes, len(forest.totals))
    means = LeafMeans(forest, question, _row_changes(forest, question), members, starts)
    return ForestEngine(means, training, details)


def _row_changes(forest: AveragedTrees, question: Question) -> Array:
    width = forest.y.shape[1]
    if question.method == "first_order":
        totals = forest.totals[forest.nodes]
        shares = forest.weights / totals
        return np.array(
            [
                shares * (forest.sums[forest.nodes, k] / totals - forest.y[:, k])
                for k in range(width)
            ]
        )
    changes = np.empty((width, *forest.nodes.shape))
    means_without_each(
        forest.parents,
        forest.nodes,
        forest.weights,
        forest.y,
        forest.totals,
        forest.sums,
        changes,
    )
    return changes
