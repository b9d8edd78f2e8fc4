"""Bundles: small groups of leaves at which a row is told by a pattern of a few bits.

A bundle is a subtree. Its bits are, for each player above it, whether the row passes the player's
tests down to it, and for each node inside, whether the row goes left.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel
from surrogates._kernels.tree_paths import Paths, path_edges
from surrogates._kernels.trees import LEAF, Trees, goes_left

__all__ = ["MAX_BITS", "Bundles", "outcomes", "patterns_of", "plan_bundles"]

MAX_BITS = 12
_LARGE_BUNDLE_BITS = 8
_SMALL_BUNDLE = 3  # inner nodes: up to here a bundle takes no more memory than its halves


class Bundles(NamedTuple):
    """Groups of leaves and the bits that tell what a row does there."""

    tree_start: NDArray[np.int64]  # (n_trees + 1,): first bundle of each tree
    table_start: NDArray[np.int64]  # (n_bundles + 1,): first entry of each bundle's table
    root: NDArray[np.int32]  # (n_bundles,): the bundle is the subtree of this node
    n_above: NDArray[np.int32]  # (n_bundles,): bits that are players above the bundle
    n_bits: NDArray[np.int32]  # (n_bundles,)
    bits: NDArray[np.int32]  # (n_bundles, 12): lowest edges of players above, nodes inside
    n_players: NDArray[np.int32]  # (n_bundles,)
    players: NDArray[np.int32]  # (n_bundles, 12)


@kernel
def _fill_bits(
    feature: NDArray[np.int32],
    left: NDArray[np.int32],
    paths: Paths,
    root: int,
    bits: NDArray[np.int32],
    players: NDArray[np.int32],
) -> tuple[int, int, int]:
    """Write bits and players of the bundle at `root`; return bits above, bits, players."""
    n_above = path_edges(paths.parent, paths.player, root, bits)
    n_bits = n_above
    for k in range(n_above):
        players[k] = paths.player[bits[k]]
    n_players = n_above
    for node in range(root, paths.end[root]):
        if feature[node] != LEAF:
            bits[n_bits] = node
            n_bits += 1
            player, seen = paths.player[left[node]], False
            for k in range(n_players):
                seen |= players[k] == player
            if not seen:
                players[n_players] = player
                n_players += 1
    return n_above, n_bits, n_players


@kernel
def _mark_path(parent: NDArray[np.int32], node: int, marks: NDArray[np.bool_]) -> None:
    while node >= 0 and not marks[node]:
        marks[node] = True
        node = parent[node]


@kernel
def _cut(
    trees: Trees,
    paths: Paths,
    max_bits: int,
    max_entries: int,
    tree_start: NDArray[np.int64],
    left_over: NDArray[np.bool_],
) -> NDArray[np.int32]:
    """Return the roots of all bundles, the largest subtrees that have few enough bits."""
    roots, feature, width = trees.roots, trees.feature, trees.values.shape[1]
    parent, player, ends = paths.parent, paths.player, paths.end
    root, edges = np.empty(feature.shape[0], np.int32), np.empty(feature.shape[0], np.int32)
    count = 0
    for tree in range(roots.shape[0] - 1):
        node, n_entries = roots[tree], 0
        while node < roots[tree + 1]:
            n_inner = (ends[node] - node) // 2
            n_bits = n_inner + path_edges(parent, player, node, edges)
            if n_bits <= (max_bits if n_inner <= _SMALL_BUNDLE else _LARGE_BUNDLE_BITS):
                root[count] = node
                count += 1
                n_entries += width * n_bits * (1 << n_bits)
                node = int(ends[node])
                continue
            if feature[node] == LEAF:
                _mark_path(parent, node, left_over)
            node += 1
        if n_entries > max_entries:
            count = tree_start[tree]
            left_over[roots[tree] : roots[tree + 1]] = True
        tree_start[tree + 1] = count
    return root[:count]


@kernel
def plan_bundles(
    trees: Trees, paths: Paths, max_bits: int, max_entries: int
) -> tuple[Bundles, NDArray[np.bool_]]:
    """Cut the trees into bundles of at most `max_bits` bits.

    Leaves with more players on their paths are left over, and so are trees whose own tables would
    have more than `max_entries` entries. Returns the bundles and, for each node, whether a leaf
    that is left over is in its subtree.
    """
    feature, left, width = trees.feature, trees.left, trees.values.shape[1]
    left_over = np.zeros(feature.shape[0], np.bool_)
    tree_start = np.zeros(trees.roots.shape[0], np.int64)
    root = _cut(trees, paths, max_bits, max_entries, tree_start, left_over)
    count = root.shape[0]
    bits, players = np.zeros((count, MAX_BITS), np.int32), np.zeros((count, MAX_BITS), np.int32)
    n_above, n_bits = np.zeros(count, np.int32), np.zeros(count, np.int32)
    n_players, table_start = np.zeros(count, np.int32), np.zeros(count + 1, np.int64)
    for i in range(count):
        n_above[i], n_bits[i], n_players[i] = _fill_bits(
            feature, left, paths, root[i], bits[i], players[i]
        )
        table_start[i + 1] = table_start[i] + width * n_players[i] * (1 << n_bits[i])
    return Bundles(
        tree_start, table_start, root, n_above, n_bits, bits, n_players, players
    ), left_over


@kernel
def outcomes(
    trees: Trees,
    paths: Paths,
    tree: int,
    columns: NDArray[np.float64],
    going_left: NDArray[np.uint8],
    passed: NDArray[np.uint8],
) -> None:
    """Write for all nodes of a tree which rows go left and which pass the edge's player's tests.

    `columns` is (n_columns, rows); `going_left` and `passed` are (nodes of the tree, rows).
    """
    feature, threshold, left, missing = (
        trees.feature,
        trees.threshold,
        trees.left,
        trees.missing_left,
    )
    starts, sizes, words, root = trees.set_start, trees.set_size, trees.words, trees.roots[tree]
    parents, previous, n = paths.parent, paths.previous, columns.shape[1]
    for node in range(root, trees.roots[tree + 1]):
        if parents[node] >= 0:
            here, above = passed[node - root], going_left[parents[node] - root]
            is_right = np.uint8(node != left[parents[node]])
            before = passed[max(previous[node] - root, 0)]
            for i in range(n):
                here[i] = (above[i] ^ is_right) & before[i]
        else:
            passed[0] = 1
        if feature[node] == LEAF:
            continue
        goes, column, limit = going_left[node - root], columns[feature[node]], threshold[node]
        if starts[node] >= 0:
            for i in range(n):
                goes[i] = goes_left(
                    column[i], limit, missing[node], starts[node], sizes[node], words
                )
        elif missing[node]:
            for i in range(n):
                goes[i] = not column[i] > limit
        else:
            for i in range(n):
                goes[i] = column[i] <= limit


@kernel
def patterns_of(
    bits: NDArray[np.int32],
    n_above: int,
    root: int,
    going_left: NDArray[np.uint8],
    passed: NDArray[np.uint8],
    patterns: NDArray[np.uint16],
) -> None:
    """Write the pattern of each row at a bundle with the given bits.

    The others are the root of the tree and the rows' outcomes at its nodes.
    """
    patterns[:] = 0
    for bit in range(bits.shape[0]):
        node = bits[bit] - root
        source = passed[node] if bit < n_above else going_left[node]
        for i in range(patterns.shape[0]):
            patterns[i] |= np.uint16(source[i]) << np.uint16(bit)
