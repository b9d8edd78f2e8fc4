"""Whether a model is at the optimum of its objective on the rows given."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from surrogates.influence.designs import Design
from surrogates.influence.losses import SquaredError
from surrogates.influence.objectives import Objective
from surrogates.influence.whitening import Whitened, whiten

__all__ = ["Optimum", "find_optimum"]

Array = NDArray[np.float64]

_TOL = 1e-10
_FAR = 1e-6
_MAX_ITER, _MOST_HALVINGS = 30, 20
_SLACK, _DEFAULT_TOL = 10.0, 1e-4
_EXACT, _ROUNDING = 1e-3, 1e-9
_WARN, _REFUSE, _NEGLIGIBLE = 0.05, 0.5, 1e-3
_BY_GRADIENT = ("lbfgs", "newton-cg", "newton-cholesky")
_DIRECT = ("auto", "svd", "cholesky")


@dataclass(frozen=True, eq=False)
class Optimum:
    """An objective at its optimum.

    Parameters
    ----------
    whitened : Whitened
        Around the optimum.
    residual : float
        Norm of the gradient of the fitted model over the root of the sum of the squared norms of
        what the rows add to it, all in whitened coordinates: about 1 for a model that was fitted
        on other rows.
    residual_left : float
        The same at the optimum.
    n_steps : int
        Newton steps between the fitted model and the optimum.
    """

    whitened: Whitened
    residual: float
    residual_left: float
    n_steps: int


def find_optimum(objective: Objective, design: Design, estimator: Any) -> Optimum:
    """Take Newton steps from the fitted parameters until the gradient vanishes.

    Parameters
    ----------
    objective : Objective
        At the parameters of the fitted model.
    design : Design
    estimator : object
        The model, whose own tolerance is never an error.

    Returns
    -------
    optimum : Optimum

    Raises
    ------
    ValueError
        The parameters are no optimum on these rows.
    """
    whitened = whiten(objective)
    first = _residual(whitened)
    if first <= _TOL:
        return Optimum(whitened, first, first, n_steps=0)
    gradient = _largest(objective, design)
    kept_its_word = _refuse_other_rows(first, gradient, objective, estimator)
    steps, residual = 0, first
    while residual > _TOL and steps < _MAX_ITER:
        better = _step(whitened, residual)
        if better is None:
            break
        whitened, residual, steps = better, _residual(better), steps + 1
    if residual > _FAR:
        _refuse_separable(whitened)
        warnings.warn(
            f"{type(estimator).__name__} could not be brought to the optimum of its objective: "
            f"the largest entry of the gradient is {_largest(whitened.objective, design):.2g} per "
            f"row, from {gradient:.2g} for the fitted model. Influence may be wrong; scale the "
            "columns, or fit with a smaller tol and a larger max_iter.",
            ConvergenceWarning,
            stacklevel=4,
        )
    _judge_gap(objective, whitened.objective, gradient, estimator, kept_its_word)
    return Optimum(whitened, first, residual, steps)


def _residual(whitened: Whitened) -> float:
    total = np.sqrt(np.square(whitened.pulls).sum() + np.square(whitened.penalty_gradient).sum())
    if isinstance(whitened.objective.loss, SquaredError):  # a perfect fit leaves rounding only
        objective = whitened.objective
        sizes = objective.weights * (np.abs(objective.targets) + np.abs(whitened.margins))
        total += _ROUNDING * np.linalg.norm(sizes[:, None] * whitened.rows[:, 0])
    return float(np.linalg.norm(whitened.gradient) / total) if total > 0.0 else 0.0


def _largest(objective: Objective, design: Design) -> float:
    """Return the largest entry of the gradient of the mean loss, as solvers look at it."""
    gradient = design.natural_gradient(objective.gradient())
    return float(np.abs(gradient).max() / objective.weights.sum())


def _step(whitened: Whitened, residual: float) -> Whitened | None:
    """Return the objective after a Newton step that makes the gradient smaller, if there is one."""
    objective, length = whitened.objective, 1.0
    step = whitened.parameters(whitened.gradient).reshape(objective.theta.shape)
    before = np.abs(objective.gradient()).max()
    for _ in range(_MOST_HALVINGS):
        trial = objective.at(objective.theta - length * step)
        with np.errstate(over="ignore", invalid="ignore"):
            after = np.abs(trial.gradient()).max()
        if after < before:
            moved = whiten(trial, near=whitened)
            # without progress, only rounding is left
            return moved if _residual(moved) < residual or length < 1.0 else None
        length /= 2.0
    return None


def _advice(estimator: Any, gradient: float) -> str:
    return (
        f"{type(estimator).__name__} is not at the optimum of its objective on the rows passed to "
        f"fit: the largest entry of the gradient is {gradient:.2g} per row. Pass the X, y and "
        "sample_weight that it was fitted on, and fit it to convergence (a larger max_iter, "
        "scaled columns)"
    )


def _refuse_other_rows(
    residual: float, gradient: float, objective: Objective, estimator: Any
) -> bool:
    """Refuse rows on which a solver that converged would have gone on; tell if it had to stop."""
    solver = getattr(estimator, "solver", "auto")
    if isinstance(objective.loss, SquaredError):
        converged = residual <= _EXACT or solver not in _DIRECT
    else:
        n_iter = np.max(getattr(estimator, "n_iter_", 0))
        # one less where a solver gave up and handed over to another
        stopped = n_iter + 1 >= getattr(estimator, "max_iter", np.inf)
        # a smaller tolerance may be out of reach: solvers also stop where the loss stands still
        within = gradient <= _SLACK * max(float(getattr(estimator, "tol", 0.0)), _DEFAULT_TOL)
        near = within or residual <= _WARN
        converged = near or stopped or solver not in _BY_GRADIENT
        if within and solver in _BY_GRADIENT:
            return True
    if not converged:
        raise ValueError(f"{_advice(estimator, gradient)}, or use method='retrain'.")
    return False


def _judge_gap(
    fitted: Objective, best: Objective, gradient: float, estimator: Any, kept_its_word: bool
) -> None:
    """Refuse, or warn about, a model whose objective the optimum undercuts by much."""
    before, after = fitted.value(), best.value()
    whole = before
    if isinstance(fitted.loss, SquaredError):
        whole += _ROUNDING * float(fitted.weights @ np.square(fitted.targets))
    gap = (before - after) / whole if whole > 0.0 else 0.0
    per_row = (before - after) / fitted.weights.sum()
    if not isinstance(fitted.loss, SquaredError) and per_row <= _NEGLIGIBLE:
        return
    if gap > _REFUSE and not kept_its_word:
        raise ValueError(f"{_advice(estimator, gradient)}, or use method='retrain'.")
    if gap > _WARN:
        warnings.warn(
            f"{_advice(estimator, gradient)}. Influence is that of the optimum.",
            ConvergenceWarning,
            stacklevel=6,
        )


def _refuse_separable(whitened: Whitened) -> None:
    objective = whitened.objective
    if objective.loss.unit != "log loss" or objective.penalty.any():
        return
    present = objective.weights > 0.0
    losses = objective.loss.value(objective.targets, whitened.margins)[present]
    if (losses < np.log(2.0)).all():
        raise ValueError(
            "The classes are separable, so that the model without a penalty has no optimum, and "
            "no row an influence: fit it with a penalty (a finite C)."
        )
