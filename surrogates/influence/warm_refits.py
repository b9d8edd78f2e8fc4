"""Train a network on without sets of rows, from the parameters that it has."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.optimize import minimize

from surrogates.influence.parametric_model import ParametricModel

__all__ = ["converged", "warm_refits"]

Array = NDArray[np.float64]
Removals = Sequence[NDArray[np.int64]]

_OPTIONS: dict[str, Any] = {"maxiter": 1000, "maxfun": 5000, "gtol": 1e-8, "ftol": 1e-14}
_MOST_STEPS, _PROGRESS, _SMALL = 50, 0.5, 1e-9


def warm_refits(
    network: ParametricModel, removals: Removals, n_jobs: int | None, basis: Array | None = None
) -> Array:
    """Train on without sets of rows, to the optimum that is nearest.

    Parameters
    ----------
    network : ParametricModel
    removals : sequence of arrays of positions
    n_jobs : int or None
    basis : ndarray of shape (n_parameters, rank), default=None
        Whitens the curvature: Newton steps with it come first, and after L-BFGS where they do not
        lead to an optimum. None is L-BFGS alone.

    Returns
    -------
    changes : ndarray of shape (n_removals, n_parameters)
    """
    found = Parallel(n_jobs=n_jobs)(
        delayed(_trained_on)(network.without(rows), network.theta, basis) for rows in removals
    )
    return np.array(found) - network.theta


def converged(network: ParametricModel, basis: Array | None = None) -> ParametricModel:
    """Return the network trained on until its gradient vanishes."""
    return network.at(_trained_on(network, network.theta, basis))


def _trained_on(network: ParametricModel, theta: Array, basis: Array | None) -> Array:
    if basis is None:
        return _minimised(network, theta)
    near, is_optimum = _sharpened(network, theta, basis)
    return near if is_optimum else _sharpened(network, _minimised(network, near), basis)[0]


def _minimised(network: ParametricModel, theta: Array) -> Array:
    objective: Any = network.objective
    options: Any = dict(_OPTIONS)
    found = minimize(objective, theta, jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x)


def _sharpened(network: ParametricModel, theta: Array, basis: Array) -> tuple[Array, bool]:
    """Take Newton steps with a curvature that is nearly right, while the gradient falls fast."""
    best, smallest, first = theta, np.inf, np.inf
    for _ in range(_MOST_STEPS):
        gradient = network.objective(theta)[1] @ basis
        size = float(np.linalg.norm(gradient))
        first = size if first == np.inf else first
        if not size < _PROGRESS * smallest:
            break
        best, smallest, theta = theta, size, theta - basis @ gradient
    return best, smallest <= _SMALL * first
