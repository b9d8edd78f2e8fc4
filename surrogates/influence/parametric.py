"""Influence by the curvature of a smooth objective: first order, Newton, polished or exact."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from surrogates.influence.engine import Question, Training
from surrogates.influence.linear_changes import LinearChanges
from surrogates.influence.linear_models import LinearModel, read_linear_model
from surrogates.influence.losses import SquaredError
from surrogates.influence.newton import first_order, leverages, newton, newton_error_bounds
from surrogates.influence.polish import polish
from surrogates.influence.stationarity import Optimum, find_optimum
from surrogates.influence.whitening import Whitened

__all__ = ["ParametricEngine", "make_parametric_engine"]

Array = NDArray[np.float64]
Removals = Sequence[NDArray[np.int64]]

_POLISH_TOL = 1e-2
_EXACT_TOL = 1e-7
_CLOSED_FORM_TOL = 1e-13
_MAX_ITER = 50


@dataclass(frozen=True, eq=False)
class ParametricEngine:
    """A linear model at its optimum, and how removals of rows change its parameters.

    Parameters
    ----------
    model : LinearModel
    optima : tuple of Optimum
        One per objective.
    changes : LinearChanges
        For every training row removed alone.
    details : mapping
    training : Training
    tol : float or None
        Relative accuracy at which polishing stops.
    """

    model: LinearModel
    optima: tuple[Optimum, ...]
    changes: LinearChanges
    training: Training
    details: Mapping[str, Any] = field(default_factory=dict)
    tol: float | None = None

    @property
    def self_influence(self) -> Array:
        """Influence of every training row on itself."""
        return self.changes.of_own_row(self.training.X, self.training.y)

    def losses(self, X: Any, y: NDArray[Any]) -> Array:
        """Return the loss of every row at the optimum."""
        return self.changes.row_losses(X, y)

    def judge(self, model: Any, X: Any, y: NDArray[Any] | None) -> Array:
        """Return the loss, or the prediction, of another fitted model for rows."""
        theta = self.model.design.theta(model.coef_, np.asarray(model.intercept_))
        single = len(self.changes.thetas) == 1
        thetas = (theta,) if single else tuple(theta[k : k + 1] for k in range(len(theta)))
        return replace(self.changes, thetas=thetas).answers(X, y)

    def without(self, groups: Removals) -> tuple[LinearChanges, dict[str, Any]]:
        """Return the changes when sets of rows are removed, and what was found on the way."""
        question, parts, found = self.changes.question, [], []
        for optimum in self.optima:
            whitened = optimum.whitened
            changes, record = _group_changes(whitened, groups, question.method, self.tol)
            parts.append(whitened.parameters(changes))
            found.append(record)
        return replace(self.changes, changes=tuple(parts)), _merged(found)

    @property
    def worker(self) -> LinearChanges:
        """What a process needs to fill blocks of rows."""
        return self.changes


def make_parametric_engine(
    training: Training, question: Question, *, tol: float | None
) -> ParametricEngine:
    """Find the optimum of a linear model and the changes for every row removed alone.

    Parameters
    ----------
    training : Training
    question : Question
    tol : float or None
        Relative accuracy at which polishing stops; None takes that of the method.
    """
    model = read_linear_model(training.estimator, training.X, training.y, training.weights)
    optima = tuple(
        find_optimum(part, model.design, training.estimator) for part in model.objectives
    )
    parts, found = [], []
    for optimum in optima:
        steps, record = _row_changes(optimum.whitened, question.method, tol)
        parts.append(optimum.whitened.parameters(steps))
        found.append(record)
    changes = LinearChanges(
        design=model.design,
        coding=model.coding,
        losses=tuple(part.loss for part in model.objectives),
        thetas=tuple(optimum.whitened.objective.theta for optimum in optima),
        changes=tuple(parts),
        question=question,
    )
    details = {
        "loss": model.objectives[0].loss.unit,
        "stationarity_residual": max(optimum.residual for optimum in optima),
        "stationarity_residual_at_optimum": max(optimum.residual_left for optimum in optima),
        "leverage": sum(leverages(optimum.whitened) for optimum in optima),
        **_merged(found),
    }
    return ParametricEngine(model, optima, changes, training, details, tol)


def _row_changes(
    whitened: Whitened, method: str, tol: float | None
) -> tuple[Array, dict[str, Any]]:
    if method == "first_order":
        return first_order(whitened), {}
    start = newton(whitened)
    if method == "newton":
        return start, {}
    return _polished_rows(whitened, start, _relative_tol(method, tol))


def _relative_tol(method: str, tol: float | None) -> float:
    if tol is not None:
        return tol
    return _EXACT_TOL if method == "exact" else _POLISH_TOL


def _group_changes(
    whitened: Whitened, groups: Removals, method: str, tol: float | None
) -> tuple[Array, dict[str, Any]]:
    if method == "first_order":
        alone = first_order(whitened)
        return np.array([alone[rows].sum(axis=0) for rows in groups]), {}
    start = np.zeros((len(groups), whitened.rank))
    if method == "newton":
        return polish(whitened, groups, start, tol=0.0, max_iter=1).changes, {}
    closed_form = isinstance(whitened.objective.loss, SquaredError)
    default = _CLOSED_FORM_TOL if closed_form else _EXACT_TOL
    return _polished(whitened, groups, start, default if tol is None else tol)


def _polished_rows(whitened: Whitened, start: Array, tol: float) -> tuple[Array, dict[str, Any]]:
    """Polish the steps of rows, but those whose error is known to be small."""
    bounds = newton_error_bounds(whitened, start)
    doubtful = np.flatnonzero(bounds > tol * whitened.typical_pull).astype(np.int64)
    if not doubtful.size:
        largest = float(bounds.max(initial=0.0)) / whitened.typical_pull
        return start, {"polished_rows": 0, "largest_residual": largest, "not_converged": 0}
    found, record = _polished(whitened, list(doubtful[:, None]), start[doubtful], tol)
    changes = start.copy()
    changes[doubtful] = found
    return changes, record


def _polished(
    whitened: Whitened, removals: Removals, start: Array, tol: float
) -> tuple[Array, dict[str, Any]]:
    """Polish until the errors are below `tol` times the typical change."""
    typical = whitened.typical_pull
    found = polish(whitened, removals, start, tol=tol * typical, max_iter=_MAX_ITER)
    failed = found.residuals > max(10.0 * tol, 1e-6) * typical
    if failed.any():
        warnings.warn(
            f"{int(failed.sum())} of {len(removals)} removals leave rows on which the model has no "
            "optimum that Newton's method finds: their influence is not reliable.",
            ConvergenceWarning,
            stacklevel=5,
        )
    record = {
        "polished_rows": int(found.moved.sum()),
        "largest_residual": float(found.residuals.max(initial=0.0) / typical),
        "not_converged": int(failed.sum()),
    }
    return found.changes, record


def _merged(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Add the counts of several objectives, and take the largest residual."""
    merged: dict[str, Any] = {"polished_rows": 0}
    for record in records:
        for name, value in record.items():
            before = merged.get(name, 0)
            merged[name] = max(before, value) if name == "largest_residual" else before + value
    return merged
