"""Read scikit-learn's networks; their margins, gradients and curvature in double precision."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier, MLPRegressor

from surrogates.influence.designs import as_matrix
from surrogates.influence.engine import Training
from surrogates.influence.losses import LogLoss, Loss, SoftmaxLoss, SquaredError

__all__ = ["Network", "is_network", "read_network"]

Array = NDArray[np.float64]

_BLOCK_BYTES = 2**25
_MOST_PARAMETERS = 2500


@dataclass(frozen=True, eq=False)
class Network:
    """A multi-layer perceptron and the objective that it minimises on its training rows.

    ``sum_i weights_i loss(targets_i, margins_i) + alpha * |coefficients|^2 / 2``

    Parameters
    ----------
    coefs, intercepts : tuple of ndarray
        One of each per layer.
    activation : {"identity", "logistic", "tanh", "relu"}
    loss : Loss
    X : ndarray of shape (n_rows, n_columns)
    targets, weights : ndarray of shape (n_rows,)
    alpha : float
    """

    coefs: tuple[Array, ...]
    intercepts: tuple[Array, ...]
    activation: str
    loss: Loss
    X: Array
    targets: Array
    weights: Array
    alpha: float

    @property
    def theta(self) -> Array:
        """All parameters: the coefficients of the layers, then their intercepts."""
        return np.concatenate([part.ravel() for part in (*self.coefs, *self.intercepts)])

    @property
    def penalty(self) -> Array:
        """Curvature of the penalty, per parameter."""
        n_coefs = sum(part.size for part in self.coefs)
        n_intercepts = sum(part.size for part in self.intercepts)
        return np.concatenate([np.full(n_coefs, self.alpha), np.zeros(n_intercepts)])

    def at(self, theta: Array) -> "Network":
        """Return the network with other parameters."""
        coefs, intercepts = self._unpacked(theta)
        return replace(self, coefs=tuple(coefs), intercepts=tuple(intercepts))

    def without(self, rows: NDArray[np.int64]) -> "Network":
        """Return the network with the objective that is left when rows are removed."""
        weights = self.weights.copy()
        weights[rows] = 0.0
        return replace(self, weights=weights)

    def stripped(self) -> "Network":
        """Return the network without its training rows, for other processes."""
        return replace(self, X=self.X[:0], targets=self.targets[:0], weights=self.weights[:0])

    def like(self, model: Any) -> "Network":
        """Return the network with the parameters of another fitted model."""
        return replace(self, coefs=tuple(model.coefs_), intercepts=tuple(model.intercepts_))

    def margins(self, X: Any) -> Array:
        """Return margins: (n_rows,), or (n_rows, n_classes) of a softmax."""
        _, margins = self._forward(as_matrix(X))
        return margins if isinstance(self.loss, SoftmaxLoss) else margins[:, 0]

    def value(self, theta: Array) -> float:
        """Return the value of the objective."""
        return self._value(theta, self.at(theta).margins(self.X))

    def objective(self, theta: Array) -> tuple[float, Array]:
        """Return the value of the objective and its gradient."""
        network = self.at(theta)
        activations, margins = network._forward(self.X)
        shaped = margins if isinstance(self.loss, SoftmaxLoss) else margins[:, 0]
        slopes = self.loss.slope(self.targets, shaped).reshape(margins.shape)
        deltas = network._backward(activations, self.weights[:, None] * slopes)
        gradient = np.concatenate(
            [(a.T @ d).ravel() for a, d in zip(activations, deltas, strict=True)]
            + [delta.sum(axis=0) for delta in deltas]
        )
        return self._value(theta, shaped), gradient + self.penalty * theta

    def jacobian(self, X: Any) -> Array:
        """Return the derivatives of margins, of shape (n_rows, n_outputs, n_parameters)."""
        activations, margins = self._forward(as_matrix(X))
        n_outputs = margins.shape[1]
        parts = []
        for output in range(n_outputs):
            top = np.zeros_like(margins)
            top[:, output] = 1.0
            deltas = self._backward(activations, top)
            pairs = zip(activations, deltas, strict=True)
            coefs = [(a[:, :, None] * d[:, None, :]).reshape(len(top), -1) for a, d in pairs]
            parts.append(np.concatenate([*coefs, *deltas], axis=1))
        return np.stack(parts, axis=1)

    def curvature(self) -> Array:
        """Return the exact second derivatives of the objective.

        Notes
        -----
        Products with the unit vectors, by differentiating back-propagation forwards (Pearlmutter,
        "Fast exact multiplication by the Hessian", Neural Computation 6, 1994).
        """
        n_parameters = len(self.theta)
        widest = max(part.shape[1] for part in self.coefs)
        size = max(1, _BLOCK_BYTES // (8 * len(self.X) * widest))
        products = [
            self.curvature_products(np.eye(size, n_parameters, at)[: n_parameters - at])
            for at in range(0, n_parameters, size)
        ]
        curvature = np.concatenate(products)
        return np.asarray((curvature + curvature.T) / 2.0)

    def curvature_products(self, directions: Array) -> Array:
        """Return products of the second derivatives with directions, of shape (n, n_parameters)."""
        activations, margins = self._forward(self.X)
        shaped = margins if isinstance(self.loss, SoftmaxLoss) else margins[:, 0]
        slopes = self.loss.slope(self.targets, shaped).reshape(margins.shape)
        deltas = self._backward(activations, self.weights[:, None] * slopes)
        turns, turned = self._forward_turn(activations, directions)
        top = self._curve(shaped, turned)
        delta_turns = self._backward_turn(activations, turns, deltas, top, directions)
        coefs = [
            np.matmul(np.swapaxes(turn, 1, 2), delta) + np.matmul(activation.T, delta_turn)
            for activation, turn, delta, delta_turn in zip(
                activations, turns, deltas, delta_turns, strict=True
            )
        ]
        flat = [part.reshape(len(directions), -1) for part in coefs]
        flat += [turn.sum(axis=1) for turn in delta_turns]
        return np.asarray(np.concatenate(flat, axis=1) + self.penalty * directions)

    def _value(self, theta: Array, margins: Array) -> float:
        losses = self.loss.value(self.targets, margins) / self.loss.scale
        return float(self.weights @ losses + 0.5 * (self.penalty * theta) @ theta)

    def _unpacked(self, theta: Array) -> tuple[list[Array], list[Array]]:
        """Cut parameters, or directions of them along a first axis, into layers."""
        lead, place = theta.shape[:-1], 0
        parts: list[Array] = []
        for like in (*self.coefs, *self.intercepts):
            part = theta[..., place : place + like.size]
            parts.append(part.reshape(*lead, *like.shape))
            place += like.size
        return parts[: len(self.coefs)], parts[len(self.coefs) :]

    def _forward(self, X: Array) -> tuple[list[Array], Array]:
        """Return what enters every layer, and the margins."""
        activations = [X]
        for coef, intercept in zip(self.coefs[:-1], self.intercepts[:-1], strict=True):
            activations.append(_activate(self.activation, activations[-1] @ coef + intercept))
        return activations, activations[-1] @ self.coefs[-1] + self.intercepts[-1]

    def _backward(self, activations: Sequence[Array], top: Array) -> list[Array]:
        """Return derivatives by what enters the units of every layer."""
        deltas = [top]
        for coef, activation in zip(self.coefs[:0:-1], activations[:0:-1], strict=True):
            deltas.append(deltas[-1] @ coef.T * _slope(self.activation, activation))
        return deltas[::-1]

    def _forward_turn(
        self, activations: Sequence[Array], directions: Array
    ) -> tuple[list[Array], Array]:
        """Return how all that `_forward` returns changes along directions of the parameters."""
        coefs, intercepts = self._unpacked(directions)
        turns = [np.zeros((len(directions), *activations[0].shape))]
        for layer, activation in enumerate(activations):
            turned = turns[-1] @ self.coefs[layer] + np.matmul(activation, coefs[layer])
            turned += intercepts[layer][:, None]
            if layer + 1 < len(activations):
                turned *= _slope(self.activation, activations[layer + 1])
            turns.append(turned)
        return turns[:-1], turns[-1]

    def _curve(self, margins: Array, turned: Array) -> Array:
        """Return how the weighted slopes of the losses change with the margins."""
        local = self.loss.curvature(self.targets, margins)
        if isinstance(self.loss, SoftmaxLoss):
            mean = (local * turned).sum(axis=-1, keepdims=True)
            return np.asarray(self.weights[:, None] * local * (turned - mean))
        return np.asarray((self.weights * local)[:, None] * turned)

    def _backward_turn(
        self,
        activations: Sequence[Array],
        turns: Sequence[Array],
        deltas: Sequence[Array],
        top: Array,
        directions: Array,
    ) -> list[Array]:
        """Return how all that `_backward` returns changes along directions of the parameters."""
        coefs, _ = self._unpacked(directions)
        found = [top]
        for layer in range(len(self.coefs) - 1, 0, -1):
            activation, turn = activations[layer], turns[layer]
            back = found[-1] @ self.coefs[layer].T
            back += np.matmul(deltas[layer], np.swapaxes(coefs[layer], 1, 2))
            back *= _slope(self.activation, activation)
            bend = _slope_turn(self.activation, activation, turn)
            found.append(back + (deltas[layer] @ self.coefs[layer].T) * bend)
        return found[::-1]


def _activate(name: str, inputs: Array) -> Array:
    if name == "identity":
        return inputs
    if name == "tanh":
        return np.tanh(inputs)
    if name == "relu":
        return np.maximum(inputs, 0.0)
    return 1.0 / (1.0 + np.exp(-inputs))


def _slope(name: str, outputs: Array) -> Array:
    """Return the derivative of an activation, given its value."""
    if name == "identity":
        return np.ones_like(outputs)
    if name == "tanh":
        return 1.0 - np.square(outputs)
    if name == "relu":
        return (outputs > 0.0).astype(np.float64)
    return outputs * (1.0 - outputs)


def _slope_turn(name: str, outputs: Array, turn: Array) -> Array:
    """Return how the derivative of an activation changes, given the change of its value."""
    if name in ("identity", "relu"):
        return np.zeros_like(turn)
    if name == "tanh":
        return -2.0 * outputs * turn
    return (1.0 - 2.0 * outputs) * turn


def is_network(estimator: Any) -> bool:
    """Tell whether `estimator` is of a class that is read here."""
    return isinstance(estimator, (MLPClassifier, MLPRegressor))


def read_network(training: Training) -> Network:
    """Read a fitted network and what it minimised.

    Parameters
    ----------
    training : Training

    Returns
    -------
    network : Network

    Raises
    ------
    ValueError
        The loss is not known, or there are too many parameters for an exact curvature.
    """
    model = training.estimator
    name = type(model).__name__
    if getattr(model, "loss", "log_loss") not in ("log_loss", "squared_error"):
        raise ValueError(f"{name} was fitted with loss={model.loss!r}: use method='retrain'.")
    if training.y.ndim > 1 or (model.out_activation_ == "logistic" and len(model.classes_) != 2):
        raise ValueError(f"{name} predicts several targets: use method='retrain'.")
    coefs = tuple(np.asarray(part, dtype=np.float64) for part in model.coefs_)
    intercepts = tuple(np.asarray(part, dtype=np.float64) for part in model.intercepts_)
    size = sum(part.size for part in (*coefs, *intercepts))
    if size > _MOST_PARAMETERS:
        raise ValueError(
            f"{name} has {size} parameters, but its exact curvature is formed for at most "
            f"{_MOST_PARAMETERS}: use a smaller network, or method='retrain'."
        )
    losses: dict[str, Loss] = {
        "identity": SquaredError(),
        "logistic": LogLoss(),
        "softmax": SoftmaxLoss(),
    }
    return Network(
        coefs=coefs,
        intercepts=intercepts,
        activation=model.activation,
        loss=losses[model.out_activation_],
        X=as_matrix(training.X),
        targets=training.y.astype(np.float64),
        weights=training.weights,
        alpha=_penalty_of_all_rows(model, training),
    )


def _penalty_of_all_rows(model: Any, training: Training) -> float:
    """Return alpha on the sum of the losses: batches have the whole penalty each."""
    if model.solver == "lbfgs":
        return float(model.alpha)
    size = 200 if model.batch_size == "auto" else int(model.batch_size)
    return float(model.alpha * training.n_rows / min(size, training.n_rows))
