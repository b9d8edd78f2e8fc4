"""Exact Shapley values of training rows in the vote of the nearest neighbours."""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = ["neighbour_shapley"]


@kernel
def neighbour_shapley(
    order: NDArray[np.int64],
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    n_neighbours: int,
    out: NDArray[np.float64],
) -> None:
    """Write the Shapley values of the game "right labels among the k nearest, over k".

    From the farthest row inwards, a value differs from that of the next row by
    ``(right_i - right_{i+1}) / k * min(k, i) / i`` (Jia et al., "Efficient task-specific data
    valuation for nearest neighbor algorithms", VLDB 2019, theorem 1).

    Parameters
    ----------
    order : ndarray of shape (n_test, n_train)
        Positions of the training rows, the nearest first.
    train : ndarray of shape (n_train,)
        Labels as numbers.
    test : ndarray of shape (n_test,)
    n_neighbours : int
    out : ndarray of shape (n_test, n_train)
    """
    n_train = order.shape[1]
    for row in range(order.shape[0]):
        last = order[row, n_train - 1]
        right = 1.0 if train[last] == test[row] else 0.0
        # all coalitions of at most k - 1 others let the farthest row vote
        value = right / n_neighbours * min(n_neighbours, n_train) / n_train
        out[row, last] = value
        for place in range(n_train - 1, 0, -1):
            position = order[row, place - 1]
            own = 1.0 if train[position] == test[row] else 0.0
            value += (own - right) / n_neighbours * min(n_neighbours, place) / place
            right = own
            out[row, position] = value
