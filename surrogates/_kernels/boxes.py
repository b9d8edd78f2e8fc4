"""Best-first search over boxes of options: the cheapest row that the trees answer as wanted.

A box says which options each part may take. The sum over the trees of the best leaf that the box
reaches is a bound on what its rows are answered; a box whose bound misses the goal is dropped.
Boxes are opened in the order of the cost of their cheapest row, so the first such row that is
answered as wanted is a cheapest one.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel
from surrogates._kernels.cell_forest import CellForest, CellTests, has_bit

__all__ = ["EMPTY", "FOUND", "FULL", "LIMIT", "PROVED", "Boxes", "Options", "open_boxes"]

_LEAF = -1
FOUND, EMPTY, PROVED, LIMIT, FULL = 0, 1, 2, 3, 4
HEIGHT, USED, FREED, STEPS = 0, 1, 2, 3


class Options(NamedTuple):
    """What each part may become, and at which cost."""

    first: NDArray[np.int32]  # (n_parts + 1,): where the options of each part start in `costs`
    costs: NDArray[np.float64]  # (n_all,)
    changes: NDArray[np.int32]  # (n_all,): columns that differ from the row
    own: NDArray[np.int32]  # (n_parts,): the option that is the row itself
    ordered: NDArray[np.bool_]  # (n_parts,)


class Boxes(NamedTuple):
    """Boxes kept, and a heap of those still to be opened."""

    low: NDArray[np.int16]  # (capacity, n_parts)
    high: NDArray[np.int16]  # (capacity, n_parts)
    cost: NDArray[np.float64]  # (capacity,)
    order: NDArray[np.int64]  # (capacity,): when it was made
    failed: NDArray[np.bool_]  # (capacity,): whether its cheapest row is known not to do
    heap: NDArray[np.int64]  # (capacity,)
    freed: NDArray[np.int64]  # (capacity,)
    counts: NDArray[np.int64]  # HEIGHT of the heap, USED boxes, FREED boxes, STEPS made


@kernel
def _cheapest(low: int, high: int, own: int) -> int:
    """Return the cheapest option of a range; for parts without order it is the first."""
    return min(max(own, low), high)


@kernel
def _slack(
    forest: CellForest,
    tests: CellTests,
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    need: NDArray[np.float64],
    best_left: NDArray[np.float64],
    counts: NDArray[np.int64],
    stack: NDArray[np.int64],
) -> float:
    """Return the least, over the scores, of bound less need; negative as soon as it is known."""
    roots, part, test, right, swapped, scores = forest
    _, cut, first_word, words = tests
    n_trees, n_scores = roots.shape[0] - 1, need.shape[0]
    sums = np.zeros(n_scores)
    best = np.empty(n_scores)
    visited = 0
    for tree in range(n_trees):
        best[:] = -np.inf
        stack[0], height = roots[tree], 1
        while height:
            height -= 1
            node = stack[height]
            visited += 1
            while part[node] != _LEAF:
                p, t = part[node], test[node]
                if first_word[t] < 0:
                    passes, fails = low[p] < cut[t], high[p] >= cut[t]
                elif low[p] == high[p]:
                    passes = has_bit(words, first_word[t], low[p])
                    fails = not passes
                else:
                    passes, fails = True, True
                visited += 1
                if passes and fails:
                    stack[height] = right[node]
                    height += 1
                    node += 1
                else:
                    node = node + 1 if passes != swapped[node] else np.int64(right[node])
            for j in range(n_scores):
                best[j] = max(best[j], scores[node, j])
        slack = np.inf
        for j in range(n_scores):
            sums[j] += best[j]
            slack = min(slack, sums[j] + best_left[tree + 1, j] - need[j])
        if slack < 0.0:
            counts[STEPS] += visited
            return slack
    counts[STEPS] += visited
    least = np.inf
    for j in range(n_scores):
        least = min(least, sums[j] - need[j])
    return least


@kernel
def _best_left(forest: CellForest) -> NDArray[np.float64]:
    """Return for each tree the sum of the largest scores of it and the trees that follow."""
    roots, part, _, _, _, scores = forest
    n_trees = roots.shape[0] - 1
    left = np.zeros((n_trees + 1, scores.shape[1]))
    for tree in range(n_trees - 1, -1, -1):
        for j in range(scores.shape[1]):
            best = -np.inf
            for node in range(roots[tree], roots[tree + 1]):
                if part[node] == _LEAF:
                    best = max(best, scores[node, j])
            left[tree, j] = left[tree + 1, j] + best
    return left


@kernel
def _less(boxes: Boxes, first: int, second: int) -> bool:
    a, b = boxes.cost[first], boxes.cost[second]
    return a < b or (a == b and boxes.order[first] > boxes.order[second])


@kernel
def _push(boxes: Boxes, box: int) -> None:
    heap, counts = boxes.heap, boxes.counts
    at = counts[HEIGHT]
    counts[HEIGHT] += 1
    while at:
        parent = (at - 1) // 2
        if not _less(boxes, box, heap[parent]):
            break
        heap[at] = heap[parent]
        at = parent
    heap[at] = box


@kernel
def _pop(boxes: Boxes) -> int:
    heap, counts = boxes.heap, boxes.counts
    top = heap[0]
    counts[HEIGHT] -= 1
    height = counts[HEIGHT]
    last, at = heap[height], 0
    while 2 * at + 1 < height:
        child = 2 * at + 1
        if child + 1 < height and _less(boxes, heap[child + 1], heap[child]):
            child += 1
        if not _less(boxes, heap[child], last):
            break
        heap[at] = heap[child]
        at = child
    heap[at] = last
    return top


@kernel
def _tighten(
    options: Options,
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    most_changes: int,
    ceiling: float,
) -> float:
    """Drop options that cost too much, and return the cost of the cheapest row left.

    It is infinite where that row has too many changes.
    """
    first, costs, changes, own, ordered = options
    total, n_changes = 0.0, 0
    for p in range(own.shape[0]):
        option = first[p] + _cheapest(low[p], high[p], own[p])
        total += costs[option]
        n_changes += changes[option]
    if n_changes > most_changes:
        return np.inf
    for p in range(own.shape[0]):
        if low[p] == high[p]:
            continue
        cheap = _cheapest(low[p], high[p], own[p])
        room = ceiling - total + costs[first[p] + cheap]
        if n_changes == most_changes and cheap == own[p]:
            low[p] = high[p] = cheap
        elif ordered[p]:
            while low[p] < cheap and costs[first[p] + low[p]] >= room:
                low[p] += 1
            while high[p] > cheap and costs[first[p] + high[p]] >= room:
                high[p] -= 1
        else:
            least = np.inf
            for option in range(low[p], high[p] + 1):
                if option != cheap:
                    least = min(least, costs[first[p] + option])
            if least >= room:
                low[p] = high[p] = cheap
    return total


@kernel
def _keep(
    boxes: Boxes, low: NDArray[np.int64], high: NDArray[np.int64], cost: float, failed: bool
) -> None:
    counts = boxes.counts
    if counts[FREED]:
        counts[FREED] -= 1
        box = boxes.freed[counts[FREED]]
    else:
        box = counts[USED]
        counts[USED] += 1
    for p in range(low.shape[0]):
        boxes.low[box, p], boxes.high[box, p] = low[p], high[p]
    boxes.cost[box], boxes.failed[box] = cost, failed
    boxes.order[box] = counts[STEPS]
    _push(boxes, box)


@kernel
def _choose_part(
    forest: CellForest,
    tests: CellTests,
    options: Options,
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    need: NDArray[np.float64],
    best_left: NDArray[np.float64],
    counts: NDArray[np.int64],
    stack: NDArray[np.int64],
) -> tuple[int, float]:
    """Return the open part that is missed most when it stays at its cheapest, and the slack."""
    chosen, least = -1, np.inf
    for p in range(low.shape[0]):
        if low[p] == high[p]:
            continue
        a, b = low[p], high[p]
        low[p] = high[p] = _cheapest(a, b, options.own[p])
        slack = _slack(forest, tests, low, high, need, best_left, counts, stack)
        low[p], high[p] = a, b
        if slack < least:
            chosen, least = p, slack
        if slack < 0.0:
            break
    return chosen, least


@kernel
def _point_fits(
    forest: CellForest,
    tests: CellTests,
    point: NDArray[np.int64],
    need: NDArray[np.float64],
    best_left: NDArray[np.float64],
    counts: NDArray[np.int64],
    stack: NDArray[np.int64],
) -> bool:
    return _slack(forest, tests, point, point, need, best_left, counts, stack) >= 0.0


@kernel
def _try_child(
    forest: CellForest,
    tests: CellTests,
    options: Options,
    boxes: Boxes,
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    need: NDArray[np.float64],
    best_left: NDArray[np.float64],
    stack: NDArray[np.int64],
    most_changes: int,
    ceiling: float,
) -> None:
    """Keep a box unless it costs too much or its bound misses the goal."""
    cost = _tighten(options, low, high, most_changes, ceiling)
    if cost >= ceiling:
        return
    if _slack(forest, tests, low, high, need, best_left, boxes.counts, stack) >= 0.0:
        _keep(boxes, low, high, cost, False)


@kernel
def _split(
    forest: CellForest,
    tests: CellTests,
    options: Options,
    boxes: Boxes,
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    part: int,
    need: NDArray[np.float64],
    best_left: NDArray[np.float64],
    stack: NDArray[np.int64],
    most_changes: int,
    ceiling: float,
) -> None:
    """Keep what of a box lies beside the cheapest option of a part."""
    a, b = low[part], high[part]
    cheap = _cheapest(a, b, options.own[part])
    one_low, one_high = np.empty_like(low), np.empty_like(high)
    n_children = 2 if options.ordered[part] else b - a + 1
    for child in range(n_children):
        one_low[:], one_high[:] = low, high
        if options.ordered[part]:
            one_low[part], one_high[part] = (a, cheap - 1) if child == 0 else (cheap + 1, b)
        else:
            one_low[part] = one_high[part] = a + child
        if one_low[part] > one_high[part] or (not options.ordered[part] and a + child == cheap):
            continue
        _try_child(
            forest, tests, options, boxes, one_low, one_high, need, best_left, stack,
            most_changes, ceiling,
        )  # fmt: skip


@kernel
def open_boxes(
    forest: CellForest,
    tests: CellTests,
    options: Options,
    boxes: Boxes,
    need: NDArray[np.float64],
    most_changes: int,
    ceiling: float,
    most_steps: int,
    point: NDArray[np.int64],
) -> tuple[int, float]:
    """Open boxes until a row is found, nothing is left, or something runs out.

    Returns FOUND (a cheapest row that fits is in `point`; if it is not wanted after all, call
    again), EMPTY (no row cheaper than `ceiling` fits), PROVED (the next box costs `ceiling`),
    LIMIT (`most_steps` nodes of trees were visited) or FULL (room for more boxes is needed); and
    the cost of the next box, below which no row fits.
    """
    n_parts = options.own.shape[0]
    low, high = np.empty(n_parts, dtype=np.int64), np.empty(n_parts, dtype=np.int64)
    stack = np.empty(forest.part.shape[0] + 8, dtype=np.int64)
    best_left = _best_left(forest)
    counts = boxes.counts
    widest = 4
    for p in range(n_parts):
        widest = max(widest, options.first[p + 1] - options.first[p] + 4)
    end = counts[STEPS] + most_steps
    while counts[HEIGHT]:
        box = boxes.heap[0]
        cost = boxes.cost[box]
        if cost >= ceiling:
            return PROVED, ceiling
        if counts[STEPS] >= end:
            return LIMIT, cost
        if counts[USED] - counts[FREED] + widest >= boxes.cost.shape[0]:
            return FULL, cost
        for p in range(n_parts):
            low[p], high[p] = boxes.low[box, p], boxes.high[box, p]
            point[p] = _cheapest(low[p], high[p], options.own[p])
        if not boxes.failed[box]:
            boxes.failed[box] = True
            if _point_fits(forest, tests, point, need, best_left, counts, stack):
                return FOUND, cost
        _pop(boxes)
        boxes.freed[counts[FREED]] = box
        counts[FREED] += 1
        _tighten(options, low, high, most_changes, ceiling)
        part, slack = _choose_part(
            forest, tests, options, low, high, need, best_left, counts, stack
        )
        if part < 0:
            continue
        _split(
            forest, tests, options, boxes, low, high, part, need, best_left, stack,
            most_changes, ceiling,
        )  # fmt: skip
        if slack >= 0.0:
            low[part] = high[part] = point[part]
            _keep(boxes, low, high, cost, True)
    return EMPTY, ceiling
