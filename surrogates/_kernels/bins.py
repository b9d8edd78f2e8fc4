"""Bins of a sorted column: borders at quantiles, and moments between borders."""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = ["bin_moments", "quantiles"]

_ROUNDING = 1e-12
_SMALLEST_SCALE = 1e-12


@kernel
def quantiles(
    values: NDArray[np.float64], weights: NDArray[np.float64], out: NDArray[np.float64]
) -> int:
    """Write the smallest values up to which equal shares of a column lie, without the largest.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Increasing.
    weights : ndarray of shape (n,)
    out : ndarray of shape (n_bins - 1,)
        Written: increasing.

    Returns
    -------
    n_found : int
        Fewer than asked where values are tied.
    """
    n_bins, n_found, place = len(out) + 1, 0, 0
    total = 0.0
    for weight in weights:
        total += weight
    reached = weights[0]
    for b in range(1, n_bins):
        wanted = b / n_bins * (1.0 - _ROUNDING) * total
        while reached < wanted and place < len(values) - 1:
            place += 1
            reached += weights[place]
        found = values[place]
        if found < values[-1] and (n_found == 0 or found > out[n_found - 1]):
            out[n_found] = found
            n_found += 1
    return n_found


@kernel
def bin_moments(
    values: NDArray[np.float64],
    weights: NDArray[np.float64],
    borders: NDArray[np.float64],
    out: NDArray[np.float64],
) -> int:
    """Write mass, mean, deviation, ends and number of each bin that holds values.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Increasing.
    weights : ndarray of shape (n,)
    borders : ndarray of shape (n_borders,)
        Bin b is ``(borders[b - 1], borders[b]]``.
    out : ndarray of shape (6, n_borders + 1)
        Written in its first places. A deviation of rounding size is 0, and the mean the value.

    Returns
    -------
    n_filled : int
    """
    n, n_filled, start = len(values), 0, 0
    for b in range(len(borders) + 1):
        stop, mass, mean, square = start, 0.0, 0.0, 0.0
        while stop < n and (b == len(borders) or values[stop] <= borders[b]):
            mass += weights[stop]
            mean += weights[stop] * values[stop]
            stop += 1
        if stop == start:
            continue
        mean /= mass
        for i in range(start, stop):
            square += weights[i] * (values[i] - mean) ** 2
        least, most = values[start], values[stop - 1]
        scale = np.sqrt(square / mass)
        if least == most or scale < _SMALLEST_SCALE * max(abs(least), abs(most)):
            mean, scale = least, 0.0
        out[0, n_filled], out[1, n_filled], out[2, n_filled] = mass, mean, scale
        out[3, n_filled] = borders[b - 1] if b > 0 else values[0]
        out[4, n_filled] = borders[b] if b < len(borders) else values[-1]
        out[5, n_filled] = b
        n_filled += 1
        start = stop
    return n_filled
