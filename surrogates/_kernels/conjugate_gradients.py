"""One step of conjugate gradients, for many systems of equations side by side."""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = ["advance"]

_FLAT = 1e-13


@kernel
def advance(
    turned: NDArray[np.float64],
    direction: NDArray[np.float64],
    left: NDArray[np.float64],
    squares: NDArray[np.float64],
    goals: NDArray[np.float64],
    steps: NDArray[np.float64],
    goes_on: NDArray[np.bool_],
) -> int:
    """Move along the directions to the minima, and choose the next directions.

    Parameters
    ----------
    turned : ndarray of shape (n_systems, rank)
        Products of the matrices with the directions.
    direction, left, steps : ndarray of shape (n_systems, rank)
        Directions, what is left of the right-hand sides, and the solutions; overwritten.
    squares : ndarray of shape (n_systems,)
        Squared norms of what is left; overwritten.
    goals : ndarray of shape (n_systems,)
        Squared norms at which to stop.
    goes_on : ndarray of bool of shape (n_systems,)
        Overwritten: which systems are neither solved nor flat along their direction.

    Returns
    -------
    n_left : int
        How many systems go on.
    """
    n_left = 0
    for i in range(len(turned)):
        bend, size = 0.0, 0.0
        for k in range(turned.shape[1]):
            bend += direction[i, k] * turned[i, k]
            size += direction[i, k] * direction[i, k]
        goes_on[i] = bend > _FLAT * size
        if not goes_on[i]:
            continue
        length, now = squares[i] / bend, 0.0
        for k in range(turned.shape[1]):
            steps[i, k] += length * direction[i, k]
            left[i, k] -= length * turned[i, k]
            now += left[i, k] * left[i, k]
        for k in range(turned.shape[1]):
            direction[i, k] = left[i, k] + now / squares[i] * direction[i, k]
        squares[i] = now
        goes_on[i] = now > goals[i]
        n_left += goes_on[i]
    return n_left
