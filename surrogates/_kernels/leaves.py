"""Which leaf a row reaches in each tree, and sums over what leaves hold."""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel
from surrogates._kernels.trees import LEAF, Trees, goes_left

__all__ = ["add_leaf_rows", "add_shared_leaves", "apply"]


@kernel
def apply(trees: Trees, X: NDArray[np.float64], out: NDArray[np.int64]) -> None:
    """Write the leaf of each row in each tree, of shape (n_trees, n_rows), as a node number."""
    roots, _, feature, threshold, left, right, missing, starts, sizes, words, _ = trees
    for tree in range(roots.shape[0] - 1):
        for row in range(X.shape[0]):
            node = roots[tree]
            while feature[node] != LEAF:
                if goes_left(
                    X[row, feature[node]], threshold[node], missing[node],
                    starts[node], sizes[node], words,
                ):  # fmt: skip
                    node = np.int64(left[node])
                else:
                    node = np.int64(right[node])
            out[tree, row] = node


@kernel
def add_leaf_rows(
    leaves: NDArray[np.int64], table: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Add to each row the entries of the leaves that it reaches.

    Parameters
    ----------
    leaves : ndarray of shape (n_trees, n_rows)
        Lines of `table`.
    table : ndarray of shape (n_leaves, n_cases)
    out : ndarray of shape (n_rows, n_cases)
    """
    for row in range(leaves.shape[1]):
        total = out[row]
        for tree in range(leaves.shape[0]):
            entries = table[leaves[tree, row]]
            for case in range(total.shape[0]):
                total[case] += entries[case]


@kernel
def add_shared_leaves(
    test_leaves: NDArray[np.int64],
    members: NDArray[np.int64],
    starts: NDArray[np.int64],
    weights: NDArray[np.float64],
    train: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Add, for every tree and every training row in the leaf of a test row, a product of theirs.

    Parameters
    ----------
    test_leaves : ndarray of shape (n_trees, n_test)
        Numbers of leaves, counted over all trees.
    members : ndarray of shape (n_trees, n_train)
        Training rows of each tree, sorted by leaf.
    starts : ndarray of shape (n_leaves + 1,)
        Where the members of a leaf start, in its own tree's line of `members` laid end to end.
    weights : ndarray of shape (n_trees, n_test)
    train : ndarray of shape (n_trees, n_train)
    out : ndarray of shape (n_test, n_train)
    """
    flat = members.ravel()
    for row in range(test_leaves.shape[1]):
        for tree in range(test_leaves.shape[0]):
            leaf, weight = test_leaves[tree, row], weights[tree, row]
            for place in range(starts[leaf], starts[leaf + 1]):
                member = flat[place]
                out[row, member] += weight * train[tree, member]
