"""Weighted least squares from second moments: ridge, and forward selection by sweeps."""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = ["factorize", "solve", "sweep_forward"]

_NO_VARIANCE = 1e-13


@kernel
def factorize(
    gram: NDArray[np.float64],
    chosen: NDArray[np.bool_],
    ridge: float,
    scale: NDArray[np.float64],
    factor: NDArray[np.float64],
) -> None:
    """Write the Cholesky factor of the chosen columns, scaled to correlations, plus a ridge.

    Parameters
    ----------
    gram : ndarray of shape (n, n)
        Centred; the upper triangle is read.
    chosen : ndarray of shape (n,)
    ridge : float
        Added to the diagonal of the correlations.
    scale : ndarray of shape (n,)
        Written: one over the root of the diagonal, 0 where a column is not used.
    factor : ndarray of shape (n, n)
        Written: lower triangle.
    """
    n = len(gram)
    for j in range(n):
        usable = chosen[j] and gram[j, j] > 0.0
        scale[j] = 1.0 / np.sqrt(gram[j, j]) if usable else 0.0
    for j in range(n):
        if scale[j] == 0.0:
            factor[j, j] = 0.0
            continue
        for k in range(j + 1):
            if scale[k] == 0.0:
                factor[j, k] = 0.0
                continue
            total = gram[k, j] * scale[k] * scale[j] if k < j else 1.0 + ridge
            for i in range(k):
                total -= factor[j, i] * factor[k, i]
            if k < j:
                factor[j, k] = total / factor[k, k]
            else:
                factor[j, j] = np.sqrt(max(total, 0.25 * ridge))


@kernel
def solve(
    factor: NDArray[np.float64],
    scale: NDArray[np.float64],
    right: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write the solution for one right-hand side; 0 where a column is not used."""
    n = len(right)
    for j in range(n):
        total = right[j] * scale[j]
        for i in range(j):
            total -= factor[j, i] * out[i]
        out[j] = total / factor[j, j] if scale[j] > 0.0 else 0.0
    for j in range(n - 1, -1, -1):
        if scale[j] > 0.0:
            total = out[j]
            for i in range(j + 1, n):
                total -= factor[i, j] * out[i]
            out[j] = total / factor[j, j]
    for j in range(n):
        out[j] *= scale[j]


@kernel
def sweep_forward(
    gram: NDArray[np.float64],
    cross: NDArray[np.float64],
    n_chosen: int,
    order: NDArray[np.int64],
) -> int:
    """Choose columns one by one, each time the one that lowers the squared error most.

    Parameters
    ----------
    gram : ndarray of shape (n, n)
        Centred and symmetric; overwritten.
    cross : ndarray of shape (n,)
        Overwritten.
    n_chosen : int
    order : ndarray of shape (n_chosen,)
        Written: the columns in the order of their choice.

    Returns
    -------
    n_found : int
        Fewer than `n_chosen` where no column is left that varies.
    """
    n = len(cross)
    floor = np.array([_NO_VARIANCE * gram[j, j] for j in range(n)])
    free = np.array([gram[j, j] > 0.0 for j in range(n)])
    for step in range(n_chosen):
        best, pivot = -1.0, -1
        for j in range(n):
            if free[j] and gram[j, j] > floor[j]:
                gain = cross[j] * cross[j] / gram[j, j]
                if gain > best:
                    best, pivot = gain, j
        if pivot < 0:
            return step
        order[step] = pivot
        free[pivot] = False
        for j in range(n):
            if free[j]:
                share = gram[j, pivot] / gram[pivot, pivot]
                cross[j] -= share * cross[pivot]
                for k in range(n):
                    if free[k]:
                        gram[j, k] -= share * gram[pivot, k]
    return n_chosen
