"""How TREPAN grows a tree: best-first, by m-of-n tests, with questions at every node."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import ClassVar

import numpy as np

from surrogates._params import NONE, Interval, Options
from surrogates.distillation.alternating import (
    Alternation,
    in_order,
    pool_rows,
    revalued,
    with_refined_tests,
)
from surrogates.distillation.bisection import Bisection
from surrogates.distillation.distiller import SHARED_CONSTRAINTS, Constraints, Distiller
from surrogates.distillation.growth import Growth, GrowthLimits
from surrogates.distillation.oracle import Oracle
from surrogates.distillation.pool import Pool, Task
from surrogates.distillation.refinement import Refinement
from surrogates.distillation.rule_tree import RuleTree
from surrogates.distillation.search import SearchLimits
from surrogates.distillation.selection import Choice, ask_anywhere
from surrogates.distillation.student import make_student

__all__ = ["Expansion"]

_PASSES = 3
_REFINEMENT_SHARE = 0.3
_NODE_SHARE = 0.2
_TRIAL_LEAVES = 8
_TRIAL_LITERALS = 5
_TRIAL_ROWS = 1024
_MOST_CUTS = 32
_DIGITS = 6
_TEST_SIZES = (1, 2, 3, 5)
_NEARLY_RIGHT = 0.01
_STUDIED_ROWS, _STUDIED_AT_NODES = 24_000, 16_000
_STUDIED_AT_NODE = 6_000
_STUDIED_SEARCH = 16_384
_STUDIED_COLUMNS, _MOST_COLUMNS = 40, 160  # of more, fewer rows, and at last no student
_STUDIED_REAL_WEIGHT = 1 / 3  # of that of reference rows: there are many others near them
_STOP_Z, _STOP_EPSILON = 2.32, 0.01  # Craven's test of purity
_MIN_PURITY = int(_STOP_Z**2 * (1 - _STOP_EPSILON) / _STOP_EPSILON)


class Expansion(Distiller):
    """Base of the trees of TREPAN."""

    splits: str
    max_literals: int | None
    max_literals_per_test: int
    beam_width: int
    significance: float
    literal_penalty: float

    _constraints: ClassVar[Constraints] = {
        **SHARED_CONSTRAINTS,
        "splits": [Options("m-of-n", "single")],
        "max_literals": [Interval("int", 1, None), NONE],
        "max_literals_per_test": [Interval("int", 1, 200)],
        "beam_width": [Interval("int", 1, None)],
        "significance": [Interval("float", 0, 1, "right")],
        "literal_penalty": [Interval("float", 0, None)],
    }

    def _limits(self, n_rows: int) -> GrowthLimits:
        search = SearchLimits(
            1 if self.splits == "single" else int(self.max_literals_per_test),
            int(self.beam_width),
            float(self.significance),
            float(self.literal_penalty),
            self._min_support(n_rows),
        )
        return GrowthLimits(
            search,
            int(self.max_leaves),
            self.max_literals,
            self._columns(),
            self._signs,
            n_cuts=_MOST_CUTS,
            min_sample=int(_NODE_SHARE * self.n_queries),
            min_purity=_MIN_PURITY,
            merge_labels=self._teaches() == "labels",
        )

    def _grow(
        self, pool: Pool, task: Task, oracle: Oracle, choice: Choice, rng: np.random.Generator
    ) -> RuleTree:
        """Grow a tree on the answers of the oracle and, if it errs, one on those of a student.

        An oracle that has thresholds of its own is asked where they are. Leaves get their values
        from the oracle in any case.
        """
        limits = self._limits(pool.n_reference)
        bisection = Bisection(oracle, self.coding_.spans, int(_REFINEMENT_SHARE * oracle.limit))
        refinement = Refinement(self.coding_, task.criterion, limits.search.min_support, bisection)
        growth = partial(Growth, task=task, coding=self.coding_, sampler=choice.sampler, rng=rng)
        quick = _quick(limits.with_tests_of(1))
        growth(replace(pool), limits=quick, refinement=refinement).run()  # is the oracle sharp?
        tree, pool = self._best_grown(growth, pool, limits, oracle, refinement)
        is_right = tree.loss[tree.leaves].sum() <= _NEARLY_RIGHT
        is_done = is_right or bisection.is_sharp or not self._needs_student(pool.n_reference)
        if is_done or (sampler := choice.sampler) is None:
            return tree
        pool.weights[pool.n_reference :] /= pool.weights[pool.n_reference :].mean()
        ask_anywhere(sampler, oracle.left, oracle, pool, task, rng)
        asked = replace(pool)
        room = min(1.0, _STUDIED_COLUMNS / len(self.coding_.columns))
        n_anywhere, n_at_nodes = int(room * _STUDIED_ROWS), int(room * _STUDIED_AT_NODES)
        student = make_student(pool, task, oracle, n_anywhere + n_at_nodes, rng)
        ask_anywhere(sampler, n_anywhere, student, pool, task, rng)
        pool.weights[: pool.n_reference] *= _STUDIED_REAL_WEIGHT
        at_node = int(room * _STUDIED_AT_NODE)
        limits = replace(limits, min_sample=at_node, searched_rows=_STUDIED_SEARCH)
        refinement = replace(refinement, bisection=None)
        tree, _ = self._best_grown(growth, pool, limits, student, refinement)
        rows = pool_rows(asked, asked.shares)
        tree = revalued(tree, task, *rows)
        return in_order(tree, self._signs, task, *rows[:3]) if self._signs.any() else tree

    def _has_students(self) -> bool:
        is_free = self.splits == "m-of-n" and self.max_literals is None
        return is_free and len(self.coding_.columns) <= _MOST_COLUMNS

    def _best_grown(
        self,
        growth: Callable[..., Growth],
        pool: Pool,
        limits: GrowthLimits,
        oracle: Oracle,
        refinement: Refinement,
    ) -> tuple[RuleTree, Pool]:
        """Grow trees in all ways that are tried; return the one that loses least, and all rows."""
        growth = partial(growth, oracle=oracle, refinement=refinement)
        is_sharp = refinement.is_sharp
        variants = self._variants(limits, is_sharp=is_sharp)
        trees = []
        for own in variants:
            with oracle.limited(oracle.left // 2 if is_sharp else oracle.left):
                grown = growth(replace(pool), limits=own)
                trees.append(self._finished(grown, own))
            pool = replace(grown.pool, weights=grown.row_weights())
        if len(trees) == 1:
            return trees[0], pool
        rows = pool_rows(pool, pool.weights)
        tree = min((revalued(tree, grown.task, *rows) for tree in trees), key=_cost)
        if is_sharp and not self._signs.any() and len(tree.leaves) > 1:
            tree = with_refined_tests(tree, refinement, grown.task, pool, pool.weights)
        return tree, pool

    def _variants(self, limits: GrowthLimits, *, is_sharp: bool) -> list[GrowthLimits]:
        """Return the ways to grow a tree that are tried.

        Where the oracle has thresholds of its own, trees of single literals first; where the
        literals are limited, also trees that spend less of them on a test.
        """
        single, most = limits.with_tests_of(1), limits.search.most_literals
        variants = [limits]
        if is_sharp:
            variants = [single, replace(single, lookahead=True), *variants[: most - 1]]
        if limits.max_literals is not None:
            variants += [limits.with_tests_of(size) for size in _TEST_SIZES if size < most]
        return variants

    def _finished(self, growth: Growth, limits: GrowthLimits) -> RuleTree:
        """Grow a tree and improve its tests."""
        tree, pool, task, refinement = growth.run(), growth.pool, growth.task, growth.refinement
        is_sharp = refinement is not None and refinement.is_sharp
        if self._signs.any() or len(tree.leaves) == 1:
            return tree
        if not is_sharp:
            growth.spend()
        weights = growth.row_weights()
        tree = revalued(tree, task, *pool_rows(pool, weights))  # earlier nodes saw fewer rows
        alternation = Alternation(
            task,
            limits.search,
            limits.columns,
            _MOST_CUTS,
            self.max_literals,
            _PASSES,
            limits.searched_rows,
        )
        tree = alternation.improved(tree, *pool_rows(pool, weights))
        if is_sharp and refinement is not None:
            tree = with_refined_tests(tree, refinement, task, pool, weights)
        return tree

    def _trial(self, pool: Pool, task: Task) -> RuleTree:
        limits = self._limits(pool.n_reference)
        search = replace(
            limits.search,
            most_literals=min(limits.search.most_literals, _TRIAL_LITERALS),
            beam_width=1,
        )
        return Growth(pool, task, self.coding_, _quick(replace(limits, search=search))).run()


def _quick(limits: GrowthLimits) -> GrowthLimits:
    """Return the limits of trees that only serve to find something out."""
    n_leaves = min(limits.max_leaves, _TRIAL_LEAVES)
    return replace(limits, max_leaves=n_leaves, searched_rows=_TRIAL_ROWS)


def _cost(tree: RuleTree) -> tuple[float, int]:
    """Return what a tree loses, and its size to decide between equals."""
    return round(float(tree.loss[tree.leaves].sum()), _DIGITS), tree.n_literals
