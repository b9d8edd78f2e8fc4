"""How players stand on the paths of trees.

The edge into a node tests a column, and the column belongs to a player; a player may be tested
many times on one path.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel
from surrogates._kernels.trees import LEAF, Trees, subtree_ends

__all__ = ["Paths", "path_edges", "trace_paths"]


class Paths(NamedTuple):
    """How players stand on the paths of trees; an edge is named by the node that it leads to."""

    player: NDArray[np.int32]  # (n_nodes,): player whose column the parent tests, -1 at roots
    parent: NDArray[np.int32]  # (n_nodes,): -1 at roots
    previous: NDArray[np.int32]  # (n_nodes,): next edge above with the same player, -1 if none
    end: NDArray[np.int32]  # (n_nodes,): the node after the subtree
    rank: NDArray[np.int32]  # (n_nodes,): number of leaves before the node
    start: NDArray[np.int64]  # (n_nodes + 1,): where the edges of a leaf begin in `last`
    last: NDArray[np.int32]  # lowest edge of each distinct player on the path to a leaf


@kernel
def path_edges(
    parent: NDArray[np.int32], player: NDArray[np.int32], node: int, edges: NDArray[np.int32]
) -> int:
    """Write the lowest edge of each distinct player above `node`; return how many."""
    count = 0
    while parent[node] >= 0:
        seen = False
        for k in range(count):
            seen |= player[edges[k]] == player[node]
        if not seen:
            edges[count] = node
            count += 1
        node = parent[node]
    return count


@kernel
def trace_paths(trees: Trees, player_of_column: NDArray[np.int32]) -> Paths:
    """Lay out the paths of `trees` for players that own one or more columns each."""
    roots, feature, left, right = trees.roots, trees.feature, trees.left, trees.right
    n_nodes = feature.shape[0]
    player, parent = np.empty(n_nodes, np.int32), np.empty(n_nodes, np.int32)
    previous, rank = np.empty(n_nodes, np.int32), np.zeros(n_nodes + 1, np.int32)
    start, edges = np.zeros(n_nodes + 1, np.int64), np.empty(n_nodes, np.int32)
    for tree in range(roots.shape[0] - 1):
        player[roots[tree]] = parent[roots[tree]] = -1
    for node in range(n_nodes):
        rank[node + 1] = rank[node] + (feature[node] == LEAF)
        if feature[node] != LEAF:
            parent[left[node]] = parent[right[node]] = node
            player[left[node]] = player[right[node]] = player_of_column[feature[node]]
        above = parent[node]
        while above >= 0 and player[above] != player[node]:
            above = parent[above]
        previous[node] = above
        count = path_edges(parent, player, node, edges) if feature[node] == LEAF else 0
        start[node + 1] = start[node] + count
    last = np.empty(start[n_nodes], np.int32)
    for node in range(n_nodes):
        if feature[node] == LEAF:
            path_edges(parent, player, node, last[start[node] :])
    return Paths(player, parent, previous, subtree_ends(trees), rank, start, last)
