"""Exact interventional Shapley values of tree ensembles by tables that hold the reference rows.

Where a row stands towards a small group of leaves (a bundle) is a pattern of bits: for each player
above the bundle, whether the row passes the player's tests down to it; for each node inside, which
way the row goes. What the bundle adds to the mean Shapley values over all reference rows depends
on the row's pattern alone, so it is looked up, and the cost per explained row does not depend on
the number of reference rows.

For a leaf with D players on its path, let h[m] be the weight of the reference rows that pass the
players in the mask m. A row that fails the set R meets the reference rows with R inside m, and
E = complement of m, so all that matters is, for every R, the weight of those rows by |E|: sums
over supersets, for all masks at once in D 2^D steps (Nadel and Wettenstein, "From decision trees
to boolean logic: a fast and unified SHAP algorithm", arXiv 2511.09376, tabulate likewise).
"""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel
from surrogates._kernels.tree_bundles import MAX_BITS, Bundles, outcomes, patterns_of
from surrogates._kernels.tree_paths import Paths
from surrogates._kernels.tree_values import beta_table
from surrogates._kernels.trees import LEAF, Trees

__all__ = ["add_from_tables", "fill_tables"]

_ROWS = 256


@kernel
def _leaf_masks(
    left: NDArray[np.int32],
    parents: NDArray[np.int32],
    player: NDArray[np.int32],
    edges: NDArray[np.int32],
    leaf: int,
    root: int,
    bits: NDArray[np.int32],
    n_above: int,
    masks: NDArray[np.uint16],
) -> None:
    """Write, for each pattern of a bundle, the mask of the players that pass on the way to `leaf`.

    `edges` has one edge of each player on the path to the leaf, `bits` the bits of the bundle.
    """
    masks[:] = 0
    for k in range(edges.shape[0]):
        ones, zeros = 0, 0
        for bit in range(n_above):
            ones |= int(player[bits[bit]] == player[edges[k]]) << bit
        node = leaf
        while node != root:
            parent = int(parents[node])
            if player[node] == player[edges[k]]:
                bit = n_above
                while bits[bit] != parent:
                    bit += 1
                ones |= int(node == left[parent]) << bit
                zeros |= int(node != left[parent]) << bit
            node = parent
        for pattern in range(masks.shape[0]):
            passes = pattern & ones == ones and pattern & zeros == 0
            masks[pattern] |= np.uint16(passes) << np.uint16(k)


@kernel
def _count_ones(mask: int) -> int:
    count = 0
    while mask:
        mask &= mask - 1
        count += 1
    return count


@kernel
def _leaf_shares(
    n_players: int,
    histogram: NDArray[np.float64],
    masks: NDArray[np.uint16],
    beta: NDArray[np.float64],
    sums: NDArray[np.float64],
    shares: NDArray[np.float64],
) -> None:
    """Write ``shares[k, mask]``: mean Shapley value of player k at a leaf of value 1.

    `mask` has the players that the explained row passes, `histogram` the weights of the reference
    rows by pattern; ``sums[R, e]`` becomes the weight of the reference rows that pass all of R
    and fail e players.
    """
    size = 1 << n_players
    sums[:size, : n_players + 1] = 0.0
    for pattern in range(histogram.shape[0]):
        if histogram[pattern] != 0.0:
            passed = int(masks[pattern])
            sums[passed, n_players - _count_ones(passed)] += histogram[pattern]
    for k in range(n_players):
        for mask in range(size):
            if not (mask >> k) & 1:
                for e in range(n_players + 1):
                    sums[mask, e] += sums[mask | (1 << k), e]
    for mask in range(size):
        fails = size - 1 - mask
        r = _count_ones(fails)
        loss = 0.0
        for e in range(n_players + 1 - r):
            loss -= beta[r, e] * sums[fails, e]
        for k in range(n_players):
            shares[k, mask] = loss
            if (mask >> k) & 1:
                gain = 0.0
                for e in range(1, n_players + 1 - r):
                    gain += beta[e, r] * (sums[fails, e] - sums[fails | (1 << k), e])
                shares[k, mask] = gain


@kernel
def _fill_bundle(
    trees: Trees,
    paths: Paths,
    bundles: Bundles,
    bundle: int,
    histogram: NDArray[np.float64],
    beta: NDArray[np.float64],
    sums: NDArray[np.float64],
    shares: NDArray[np.float64],
    table: NDArray[np.float64],
) -> None:
    """Add all leaves of a bundle to its table (players, width, patterns)."""
    feature, left, values = trees.feature, trees.left, trees.values
    parent, player, starts, last = paths.parent, paths.player, paths.start, paths.last
    root, stop, bits = bundles.root[bundle], paths.end[bundles.root[bundle]], bundles.bits[bundle]
    n_above, players = bundles.n_above[bundle], bundles.players[bundle]
    masks = np.empty(histogram.shape[0], np.uint16)
    for leaf in range(root, stop):
        if feature[leaf] != LEAF:
            continue
        edges = last[starts[leaf] : starts[leaf + 1]]
        _leaf_masks(left, parent, player, edges, leaf, root, bits, n_above, masks)
        _leaf_shares(edges.shape[0], histogram, masks, beta, sums, shares)
        for k in range(edges.shape[0]):
            row = 0
            while players[row] != player[edges[k]]:
                row += 1
            for j in range(values.shape[1]):
                for pattern in range(masks.shape[0]):
                    table[row, j, pattern] += values[leaf, j] * shares[k, masks[pattern]]


@kernel
def fill_tables(
    trees: Trees,
    paths: Paths,
    bundles: Bundles,
    first: int,
    last: int,
    references: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the tables of all bundles of the trees `first` to `last - 1`.

    `references` is (n_references, n_columns), as the trees see them.
    """
    roots, tree_start, table_start = trees.roots, bundles.tree_start, bundles.table_start
    n_bits, n_players, width = bundles.n_bits, bundles.n_players, trees.values.shape[1]
    bits, n_above = bundles.bits, bundles.n_above
    origin, limit = table_start[tree_start[first]], 1 << MAX_BITS
    table = np.zeros(table_start[tree_start[last]] - origin)
    beta, shares = beta_table(MAX_BITS + 2), np.empty((MAX_BITS, limit))
    sums = np.empty((limit, MAX_BITS + 1))
    for tree in range(first, last):
        start, stop = tree_start[tree], tree_start[tree + 1]
        histogram = np.zeros((stop - start, limit))
        for at in range(0, references.shape[0], _ROWS):
            columns = references[at : at + _ROWS].T.copy()
            shape = (roots[tree + 1] - roots[tree], columns.shape[1])
            going_left, passed = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
            patterns = np.empty(columns.shape[1], np.uint16)
            outcomes(trees, paths, tree, columns, going_left, passed)
            for bundle in range(start, stop):
                patterns_of(
                    bits[bundle, : n_bits[bundle]], n_above[bundle], roots[tree],
                    going_left, passed, patterns,
                )  # fmt: skip
                for b in range(patterns.shape[0]):
                    histogram[bundle - start, patterns[b]] += weights[at + b]
        for bundle in range(start, stop):
            size = 1 << n_bits[bundle]
            part = table[table_start[bundle] - origin : table_start[bundle + 1] - origin]
            _fill_bundle(
                trees, paths, bundles, bundle, histogram[bundle - start, :size], beta, sums,
                shares, part.reshape((np.int64(n_players[bundle]), width, size)),
            )  # fmt: skip
    return table


@kernel
def _look_up(
    trees: Trees,
    paths: Paths,
    bundles: Bundles,
    first: int,
    last: int,
    table: NDArray[np.float64],
    columns: NDArray[np.float64],
    phi: NDArray[np.float64],
) -> None:
    """Add to `phi` (n_outputs, n_players, rows) what the trees' tables give to each row."""
    roots, first_output, width = trees.roots, trees.first_output, trees.values.shape[1]
    tree_start, n_bits, n_players = bundles.tree_start, bundles.n_bits, bundles.n_players
    bits, n_above, players, n = bundles.bits, bundles.n_above, bundles.players, columns.shape[1]
    largest = 0
    for tree in range(first, last):
        largest = max(largest, roots[tree + 1] - roots[tree])
    going_left, passed = np.empty((largest, n), np.uint8), np.empty((largest, n), np.uint8)
    patterns, at = np.empty(n, np.uint16), 0
    for tree in range(first, last):
        outcomes(trees, paths, tree, columns, going_left, passed)
        for bundle in range(tree_start[tree], tree_start[tree + 1]):
            patterns_of(
                    bits[bundle, : n_bits[bundle]], n_above[bundle], roots[tree],
                    going_left, passed, patterns,
                )  # fmt: skip
            for k in range(n_players[bundle]):
                for j in range(width):
                    sums = phi[first_output[tree] + j, players[bundle, k]]
                    for i in range(n):
                        sums[i] += table[at + patterns[i]]
                    at += 1 << n_bits[bundle]


@kernel
def add_from_tables(
    trees: Trees,
    paths: Paths,
    bundles: Bundles,
    first: int,
    last: int,
    table: NDArray[np.float64],
    X: NDArray[np.float64],
    mean: NDArray[np.float64],
) -> None:
    """Add to `mean` (n, n_players, n_outputs) what the trees `first` to `last - 1` give.

    `table` is what `fill_tables` returned for the same trees; `X` is (n, n_columns).
    """
    for start in range(0, X.shape[0], _ROWS):
        columns = X[start : start + _ROWS].T.copy()
        phi = np.zeros((mean.shape[2], mean.shape[1], columns.shape[1]))
        _look_up(trees, paths, bundles, first, last, table, columns, phi)
        for i in range(columns.shape[1]):
            for player in range(mean.shape[1]):
                for output in range(mean.shape[2]):
                    mean[start + i, player, output] += phi[output, player, i]
