"""Correlations of many pairs of series at once, NaN where one of a pair does not vary."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

__all__ = ["pearson", "spearman", "varies"]

_NOISE = 1e-10


def varies(
    series: NDArray[np.float64], axis: int, scale: NDArray[np.float64] | float = 0.0
) -> NDArray[np.bool_]:
    """Tell where a series varies by more than rounding.

    Parameters
    ----------
    series : ndarray
    axis : int
        Along which it runs; this axis is dropped.
    scale : float or ndarray, default=0.0
        Size of the numbers that the series was computed from, where they are larger.
    """
    size = np.maximum(np.abs(series).max(axis=axis, initial=0.0), scale)
    return np.ptp(series, axis=axis) > _NOISE * size


def pearson(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    axis: int,
    scale: NDArray[np.float64] | float = 0.0,
) -> NDArray[np.float64]:
    """Return the correlation of two series along an axis.

    Parameters
    ----------
    first, second : ndarray
        Of one shape.
    axis : int
    scale : float or ndarray, default=0.0
        Size of the numbers that `second` was computed from, where they are larger.

    Examples
    --------
    >>> float(pearson(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]), axis=0).round(9))
    1.0
    """
    if first.shape[axis] < 2:
        return np.full(np.delete(first.shape, axis), np.nan)
    a = first - first.mean(axis=axis, keepdims=True)
    b = second - second.mean(axis=axis, keepdims=True)
    known = varies(first, axis) & varies(second, axis, scale)
    size = np.sqrt((a * a).sum(axis=axis) * (b * b).sum(axis=axis))
    return np.where(known, (a * b).sum(axis=axis) / np.where(known, size, 1.0), np.nan)


def spearman(
    first: NDArray[np.float64], second: NDArray[np.float64], axis: int
) -> NDArray[np.float64]:
    """Return the correlation of the ranks; those of equal numbers are their mean rank."""
    if first.shape[axis] < 2:
        return np.full(np.delete(first.shape, axis), np.nan)
    return pearson(rankdata(first, axis=axis), rankdata(second, axis=axis), axis)
