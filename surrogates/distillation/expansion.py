"""How TREPAN grows a tree: best-first, by m-of-n tests, with questions at every node."""

from dataclasses import replace
from typing import ClassVar

import numpy as np

from surrogates._params import NONE, Interval, Options
from surrogates.distillation.alternating import Alternation, pool_rows, revalued, with_refined_tests
from surrogates.distillation.bisection import Bisection
from surrogates.distillation.distiller import SHARED_CONSTRAINTS, Constraints, Distiller
from surrogates.distillation.growth import Growth, GrowthLimits
from surrogates.distillation.oracle import Oracle
from surrogates.distillation.pool import Pool, Task
from surrogates.distillation.refinement import Refinement
from surrogates.distillation.rule_tree import RuleTree
from surrogates.distillation.search import SearchLimits
from surrogates.distillation.selection import Choice

__all__ = ["Expansion"]

_PASSES = 3
_REFINEMENT_SHARE = 0.3
_NODE_SHARE = 0.2
_TRIAL_LEAVES = 8
_TRIAL_LITERALS = 5
_MOST_CUTS = 32
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
        limits = self._limits(pool.n_reference)
        bisection = Bisection(oracle, self.coding_.spans, int(_REFINEMENT_SHARE * oracle.limit))
        refinement = Refinement(self.coding_, task.criterion, limits.search.min_support, bisection)
        growth = Growth(
            pool,
            task,
            self.coding_,
            limits,
            oracle=oracle,
            sampler=choice.sampler,
            refinement=refinement,
            rng=rng,
        )
        tree = growth.run()
        if self._signs.any() or len(tree.leaves) == 1:
            return tree
        if not bisection.is_sharp:
            growth.spend()
        weights = growth.row_weights()
        tree = revalued(tree, task, *pool_rows(pool, weights))  # earlier nodes saw fewer rows
        alternation = Alternation(
            task, limits.search, limits.columns, _MOST_CUTS, self.max_literals, _PASSES
        )
        tree = alternation.improved(tree, *pool_rows(pool, weights))
        if not bisection.is_sharp:
            return tree
        return with_refined_tests(tree, refinement, task, pool, weights)

    def _trial(self, pool: Pool, task: Task) -> RuleTree:
        limits = self._limits(pool.n_reference)
        search = replace(
            limits.search,
            most_literals=min(limits.search.most_literals, _TRIAL_LITERALS),
            beam_width=1,
        )
        limits = replace(limits, search=search, max_leaves=min(limits.max_leaves, _TRIAL_LEAVES))
        return Growth(pool, task, self.coding_, limits).run()
