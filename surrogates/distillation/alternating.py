"""Tree alternating optimization: each test is improved while all others stay as they are.

For a fixed tree, a test matters only for rows that one of its branches predicts better than the
other: sending them the better way is a classification of its own (Carreira-Perpinan and Tavallali,
"Alternating optimization of decision trees", NeurIPS 2018).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.distillation.candidates import given_candidates, make_candidates
from surrogates.distillation.criteria import Agreement
from surrogates.distillation.literals import MofN, pass_all
from surrogates.distillation.measures import grouped, make_measure
from surrogates.distillation.monotone import Bounds, child_bounds, clipped, weighted_mean
from surrogates.distillation.pool import Pool, Task, taken
from surrogates.distillation.refinement import Refinement
from surrogates.distillation.rule_tree import RuleTree
from surrogates.distillation.search import SearchLimits, TestSearch

__all__ = [
    "Alternation",
    "arrivals",
    "in_order",
    "leaf_losses",
    "pool_rows",
    "revalued",
    "with_refined_tests",
]

_NOISE = 1e-9


@dataclass(frozen=True, eq=False)
class Alternation:
    """Improvement of the tests of a tree on some rows.

    Parameters
    ----------
    task : Task
    limits : SearchLimits
    columns : tuple of int
    n_cuts : int
    max_literals : int or None
    n_passes : int
    """

    task: Task
    limits: SearchLimits
    columns: tuple[int, ...]
    n_cuts: int
    max_literals: int | None
    n_passes: int
    searched_rows: int = 4096

    def improved(
        self,
        tree: RuleTree,
        coded: NDArray[np.float64],
        targets: NDArray[np.float64],
        weights: NDArray[np.float64],
        is_reference: NDArray[np.bool_],
    ) -> RuleTree:
        """Return a tree that loses less on the rows, or the tree itself."""
        for _ in range(self.n_passes):
            better = self._passed(tree, coded, targets, weights, is_reference)
            if better is tree:
                break
            better = revalued(better, self.task, coded, targets, weights, is_reference)
            if not self._is_better(better, tree):
                break
            tree = better
        return tree

    def _is_better(self, tree: RuleTree, before: RuleTree) -> bool:
        loss, loss_before = (float(own.loss[own.leaves].sum()) for own in (tree, before))
        enough = tree.support[tree.leaves].min() >= min(
            self.limits.min_support, before.support[before.leaves].min()
        )
        return bool(enough and loss < loss_before)

    def _passed(
        self,
        tree: RuleTree,
        coded: NDArray[np.float64],
        targets: NDArray[np.float64],
        weights: NDArray[np.float64],
        is_reference: NDArray[np.bool_],
    ) -> RuleTree:
        """Visit all nodes, children first; return a tree with better tests, or the tree itself."""
        passing = {
            node: tree.test_at(node).passes(coded, tree.coding)
            for node in tree.preorder
            if tree.tests[node] is not None
        }
        arriving = arrivals(tree, passing, len(coded))
        losses = leaf_losses(tree, self.task, targets)
        for node in reversed(tree.preorder):
            if node not in passing:
                continue
            if_true, if_false = (losses.pop(int(at[node])) for at in (tree.if_true, tree.if_false))
            rows = np.flatnonzero(arriving[node])
            step = 1 + len(rows) // self.searched_rows
            rows = rows[::step]
            won = weights[rows] * (if_false[rows] - if_true[rows])
            mass = np.column_stack(
                [np.maximum(won, 0.0), np.maximum(-won, 0.0), is_reference[rows].astype(np.float64)]
            )
            order = grouped(mass)
            test = self._better(tree, node, taken(coded, rows[order]), step * mass[order])
            if test is not None:
                tree, passing[node] = tree.with_test(node, test), test.passes(coded, tree.coding)
            losses[node] = np.where(passing[node], if_true, if_false)
        return tree

    def _better(
        self, tree: RuleTree, node: int, coded: NDArray[np.float64], mass: NDArray[np.float64]
    ) -> MofN | None:
        test = tree.test_at(node)
        candidates = make_candidates(coded, mass[:, :2], tree.coding, self.columns, self.n_cuts)
        if candidates is None or not mass[:, :2].any():
            return None
        candidates = candidates.joined(given_candidates(test.literals, coded, tree.coding))
        n = len(candidates.columns)
        numbers = tuple(range(n - len(test.literals), n))
        room = len(test.literals)
        if self.max_literals is not None:
            room = self.max_literals - tree.n_literals + room
        most = max(min(self.limits.most_literals, room), 1)
        limits = replace(self.limits, most_literals=most, significance=1.0)
        allowed = np.ones(2 * len(candidates.columns), dtype=bool)
        search = TestSearch(candidates, make_measure(mass), Agreement(), limits, allowed)
        now = search.evaluate(numbers, test.m)
        tried = [search.extended(now), search.best()]
        found = max((own for own in tried if own is not None), key=lambda own: own.gain)
        return found.test(candidates, tree.coding) if found.gain > now.gain + _NOISE else None


def arrivals(
    tree: RuleTree, passing: Mapping[int, NDArray[np.bool_]], n_rows: int
) -> dict[int, NDArray[np.bool_]]:
    """Return which rows arrive at each node, given those that pass each test."""
    arriving = {0: np.ones(n_rows, dtype=np.bool_)}
    for node in tree.preorder:
        if node in passing:
            arriving[int(tree.if_true[node])] = arriving[node] & passing[node]
            arriving[int(tree.if_false[node])] = arriving[node] & ~passing[node]
    return arriving


def leaf_losses(
    tree: RuleTree, task: Task, targets: NDArray[np.float64]
) -> dict[int, NDArray[np.float64]]:
    """Return what each row would lose in each leaf."""
    losses: dict[int, NDArray[np.float64]] = {}
    of_label: dict[int, NDArray[np.float64]] = {}
    for leaf in tree.leaves.tolist():
        label = int(tree.values[leaf].argmax()) if task.is_classification else leaf
        if label not in of_label:
            of_label[label] = task.losses(targets, tree.values[leaf])
        losses[leaf] = of_label[label]
    return losses


def revalued(
    tree: RuleTree,
    task: Task,
    coded: NDArray[np.float64],
    targets: NDArray[np.float64],
    weights: NDArray[np.float64],
    is_reference: NDArray[np.bool_],
) -> RuleTree:
    """Return the tree with everything that is known at its nodes measured on other rows."""
    values, reach, loss = tree.values.copy(), tree.reach.copy(), tree.loss.copy()
    support, n_samples = tree.support.copy(), tree.n_samples.copy()
    waiting = [(0, np.arange(len(coded)))]
    while waiting:
        node, rows = waiting.pop()
        own = weights[rows]
        reach[node] = own.sum()
        if reach[node] > 0.0:
            values[node] = weighted_mean(targets[rows], own)
        loss[node] = own @ task.losses(targets[rows], values[node])
        support[node] = is_reference[rows].sum()
        n_samples[node] = len(rows) - support[node]
        if tree.tests[node] is not None:
            passes = tree.test_at(node).passes(coded, tree.coding, rows)
            children = (int(tree.if_true[node]), int(tree.if_false[node]))
            waiting += zip(children, (rows[passes], rows[~passes]), strict=True)
    return replace(
        tree, values=values, reach=reach, loss=loss, support=support, n_samples=n_samples
    )


def in_order(
    tree: RuleTree,
    signs: NDArray[np.int64],
    task: Task,
    coded: NDArray[np.float64],
    targets: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> RuleTree:
    """Return the tree with values that only grow, or fall, along monotone columns."""
    values, loss, tests = tree.values.copy(), tree.loss.copy(), list(tree.tests)
    waiting: list[tuple[int, NDArray[np.int64], Bounds]] = [
        (0, np.arange(len(coded)), (-np.inf, np.inf))
    ]
    while waiting:
        node, rows, bounds = waiting.pop()
        values[node] = clipped(values[node], bounds)
        loss[node] = weights[rows] @ task.losses(targets[rows], values[node])
        if tests[node] is None:
            continue
        test = tree.test_at(node)
        children = (int(tree.if_true[node]), int(tree.if_false[node]))
        own = child_bounds(test, signs, [clipped(values[at], bounds) for at in children], bounds)
        if own is None:
            tests[node] = None
            continue
        passes = test.passes(coded, tree.coding, rows)
        waiting += zip(children, (rows[passes], rows[~passes]), own, strict=True)
    return replace(tree, values=values, loss=loss, tests=tuple(tests)).renumbered()


def pool_rows(pool: Pool, weights: NDArray[np.float64]) -> tuple[Any, Any, Any, Any]:
    """Return coded rows, targets, weights, and which rows are reference rows."""
    return pool.coded, pool.targets, weights, np.arange(len(pool)) < pool.n_reference


def with_refined_tests(
    tree: RuleTree, refinement: Refinement, task: Task, pool: Pool, weights: NDArray[np.float64]
) -> RuleTree:
    """Return the tree with its thresholds refined, from the root, where that loses nothing."""
    for node in tree.preorder:
        if tree.tests[node] is None:
            continue
        rows = np.flatnonzero(pass_all(tree.conditions(node), pool.coded, tree.coding))
        mass = task.mass(pool.targets[rows], weights[rows])
        counted = np.column_stack([mass, rows < pool.n_reference])
        better = refinement.refined(tree.test_at(node), pool.coded, rows, counted)
        changed = revalued(tree.with_test(node, better), task, *pool_rows(pool, weights))
        if changed.loss[changed.leaves].sum() <= tree.loss[tree.leaves].sum():
            tree = changed
    return tree
