"""Proximal steps of the total variation and of the fused lasso along a chain."""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = ["fused_lasso_prox", "soft_threshold", "total_variation_prox"]

Floats = NDArray[np.float64]


@kernel
def soft_threshold(value: float, threshold: float) -> float:
    """Shrink `value` towards zero by `threshold`."""
    if value > threshold:
        return value - threshold
    if value < -threshold:
        return value + threshold
    return 0.0


@kernel
def total_variation_prox(signal: Floats, penalty: float) -> Floats:
    """Minimise ``sum((b - signal)**2) / 2 + penalty * sum(abs(diff(b)))`` exactly, in O(n).

    Dynamic programming over the chain (Johnson, JCGS 2013). The derivative of the optimal cost
    of a prefix, as a function of its last value, is piecewise linear and increasing; clipping
    it to [-penalty, penalty] and adding the next data term gives that of the longer prefix.
    The knots of the function are kept in a double-ended queue together with the change of
    slope and offset met when a knot is crossed from left to right.
    """
    n = signal.size
    if n < 2 or penalty <= 0.0:
        return signal.copy()
    knot, slope_change, offset_change = np.empty(2 * n), np.empty(2 * n), np.empty(2 * n)
    lower, upper = np.empty(n), np.empty(n)
    first, last = n, n - 1
    below = above = 0.0  # what the clipping of the prefix adds to the outermost pieces
    for i in range(n - 1):
        slope, offset = 1.0, -signal[i] + below
        while first <= last and slope * knot[first] + offset < -penalty:
            slope, offset = slope + slope_change[first], offset + offset_change[first]
            first += 1
        lower[i] = (-penalty - offset) / slope
        first_slope, first_offset = slope, offset + penalty
        slope, offset = 1.0, -signal[i] + above
        while last >= first and slope * knot[last] + offset > penalty:
            slope, offset = slope - slope_change[last], offset - offset_change[last]
            last -= 1
        upper[i] = (penalty - offset) / slope
        first -= 1
        last += 1
        knot[first], slope_change[first], offset_change[first] = lower[i], first_slope, first_offset
        knot[last], slope_change[last], offset_change[last] = upper[i], -slope, penalty - offset
        below, above = -penalty, penalty
    slope, offset = 1.0, -signal[n - 1] + below
    while first <= last and slope * knot[first] + offset < 0.0:
        slope, offset = slope + slope_change[first], offset + offset_change[first]
        first += 1
    denoised = np.empty(n)
    denoised[n - 1] = -offset / slope
    for i in range(n - 2, -1, -1):
        denoised[i] = min(max(denoised[i + 1], lower[i]), upper[i])
    return denoised


@kernel
def fused_lasso_prox(signal: Floats, l1: float, fusion: float) -> Floats:
    """Minimise ``sum((b - signal)**2) / 2 + l1 * sum(abs(b)) + fusion * sum(abs(diff(b)))``.

    The total-variation step followed by soft thresholding (Friedman, Hastie, Höfling and
    Tibshirani, AOAS 2007, Proposition 1).
    """
    denoised = total_variation_prox(signal, fusion)
    for i in range(denoised.size):
        denoised[i] = soft_threshold(denoised[i], l1)
    return denoised
