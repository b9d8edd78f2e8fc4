"""Gower distances: the nearest real rows of mixed tables."""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = ["gower_nearest"]


@kernel
def _gower(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    scales: NDArray[np.float64],
    most: float,
) -> float:
    """Return the sum over the columns, or something beyond `most` where it is larger."""
    total = 0.0
    for column in range(scales.shape[0]):
        a, b = first[column], second[column]
        if np.isnan(a) or np.isnan(b):
            total += 0.0 if np.isnan(a) and np.isnan(b) else 1.0
        elif scales[column] == 0.0:
            total += 0.0 if a == b else 1.0
        else:
            total += min(abs(a - b) / scales[column], 1.0)
        if total > most:
            break
    return total


@kernel
def gower_nearest(
    rows: NDArray[np.float64],
    real: NDArray[np.float64],
    scales: NDArray[np.float64],
    count: int,
    skip_own: bool,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return distances to the `count` nearest real rows and their positions, the nearest first.

    `scales` (n_columns,) are ranges of numbers, 0 for levels; a missing value differs from all
    others by 1. Distances are means over the columns. With `skip_own`, `rows` are `real`, and no
    row is its own neighbour.
    """
    n, n_columns = rows.shape
    distances = np.full((n, count), np.inf)
    places = np.zeros((n, count), dtype=np.int64)
    for i in range(n):
        for other in range(real.shape[0]):
            if skip_own and i == other:
                continue
            distance = _gower(rows[i], real[other], scales, distances[i, count - 1])
            if distance >= distances[i, count - 1]:
                continue
            slot = count - 1
            while slot > 0 and distances[i, slot - 1] > distance:
                distances[i, slot] = distances[i, slot - 1]
                places[i, slot] = places[i, slot - 1]
                slot -= 1
            distances[i, slot] = distance
            places[i, slot] = other
    return distances / n_columns, places
