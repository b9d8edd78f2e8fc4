"""Forests over cells: tests on which option each part of a row takes, not on its values.

An option of an ordered part is an interval of numbers, in ascending order; an option of another
part is a level, or a combination of levels. A test of an ordered part sends the options below
`cut` to the left; a test of another part those whose bit is set.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = ["CellForest", "CellTests", "compact_forest", "score_options"]

_LEAF = -1
_WORD = 64
BOTH, LEFT, RIGHT = 0, 1, 2


class CellForest(NamedTuple):
    """Nodes of all trees in preorder: the left child of a node is the next node."""

    roots: NDArray[np.int64]  # (n_trees + 1,)
    part: NDArray[np.int32]  # (n_nodes,): part tested, -1 at leaves
    test: NDArray[np.int32]  # (n_nodes,)
    right: NDArray[np.int32]  # (n_nodes,)
    swapped: NDArray[np.bool_]  # (n_nodes,): whether the left child takes what is not below the cut
    scores: NDArray[np.float64]  # (n_nodes, n_scores), of leaves


class CellTests(NamedTuple):
    """What the tests say of the options that a row has."""

    outcome: NDArray[np.int8]  # (n_tests,): BOTH, or LEFT or RIGHT where all options agree
    cut: NDArray[np.int32]  # (n_tests,): options below it pass an ordered test
    first_word: NDArray[np.int32]  # (n_tests,): -1 for ordered tests
    words: NDArray[np.uint64]  # option o is bit o % 64 of word first_word + o // 64


@kernel
def has_bit(words: NDArray[np.uint64], first: int, option: int) -> bool:
    """Tell whether the bit of an option is set."""
    word = words[first + option // _WORD]
    return (word >> np.uint64(option % _WORD)) & np.uint64(1) != 0


@kernel
def _first_open(
    forest: CellForest,
    tests: CellTests,
    low: NDArray[np.int32],
    high: NDArray[np.int32],
    node: int,
) -> int:
    """Follow the tests that are settled, and return the first node that is not, or a leaf."""
    _, part, test, right, swapped, _ = forest
    outcome, cut, first_word, _ = tests
    while part[node] != _LEAF:
        p, t = part[node], test[node]
        side = outcome[t]
        if side == BOTH and first_word[t] < 0:
            if high[p] < cut[t]:
                side = LEFT
            elif low[p] >= cut[t]:
                side = RIGHT
        if side == BOTH:
            break
        node = node + 1 if (side == LEFT) != swapped[node] else int(right[node])
    return node


@kernel
def _stack_sides(
    stack: NDArray[np.int64],
    part: int,
    low: int,
    high: int,
    first_failing: int,
    passing: int,
    failing: int,
    parent: int,
) -> None:
    """Stack both sides of a test; last in, first out: the passing side is copied next."""
    stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3] = 1, part, low, high
    stack[1, 0], stack[1, 1], stack[1, 2] = 0, failing, parent
    stack[2, 0], stack[2, 1], stack[2, 2], stack[2, 3] = 1, part, first_failing, high
    stack[3, 0], stack[3, 1], stack[3, 2] = 0, passing, -1


@kernel
def compact_forest(
    forest: CellForest,
    tests: CellTests,
    n_options: NDArray[np.int32],
) -> CellForest:
    """Drop tests on which the options of a row, or those left by earlier tests, agree."""
    roots, part, test, right, swapped, scores = forest
    _, cut, first_word, _ = tests
    n_nodes = part.shape[0]
    out_roots = np.zeros_like(roots)
    out_part = np.empty(n_nodes, dtype=np.int32)
    out_test, out_right = np.empty_like(out_part), np.empty_like(out_part)
    out_swapped = np.empty(n_nodes, dtype=np.bool_)
    out_scores = np.empty_like(scores)
    low = np.zeros(n_options.shape[0], dtype=np.int32)
    high = n_options - np.int32(1)
    # a frame is a node to copy (kind 0), or bounds of a part to restore (kind 1)
    stack = np.empty((4 * n_nodes + 8, 5), dtype=np.int64)
    count = 0
    for tree in range(roots.shape[0] - 1):
        out_roots[tree] = count
        stack[0, 0], stack[0, 1], stack[0, 2] = 0, roots[tree], -1
        height = 1
        while height:
            height -= 1
            if stack[height, 0] == 1:
                low[stack[height, 1]] = stack[height, 2]
                high[stack[height, 1]] = stack[height, 3]
                continue
            parent = stack[height, 2]
            node = _first_open(forest, tests, low, high, stack[height, 1])
            p = np.int64(part[node])
            if parent >= 0:
                out_right[parent] = count
            out_part[count] = p
            out_scores[count], out_swapped[count] = scores[node], False
            if p == _LEAF:
                count += 1
                continue
            t = test[node]
            out_test[count] = t
            passing = int(right[node]) if swapped[node] else node + 1
            failing = node + 1 if swapped[node] else int(right[node])
            first_failing = int(cut[t]) if first_word[t] < 0 else int(low[p])
            _stack_sides(
                stack[height:],
                int(p),
                int(low[p]),
                int(high[p]),
                first_failing,
                passing,
                failing,
                count,
            )
            height += 4
            if first_word[t] < 0:
                high[p] = cut[t] - 1
            count += 1
    out_roots[roots.shape[0] - 1] = count
    whole = CellForest(out_roots, out_part, out_test, out_right, out_swapped, out_scores)
    return _first_nodes(whole, count)


@kernel
def _first_nodes(forest: CellForest, count: int) -> CellForest:
    return CellForest(
        forest.roots,
        forest.part[:count].copy(),
        forest.test[:count].copy(),
        forest.right[:count].copy(),
        forest.swapped[:count].copy(),
        forest.scores[:count].copy(),
    )


@kernel
def score_options(
    forest: CellForest, tests: CellTests, options: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Return the sums of scores (n, n_scores) where rows (n, n_parts) take the given options."""
    roots, part, test, right, swapped, scores = forest
    _, cut, first_word, words = tests
    sums = np.zeros((options.shape[0], scores.shape[1]))
    for tree in range(roots.shape[0] - 1):
        for row in range(options.shape[0]):
            node = roots[tree]
            while part[node] != _LEAF:
                t, option = test[node], options[row, part[node]]
                if first_word[t] < 0:
                    passes = option < cut[t]
                else:
                    passes = has_bit(words, first_word[t], option)
                node = node + 1 if passes != swapped[node] else np.int64(right[node])
            for j in range(scores.shape[1]):
                sums[row, j] += scores[node, j]
    return sums
