"""DFBETAS: how many standard errors a coefficient moves when a row is removed."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.influence.losses import Deviance, SquaredError, SquaredHinge
from surrogates.influence.parametric import ParametricEngine
from surrogates.influence.stationarity import Optimum

__all__ = ["dfbetas_frame"]

Array = NDArray[np.float64]


def dfbetas_frame(
    engine: ParametricEngine, columns: tuple[str, ...], outputs: tuple[str, ...]
) -> pd.DataFrame:
    """Return DFBETAS of all coefficients of a linear model.

    Parameters
    ----------
    engine : ParametricEngine
    columns : tuple of str
        Names of the columns of the last step of the model.
    outputs : tuple of str
        Names of the outputs, where the model has several rows of coefficients.

    Returns
    -------
    frame : DataFrame of shape (n_train, n_coefficients)
        ``(b - b_(i)) / se``: the coefficient minus that without the row, over its standard error.

    Raises
    ------
    ValueError
        The model has no likelihood, and its coefficients no standard errors.

    References
    ----------
    D. A. Belsley, E. Kuh and R. E. Welsch, "Regression Diagnostics", 1980, equation 2.7.
    D. Pregibon, "Logistic regression diagnostics", Annals of Statistics 9, 1981.
    """
    if isinstance(engine.changes.losses[0], SquaredHinge):
        raise ValueError("dfbetas needs a likelihood, which a support vector classifier has not.")
    design = engine.model.design
    names = [*columns, "intercept"] if design.intercept > 0.0 else list(columns)
    parts = []
    for optimum, changes in zip(engine.optima, engine.changes.changes, strict=True):
        theta = optimum.whitened.objective.theta
        moved = design.natural(changes.reshape(-1, *theta.shape))
        errors = _standard_errors(engine, optimum)
        spread = _spread(optimum, changes)
        with np.errstate(divide="ignore", invalid="ignore"):
            parts.append(-moved / (spread[:, None, None] * errors))
    values = np.concatenate(parts, axis=1)
    if values.shape[1] > 1:
        labels = [f"{name}__{output}" for output in outputs for name in names]
    else:
        labels = names
    return pd.DataFrame(values.reshape(len(values), -1), columns=pd.Index(labels))


def _standard_errors(engine: ParametricEngine, optimum: Optimum) -> Array:
    """Return roots of the diagonal of the inverse curvature, in the model's own coordinates."""
    objective = optimum.whitened.objective
    shape = (*objective.theta.shape, optimum.whitened.rank)
    matrix = engine.model.design.natural_matrix()
    basis = np.einsum("ab,kbr->kar", matrix, optimum.whitened.basis.reshape(shape))
    return np.asarray(
        np.sqrt(np.square(basis).sum(axis=2)) * np.sqrt(optimum.whitened.objective.scale)
    )


def _spread(optimum: Optimum, changes: Array) -> Array:
    """Return the standard deviation of the noise, without each row where it is estimated."""
    objective, whitened = optimum.whitened.objective, optimum.whitened
    loss, n_rows = objective.loss, len(objective.targets)
    present = objective.weights > 0.0
    freedom = max(int(present.sum()) - whitened.rank, 1)
    if isinstance(loss, SquaredError):
        steps = np.einsum("nj,nj->n", objective.design, changes)
        residuals = objective.targets - whitened.margins
        total = objective.weights @ np.square(residuals)
        # the residual sum of squares falls by w e^2 / (1 - h) = w e (e - dy) without the row
        left = total - objective.weights * residuals * (residuals - steps)
        return np.asarray(np.sqrt(np.maximum(left, 0.0) / np.maximum(freedom - present, 1)))
    if isinstance(loss, Deviance) and loss.power != 1.0:
        mean = np.exp(whitened.margins)
        pearson = np.square(objective.targets - mean) / mean**loss.power
        return np.full(n_rows, np.sqrt(objective.weights @ pearson / freedom))
    return np.ones(n_rows)
