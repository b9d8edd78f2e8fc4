"""Additive models by backfitting: a level and a trend for each bin of a column."""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = ["fit_additive", "harmonics", "places"]

_ROOT3 = np.sqrt(3.0)
_LEAST_FREE = 0.25  # of the responses, to tell the noise from
_TINY = 1e-300


@kernel
def places(
    uniforms: NDArray[np.float64],
    bins: NDArray[np.int32],
    starts: NDArray[np.float64],
    shares: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write where in its bin a draw lies, as a uniform variable of mean 0 and variance 1.

    Parameters
    ----------
    uniforms : ndarray of shape (n_columns, >= n)
        What the columns were drawn with, by inversion.
    bins : ndarray of shape (n_columns, >= n)
    starts, shares : ndarray of shape (n_columns, n_bins)
        Where in the unit interval a bin starts, and its length.
    out : ndarray of shape (n_columns, n)
    """
    n_columns, n_bins = starts.shape
    offset, step = np.empty((2, n_bins))
    for j in range(n_columns):
        for b in range(n_bins):
            step[b] = 2.0 * _ROOT3 / shares[j, b] if shares[j, b] > 0.0 else 0.0
            offset[b] = starts[j, b] * step[b] + _ROOT3
        own, u, target = bins[j], uniforms[j], out[j]
        for i in range(len(target)):
            target[i] = u[i] * step[own[i]] - offset[own[i]]


@kernel
def _shrunk(
    effects: NDArray[np.float64],
    sizes: NDArray[np.float64],
    n_effects: float,
    noise: NDArray[np.float64],
) -> float:
    """Take from effects what may be noise (James and Stein, 1961), by one factor for all outputs.

    Parameters
    ----------
    effects : ndarray of shape (n_outputs, n_bins)
    sizes : ndarray of shape (n_bins,)
        The variance of an effect is the noise over its size.
    n_effects : float
        Degrees of freedom of the effects of an output.
    noise : ndarray of shape (n_leaders,)
        That of the first outputs, which decide about the factor.

    Returns
    -------
    used : float
        Degrees of freedom of what is left (Stein, 1981).
    """
    power = 0.0
    for k in range(len(noise)):
        for b in range(len(sizes)):
            power += sizes[b] * effects[k, b] ** 2 / (noise[k] * len(noise))
    kept = max(0.0, 1.0 - n_effects / power) if power > 0.0 else 0.0
    effects *= kept
    return kept * n_effects + 2.0 * (1.0 - kept) if kept > 0.0 else 0.0


@kernel
def _refit(
    sums: NDArray[np.float64],
    products: NDArray[np.float64],
    sizes: NDArray[np.float64],
    noise: NDArray[np.float64],
    level: NDArray[np.float64],
    trend: NDArray[np.float64],
) -> float:
    """Fit the levels and trends of a column to all that the others leave; return their number.

    Parameters
    ----------
    sums, products : ndarray of shape (n_outputs, n_bins)
        Of what all columns leave, and of that times the place in the bin.
    sizes : ndarray of shape (3, n_bins)
        Sums of the powers of the place in the bin.
    noise : ndarray of shape (n_leaders,)
    level, trend : ndarray of shape (n_outputs, n_bins)
        Overwritten.
    """
    (n_outputs, n_bins), (count, first, second) = level.shape, sizes
    total, n_filled = count.sum(), 0.0
    for b in range(n_bins):
        n_filled += 1.0 if count[b] > 0.0 else 0.0
    for k in range(n_outputs):
        mean = 0.0
        for b in range(n_bins):
            products[k, b] += first[b] * level[k, b] + second[b] * trend[k, b]
            if count[b] > 0.0:
                level[k, b] += (sums[k, b] + first[b] * trend[k, b]) / count[b]
                mean += level[k, b] * count[b] / total
        for b in range(n_bins):
            level[k, b] -= mean if count[b] > 0.0 else 0.0
    used = _shrunk(level, count, n_filled - 1.0, noise)
    for k in range(n_outputs):
        for b in range(n_bins):
            slope = products[k, b] - first[b] * level[k, b]
            trend[k, b] = slope / second[b] if second[b] > 0.0 else 0.0
    return used + _shrunk(trend, second, n_filled, noise)


@kernel
def fit_additive(
    bins: NDArray[np.int32],
    place: NDArray[np.float64],
    left: NDArray[np.float64],
    n_leaders: int,
    n_passes: int,
    levels: NDArray[np.float64],
    trends: NDArray[np.float64],
) -> float:
    """Fit column after column to what the others leave, some passes over.

    The levels and the trends of each column are shrunk as far as they may be noise in the leading
    outputs. For given leaders the fit is linear in the responses.

    Parameters
    ----------
    bins : ndarray of shape (n_columns, >= n)
    place : ndarray of shape (n_columns, n)
        From `places`.
    left : ndarray of shape (n_outputs, n)
        Responses less their mean; overwritten with what the model leaves.
    n_leaders : int
        The first outputs, that decide.
    n_passes : int
    levels, trends : ndarray of shape (n_columns, n_outputs, n_bins)
        Zeros; written.

    Returns
    -------
    used : float
        Degrees of freedom of an output.
    """
    (n_columns, n_outputs, n_bins), n = levels.shape, left.shape[1]
    sizes = np.zeros((n_columns, 3, n_bins))
    for j in range(n_columns):
        for i in range(n):
            b, x = bins[j, i], place[j, i]
            sizes[j, 0, b] += 1.0
            sizes[j, 1, b] += x
            sizes[j, 2, b] += x * x
    used, noise = np.zeros(n_columns), np.empty(n_leaders)
    sums, products, down, tilt = np.empty((4, n_outputs, n_bins))
    for _ in range(n_passes):
        for k in range(n_leaders):
            noise[k] = left[k] @ left[k] / max(n - used.sum(), _LEAST_FREE * n) + _TINY
        for j in range(n_columns):
            own, x = bins[j], place[j]
            sums[:], products[:] = 0.0, 0.0
            for k in range(n_outputs):
                _add_up(own, x, left[k], sums[k], products[k])
            down[:], tilt[:] = levels[j], trends[j]
            used[j] = _refit(sums, products, sizes[j], noise, levels[j], trends[j])
            down -= levels[j]
            tilt -= trends[j]
            for k in range(n_outputs):
                _add_effects(own, x, down[k], tilt[k], left[k])
    return used.sum()


@kernel
def _add_up(
    own: NDArray[np.int32],
    x: NDArray[np.float64],
    left: NDArray[np.float64],
    sums: NDArray[np.float64],
    products: NDArray[np.float64],
) -> None:
    for i in range(len(left)):
        sums[own[i]] += left[i]
        products[own[i]] += left[i] * x[i]


@kernel
def _add_effects(
    own: NDArray[np.int32],
    x: NDArray[np.float64],
    level: NDArray[np.float64],
    trend: NDArray[np.float64],
    left: NDArray[np.float64],
) -> None:
    for i in range(len(left)):
        left[i] += level[own[i]] + trend[own[i]] * x[i]


@kernel
def harmonics(
    index: NDArray[np.float64], speed: float, out: NDArray[np.float64], means: NDArray[np.float64]
) -> None:
    """Write an index, and the cosines and sines of its multiples, all less their means.

    Parameters
    ----------
    index : ndarray of shape (n,)
    speed : float
        The index times it is the angle of the first harmonic.
    out : ndarray of shape (1 + 2 * n_harmonics, n)
        Written: the index, then cosines, then sines.
    means : ndarray of shape (1 + 2 * n_harmonics,)
        Written.
    """
    n_harmonics = (len(out) - 1) // 2
    for i in range(len(index)):
        c, s = np.cos(speed * index[i]), np.sin(speed * index[i])
        out[0, i], out[1, i], out[1 + n_harmonics, i] = index[i], c, s
        for k in range(2, n_harmonics + 1):
            x, y = out[k - 1, i], out[n_harmonics + k - 1, i]
            out[k, i] = x * c - y * s
            out[n_harmonics + k, i] = x * s + y * c
    for feature in range(len(out)):
        means[feature] = out[feature].mean()
        out[feature] -= means[feature]
