"""Additive models by backfitting: a level and a trend for each bin of a column."""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = ["fit_additive", "harmonics", "places"]

_ROOT3 = np.sqrt(3.0)
_LEAST_FREE = 0.25  # of the responses, to tell the noise from


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
    effects: NDArray[np.float64], sizes: NDArray[np.float64], n_effects: float, noise: float
) -> float:
    """Take from a group of effects what may be noise (James and Stein, 1961).

    Parameters
    ----------
    effects, sizes : ndarray of shape (n_bins,)
        The variance of an effect is the noise over its size.
    n_effects : float
        Degrees of freedom of the group.
    noise : float

    Returns
    -------
    used : float
        Those of what is left (Stein, 1981).
    """
    power = 0.0
    for b in range(len(effects)):
        power += sizes[b] * effects[b] ** 2
    kept = max(0.0, 1.0 - n_effects * noise / power) if power > 0.0 else 0.0
    effects *= kept
    return kept * n_effects + 2.0 * (1.0 - kept) if kept > 0.0 else 0.0


@kernel
def _refit(
    sums: NDArray[np.float64],
    products: NDArray[np.float64],
    sizes: NDArray[np.float64],
    noise: float,
    level: NDArray[np.float64],
    trend: NDArray[np.float64],
) -> float:
    """Fit the levels and trends of a column to all that the others leave; return their number.

    Parameters
    ----------
    sums, products : ndarray of shape (n_bins,)
        Of what all columns leave, and of that times the place in the bin.
    sizes : ndarray of shape (3, n_bins)
        Sums of the powers of the place in the bin.
    noise : float
        Variance; a negative one asks for levels alone, and no shrinkage.
    level, trend : ndarray of shape (n_bins,)
        Overwritten.
    """
    count, first, second = sizes
    n_filled, mean = 0.0, 0.0
    for b in range(len(level)):
        products[b] += first[b] * level[b] + second[b] * trend[b]
        if count[b] > 0.0:
            n_filled += 1.0
            level[b] += (sums[b] + first[b] * trend[b]) / count[b]
            mean += level[b] * count[b]
    mean /= count.sum()
    for b in range(len(level)):
        level[b] -= mean if count[b] > 0.0 else 0.0
    if noise < 0.0:
        return n_filled - 1.0
    used = _shrunk(level, count, n_filled - 1.0, noise)
    for b in range(len(level)):
        slope = products[b] - first[b] * level[b]
        trend[b] = slope / second[b] if second[b] > 0.0 else 0.0
    return used + _shrunk(trend, second, n_filled, noise)


@kernel
def fit_additive(
    bins: NDArray[np.int32],
    place: NDArray[np.float64],
    left: NDArray[np.float64],
    n_passes: int,
    adaptive: bool,
    levels: NDArray[np.float64],
    trends: NDArray[np.float64],
) -> float:
    """Fit column after column to what the others leave, some passes over.

    Parameters
    ----------
    bins : ndarray of shape (n_columns, >= n)
    place : ndarray of shape (n_columns, n)
        From `places`.
    left : ndarray of shape (n,)
        Responses less their mean; overwritten with what the model leaves.
    n_passes : int
    adaptive : bool
        Whether to fit trends, and to shrink the levels and the trends of each column as far as
        they may be noise. Without, the fit is linear in the responses.
    levels, trends : ndarray of shape (n_columns, n_bins)
        Zeros; written.

    Returns
    -------
    used : float
        Degrees of freedom.
    """
    (n_columns, n_bins), n = levels.shape, len(left)
    sizes = np.zeros((n_columns, 3, n_bins))
    for j in range(n_columns):
        for i in range(n):
            b, x = bins[j, i], place[j, i]
            sizes[j, 0, b] += 1.0
            sizes[j, 1, b] += x
            sizes[j, 2, b] += x * x
    used = np.zeros(n_columns)
    sums, products, down, tilt = np.empty((4, n_bins))
    for _ in range(n_passes):
        noise = left @ left / max(n - used.sum(), _LEAST_FREE * n) if adaptive else -1.0
        for j in range(n_columns):
            own, x = bins[j], place[j]
            sums[:], products[:] = 0.0, 0.0
            for i in range(n):
                sums[own[i]] += left[i]
                products[own[i]] += left[i] * x[i]
            down[:], tilt[:] = levels[j], trends[j]
            used[j] = _refit(sums, products, sizes[j], noise, levels[j], trends[j])
            down -= levels[j]
            tilt -= trends[j]
            for i in range(n):
                left[i] += down[own[i]] + tilt[own[i]] * x[i]
    return used.sum()


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
