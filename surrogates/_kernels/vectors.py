"""Vector operations as loops: array expressions take numba several times longer to compile."""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel, reduction_kernel

__all__ = ["assign", "combine", "dot", "times"]

Floats = NDArray[np.float64]


@kernel
def dot(left: Floats, right: Floats) -> float:
    """Return the inner product; four running sums do not wait for each other."""
    whole = left.size - left.size % 4
    a = b = c = d = 0.0
    for j in range(0, whole, 4):
        a += left[j] * right[j]
        b += left[j + 1] * right[j + 1]
        c += left[j + 2] * right[j + 2]
        d += left[j + 3] * right[j + 3]
    for j in range(whole, left.size):
        a += left[j] * right[j]
    return (a + b) + (c + d)


@kernel
def combine(a: float, left: Floats, b: float, right: Floats) -> Floats:
    """Return ``a * left + b * right``, compiled faster than an array expression."""
    result = np.empty(left.size)
    for j in range(left.size):
        result[j] = a * left[j] + b * right[j]
    return result


@kernel
def assign(target: Floats, values: Floats) -> None:
    """Copy `values` into `target`, compiled faster than slice assignment."""
    for j in range(target.size):
        target[j] = values[j]


@reduction_kernel
def times(matrix: NDArray[np.float64], vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Multiply without a library, whose digits depend on its number of threads."""
    product = np.empty(len(matrix))
    for row in range(len(matrix)):
        weights, total = matrix[row], 0.0
        for column in range(len(vector)):
            total += weights[column] * vector[column]
        product[row] = total
    return product
