"""Sums over the leaves of trees of products of probabilities, one factor per column."""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = ["add_leaf_contrasts"]


@kernel
def add_leaf_contrasts(
    slots: NDArray[np.int64],
    starts: NDArray[np.int64],
    conditions: NDArray[np.int64],
    values: NDArray[np.float64],
    first_output: NDArray[np.int64],
    column_of: NDArray[np.int64],
    offset_of: NDArray[np.int64],
    mean: NDArray[np.float64],
    contrast: NDArray[np.float64],
    coefficients: NDArray[np.float64],
    expectation: NDArray[np.float64],
) -> None:
    """Add each leaf's share of the coefficients and of the mean response of one row.

    A leaf is reached with the product of the probabilities of its conditions, one per column, as
    columns are independent; the effect of a column is the contrast of its own condition times the
    product of all others.

    Parameters
    ----------
    slots : ndarray of shape (n_columns,)
        The bin of the row in each column.
    starts : ndarray of shape (n_leaves + 1,)
        Where the conditions of each leaf begin.
    conditions : ndarray of shape (n_pairs,)
    values : ndarray of shape (n_leaves, width)
    first_output : ndarray of shape (n_leaves,)
        The output that ``values[:, 0]`` adds to.
    column_of, offset_of : ndarray of shape (n_conditions,)
        The column of a condition, and where the entries of its bins begin.
    mean, contrast : ndarray of shape (n_entries,)
        Probability of a condition under the kernel, and inside less outside of the row's bin.
    coefficients : ndarray of shape (n_columns, n_outputs)
        Added to.
    expectation : ndarray of shape (n_outputs,)
        Added to.
    """
    n_conditions = len(column_of)
    means, contrasts = np.empty(n_conditions), np.empty(n_conditions)
    for condition in range(n_conditions):
        entry = offset_of[condition] + slots[column_of[condition]]
        means[condition], contrasts[condition] = mean[entry], contrast[entry]
    longest, width = 0, values.shape[1]
    for leaf in range(len(values)):
        longest = max(longest, starts[leaf + 1] - starts[leaf])
    after = np.empty(longest + 1)
    for leaf in range(len(values)):
        begin, n = starts[leaf], starts[leaf + 1] - starts[leaf]
        after[n] = 1.0
        for place in range(n - 1, -1, -1):
            after[place] = after[place + 1] * means[conditions[begin + place]]
        before = 1.0
        first = first_output[leaf]
        for k in range(width):
            expectation[first + k] += values[leaf, k] * after[0]
        for place in range(n):
            condition = conditions[begin + place]
            effect = before * after[place + 1] * contrasts[condition]
            column = column_of[condition]
            for k in range(width):
                coefficients[column, first + k] += effect * values[leaf, k]
            before *= means[condition]
