"""Influence on boosted trees of fixed structure: BoostIn and LeafRefit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels.leaves import add_leaf_rows, add_shared_leaves
from surrogates.influence.answers import answer_slopes, row_answers
from surrogates.influence.boosting import BoostedTrees, read_boosting
from surrogates.influence.engine import Question, Training
from surrogates.influence.fixed_splits import STRUCTURE, leaf_members, refuse_exact
from surrogates.influence.losses import Loss, SoftmaxLoss

__all__ = ["BoostIn", "BoostingEngine", "LeafRefit", "make_boosting_engine"]

Array = NDArray[np.float64]
Removals = Sequence[NDArray[np.int64]]

_MOST_REPLAYED = 3e9
_BLOCK_BYTES = 2**25


@dataclass(frozen=True, eq=False)
class LeafRefit:
    """Exact changes of the leaf values when rows are removed and the trees keep their splits.

    Boosting is replayed on the fixed trees without the rows, the prediction before the first tree
    included.

    Parameters
    ----------
    boosted : BoostedTrees
    base : ndarray of shape (n_leaves,)
        What the leaves add with all rows.
    changes : ndarray of shape (n_leaves, n_cases)
    start_changes : ndarray of shape (n_outputs, n_cases)
    question : Question
    """

    boosted: BoostedTrees
    base: Array
    changes: Array
    start_changes: Array
    question: Question

    def fill(self, X: Any, y: NDArray[Any] | None, out: Array) -> None:
        """Write what every case does to every test row."""
        leaves = self.boosted.leaves_of(X)
        margins, steps = self._margins(leaves), self._steps(leaves)
        out[:] = _answers(self.boosted.loss, self.question, y, margins, steps)

    def of_own_row(self) -> Array:
        """Return what case i does to training row i."""
        boosted, rows = self.boosted, np.arange(len(self.boosted.y))
        steps = np.array(
            [
                self.start_changes[output]
                + self.changes[boosted.leaves[output :: boosted.n_outputs], rows].sum(axis=0)
                for output in range(boosted.n_outputs)
            ]
        )[..., None]
        shaped = steps if isinstance(boosted.loss, SoftmaxLoss) else steps[0]
        margins = self._margins(boosted.leaves)
        return _answers(boosted.loss, self.question, boosted.y, margins, shaped)[:, 0]

    def _margins(self, leaves: NDArray[np.int64]) -> Array:
        return _shaped(self.boosted.loss, _raw(self.boosted, self.base, leaves))

    def _steps(self, leaves: NDArray[np.int64]) -> Array:
        n_outputs = self.boosted.n_outputs
        shape = (leaves.shape[1], self.changes.shape[1])
        steps = np.empty((n_outputs, *shape))
        for output in range(n_outputs):
            steps[output] = self.start_changes[output]
            own = np.ascontiguousarray(leaves[output::n_outputs])
            add_leaf_rows(own, self.changes, steps[output])
        return steps if isinstance(self.boosted.loss, SoftmaxLoss) else steps[0]


@dataclass(frozen=True, eq=False)
class BoostIn:
    """First-order changes of the leaf that a row is in, tree by tree.

    ``I(i, t) = sum over trees of g_t rate (g_i + theta h_i) / H_leaf`` over the trees in which i
    and t share a leaf, with the derivatives at the stage of the tree (Brophy, Hammoudeh and Lowd,
    "Adapting and evaluating influence-estimation methods for gradient-boosted decision trees",
    JMLR 24, 2023).

    Parameters
    ----------
    boosted : BoostedTrees
    base : ndarray of shape (n_leaves,)
    train : ndarray of shape (n_trees, n_train)
        Change of its leaf in each tree that each row is to blame for.
    members : ndarray of shape (n_trees, n_train)
    starts : ndarray of shape (n_leaves + 1,)
    question : Question
    """

    boosted: BoostedTrees
    base: Array
    train: Array
    members: NDArray[np.int64]
    starts: NDArray[np.int64]
    question: Question

    def fill(self, X: Any, y: NDArray[Any] | None, out: Array) -> None:
        """Write the influence of training rows on test rows."""
        leaves = self.boosted.leaves_of(X)
        out[:] = 0.0
        weights = self._weights(leaves, y)
        add_shared_leaves(leaves, self.members, self.starts, weights, self.train, out)

    def of_own_row(self) -> Array:
        """Return the influence of training rows on themselves."""
        weights = self._weights(self.boosted.leaves, self.boosted.y)
        return np.asarray((weights * self.train).sum(axis=0))

    def _weights(self, leaves: NDArray[np.int64], y: NDArray[Any] | None) -> Array:
        """Return the slopes for test rows at every tree, of shape (n_trees, n_test)."""
        boosted, question = self.boosted, self.question
        n_outputs = boosted.n_outputs
        raw = np.tile(boosted.start(boosted.weights[None]), (leaves.shape[1], 1))
        weights = np.empty(leaves.shape)
        final = _raw(boosted, self.base, leaves) if question.of == "prediction" else None
        for first in range(0, len(leaves), n_outputs):
            at = raw if final is None else final
            slopes = answer_slopes(boosted.loss, question, y, _shaped(boosted.loss, at))
            for output in range(n_outputs):
                weights[first + output] = slopes[:, output]
                raw[:, output] += self.base[leaves[first + output]]
        return weights


Changes = LeafRefit | BoostIn


@dataclass(frozen=True, eq=False)
class BoostingEngine:
    """Boosted trees and the changes for every training row removed alone.

    Parameters
    ----------
    changes : LeafRefit or BoostIn
    training : Training
    details : mapping
    """

    changes: Changes
    training: Training
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def worker(self) -> Changes:
        """What a process needs to fill blocks of rows."""
        return self.changes

    @property
    def self_influence(self) -> Array:
        """Influence of every training row on itself."""
        return self.changes.of_own_row()

    def losses(self, X: Any, y: NDArray[Any]) -> Array:
        """Return the loss of every row under the model."""
        boosted = self.changes.boosted
        raw = _raw(boosted, self.changes.base, boosted.leaves_of(X))
        margins = _shaped(boosted.loss, raw)
        return boosted.loss.value(y.astype(np.float64), margins)

    def judge(self, model: Any, X: Any, y: NDArray[Any] | None) -> Array:
        """Return the loss, or the prediction, of another fitted model for rows."""
        loss, question = self.changes.boosted.loss, self.changes.question
        margins = model.decision_function(X) if hasattr(model, "classes_") else model.predict(X)
        return row_answers(loss, question, y, margins)

    def without(self, groups: Removals) -> tuple[LeafRefit, dict[str, Any]]:
        """Return the changes when sets of rows are removed: leaves are refitted."""
        question = replace(self.changes.question, method="auto")
        refit = _leaf_refit(self.changes.boosted, question, list(groups))
        return refit, {"formula": "LeafRefit"}


def make_boosting_engine(training: Training, question: Question) -> BoostingEngine:
    """Read the trees and compute the changes for every row removed alone.

    "first_order" is BoostIn, "newton" LeafRefit; "auto" is LeafRefit as long as it replays no more
    than 3e9 leaf entries, and BoostIn beyond.
    """
    refuse_exact(training, question)
    boosted = read_boosting(training)
    work = float(boosted.leaves.size) * training.n_rows
    refits = question.method == "newton" or (question.method == "auto" and work <= _MOST_REPLAYED)
    alone = list(np.arange(training.n_rows, dtype=np.int64)[:, None])
    changes: Changes = (
        _leaf_refit(boosted, question, alone) if refits else _boostin(boosted, question)
    )
    details = {
        "loss": boosted.loss.unit,
        "formula": "LeafRefit" if refits else "BoostIn",
        "structure": STRUCTURE,
        "stationarity_residual": _replay_gap(boosted, changes.base),
        "polished_rows": 0,
    }
    return BoostingEngine(changes, training, details)


def _replay_gap(boosted: BoostedTrees, base: Array) -> float:
    trees = boosted.ensemble.trees
    own = trees.values[trees.feature < 0][:, 0]
    return float(np.abs(base - own).max() / max(np.abs(own).max(), np.finfo(float).tiny))


def _raw(boosted: BoostedTrees, base: Array, leaves: NDArray[np.int64]) -> Array:
    """Return raw predictions of shape (n_rows, n_outputs)."""
    raw = np.tile(boosted.start(boosted.weights[None]), (leaves.shape[1], 1))
    for output in range(boosted.n_outputs):
        raw[:, output] += base[leaves[output :: boosted.n_outputs]].sum(axis=0)
    return raw


def _leaf_refit(
    boosted: BoostedTrees, question: Question, removals: list[NDArray[np.int64]]
) -> LeafRefit:
    base = boosted.refit(boosted.weights[None])[0]
    start = boosted.start(boosted.weights[None])[0]
    changes = np.empty((len(base), len(removals)))
    start_changes = np.empty((len(start), len(removals)))
    size = max(1, _BLOCK_BYTES // (8 * max(len(boosted.y), len(base))))
    for at in range(0, len(removals), size):
        weights = boosted.weights_without(removals[at : at + size])
        changes[:, at : at + size] = (boosted.refit(weights) - base).T
        start_changes[:, at : at + size] = (boosted.start(weights) - start).T
    return LeafRefit(boosted, base, changes, start_changes, question)


def _boostin(boosted: BoostedTrees, question: Question) -> BoostIn:
    base = boosted.refit(boosted.weights[None])[0]
    rate, l2, factor, _ = boosted.settings
    n_trees, n_rows = boosted.leaves.shape
    raw = np.tile(boosted.start(boosted.weights[None]), (n_rows, 1))
    train = np.empty((n_trees, n_rows))
    for tree in range(n_trees):
        output = tree % boosted.n_outputs
        if output == 0:
            margins = _shaped(boosted.loss, raw)
            slopes = boosted.loss.slope(boosted.y, margins).reshape(n_rows, -1)
            curvatures = _diagonal(boosted.loss, boosted.y, raw)
        leaves = boosted.leaves[tree]
        bottoms = np.bincount(leaves, boosted.weights * curvatures[:, output], minlength=len(base))[
            leaves
        ]
        bottoms = np.where(bottoms + l2 > 0.0, bottoms + l2, np.inf)
        own = base[leaves]
        pulls = rate * factor * slopes[:, output] + own * curvatures[:, output]
        train[tree] = boosted.weights * pulls / bottoms
        raw[:, output] += own
    members, starts = leaf_members(boosted.leaves, len(base))
    return BoostIn(boosted, base, train, members, starts, question)


def _shaped(loss: Loss, raw: Array) -> Array:
    """Return raw predictions (n_rows, n_outputs) as margins."""
    return raw if isinstance(loss, SoftmaxLoss) else raw[:, 0]


def _diagonal(loss: Loss, y: Array, raw: Array) -> Array:
    if isinstance(loss, SoftmaxLoss):
        shares = loss.response(raw)
        return shares * (1.0 - shares)
    return loss.curvature(y, raw[:, 0])[:, None]


def _answers(
    loss: Loss, question: Question, y: NDArray[Any] | None, margins: Array, steps: Array
) -> Array:
    """Return changes of losses or predictions, given those of raw predictions."""
    if question.of == "loss":
        if y is None:
            raise ValueError("The loss of a row needs its label: pass y to explain.")
        return loss.change(y.astype(np.float64), margins, steps)
    output = question.output or 0
    before = loss.response(margins)
    if isinstance(loss, SoftmaxLoss):
        after = loss.response(margins[:, None] + np.moveaxis(steps, 0, 2))
        return after[..., output] - before[:, output, None]
    sign = -1.0 if loss.unit == "log loss" and output == 0 else 1.0
    return sign * (loss.response(margins[:, None] + steps) - before[:, None])
