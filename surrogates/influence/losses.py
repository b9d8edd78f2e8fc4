"""Losses as functions of margins: slopes, curvatures, and changes in the unit reported."""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_softmax, xlogy

from surrogates._kernels.loss_changes import (
    change_of_deviance,
    change_of_log_loss,
    change_of_softmax_loss,
    change_of_squared_error,
    change_of_squared_hinge,
    write_shares,
)

__all__ = ["Deviance", "LogLoss", "Loss", "SoftmaxLoss", "SquaredError", "SquaredHinge"]

Array = NDArray[np.float64]


class Loss(Protocol):
    """What a model minimises, row by row, as a function of the margins of a row.

    Margins have the classes as their last axis for a softmax, and no such axis otherwise. The
    loss reported is `scale` times the one minimised.
    """

    @property
    def unit(self) -> str:
        """Name of the loss reported."""

    @property
    def scale(self) -> float:
        """The loss reported over the loss minimised."""

    @property
    def growth(self) -> float:
        """A change d of the margins multiplies the curvature by exp(growth |d|) at most."""

    def value(self, y: Array, margins: Array) -> Array:
        """Return the loss reported, one number per row."""

    def slope(self, y: Array, margins: Array) -> Array:
        """Return the derivatives of the loss minimised, of the shape of the margins."""

    def curvature(self, y: Array, margins: Array) -> Array:
        """Return the second derivatives of the loss minimised; of a softmax the probabilities."""

    def change(self, y: Array, margins: Array, changes: Array) -> Array:
        """Return the changes of the loss reported; may overwrite the changes of the margins."""

    def response(self, margins: Array) -> Array:
        """Return the predictions that belong to the margins."""

    def response_slope(self, margins: Array) -> Array:
        """Return the derivatives of the predictions; of a softmax the probabilities."""


@dataclass(frozen=True)
class SquaredError:
    """Half the squared error; reported in full."""

    unit: ClassVar[str] = "squared error"
    scale: ClassVar[float] = 2.0
    growth: ClassVar[float] = 0.0

    def value(self, y: Array, margins: Array) -> Array:
        """Return squared errors."""
        return np.square(margins - y)

    def slope(self, y: Array, margins: Array) -> Array:
        """Return errors."""
        return margins - y

    def curvature(self, y: Array, margins: Array) -> Array:  # noqa: ARG002
        """Return ones."""
        return np.ones_like(margins)

    def change(self, y: Array, margins: Array, changes: Array) -> Array:
        """Return the changes of the squared errors."""
        change_of_squared_error(margins - y, changes)
        return changes

    def response(self, margins: Array) -> Array:
        """Return the margins."""
        return margins

    def response_slope(self, margins: Array) -> Array:
        """Return ones."""
        return np.ones_like(margins)


@dataclass(frozen=True)
class LogLoss:
    """Logarithmic loss of a binary classifier; y is 1 for the positive class, else 0."""

    unit: ClassVar[str] = "log loss"
    scale: ClassVar[float] = 1.0
    growth: ClassVar[float] = 1.0

    def value(self, y: Array, margins: Array) -> Array:
        """Return log losses."""
        return np.logaddexp(0.0, np.where(y > 0.5, -margins, margins))

    def slope(self, y: Array, margins: Array) -> Array:
        """Return the probability minus y."""
        # the difference of two numbers near 1 would lose the digits of confident rows
        sign = np.where(y > 0.5, -1.0, 1.0)
        return np.asarray(sign * expit(sign * margins))

    def curvature(self, y: Array, margins: Array) -> Array:  # noqa: ARG002
        """Return the variance of the label."""
        rare = expit(-np.abs(margins))
        return np.asarray(rare * (1.0 - rare))

    def change(self, y: Array, margins: Array, changes: Array) -> Array:
        """Return the changes of the log losses."""
        change_of_log_loss(y, margins, changes)
        return changes

    def response(self, margins: Array) -> Array:
        """Return probabilities of the positive class."""
        return np.asarray(expit(margins))

    def response_slope(self, margins: Array) -> Array:
        """Return the variance of the label."""
        rare = expit(-np.abs(margins))
        return np.asarray(rare * (1.0 - rare))


@dataclass(frozen=True)
class SoftmaxLoss:
    """Logarithmic loss of a softmax; y is the number of the class."""

    unit: ClassVar[str] = "log loss"
    scale: ClassVar[float] = 1.0
    growth: ClassVar[float] = 2.0

    def value(self, y: Array, margins: Array) -> Array:
        """Return log losses."""
        return -_at(log_softmax(margins, axis=-1), y)

    def slope(self, y: Array, margins: Array) -> Array:
        """Return the probabilities minus the indicators of the class."""
        own = y[..., None] == np.arange(margins.shape[-1])
        return np.asarray(_shares(margins) - own)

    def curvature(self, y: Array, margins: Array) -> Array:  # noqa: ARG002
        """Return the probabilities p; the matrix of second derivatives is diag(p) - pp'."""
        return _shares(margins)

    def change(self, y: Array, margins: Array, changes: Array) -> Array:
        """Return the changes of the log losses, from changes of shape (n_classes, n, n_changes)."""
        out = np.zeros(changes.shape[1:])
        change_of_softmax_loss(y.astype(np.int64), margins, changes, out)
        return out

    def response(self, margins: Array) -> Array:
        """Return probabilities of the classes."""
        return _shares(margins)

    def response_slope(self, margins: Array) -> Array:
        """Return the probabilities p; the matrix of derivatives is diag(p) - pp'."""
        return _shares(margins)


def _shares(margins: Array) -> Array:
    """Return the probabilities of a softmax over the last axis."""
    flat = np.ascontiguousarray(margins).reshape(-1, margins.shape[-1])
    shares = np.empty_like(flat)
    write_shares(flat, shares)
    return shares.reshape(margins.shape)


def _at(values: Array, y: Array) -> Array:
    """Return the entry of every row at its own class."""
    own: Any = np.broadcast_to(y, values.shape[:-1]).astype(np.int64)[..., None]
    return np.take_along_axis(values, own, axis=-1)[..., 0]


@dataclass(frozen=True)
class SquaredHinge:
    """Squared hinge loss of a linear support vector classifier; y is 1 or -1."""

    unit: ClassVar[str] = "squared hinge loss"
    scale: ClassVar[float] = 1.0
    growth: ClassVar[float] = np.inf

    def value(self, y: Array, margins: Array) -> Array:
        """Return squared hinge losses."""
        return np.square(np.maximum(0.0, 1.0 - y * margins))

    def slope(self, y: Array, margins: Array) -> Array:
        """Return derivatives, exactly zero beyond the margin."""
        return -2.0 * y * np.maximum(0.0, 1.0 - y * margins)

    def curvature(self, y: Array, margins: Array) -> Array:
        """Return 2 inside of the margin and 0 beyond it."""
        return np.where(y * margins < 1.0, 2.0, 0.0)

    def change(self, y: Array, margins: Array, changes: Array) -> Array:
        """Return the changes of the squared hinge losses."""
        change_of_squared_hinge(y, margins, changes)
        return changes

    def response(self, margins: Array) -> Array:
        """Return the margins."""
        return margins

    def response_slope(self, margins: Array) -> Array:
        """Return ones."""
        return np.ones_like(margins)


@dataclass(frozen=True)
class Deviance:
    """Half the unit deviance of a Tweedie distribution with a log link; reported in full.

    Parameters
    ----------
    power : float
        Of the variance as a function of the mean: 1 is Poisson, 2 is Gamma.
    """

    power: float
    scale: ClassVar[float] = 2.0

    @property
    def growth(self) -> float:
        """One for the compound Poisson family, whose two terms are convex."""
        return 1.0 if 1.0 <= self.power <= 2.0 else np.inf

    @property
    def unit(self) -> str:
        """Name of the deviance."""
        names = {0.0: "squared error", 1.0: "Poisson deviance", 2.0: "Gamma deviance"}
        return names.get(self.power, f"Tweedie deviance of power {self.power:g}")

    def value(self, y: Array, margins: Array) -> Array:
        """Return unit deviances."""
        power, mean = self.power, np.exp(margins)
        if power == 1.0:
            return 2.0 * (xlogy(y, y) - y * margins - y + mean)
        if power == 2.0:
            return 2.0 * (margins - np.log(y) + y / mean - 1.0)
        constant = np.power(np.maximum(y, 0.0), 2.0 - power) / ((1.0 - power) * (2.0 - power))
        slope = y * np.exp((1.0 - power) * margins) / (1.0 - power)
        return 2.0 * (constant - slope + np.exp((2.0 - power) * margins) / (2.0 - power))

    def slope(self, y: Array, margins: Array) -> Array:
        """Return ``mean^(1 - power) * (mean - y)``."""
        mean_part, own_part = 2.0 - self.power, 1.0 - self.power
        return np.asarray(_power(mean_part, margins) - y * _power(own_part, margins))

    def curvature(self, y: Array, margins: Array) -> Array:
        """Return ``(2 - power) mean^(2 - power) - (1 - power) y mean^(1 - power)``."""
        mean_part, own_part = 2.0 - self.power, self.power - 1.0
        if own_part == 0.0:
            return np.exp(margins)
        curvature = own_part * y * _power(-own_part, margins)
        return curvature if mean_part == 0.0 else curvature + mean_part * _power(mean_part, margins)

    def change(self, y: Array, margins: Array, changes: Array) -> Array:
        """Return the changes of the unit deviances."""
        change_of_deviance(self.power, y, margins, changes)
        return changes

    def response(self, margins: Array) -> Array:
        """Return means."""
        return np.exp(margins)

    def response_slope(self, margins: Array) -> Array:
        """Return means."""
        return np.exp(margins)


def _power(exponent: float, margins: Array) -> Array | float:
    """Return a power of the means."""
    return 1.0 if exponent == 0.0 else np.exp(exponent * margins)
