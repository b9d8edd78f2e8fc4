"""Fitted trees as flat arrays: where a row goes, what an ensemble predicts.

All trees stand one after the other, each in preorder: the left child of a node is the next node,
and a subtree is a run of nodes. A walk then needs neither stack nor recursion.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = ["LEAF", "Trees", "goes_left", "predict", "preorder", "subtree_ends"]

LEAF = -1
_ROWS = 128
_WORD = 64


class Trees(NamedTuple):
    """Nodes of all trees, in preorder.

    A numeric node sends a value to the left when ``value <= threshold``; a categorical one when
    the value, a non-negative integer, is in its set of categories; NaN goes where `missing_left`
    says.
    """

    roots: NDArray[np.int64]  # (n_trees + 1,): first node of each tree, then the number of nodes
    first_output: NDArray[np.int64]  # (n_trees,): column of outputs that values[:, 0] adds to
    feature: NDArray[np.int32]  # (n_nodes,): column tested, LEAF at leaves
    threshold: NDArray[np.float64]  # (n_nodes,)
    left: NDArray[np.int32]  # (n_nodes,): LEAF at leaves
    right: NDArray[np.int32]  # (n_nodes,): LEAF at leaves
    missing_left: NDArray[np.bool_]  # (n_nodes,)
    set_start: NDArray[np.int32]  # (n_nodes,): first word of the set of categories, -1 if numeric
    set_size: NDArray[np.int32]  # (n_nodes,): number of words of the set
    words: NDArray[np.uint64]  # category c is bit c % 64 of word c // 64
    values: NDArray[np.float64]  # (n_nodes, width)


@kernel
def goes_left(
    value: float,
    threshold: float,
    missing_left: bool,
    set_start: int,
    set_size: int,
    words: NDArray[np.uint64],
) -> bool:
    """Tell whether `value` leads to the left child of an inner node.

    The node is given by its entries, since taking an array out of a tuple counts a reference,
    which costs more than the test itself.
    """
    if np.isnan(value):
        return missing_left
    if set_start < 0:
        return value <= threshold
    if value < 0 or value >= _WORD * set_size:
        return False
    category = int(value)
    word = words[set_start + category // _WORD]
    return (word >> np.uint64(category % _WORD)) & np.uint64(1) != 0


@kernel
def predict(trees: Trees, X: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Add to `out` (n, n_outputs) the sum of the leaf values that each row reaches."""
    roots, first_output, feature, threshold, left, right, missing, starts, sizes, words, values = (
        trees
    )
    n, width = X.shape[0], values.shape[1]
    for start in range(0, n, _ROWS):
        for tree in range(roots.shape[0] - 1):
            for row in range(start, min(start + _ROWS, n)):
                node = roots[tree]
                while feature[node] != LEAF:
                    if goes_left(
                        X[row, feature[node]], threshold[node], missing[node],
                        starts[node], sizes[node], words,
                    ):  # fmt: skip
                        node = np.int64(left[node])
                    else:
                        node = np.int64(right[node])
                for j in range(width):
                    out[row, first_output[tree] + j] += values[node, j]


@kernel
def preorder(left: NDArray[np.int32], right: NDArray[np.int32], root: int) -> NDArray[np.int64]:
    """Return the nodes under `root` in preorder, left child first."""
    order = np.empty(left.shape[0], dtype=np.int64)
    stack = np.empty(left.shape[0] + 1, dtype=np.int64)
    stack[0], height, count = root, 1, 0
    while height:
        height -= 1
        node = stack[height]
        order[count] = node
        count += 1
        if left[node] != LEAF:
            stack[height], stack[height + 1] = right[node], left[node]
            height += 2
    return order[:count]


@kernel
def subtree_ends(trees: Trees) -> NDArray[np.int32]:
    """Return, for each node, the node that follows its subtree in preorder."""
    feature, right = trees.feature, trees.right
    ends = np.empty(feature.shape[0], dtype=np.int32)
    for node in range(ends.shape[0] - 1, -1, -1):
        ends[node] = node + 1 if feature[node] == LEAF else ends[right[node]]
    return ends
