"""What a mixture of regressions asks of its rows: weighted moments and responsibilities."""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel
from surrogates._kernels.vectors import dot

__all__ = ["centered_moments", "expectation"]

Floats = NDArray[np.float64]

_NEGLIGIBLE = 1e-15
_CONSTANT = 1e-20
_BLOCK = 4


@kernel
def centered_moments(
    X: Floats, y: Floats, weights: Floats, gram: Floats, moments: Floats, x_mean: Floats
) -> tuple[float, float, float]:
    """Fill `gram`, `moments` and `x_mean` with weighted, centred averages.

    Returns the sum of weights, the mean of `y` and its variance. Columns that are constant among
    the rows with weight get exact zeros, so that only the penalty has a say in them.
    """
    n, p = X.shape
    total, y_mean = _weighted_means(X, y, weights, x_mean)
    for j in range(p):
        moments[j] = 0.0
        for k in range(p):
            gram[j, k] = 0.0
    centered, scaled = np.zeros((_BLOCK, p)), np.zeros((_BLOCK, p))
    filled, y_square = 0, 0.0
    for i in range(n):
        share = weights[i] / total
        if weights[i] <= _NEGLIGIBLE:
            continue
        residual = y[i] - y_mean
        y_square += share * residual * residual
        for j in range(p):
            centered[filled, j] = X[i, j] - x_mean[j]
            scaled[filled, j] = share * centered[filled, j]
            moments[j] += scaled[filled, j] * residual
        filled += 1
        if filled == _BLOCK:
            _add_block(gram, scaled, centered)
            filled = 0
    for row in range(filled, _BLOCK):
        for j in range(p):
            scaled[row, j] = 0.0
    _add_block(gram, scaled, centered)
    _finish(gram, moments, x_mean)
    return total, y_mean, y_square


@kernel
def _weighted_means(X: Floats, y: Floats, weights: Floats, x_mean: Floats) -> tuple[float, float]:
    total = y_mean = 0.0
    for j in range(x_mean.size):
        x_mean[j] = 0.0
    for i in range(y.size):
        if weights[i] > _NEGLIGIBLE:
            total += weights[i]
            y_mean += weights[i] * y[i]
            for j in range(x_mean.size):
                x_mean[j] += weights[i] * X[i, j]
    for j in range(x_mean.size):
        x_mean[j] /= total
    return total, y_mean / total


@kernel
def _add_block(gram: Floats, scaled: Floats, centered: Floats) -> None:
    """Add four rows at once to the lower triangle: a quarter of the memory traffic of one."""
    for j in range(gram.shape[0]):
        a, b, c, d = scaled[0, j], scaled[1, j], scaled[2, j], scaled[3, j]
        for k in range(j + 1):
            gram[j, k] += (
                a * centered[0, k] + b * centered[1, k] + c * centered[2, k] + d * centered[3, k]
            )


@kernel
def _finish(gram: Floats, moments: Floats, x_mean: Floats) -> None:
    """Clear constant columns, whose variance is what centring leaves, and fill the upper part."""
    for j in range(x_mean.size):
        if gram[j, j] > _CONSTANT * x_mean[j] * x_mean[j]:
            continue
        moments[j] = 0.0
        for k in range(x_mean.size):
            gram[max(j, k), min(j, k)] = 0.0
    for j in range(x_mean.size):
        for k in range(j):
            gram[k, j] = gram[j, k]


@kernel
def expectation(
    X: Floats,
    y: Floats,
    weights: Floats,
    intercepts: Floats,
    coefs: Floats,
    variances: Floats,
    resp: Floats,
) -> float:
    """Fill the responsibilities (components, rows) and return the log-likelihood."""
    count, n = resp.shape
    for k in range(count):
        level = np.log(weights[k]) - 0.5 * np.log(2.0 * np.pi * variances[k])
        half_precision = 0.5 / variances[k]
        for i in range(n):
            residual = y[i] - intercepts[k] - dot(X[i], coefs[k])
            resp[k, i] = level - half_precision * residual * residual
    log_likelihood = 0.0
    for i in range(n):
        largest = resp[0, i]
        for k in range(1, count):
            largest = max(largest, resp[k, i])
        total = 0.0
        for k in range(count):
            resp[k, i] = np.exp(resp[k, i] - largest)
            total += resp[k, i]
        log_likelihood += largest + np.log(total)
        for k in range(count):
            resp[k, i] /= total
    return log_likelihood
