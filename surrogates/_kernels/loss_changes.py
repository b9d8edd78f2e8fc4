"""Losses after a change of margins minus the losses before, written over the changes.

Differences are written so that small changes keep all of their digits.
"""

import math

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = [
    "change_of_deviance",
    "change_of_log_loss",
    "change_of_softmax_loss",
    "change_of_squared_error",
    "change_of_squared_hinge",
    "write_shares",
]

_SMALL = 0.03125
_CLOSE_MARGINS = 30.0


@kernel
def _log_loss_change(step: float, wrong: float, right: float) -> float:
    """Return ``log(right + wrong * exp(step))``, where `wrong` and `right` add up to 1."""
    if abs(step) < _SMALL:  # cumulants of a Bernoulli variable; the next term is below rounding
        spread = wrong * right
        skew = spread * (right - wrong)
        kurtosis = spread * (1.0 - 6.0 * spread)
        fifth = skew * (1.0 - 12.0 * spread)
        sixth = spread * (1.0 - spread * (30.0 - 120.0 * spread))
        tail = kurtosis / 24.0 + step * (fifth / 120.0 + step * sixth / 720.0)
        return step * (wrong + step * (spread / 2.0 + step * (skew / 6.0 + step * tail)))
    if step > _CLOSE_MARGINS:
        return step + math.log(wrong + right * math.exp(-step))
    return math.log1p(wrong * math.expm1(step))


@kernel
def change_of_log_loss(
    positive: NDArray[np.float64], margins: NDArray[np.float64], changes: NDArray[np.float64]
) -> None:
    """Replace changes of margins by changes of the log loss of a binary classifier.

    Parameters
    ----------
    positive : ndarray of shape (n,)
        1 for the positive class, else 0.
    margins : ndarray of shape (n,)
        Log odds before the change.
    changes : ndarray of shape (n, n_changes)
        Overwritten.
    """
    for i in range(changes.shape[0]):
        sign = -1.0 if positive[i] > 0.5 else 1.0
        margin = sign * margins[i]
        wrong, right = 1.0 / (1.0 + math.exp(-margin)), 1.0 / (1.0 + math.exp(margin))
        for j in range(changes.shape[1]):
            changes[i, j] = _log_loss_change(sign * changes[i, j], wrong, right)


@kernel
def change_of_softmax_loss(
    label: NDArray[np.int64],
    margins: NDArray[np.float64],
    changes: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Add the changes of the log loss of a softmax to `out`.

    Parameters
    ----------
    label : ndarray of shape (n,)
        Number of the true class.
    margins : ndarray of shape (n, n_classes)
    changes : ndarray of shape (n_classes, n, n_changes)
    out : ndarray of shape (n, n_changes)
        Added to.
    """
    n_classes = margins.shape[1]
    shares = np.empty(n_classes)
    for i in range(out.shape[0]):
        highest = margins[i].max()
        total = 0.0
        for k in range(n_classes):
            shares[k] = math.exp(margins[i, k] - highest)
            total += shares[k]
        for j in range(out.shape[1]):
            own = changes[label[i], i, j]
            largest = -np.inf
            for k in range(n_classes):
                largest = max(largest, changes[k, i, j] - own)
            if largest < _CLOSE_MARGINS:
                growth = 0.0
                for k in range(n_classes):
                    growth += shares[k] * math.expm1(changes[k, i, j] - own)
                out[i, j] += math.log1p(growth / total)
            else:
                growth = 0.0
                for k in range(n_classes):
                    growth += shares[k] * math.exp(changes[k, i, j] - own - largest)
                out[i, j] += largest + math.log(growth / total)


@kernel
def change_of_squared_error(errors: NDArray[np.float64], changes: NDArray[np.float64]) -> None:
    """Replace changes of predictions by changes of the squared error.

    Parameters
    ----------
    errors : ndarray of shape (n,)
        Prediction minus truth, before the change.
    changes : ndarray of shape (n, n_changes)
        Overwritten.
    """
    for i in range(changes.shape[0]):
        twice = 2.0 * errors[i]
        for j in range(changes.shape[1]):
            changes[i, j] *= twice + changes[i, j]


@kernel
def change_of_squared_hinge(
    sign: NDArray[np.float64], margins: NDArray[np.float64], changes: NDArray[np.float64]
) -> None:
    """Replace changes of margins by changes of ``max(0, 1 - sign * margin)^2``.

    Parameters
    ----------
    sign : ndarray of shape (n,)
        1 or -1.
    margins : ndarray of shape (n,)
    changes : ndarray of shape (n, n_changes)
        Overwritten.
    """
    for i in range(changes.shape[0]):
        gap = 1.0 - sign[i] * margins[i]
        for j in range(changes.shape[1]):
            step = -sign[i] * changes[i, j]
            if gap > 0.0 and gap + step > 0.0:
                changes[i, j] = step * (2.0 * gap + step)
            else:
                changes[i, j] = max(gap + step, 0.0) ** 2 - max(gap, 0.0) ** 2


@kernel
def _power_change(exponent: float, mean: float, step: float) -> float:
    """Return ``(mean^q * exp(q * step) - mean^q) / q``, and its limit at q = 0."""
    if exponent == 0.0:
        return step
    return mean**exponent * math.expm1(exponent * step) / exponent


@kernel
def change_of_deviance(
    power: float,
    truth: NDArray[np.float64],
    margins: NDArray[np.float64],
    changes: NDArray[np.float64],
) -> None:
    """Replace changes of log means by changes of the unit deviance of a Tweedie distribution.

    Parameters
    ----------
    power : float
        Of the variance as a function of the mean: 0 normal, 1 Poisson, 2 Gamma.
    truth : ndarray of shape (n,)
    margins : ndarray of shape (n,)
        Logarithms of the means before the change.
    changes : ndarray of shape (n, n_changes)
        Overwritten.
    """
    for i in range(changes.shape[0]):
        mean = math.exp(margins[i])
        for j in range(changes.shape[1]):
            step = changes[i, j]
            gain = truth[i] * _power_change(1.0 - power, mean, step)
            changes[i, j] = 2.0 * (_power_change(2.0 - power, mean, step) - gain)


@kernel
def write_shares(margins: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Write the probabilities of a softmax, both of shape (n, n_classes)."""
    for i in range(margins.shape[0]):
        highest, total = margins[i, 0], 0.0
        for k in range(1, margins.shape[1]):
            highest = max(highest, margins[i, k])
        for k in range(margins.shape[1]):
            out[i, k] = math.exp(margins[i, k] - highest)
            total += out[i, k]
        for k in range(margins.shape[1]):
            out[i, k] /= total
