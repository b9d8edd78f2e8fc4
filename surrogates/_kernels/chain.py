"""The fused-lasso penalty of a chain of coefficients, and certificates of its minimisers."""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel
from surrogates._kernels.vectors import dot

__all__ = ["dual_norm", "duality_gap", "penalty"]

Floats = NDArray[np.float64]


@kernel
def penalty(coef: Floats, l1: float, fusion: float) -> float:
    """Return ``l1 * sum(abs(coef)) + fusion * sum(abs(diff(coef)))``."""
    total = l1 * abs(coef[0])
    for j in range(1, coef.size):
        total += l1 * abs(coef[j]) + fusion * abs(coef[j] - coef[j - 1])
    return total


@kernel
def dual_norm(vector: Floats, l1: float, fusion: float) -> float:
    """Return the smallest scale of the penalty whose subdifferential at zero holds `vector`.

    Level sets on a chain are unions of intervals, so only indicators of intervals have to be
    tried: the largest ratio of an interval's sum to its penalty. Intervals without a penalty
    (the whole chain when ``l1`` is 0) are left out: `vector` must sum to zero over them.
    """
    p = vector.size
    largest = 0.0
    for start in range(p):
        total = 0.0
        for stop in range(start, p):
            total += vector[stop]
            price = l1 * (stop - start + 1) + fusion * ((start > 0) + (stop < p - 1))
            if price > 0.0 and abs(total) > largest * price:
                largest = abs(total) / price
    return largest


@kernel
def duality_gap(coef: Floats, gradient: Floats, rss: float, l1: float, fusion: float) -> float:
    """Return the gap at the dual point made by shrinking the residual until it is feasible.

    `gradient` is that of the quadratic part and `rss` the residual sum of squares in its scale.
    Unpenalized directions must have been minimised over.
    """
    shrink = 1.0 / max(dual_norm(gradient, l1, fusion), 1.0)
    slack = penalty(coef, l1, fusion) + shrink * dot(coef, gradient)
    return max(0.5 * (1.0 - shrink) ** 2 * rss + slack, 0.0)
