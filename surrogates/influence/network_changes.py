"""Influence on networks, by the exact curvature of their objective or by warm refits."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from surrogates.blackbox.table import take_rows
from surrogates.influence.answers import answer_slopes, row_answers
from surrogates.influence.engine import Question, Training
from surrogates.influence.losses import SoftmaxLoss
from surrogates.influence.parametric_model import ParametricModel
from surrogates.influence.warm_refits import converged, warm_refits

__all__ = [
    "NetworkChanges",
    "NetworkEngine",
    "make_network_engine",
    "stationarity_residual",
    "warn_if_far",
]

Array = NDArray[np.float64]
Removals = Sequence[NDArray[np.int64]]

_DAMPING = 1e-3
_CONVEX = 1e-9
_MOST_LEVERAGE = 0.9
_FAR = 0.05
_BLOCK_BYTES = 2**25


@dataclass(frozen=True, eq=False)
class NetworkChanges:
    """A network, and what its parameters change by in every case considered.

    Parameters
    ----------
    network : ParametricModel
        Without training rows.
    changes : ndarray of shape (n_cases, n_parameters)
    question : Question
    """

    network: ParametricModel
    changes: Array
    question: Question

    def fill(self, X: Any, y: NDArray[Any] | None, out: Array) -> None:
        """Write what every case does to every test row."""
        network, question = self.network, self.question
        margins = network.margins(X)
        if question.method == "first_order":
            jacobian = network.jacobian(X)
            slopes = answer_slopes(network.loss, question, y, margins)
            out[:] = np.einsum("nk,nkp->np", slopes, jacobian) @ self.changes.T
            return
        before = row_answers(network.loss, question, y, margins)
        theta = network.theta
        for case, change in enumerate(self.changes):
            moved = network.at(theta + change).margins(X)
            out[:, case] = row_answers(network.loss, question, y, moved) - before

    def of_own_row(self, X: Any, y: NDArray[Any]) -> Array:
        """Return what case i does to row i."""
        own = np.empty((len(y), 1))
        if self.question.method == "first_order":
            return self._own_slopes(X, y)
        for case in range(len(y)):
            alone = replace(self, changes=self.changes[case : case + 1])
            row = slice(case, case + 1)
            alone.fill(take_rows(X, row), y[row], own[row])
        return own[:, 0]

    def _own_slopes(self, X: Any, y: NDArray[Any]) -> Array:
        """Return the linear effect of case i on row i, block by block of rows."""
        network, own = self.network, np.empty(len(y))
        size = max(1, _BLOCK_BYTES // (8 * self.changes.shape[1]))
        for at in range(0, len(own), size):
            block = slice(at, at + size)
            rows = take_rows(X, block)
            margins = network.margins(rows)
            slopes = answer_slopes(network.loss, self.question, y[block], margins)
            jacobian = network.jacobian(rows)
            own[block] = np.einsum("nk,nkp,np->n", slopes, jacobian, self.changes[block])
        return own


@dataclass(frozen=True, eq=False)
class NetworkEngine:
    """A network with the curvature of its objective, and the changes for every row removed alone.

    Parameters
    ----------
    network : ParametricModel
        With its training rows.
    basis : ndarray of shape (n_parameters, rank)
        Whitens the damped curvature.
    changes : NetworkChanges
    training : Training
    details : mapping
    n_jobs : int or None
    """

    network: ParametricModel
    basis: Array
    changes: NetworkChanges
    training: Training
    details: Mapping[str, Any] = field(default_factory=dict)
    n_jobs: int | None = None

    @property
    def worker(self) -> NetworkChanges:
        """What a process needs to fill blocks of rows."""
        return self.changes

    @property
    def self_influence(self) -> Array:
        """Influence of every training row on itself."""
        return self.changes.of_own_row(self.training.X, self.training.y)

    def losses(self, X: Any, y: NDArray[Any]) -> Array:
        """Return the loss of every row."""
        margins = self.changes.network.margins(X)
        return self.network.loss.value(y.astype(np.float64), margins)

    def judge(self, model: Any, X: Any, y: NDArray[Any] | None) -> Array:
        """Return the loss, or the prediction, of another fitted model for rows."""
        return self.answers(self.network.like(model), X, y)

    def answers(self, network: ParametricModel, X: Any, y: NDArray[Any] | None) -> Array:
        """Return the loss, or the prediction, of a network for rows."""
        return row_answers(network.loss, self.changes.question, y, network.margins(X))

    def without(self, groups: Removals) -> tuple[NetworkChanges, dict[str, Any]]:
        """Return the changes when sets of rows are removed."""
        if self.changes.question.method == "exact":
            found = warm_refits(self.network, groups, self.n_jobs, self.basis)
            return replace(self.changes, changes=found), {}
        blocks, pulls = _whitened_rows(self.network, self.basis)
        sums = np.array([pulls[rows].sum(axis=0) for rows in groups])
        if self.changes.question.method == "first_order":
            return replace(self.changes, changes=sums @ self.basis.T), {}
        steps = np.array(
            [
                _group_step(self.network, blocks, rows, total)
                for rows, total in zip(groups, sums, strict=True)
            ]
        )
        return replace(self.changes, changes=steps @ self.basis.T), {}


def make_network_engine(
    network: ParametricModel,
    training: Training,
    question: Question,
    *,
    damping: Any,
    n_jobs: int | None,
) -> NetworkEngine:
    """Form the curvature of a network's objective and the changes for every row removed alone."""
    residual = stationarity_residual(network, training.X)
    if question.method == "exact" and residual > _FAR:
        network = converged(network)
    sizes, directions = np.linalg.eigh(network.curvature())
    if damping == "auto":
        damping = 0.0 if sizes[0] > -_CONVEX * sizes[-1] else _DAMPING
    basis = _basis(sizes, directions, float(damping) * network.weights.sum())
    if question.method == "exact":
        network = converged(network, basis)
    blocks, pulls = _whitened_rows(network, basis)
    leverage = _leverages(network, blocks)
    if question.method == "exact":
        alone = list(np.arange(training.n_rows, dtype=np.int64)[:, None])
        changes = warm_refits(network, alone, n_jobs, basis)
    elif question.method == "first_order":
        changes = pulls @ basis.T
    else:
        changes = _downdated(network, blocks, pulls, leverage) @ basis.T
        if question.method == "auto":
            changes = _best_steps(network, changes, pulls @ basis.T)
    details = {
        "loss": network.loss.unit,
        "stationarity_residual": residual,
        "polished_rows": training.n_rows if question.method == "exact" else 0,
        "damping": float(damping),
        "parameters": len(network.theta),
        "negative_curvatures": int((sizes < 0.0).sum()),
        "leverage": leverage,
        "first_order_rows": int((leverage > _MOST_LEVERAGE).sum()),
    }
    warn_if_far(residual, training.estimator, question)
    light = network.stripped()
    return NetworkEngine(
        network, basis, NetworkChanges(light, changes, question), training, details, n_jobs
    )


def _basis(sizes: Array, directions: Array, damping: float) -> Array:
    """Return what whitens the damped curvature; undamped flat directions are left out."""
    floor = np.finfo(np.float64).eps * sizes[-1]
    basis = directions / np.sqrt(np.maximum(np.abs(sizes) + damping, floor))
    return basis if damping > 0.0 else basis[:, np.abs(sizes) > _CONVEX * sizes[-1]]


def warn_if_far(residual: float, estimator: Any, question: Question) -> None:
    """Warn that a network is not at an optimum, unless it is trained on anyway."""
    if residual > _FAR and question.method != "exact":
        warnings.warn(
            f"{type(estimator).__name__} is not at an optimum of its objective on the rows passed "
            f"to fit: the norm of the gradient is {residual:.2g} of what rows at random would "
            "leave. Influence describes a model that further training would change; train it for "
            "longer (scikit-learn's with solver='lbfgs' and a larger max_iter; of a module, name "
            "the penalty too), and look at validate().",
            ConvergenceWarning,
            stacklevel=5,
        )


def stationarity_residual(network: ParametricModel, X: Any) -> float:
    """Return the norm of the gradient over the root of the sum of squares of what rows add.

    Parameters
    ----------
    network : ParametricModel
    X : {array-like, DataFrame}
        Its training rows, which are taken block by block.
    """
    _, gradient = network.objective(network.theta)
    pulls, total = network.weights[:, None] * _row_slopes(network), 0.0
    size = max(1, _BLOCK_BYTES // (8 * pulls.shape[1] * len(gradient)))
    for at in range(0, len(pulls), size):
        block = slice(at, at + size)
        jacobian = network.jacobian(take_rows(X, block))
        total += np.square(np.einsum("nk,nkp->np", pulls[block], jacobian)).sum()
    return float(np.linalg.norm(gradient) / np.sqrt(total)) if total > 0.0 else 0.0


def _row_slopes(network: ParametricModel) -> Array:
    slopes = network.loss.slope(network.targets, network.margins(network.X))
    return slopes.reshape(len(slopes), -1)


def _whitened_rows(network: ParametricModel, basis: Array) -> tuple[Array, Array]:
    """Return derivatives of margins in whitened coordinates, and what rows add to the gradient."""
    jacobian = network.jacobian(network.X)
    blocks = (jacobian.reshape(-1, len(basis)) @ basis).reshape(*jacobian.shape[:2], -1)
    weighted = network.weights[:, None] * _row_slopes(network)
    return blocks, np.einsum("nk,nkp->np", weighted, blocks)


def _local(network: ParametricModel) -> Array:
    """Return the weighted curvatures of the losses, of shape (n_rows, n_outputs, n_outputs)."""
    local = network.loss.curvature(network.targets, network.margins(network.X))
    if not isinstance(network.loss, SoftmaxLoss):
        return np.asarray((network.weights * local)[:, None, None])
    matrices = -local[:, :, None] * local[:, None, :]
    diagonal = np.arange(local.shape[1])
    matrices[:, diagonal, diagonal] += local
    return np.asarray(network.weights[:, None, None] * matrices)


def _leverages(network: ParametricModel, blocks: Array) -> Array:
    kernels = np.einsum("nkp,nlp->nkl", blocks, blocks)
    return np.einsum("nkl,nlk->n", _local(network), kernels)


def _downdated(network: ParametricModel, blocks: Array, pulls: Array, leverage: Array) -> Array:
    """Take the linear part of the curvature of each row out; rows of high leverage keep it."""
    kernels = np.einsum("nkp,nlp->nkl", blocks, blocks)
    left = np.eye(blocks.shape[1]) - _local(network) @ kernels
    left[leverage > _MOST_LEVERAGE] = np.eye(blocks.shape[1])
    right = network.weights[:, None] * _row_slopes(network)
    steps = np.linalg.solve(left, right[..., None])[..., 0]
    return np.where(
        (leverage > _MOST_LEVERAGE)[:, None], pulls, np.einsum("nk,nkp->np", steps, blocks)
    )


def _best_steps(network: ParametricModel, newton: Array, first_order: Array) -> Array:
    """Choose for every row, of both steps and of half of them, what its objective likes best."""
    theta, best = network.theta, newton.copy()
    for row in range(len(newton)):
        reduced = network.without(np.array([row]))
        steps = (newton[row], first_order[row], newton[row] / 2.0, first_order[row] / 2.0)
        values = [reduced.value(theta + step) for step in steps]
        best[row] = steps[int(np.argmin(values))]
    return best


def _group_step(
    network: ParametricModel, blocks: Array, rows: NDArray[np.int64], total: Array
) -> Array:
    """Return the Newton step without a group; the first-order step where it has no minimum."""
    own, local = blocks[rows], _local(network)[rows]
    lost = np.einsum("nkp,nkl,nlq->pq", own, local, own, optimize=True)
    curvature = np.eye(len(lost)) - lost
    if np.linalg.eigvalsh(curvature)[0] < 1.0 - _MOST_LEVERAGE:
        return total
    return np.asarray(np.linalg.solve(curvature, total))
