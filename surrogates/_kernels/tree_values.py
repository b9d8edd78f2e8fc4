"""Exact interventional Shapley values of tree ensembles, reference row by reference row.

A leaf is an AND of tests. For an explained row x and a reference row b, let E be the players on
the leaf's path whose tests only x passes and R those whose tests only b passes; where both fail
some player, no mixture reaches the leaf. With v the leaf value, e = |E| and r = |R|, the game of
the leaf is v times "all of E from x and all of R from b". Its Shapley values are

    phi_i = v (e-1)! r! / (e+r)!  for i in E,    phi_i = -v e! (r-1)! / (e+r)!  for i in R

(Lundberg et al., "From local explanations to global understanding with explainable AI for trees",
Nature Machine Intelligence 2, 2020, interventional perturbation), and its Shapley interaction
indices (Grabisch and Roubens, International Journal of Game Theory 28, 1999) are

    I_ij = v (e-2)! r! / (e+r-1)!   in E,    I_ij = v e! (r-2)! / (e+r-1)!   in R,
    I_ij = -v (e-1)! (r-1)! / (e+r-1)!   between E and R.

R depends on x alone, so up to 64 reference rows travel down a tree together as the bits of a mask,
and a subtree that no mixture reaches is skipped.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel
from surrogates._kernels.tree_paths import Paths
from surrogates._kernels.trees import LEAF, Trees, goes_left

__all__ = [
    "BLOCK",
    "Descent",
    "References",
    "add_interactions",
    "add_moments",
    "beta_table",
    "pack_references",
]

BLOCK = 64  # reference rows per mask
_ONE = np.uint64(1)
_MODULUS = np.uint64(67)  # the powers of 2 below 2**64 have different remainders
_POSITION = np.zeros(67, dtype=np.uint64)
_POSITION[[(1 << bit) % 67 for bit in range(64)]] = np.arange(64)


class References(NamedTuple):
    """At most 64 reference rows, sent down all trees once."""

    weights: NDArray[np.float64]  # (n_references,)
    passing: NDArray[np.uint64]  # (n_nodes,): rows that pass the edge's player's tests down to it
    absent: NDArray[np.unsignedinteger]  # (n_leaves, 64): players on a leaf's path that a row fails


class Descent(NamedTuple):
    """What is known of each node while a row and its reference rows walk down a tree."""

    left: NDArray[np.bool_]  # the row goes to the left child
    failed: NDArray[np.bool_]  # the row fails a test of the edge's player, here or above
    n_failed: NDArray[np.int32]  # distinct players that the row fails on the path
    alive: NDArray[np.uint64]  # reference rows that pass all tests of those players
    leaves: NDArray[np.int32]  # leaves that some mixture reaches


@kernel
def beta_table(size: int) -> NDArray[np.float64]:
    """Return the weights (a-1)! c! / (a+c)! for a, c < `size`; 0 at a = 0."""
    table = np.zeros((size, size))
    for c in range(size):
        table[1, c] = 1.0 / (c + 1)
        for a in range(1, size - 1):
            table[a + 1, c] = table[a, c] * a / (a + c + 1)
    return table


@kernel
def pack_references(
    trees: Trees,
    paths: Paths,
    rows: NDArray[np.float64],
    weights: NDArray[np.float64],
    absent: NDArray[np.unsignedinteger],
) -> References:
    """Send at most 64 reference rows down all trees.

    `absent` is zeros of shape (n_leaves, 64), of a type that can count the players on a path.
    """
    feature, threshold, left = trees.feature, trees.threshold, trees.left
    missing, starts, sizes, words = trees.missing_left, trees.set_start, trees.set_size, trees.words
    parents, previous, first, last = paths.parent, paths.previous, paths.start, paths.last
    passing, rank = np.zeros(feature.shape[0], np.uint64), paths.rank
    going_left = np.zeros(feature.shape[0], np.uint64)
    for node in range(feature.shape[0]):
        parent = parents[node]
        if parent >= 0:
            passing[node] = going_left[parent] if node == left[parent] else ~going_left[parent]
            if previous[node] >= 0:
                passing[node] &= passing[previous[node]]
        if feature[node] != LEAF:
            for b in range(rows.shape[0]):
                if goes_left(
                    rows[b, feature[node]], threshold[node], missing[node],
                    starts[node], sizes[node], words,
                ):  # fmt: skip
                    going_left[node] |= _ONE << np.uint64(b)
        for k in range(first[node], first[node + 1]):
            fails = ~passing[last[k]]
            for b in range(BLOCK):
                absent[rank[node], b] += (fails >> np.uint64(b)) & _ONE
    return References(weights, passing, absent)


@kernel
def _new_descent(n_nodes: int) -> Descent:
    return Descent(
        np.zeros(n_nodes, np.bool_),
        np.zeros(n_nodes, np.bool_),
        np.zeros(n_nodes, np.int32),
        np.zeros(n_nodes, np.uint64),
        np.zeros(n_nodes, np.int32),
    )


@kernel
def _descend(
    trees: Trees,
    paths: Paths,
    references: References,
    wanted: NDArray[np.bool_],
    row: NDArray[np.float64],
    down: Descent,
) -> int:
    """List in ``down.leaves`` the wanted leaves that some mixture reaches; return how many."""
    feature, threshold, left = trees.feature, trees.threshold, trees.left
    missing, starts, sizes, words = trees.missing_left, trees.set_start, trees.set_size, trees.words
    parents, previous, ends, passing = paths.parent, paths.previous, paths.end, references.passing
    going_left, failed, n_failed, alive, leaves = down
    everyone = ~np.uint64(0) >> np.uint64(BLOCK - references.weights.shape[0])
    node, count = 0, 0
    while node < feature.shape[0]:
        parent = parents[node]
        if parent < 0:
            alive[node] = everyone
        else:
            failed_before = previous[node] >= 0 and failed[previous[node]]
            fails = going_left[parent] != (node == left[parent])
            n_failed[node] = n_failed[parent] + (fails and not failed_before)
            failed[node] = fails or failed_before
            alive[node] = alive[parent] & passing[node] if failed[node] else alive[parent]
        if alive[node] == 0 or not wanted[node]:
            node = int(ends[node])
            continue
        if feature[node] == LEAF:
            leaves[count] = node
            count += 1
        else:
            going_left[node] = goes_left(
                row[feature[node]], threshold[node], missing[node],
                starts[node], sizes[node], words,
            )  # fmt: skip
        node += 1
    return count


@kernel
def _lowest(mask: np.uint64) -> np.uint64:
    """Return the position of the lowest bit that is set."""
    return np.uint64(_POSITION[(mask & (~mask + _ONE)) % _MODULUS])


@kernel
def _add_row(
    trees: Trees,
    paths: Paths,
    references: References,
    down: Descent,
    n_found: int,
    n_players: int,
    beta: NDArray[np.float64],
    phi: NDArray[np.float64],
) -> None:
    """Add to ``phi[output, player, b]``, which is flat, what leaves give with each reference row.

    Each pair of `shares` is what a player gets when reference row b passes or fails its tests;
    the first 64 pairs are for players that the row passes, the others for players that it fails.
    The loops leave a compiler nothing to vectorise: they are short, and gathered loads are slow.
    """
    roots, first_output, values = trees.roots, trees.first_output, trees.values
    players, starts, last, rank = paths.player, paths.start, paths.last, paths.rank
    passing, absent = references.passing, references.absent
    failed, n_failed, alive, leaves = down.failed, down.n_failed, down.alive, down.leaves
    members, shares = np.empty(BLOCK, np.uint64), np.zeros(4 * BLOCK)
    tree = 0
    for leaf in leaves[:n_found]:
        while leaf >= roots[tree + 1]:
            tree += 1
        r = n_failed[leaf]
        for j in range(values.shape[1]):
            n, mask = 0, alive[leaf]
            while mask:
                b = _lowest(mask)
                mask &= mask - _ONE
                e = absent[rank[leaf], b]
                members[n] = b
                shares[2 * n + 1] = beta[e, r] * values[leaf, j]
                shares[2 * (BLOCK + n)] = -beta[r, e] * values[leaf, j]
                n += 1
            for k in range(starts[leaf], starts[leaf + 1]):
                edge = last[k]
                at = np.uint64(BLOCK * (n_players * (first_output[tree] + j) + players[edge]))
                pair = np.uint64(2 * BLOCK if failed[edge] else 0)
                for m in range(n):
                    b = members[m]
                    fails = (~passing[edge] >> b) & _ONE
                    phi[at + b] += shares[pair + np.uint64(2 * m) + fails]


@kernel
def _accumulate(
    phi: NDArray[np.float64],
    weights: NDArray[np.float64],
    weight_before: float,
    mean: NDArray[np.float64],
    spread: NDArray[np.float64],
) -> None:
    """Add the weighted sums of `phi`, and merge its spread with that of earlier reference rows.

    Chan, Golub and LeVeque, "Algorithms for computing the sample variance", The American
    Statistician 37, 1983.
    """
    n_players, n_outputs = mean.shape
    weight = weights.sum()
    for output in range(n_outputs):
        for player in range(n_players):
            at, total, inner = BLOCK * (n_players * output + player), 0.0, 0.0
            for b in range(weights.shape[0]):
                total += weights[b] * phi[at + b]
            for b in range(weights.shape[0]):
                inner += weights[b] * (phi[at + b] - total / weight) ** 2
            if weight_before > 0.0:
                gap = total / weight - mean[player, output] / weight_before
                inner += gap**2 * weight * weight_before / (weight + weight_before)
            mean[player, output] += total
            spread[player, output] += inner


@kernel
def add_moments(
    trees: Trees,
    paths: Paths,
    references: References,
    weight_before: float,
    wanted: NDArray[np.bool_],
    beta: NDArray[np.float64],
    X: NDArray[np.float64],
    mean: NDArray[np.float64],
    spread: NDArray[np.float64],
) -> None:
    """Add the weighted moments of the Shapley values over at most 64 reference rows.

    Parameters
    ----------
    trees, paths, references
        The ensemble, its paths for the players at hand, the reference rows sent down them.
    weight_before : float
        Sum of the weights of the reference rows that `mean` and `spread` already cover.
    wanted : (n_nodes,)
        Leaves to take into account, with all nodes above them.
    beta
        `beta_table` of two more than the number of players on any path.
    X : (n, n_columns)
        Rows to explain, as the trees see them.
    mean, spread : (n, n_players, n_outputs)
        Weighted sum over the reference rows of the values, and of their squared differences from
        their weighted mean.
    """
    _, n_players, n_outputs = mean.shape
    weights, down = references.weights, _new_descent(trees.feature.shape[0])
    phi = np.empty(n_outputs * n_players * BLOCK)
    for row in range(X.shape[0]):
        phi[:] = 0.0
        n_found = _descend(trees, paths, references, wanted, X[row], down)
        _add_row(trees, paths, references, down, n_found, n_players, beta, phi)
        _accumulate(phi, weights, weight_before, mean[row], spread[row])


@kernel
def _add_pairs(
    trees: Trees,
    paths: Paths,
    references: References,
    down: Descent,
    n_found: int,
    beta: NDArray[np.float64],
    pairs: NDArray[np.float64],
) -> None:
    """Add to `pairs` (players, players, outputs) half of each leaf's interaction indices.

    Players of a leaf's path are taken two by two; `scales` holds the weights of a reference row
    for two players in E, one in E and one in R, two in R.
    """
    roots, first_output, values = trees.roots, trees.first_output, trees.values
    players, starts, last, rank = paths.player, paths.start, paths.last, paths.rank
    weights, passing, absent = references.weights, references.passing, references.absent
    failed, n_failed, alive, leaves = down.failed, down.n_failed, down.alive, down.leaves
    members, scales = np.empty(BLOCK, np.uint64), np.empty((3, BLOCK))
    tree = 0
    for leaf in leaves[:n_found]:
        while leaf >= roots[tree + 1]:
            tree += 1
        r, n, mask = int(n_failed[leaf]), 0, alive[leaf]
        while mask:
            b = _lowest(mask)
            mask &= mask - _ONE
            e = int(absent[rank[leaf], b])
            members[n] = b
            scales[0, n] = weights[b] * beta[max(e - 1, 0), r] / 2
            scales[1, n] = -weights[b] * beta[e, max(r - 1, 0)] / 2
            scales[2, n] = weights[b] * beta[max(r - 1, 0), e] / 2
            n += 1
        for k in range(starts[leaf], starts[leaf + 1]):
            for other in range(starts[leaf], k):
                one, two = last[k], last[other]
                ones = ~np.uint64(0) if failed[one] else ~passing[one]
                twos = ~np.uint64(0) if failed[two] else ~passing[two]
                scale, total = int(failed[one]) + int(failed[two]), 0.0
                for m in range(n):
                    if ((ones & twos) >> members[m]) & _ONE:
                        total += scales[scale, m]
                for j in range(values.shape[1]):
                    output = first_output[tree] + j
                    pairs[players[one], players[two], output] += total * values[leaf, j]
                    pairs[players[two], players[one], output] += total * values[leaf, j]


@kernel
def add_interactions(
    trees: Trees,
    paths: Paths,
    references: References,
    beta: NDArray[np.float64],
    X: NDArray[np.float64],
    pairs: NDArray[np.float64],
) -> None:
    """Add half of the weighted mean interaction index of each pair of players.

    `pairs` is (n, n_players, n_players, n_outputs); its diagonal stays as it is.
    """
    n_nodes = trees.feature.shape[0]
    down, wanted = _new_descent(n_nodes), np.ones(n_nodes, np.bool_)
    for row in range(X.shape[0]):
        n_found = _descend(trees, paths, references, wanted, X[row], down)
        _add_pairs(trees, paths, references, down, n_found, beta, pairs[row])
