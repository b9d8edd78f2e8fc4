"""Means in the leaves of averaged trees, without some of the rows that they were taken over."""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel
from surrogates._kernels.trees import LEAF, Trees, goes_left

__all__ = ["add_node_sums", "means_without_each", "means_without_some"]

_NOTHING = 1e-12


@kernel
def add_node_sums(
    trees: Trees,
    X: NDArray[np.float64],
    weights: NDArray[np.float64],
    y: NDArray[np.float64],
    totals: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> None:
    """Add the weights, and the weighted targets, of rows to all nodes on their paths.

    Parameters
    ----------
    trees : Trees
    X : ndarray of shape (n_rows, n_columns)
    weights : ndarray of shape (n_trees, n_rows)
        What a row counts in each tree.
    y : ndarray of shape (n_rows, width)
    totals : ndarray of shape (n_nodes,)
    sums : ndarray of shape (n_nodes, width)
    """
    roots, _, feature, threshold, left, right, missing, starts, sizes, words, _ = trees
    for tree in range(roots.shape[0] - 1):
        for row in range(X.shape[0]):
            weight = weights[tree, row]
            if weight == 0.0:
                continue
            node = roots[tree]
            while True:
                totals[node] += weight
                for k in range(y.shape[1]):
                    sums[node, k] += weight * y[row, k]
                if feature[node] == LEAF:
                    break
                if goes_left(
                    X[row, feature[node]], threshold[node], missing[node],
                    starts[node], sizes[node], words,
                ):  # fmt: skip
                    node = np.int64(left[node])
                else:
                    node = np.int64(right[node])


@kernel
def means_without_each(
    parents: NDArray[np.int64],
    nodes: NDArray[np.int64],
    weights: NDArray[np.float64],
    y: NDArray[np.float64],
    totals: NDArray[np.float64],
    sums: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write how the mean of the leaf of each row changes without the row, for every tree.

    A leaf that loses its only row takes the mean of the closest ancestor that has others.

    Parameters
    ----------
    parents : ndarray of shape (n_nodes,)
    nodes : ndarray of shape (n_trees, n_rows)
        Leaves of the rows.
    weights : ndarray of shape (n_trees, n_rows)
    y : ndarray of shape (n_rows, width)
    totals, sums : ndarray of shape (n_nodes,) and (n_nodes, width)
    out : ndarray of shape (width, n_trees, n_rows)
    """
    for tree in range(nodes.shape[0]):
        for row in range(nodes.shape[1]):
            weight, leaf = weights[tree, row], nodes[tree, row]
            if weight == 0.0:
                for k in range(y.shape[1]):
                    out[k, tree, row] = 0.0
                continue
            node = leaf
            while totals[node] - weight <= _NOTHING * totals[node] and parents[node] >= 0:
                node = parents[node]
            left_over = totals[node] - weight
            for k in range(y.shape[1]):
                mean = sums[leaf, k] / totals[leaf]
                if left_over <= _NOTHING * totals[node]:
                    out[k, tree, row] = 0.0
                else:
                    out[k, tree, row] = (sums[node, k] - weight * y[row, k]) / left_over - mean


@kernel
def means_without_some(
    parents: NDArray[np.int64],
    totals: NDArray[np.float64],
    sums: NDArray[np.float64],
    lost_totals: NDArray[np.float64],
    lost_sums: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write the change of the mean of every node when a set of rows is removed.

    Nodes stand in preorder, so that the parent of an emptied node is known before it.

    Parameters
    ----------
    lost_totals, lost_sums : ndarray of shape (n_nodes,) and (n_nodes, width)
        What the removed rows had added to `totals` and `sums`.
    out : ndarray of shape (n_nodes, width)
    """
    means = np.empty(sums.shape)
    for node in range(totals.shape[0]):
        left_over = totals[node] - lost_totals[node]
        for k in range(sums.shape[1]):
            if left_over > _NOTHING * totals[node]:
                means[node, k] = (sums[node, k] - lost_sums[node, k]) / left_over
            elif parents[node] >= 0:
                means[node, k] = means[parents[node], k]
            else:
                means[node, k] = sums[node, k] / totals[node]
            out[node, k] = means[node, k]
            if totals[node] > 0.0:
                out[node, k] -= sums[node, k] / totals[node]
