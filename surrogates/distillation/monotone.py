"""Values of nodes, kept in order along monotone columns."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from surrogates.distillation.literals import MofN, Operator

__all__ = ["Bounds", "child_bounds", "clipped", "weighted_mean"]

Bounds = tuple[float, float]
"""Least and largest last value at a node."""


def weighted_mean(
    targets: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mean of the rows; exactly their value where it is the same for all.

    Examples
    --------
    >>> weighted_mean(np.full((3, 1), 0.1), np.array([0.2, 0.3, 0.4]))
    array([0.1])
    """
    first = targets[0]
    mean: NDArray[np.float64] = first + weights @ (targets - first) / max(weights.sum(), 1e-300)
    return mean


def clipped(value: NDArray[np.float64], bounds: Bounds) -> NDArray[np.float64]:
    """Return a value whose last entry lies within the bounds; two class shares sum to one."""
    if not np.isfinite(bounds).any():
        return value
    last = np.clip(value[-1], *bounds)
    return np.array([1.0 - last, last]) if len(value) == 2 else np.array([last])


def child_bounds(
    test: MofN, signs: NDArray[np.int64], values: Sequence[NDArray[np.float64]], bounds: Bounds
) -> tuple[Bounds, Bounds] | None:
    """Return the bounds of the true and the false child, None where their order is wrong.

    Parameters
    ----------
    test : MofN
    signs : ndarray of int64 of shape (n_columns,)
        1 or -1 for monotone columns, else 0.
    values : sequence of two ndarray
        Of the true and of the false child.
    bounds : Bounds
        Of their parent.
    """
    directions = {
        int(signs[literal.column]) * (1 if literal.operator is Operator.ABOVE else -1)
        for literal in test.literals
        if signs[literal.column]
    }
    if not directions:
        return bounds, bounds
    direction = directions.pop()
    true, false = (float(value[-1]) for value in values)
    if directions or direction * (true - false) < 0.0:
        return None
    middle = (true + false) / 2
    upper, lower = (middle, bounds[1]), (bounds[0], middle)
    return (upper, lower) if direction > 0 else (lower, upper)
