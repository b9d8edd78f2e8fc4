"""Influence on large networks: the damped Gauss-Newton curvature by conjugate gradients."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from surrogates._kernels.conjugate_gradients import advance
from surrogates.blackbox.table import take_rows
from surrogates.influence.answers import answer_slopes, row_answers
from surrogates.influence.engine import Question, Training
from surrogates.influence.modules import ModuleModel
from surrogates.influence.network_changes import stationarity_residual, warn_if_far

__all__ = ["GaussNewtonEngine", "make_gauss_newton_engine", "solve"]

Array = NDArray[np.float64]
Removals = Sequence[NDArray[np.int64]]

_DAMPING, _TOL = 1e-3, 1e-6
_MOST_STEPS = 2000
_BLOCK_BYTES = 2**25


def solve(
    network: ModuleModel, damping: float, right: Array, *, tol: float, most: int = _MOST_STEPS
) -> tuple[Array, float]:
    """Solve with the damped Gauss-Newton curvature, for several right-hand sides at once.

    Parameters
    ----------
    network : ModuleModel
        With its training rows.
    damping : float
        Added to the curvature of the mean loss.
    right : ndarray of shape (n_systems, n_parameters)
    tol : float
        Norm of what may be left, over that of the right-hand side.
    most : int, default=2000
        Most iterations.

    Returns
    -------
    solutions : ndarray of shape (n_systems, n_parameters)
    left : float
        The largest relative norm of what was left.

    References
    ----------
    N. N. Schraudolph, "Fast curvature matrix-vector products for second-order gradient descent",
    Neural Computation 14, 2002.
    """
    shift, margins = damping * network.weights.sum(), network.margins(network.X)
    squares = np.einsum("ip,ip->i", right, right)
    goals, sizes = tol**2 * squares, np.maximum(squares, np.finfo(np.float64).tiny)
    solutions, live = np.zeros_like(right), np.flatnonzero(squares > 0.0)
    left, direction, steps = right[live], right[live].copy(), np.zeros((len(live), right.shape[1]))
    live_squares, worst = squares[live], np.zeros(len(right))
    for _ in range(most):
        if not live.size:
            break
        goes_on = np.ones(len(live), dtype=np.bool_)
        turned = network.gauss_newton_products(direction, margins) + shift * direction
        advance(turned, direction, left, live_squares, goals[live], steps, goes_on)
        solutions[live], worst[live] = steps, live_squares
        live, left, direction = live[goes_on], left[goes_on], direction[goes_on]
        steps, live_squares = steps[goes_on], live_squares[goes_on]
    return solutions, float(np.sqrt((worst / sizes).max(initial=0.0)))


@dataclass(frozen=True, eq=False)
class GaussNewtonEngine:
    """A network whose curvature is never formed, only multiplied with.

    Influence is of first order. Every test row needs one solution, and so does every entry of
    `self_influence`, which is therefore not a part of `fit`.

    Parameters
    ----------
    network : ModuleModel
        With its training rows.
    training : Training
    question : Question
    damping, tol : float
    details : mapping
    """

    network: ModuleModel
    training: Training
    question: Question
    damping: float
    tol: float
    details: Mapping[str, Any] = field(default_factory=dict)
    is_costly = True

    @property
    def worker(self) -> "GaussNewtonEngine":
        """What a process needs to fill blocks of rows."""
        return self

    @property
    def self_influence(self) -> Array:
        """Influence of every training row on itself: as many solutions as there are rows."""
        network, own = self.network, np.zeros(len(self.training.y))
        slopes = self._row_slopes(self.training.X, self.training.y)
        pulls = network.row_seeds()
        for block in self._blocks(len(own)):
            rows = take_rows(self.training.X, block)
            changes = self._solved(self._gradients(rows, pulls[block]))
            moved = network.pushforward(rows, changes)
            own[block] = np.einsum("iik,ik->i", moved, slopes[block])
        return own

    def fill(self, X: Any, y: NDArray[Any] | None, out: Array) -> None:
        """Write the influence of training rows on test rows, of shape (n_test, n_train)."""
        network, slopes = self.network, self._row_slopes(X, y)
        pulls = network.row_seeds()
        for block in self._blocks(len(slopes)):
            changes = self._solved(self._gradients(take_rows(X, block), slopes[block]))
            out[block] = np.einsum("ink,nk->in", network.pushforward(network.X, changes), pulls)

    def losses(self, X: Any, y: NDArray[Any]) -> Array:
        """Return the loss of every row."""
        return self.network.loss.value(y.astype(np.float64), self.network.margins(X))

    def judge(self, model: Any, X: Any, y: NDArray[Any] | None) -> Array:
        """Return the loss, or the prediction, of another fitted model for rows."""
        return self.answers(self.network.like(model), X, y)

    def answers(self, network: ModuleModel, X: Any, y: NDArray[Any] | None) -> Array:
        """Return the loss, or the prediction, of a network for rows."""
        return row_answers(network.loss, self.question, y, network.margins(X))

    def without(self, groups: Removals) -> tuple["_GroupChanges", dict[str, Any]]:
        """Return the changes when sets of rows are removed: sums of those of their rows."""
        pulls = self.network.row_seeds()
        seeds = np.zeros((len(groups), *pulls.shape))
        for place, rows in enumerate(groups):
            seeds[place, rows] = pulls[rows]
        changes = self._solved(self.network.pullback(self.network.X, seeds))
        return _GroupChanges(self.network.stripped(), changes, self.question), {}

    def _row_slopes(self, X: Any, y: NDArray[Any] | None) -> Array:
        return _slopes(self.network, self.question, X, y)

    def _gradients(self, X: Any, seeds: Array) -> Array:
        """Return for each row the gradient of its margins weighted by seeds."""
        return np.einsum("nk,nkp->np", seeds, self.network.jacobian(X))

    def _solved(self, right: Array) -> Array:
        found, left = solve(self.network, self.damping, right, tol=self.tol)
        if left > 10.0 * self.tol:
            warnings.warn(
                f"Conjugate gradients left {left:.1g} of a gradient after {_MOST_STEPS} steps: "
                "influence may be wrong; use a larger damping.",
                ConvergenceWarning,
                stacklevel=5,
            )
        return found

    def _blocks(self, n_rows: int) -> list[slice]:
        return _blocks(n_rows, len(self.network.theta) + self.network.weights.size)


def _blocks(n_rows: int, n_cells: int) -> list[slice]:
    size = max(1, _BLOCK_BYTES // (8 * n_cells))
    return [slice(at, min(at + size, n_rows)) for at in range(0, n_rows, size)]


@dataclass(frozen=True, eq=False)
class _GroupChanges:
    """Few changes of many parameters, and their linear effect."""

    network: ModuleModel
    changes: Array
    question: Question

    def fill(self, X: Any, y: NDArray[Any] | None, out: Array) -> None:
        """Write what every case does to every test row."""
        slopes = _slopes(self.network, self.question, X, y)
        out[:] = np.einsum("ink,nk->ni", self.network.pushforward(X, self.changes), slopes)


def _slopes(network: ModuleModel, question: Question, X: Any, y: NDArray[Any] | None) -> Array:
    return answer_slopes(network.loss, question, y, network.margins(X))


def make_gauss_newton_engine(
    network: ModuleModel, training: Training, question: Question, *, damping: Any, tol: float | None
) -> GaussNewtonEngine:
    """Prepare conjugate gradients; nothing is solved yet.

    Raises
    ------
    ValueError
        The method needs the curvature itself.
    """
    n_parameters = len(network.theta)
    if question.method not in ("auto", "first_order"):
        raise ValueError(
            f"method={question.method!r} forms the curvature of all parameters, which are "
            f"{n_parameters}: use method='first_order', or layers='last'."
        )
    damping = _DAMPING if damping == "auto" else float(damping)
    residual = stationarity_residual(network, training.X)
    warn_if_far(residual, training.estimator, question)
    details = {
        "loss": network.loss.unit,
        "stationarity_residual": residual,
        "polished_rows": 0,
        "damping": damping,
        "curvature": "Gauss-Newton, by conjugate gradients",
        "parameters": n_parameters,
        "self_influence": "one solution per training row: only where self_influence_ was asked for",
    }
    linear = replace(question, method="first_order")
    goal = _TOL if tol is None else tol
    return GaussNewtonEngine(network, training, linear, damping, goal, details)
