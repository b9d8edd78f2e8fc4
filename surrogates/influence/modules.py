"""A trained module of another library as the objective that it minimised."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from surrogates.influence.engine import Training
from surrogates.influence.losses import LogLoss, Loss, SoftmaxLoss, SquaredError
from surrogates.influence.margin_functions import MarginFunction

__all__ = ["ModuleModel", "is_module", "read_module"]

Array = NDArray[np.float64]

_BLOCK_BYTES = 2**26


@dataclass(frozen=True, eq=False)
class ModuleModel:
    """A module, its training rows, and the objective that it minimises on them.

    ``sum_i weights_i loss(targets_i, margins_i) + sum_p penalty_p theta_p^2 / 2``

    Parameters
    ----------
    function : MarginFunction
    loss : Loss
    X : object
        The training rows as the function reads them; None where they are not needed.
    targets, weights : ndarray of shape (n_rows,)
    theta, penalty : ndarray of shape (n_parameters,)
    """

    function: MarginFunction
    loss: Loss
    X: Any
    targets: Array
    weights: Array
    theta: Array
    penalty: Array

    def at(self, theta: Array) -> "ModuleModel":
        """Return the model with other parameters."""
        return replace(self, theta=theta)

    def like(self, model: Any) -> "ModuleModel":
        """Raise TypeError: there is no other fitted estimator of its kind."""
        raise TypeError(f"{type(model).__name__} is never fitted again.")

    def without(self, rows: NDArray[np.int64]) -> "ModuleModel":
        """Return the model with the objective that is left when rows are removed."""
        weights = self.weights.copy()
        weights[rows] = 0.0
        return replace(self, weights=weights)

    def stripped(self) -> "ModuleModel":
        """Return the model without its training rows, for other processes."""
        return replace(self, X=None, targets=self.targets[:0], weights=self.weights[:0])

    def margins(self, X: Any) -> Array:
        """Return margins: (n_rows,), or (n_rows, n_classes) of a softmax."""
        return self._shaped(self.function.margins(self.theta, self.function.read(X)))

    def jacobian(self, X: Any) -> Array:
        """Return the derivatives of margins, of shape (n_rows, n_outputs, n_parameters)."""
        return self.function.jacobian(self.theta, self.function.read(X))

    def value(self, theta: Array) -> float:
        """Return the value of the objective."""
        return self._value(theta, self._shaped(self.function.margins(theta, self.X)))

    def objective(self, theta: Array) -> tuple[float, Array]:
        """Return the value of the objective and its gradient."""
        margins = self._shaped(self.function.margins(theta, self.X))
        (gradient,) = self.function.pullback(theta, self.X, self._seeds(margins)[None])
        return self._value(theta, margins), gradient + self.penalty * theta

    def curvature(self) -> Array:
        """Return the second derivatives of the objective."""
        n_parameters = len(self.theta)
        size = max(1, _BLOCK_BYTES // (8 * (len(self.targets) + n_parameters)))
        products = [
            self.curvature_products(np.eye(size, n_parameters, at)[: n_parameters - at])
            for at in range(0, n_parameters, size)
        ]
        curvature = np.concatenate(products)
        return np.asarray((curvature + curvature.T) / 2.0)

    def curvature_products(self, directions: Array) -> Array:
        """Return products of the second derivatives with directions, of shape (n, n_parameters)."""
        function, margins = self.function, self.margins(self.X)
        turned = self._curve(margins, function.pushforward(self.theta, self.X, directions))
        seeds = self._seeds(margins)
        found = function.curved_pullback(self.theta, self.X, directions, seeds, turned)
        return found + self.penalty * directions

    def gauss_newton_products(self, directions: Array, margins: Array) -> Array:
        """Return the same without the second derivatives of the margins, which are given."""
        function = self.function
        turned = self._curve(margins, function.pushforward(self.theta, self.X, directions))
        return function.pullback(self.theta, self.X, turned) + self.penalty * directions

    def pushforward(self, X: Any, directions: Array) -> Array:
        """Return how margins change along directions: (n_directions, n_rows, n_outputs)."""
        return self.function.pushforward(self.theta, self.function.read(X), directions)

    def pullback(self, X: Any, seeds: Array) -> Array:
        """Return gradients of margins weighted by seeds (n_sums, n_rows, n_outputs)."""
        return self.function.pullback(self.theta, self.function.read(X), seeds)

    def row_seeds(self) -> Array:
        """Return the weighted slopes of the losses, of shape (n_rows, n_outputs)."""
        return self._seeds(self.margins(self.X))

    def _value(self, theta: Array, margins: Array) -> float:
        losses = self.loss.value(self.targets, margins) / self.loss.scale
        return float(self.weights @ losses + 0.5 * (self.penalty * theta) @ theta)

    def _shaped(self, margins: Array) -> Array:
        return margins if isinstance(self.loss, SoftmaxLoss) else margins[:, 0]

    def _seeds(self, margins: Array) -> Array:
        slopes = self.loss.slope(self.targets, margins)
        return self.weights[:, None] * slopes.reshape(len(slopes), -1)

    def _curve(self, margins: Array, turned: Array) -> Array:
        """Return how the weighted slopes of the losses change with the margins."""
        local = self.loss.curvature(self.targets, margins)
        if isinstance(self.loss, SoftmaxLoss):
            mean = (local * turned).sum(axis=-1, keepdims=True)
            return np.asarray(self.weights[:, None] * local * (turned - mean))
        return np.asarray((self.weights * local)[:, None] * turned)


def is_module(estimator: Any) -> bool:
    """Tell whether `estimator` is an adapter that opens the parameters of a trained module."""
    return hasattr(estimator, "parametric")


def read_module(training: Training, layers: Any, penalty: Any) -> ModuleModel:
    """Read a trained module and what it is taken to have minimised.

    Parameters
    ----------
    training : Training
    layers : {"all", "last"} or sequence of str
    penalty : float or mapping
        Of all parameters, or by their names.

    Returns
    -------
    model : ModuleModel

    Raises
    ------
    ValueError
        Several targets, or a name that no parameter has.
    """
    estimator = training.estimator
    function: MarginFunction = estimator.parametric(training.X, layers)
    rows = function.read(training.X)
    n_outputs = function.margins(function.values, rows).shape[1]
    if training.y.ndim > 1 or (n_outputs > 1 and not is_classifier(estimator)):
        raise ValueError(
            f"{type(estimator).__name__} predicts several targets: influence is measured for one."
        )
    loss: Loss = SquaredError()
    if is_classifier(estimator):
        loss = LogLoss() if n_outputs == 1 else SoftmaxLoss()
    return ModuleModel(
        function=function,
        loss=loss,
        X=rows,
        targets=training.y.astype(np.float64),
        weights=training.weights,
        theta=function.values,
        penalty=_penalties(function, penalty),
    )


def _penalties(function: MarginFunction, penalty: Any) -> Array:
    if not isinstance(penalty, Mapping):
        return np.full(sum(function.sizes), float(penalty))
    unknown = [name for name in penalty if name not in function.names]
    if unknown:
        raise ValueError(
            f"penalty names {unknown[0]!r}, but the parameters considered are "
            f"{list(function.names)}."
        )
    strengths = [float(penalty.get(name, 0.0)) for name in function.names]
    return np.repeat(strengths, function.sizes)
