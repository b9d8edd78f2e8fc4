"""Best-first expansion: the leaf where most would be gained is divided next."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from surrogates.distillation.candidates import Candidates, given_candidates, make_candidates
from surrogates.distillation.coding import Coding
from surrogates.distillation.literals import MofN, pass_all
from surrogates.distillation.measures import Measure, grouped, make_measure
from surrogates.distillation.monotone import Bounds, child_bounds, clipped, weighted_mean
from surrogates.distillation.oracle import Oracle
from surrogates.distillation.pool import Pool, Task, taken
from surrogates.distillation.refinement import Refinement
from surrogates.distillation.rule_tree import NONE, RuleTree
from surrogates.distillation.samplers import Sampler, draw_passing
from surrogates.distillation.search import SearchLimits, TestSearch
from surrogates.distillation.selection import ask_anywhere

__all__ = ["Growth", "GrowthLimits"]

_NO_LOSS = 1e-9
_MOST_GROWTH = 2
_ROOT_BEAMS = 4
_MOST_AHEAD = 16


@dataclass(frozen=True, eq=False)
class GrowthLimits:
    """How large a tree may become, and what its tests may look like.

    Parameters
    ----------
    search : SearchLimits
    max_leaves : int
    max_literals : int or None
    columns : tuple of int
        Columns that tests may use.
    monotone : ndarray of shape (n_columns,)
        1 or -1 for columns along which the first value may only grow or fall, else 0.
    n_cuts : int
        Thresholds of a column considered at a node.
    min_sample : int
        Rows that there should be at a node that is divided.
    min_purity : int
        Rows that must agree before a node counts as pure.
    merge_labels : bool
        Whether neighboring leaves with the same label count as one.
    lookahead : bool
        Whether single literals are judged by the small trees that can be grown below them.
    searched_rows : int
        Rows at a node that are searched for a test, at most.
    """

    search: SearchLimits
    max_leaves: int
    max_literals: int | None
    columns: tuple[int, ...]
    monotone: NDArray[np.int64]
    n_cuts: int = 32
    min_sample: int = 600
    min_purity: int = 532
    merge_labels: bool = True
    lookahead: bool = False
    searched_rows: int = 4096

    def with_tests_of(self, most_literals: int) -> "GrowthLimits":
        """Return the same limits, but for the literals of a test."""
        return replace(self, search=replace(self.search, most_literals=most_literals))


@dataclass(eq=False)
class _Node:
    """A node while the tree grows; `scales` multiply the weights of reference and drawn rows."""

    rows: NDArray[np.int64]
    conditions: tuple[MofN, ...]
    parent: "_Node | None"
    scales: tuple[float, float]
    bounds: Bounds = (-np.inf, np.inf)
    value: NDArray[np.float64] = field(init=False)
    reach: float = field(init=False)
    loss: float = field(init=False)
    test: MofN | None = None
    children: tuple[int, int] = (NONE, NONE)
    is_final: bool = False
    sampler: Sampler | None = None


class Growth:
    """A tree in the making.

    Parameters
    ----------
    pool : Pool
    task : Task
    coding : Coding
    limits : GrowthLimits
    oracle : Oracle or None
        None asks nothing: the tree is grown from the rows of the pool.
    sampler : Sampler or None
    refinement : Refinement or None
    rng : Generator
    """

    def __init__(
        self,
        pool: Pool,
        task: Task,
        coding: Coding,
        limits: GrowthLimits,
        *,
        oracle: Oracle | None = None,
        sampler: Sampler | None = None,
        refinement: Refinement | None = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.pool, self.task, self.coding, self.limits = pool, task, coding, limits
        self.oracle, self.sampler, self.refinement, self.rng = oracle, sampler, refinement, rng
        self.nodes: list[_Node] = []

    def run(self) -> RuleTree:
        """Grow the tree."""
        self._add(np.arange(len(self.pool)), (), None, self.pool.scales)
        self.nodes[0].sampler = self.sampler
        while not self._is_full and (node := self._next()) is not None:
            self._expand(node)
        return self.tree()

    @property
    def _is_full(self) -> bool:
        """Whether there are enough leaves, those not counted that say what their neighbors say."""
        if len(self.nodes) >= 2 * _MOST_GROWTH * self.limits.max_leaves - 1:
            return True
        return self._joined(0)[0] >= self.limits.max_leaves

    def _joined(self, number: int) -> tuple[int, int | None]:
        """Return the leaves that are left below a node, and the label where it is only one."""
        node = self.nodes[number]
        if node.test is None:
            is_label = self.task.is_classification and self.limits.merge_labels
            return 1, int(node.value.argmax()) if is_label else None
        (first, label), (second, other) = map(self._joined, node.children)
        if first == second == 1 and label is not None and label == other:
            return 1, label
        return first + second, None

    @property
    def _n_literals(self) -> int:
        return sum(len(node.test.literals) for node in self.nodes if node.test is not None)

    def _next(self) -> _Node | None:
        """Return the open leaf that loses most, after asking about those that seem pure."""
        open_leaves = [node for node in self.nodes if not node.is_final]
        impure = [node for node in open_leaves if node.loss > _NO_LOSS]
        if not impure:
            for node in sorted(open_leaves, key=lambda node: -node.reach):
                self._draw(node, self.limits.min_purity, reserve=0)
                if node.loss > _NO_LOSS:
                    return node
                node.is_final = True
            return None
        return max(impure, key=lambda node: node.loss)

    def _add(
        self,
        rows: NDArray[np.int64],
        conditions: tuple[MofN, ...],
        parent: _Node | None,
        scales: tuple[float, float],
        bounds: Bounds = (-np.inf, np.inf),
    ) -> int:
        node = _Node(rows, conditions, parent, scales, bounds)
        self._measure(node)
        self.nodes.append(node)
        return len(self.nodes) - 1

    def _weights(self, node: _Node) -> NDArray[np.float64]:
        weights = self.pool.weights[node.rows]
        return weights * np.where(self._is_reference(node.rows), *node.scales)

    def _is_reference(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        return rows < self.pool.n_reference

    def _measure(self, node: _Node) -> None:
        """Set the value, the weight and the loss of a node."""
        weights, targets = self._weights(node), self.pool.targets[node.rows]
        node.reach = float(weights.sum())
        node.value = clipped(weighted_mean(targets, weights), node.bounds)
        node.loss = float(weights @ self.task.losses(targets, node.value))

    def _value(self, node: _Node, side: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the value that a child would have."""
        weights, targets = self._weights(node)[side], self.pool.targets[node.rows[side]]
        return clipped(weighted_mean(targets, weights), node.bounds)

    def _draw(self, node: _Node, wanted: int, reserve: int) -> None:
        """Fill a node up with drawn rows; their weight all together stays what it was."""
        if self.oracle is None or self.rng is None:
            return
        n = min(wanted - len(node.rows), self.oracle.left - reserve)
        if n <= 0 or (sampler := self._localized(node)) is None:
            return
        near = node.rows[self._is_reference(node.rows)]
        coded = draw_passing(sampler, n, node.conditions, near, self.coding, self.rng)
        answers = self.oracle.ask(coded)
        # rounding to the dtype of the table may move a row
        passing = pass_all(node.conditions, answers.coded, self.coding)
        coded, targets = answers.coded[passing], answers.targets[passing]
        drawn_weight = float(self._weights(node)[~self._is_reference(node.rows)].sum())
        weights = self.task.weights_of(targets)
        node.rows = np.concatenate([node.rows, self.pool.add(coded, targets, weights)])
        self._rescale(node, drawn_weight)
        self._measure(node)

    @property
    def _reserve(self) -> int:
        """Rows that are kept for thresholds."""
        if self.refinement is None or self.refinement.bisection is None:
            return 0
        return self.refinement.bisection.reserve

    def _rescale(self, node: _Node, drawn_weight: float) -> None:
        """Give reference and drawn rows the weight that they had, or as at the root where none."""
        reference = self._is_reference(node.rows)
        weights = self.pool.weights[node.rows]
        own, drawn = weights[reference].sum(), weights[~reference].sum()
        share = drawn_weight or node.reach * (
            1.0 - self.pool.weights[: self.pool.n_reference].sum()
        )
        if own > 0.0 and drawn > 0.0:
            node.scales = ((node.reach - share) / own, share / drawn)

    def _expand(self, node: _Node) -> None:
        self._draw(node, self.limits.min_sample, self._reserve)
        test = self._best_test(node)
        if test is None:
            node.is_final = True
            return
        passes = test.passes(self.pool.coded, self.coding, node.rows)
        sides = (passes, ~passes)
        values = [self._value(node, side) for side in sides if self.limits.monotone.any()]
        bounds = child_bounds(test, self.limits.monotone, values, node.bounds)
        if bounds is None:
            node.is_final = True
            return
        conditions = (test, test.negation)
        first, second = (
            self._add(
                node.rows[side],
                (*node.conditions, condition),
                node,
                node.scales,
                own,
            )
            for side, condition, own in zip(sides, conditions, bounds, strict=True)
        )
        node.test, node.children, node.is_final = test, (first, second), True

    def _localized(self, node: _Node) -> Sampler | None:
        """Return the sampler of a node, learned when rows are drawn there or below."""
        if node.sampler is None and node.parent is not None:
            above, near = self._localized(node.parent), node.rows[self._is_reference(node.rows)]
            literals = [literal for test in node.conditions for literal in test.literals]
            constrained = frozenset(literal.column for literal in literals)
            if above is not None and len(near):
                above = above.localized(near, constrained)
            node.sampler = above
        return node.sampler

    def _best_test(self, node: _Node) -> MofN | None:
        counted = self._counted(node)
        columns, limits = self.limits.columns, self._search_limits(is_root=not node.conditions)
        step = 1 + len(node.rows) // self.limits.searched_rows
        order = step * grouped(counted[::step])
        some, mass = taken(self.pool.coded, node.rows[order]), counted[order]
        candidates = make_candidates(some, mass[:, :-1], self.coding, columns, self.limits.n_cuts)
        if candidates is None or limits.most_literals < 1:
            return None
        if self.refinement is not None and self.refinement.known:
            found_before = given_candidates(self.refinement.literals, some, self.coding)
            candidates = candidates.joined(found_before)
        measure = make_measure(step * mass)
        allowed = self._allowed(candidates, measure)
        search = TestSearch(candidates, measure, self.task.criterion, limits, allowed)
        room = self.limits.max_leaves - self._joined(0)[0] + 1
        looks = self.limits.lookahead and room > 2
        found = search.best_above(min(room, _MOST_AHEAD)) if looks else search.best()
        if found is None:
            return None
        test = found.test(candidates, self.coding)
        if self.refinement is None:
            return test
        better = self.refinement.refined(test, self.pool.coded, node.rows, counted)
        inside = better.passes(self.pool.coded, self.coding, node.rows) & (counted[:, -1] > 0.0)
        least = self.limits.search.min_support
        enough = least <= inside.sum() <= counted[:, -1].sum() - least
        return better if enough else test

    def _counted(self, node: _Node) -> NDArray[np.float64]:
        """Return the masses of the rows at a node, reference rows last."""
        mass = self.task.mass(self.pool.targets[node.rows], self._weights(node))
        return np.column_stack([mass, self._is_reference(node.rows)])

    def _search_limits(self, *, is_root: bool) -> SearchLimits:
        """Return what is left of the literals; the root, on which all rests, is searched wider."""
        limits = self.limits.search
        if is_root:
            limits = replace(limits, beam_width=_ROOT_BEAMS * limits.beam_width)
        if self.limits.max_literals is None:
            return limits
        left = self.limits.max_literals - self._n_literals
        return replace(limits, most_literals=min(limits.most_literals, left))

    def _allowed(self, candidates: Candidates, measure: Measure) -> NDArray[np.bool_]:
        """Leave out, where columns are monotone, literals that hold where the value is lower.

        Tests of the others are true where the value is higher, as long as every literal on a
        monotone column points the right way.
        """
        signs = self.limits.monotone[candidates.columns]
        allowed = np.concatenate([signs <= 0, signs >= 0])
        if self.limits.monotone.any():
            inside = measure.inside(np.ascontiguousarray(candidates.planes.T))
            weight = self.task.criterion.weight
            outside = measure.total - inside
            higher = inside[:, -2] * weight(outside[:, :-1]) >= outside[:, -2] * weight(
                inside[:, :-1]
            )
            allowed &= np.concatenate([higher, ~higher])
        return allowed

    def spend(self) -> None:
        """Ask about as many rows as are left, drawn anywhere, and let them fall to the leaves."""
        if self.oracle is None or self.sampler is None or self.rng is None or not self.oracle.left:
            return
        left = self.oracle.left
        numbers = ask_anywhere(self.sampler, left, self.oracle, self.pool, self.task, self.rng)
        coded = taken(self.pool.coded, numbers)
        for node in self.nodes:
            if node.test is None:
                passing = pass_all(node.conditions, coded, self.coding)
                drawn_weight = float(self._weights(node)[~self._is_reference(node.rows)].sum())
                node.rows = np.concatenate([node.rows, numbers[passing]])
                self._rescale(node, drawn_weight)

    def row_weights(self) -> NDArray[np.float64]:
        """Return the weights that the rows have in the leaves; they sum to one."""
        weights = np.zeros(len(self.pool))
        for node in self.nodes:
            if node.test is None:
                weights[node.rows] = self._weights(node)
        return weights

    def tree(self) -> RuleTree:
        """Return the tree as it is."""
        nodes = self.nodes
        reference = [self._is_reference(node.rows) for node in nodes]
        return RuleTree(
            self.coding,
            tuple(node.test for node in nodes),
            np.array([node.children[0] for node in nodes], dtype=np.int32),
            np.array([node.children[1] for node in nodes], dtype=np.int32),
            np.array([node.value for node in nodes]),
            np.array([node.reach for node in nodes]),
            np.array([node.loss for node in nodes]),
            np.array([own.sum() for own in reference], dtype=np.int64),
            np.array([(~own).sum() for own in reference], dtype=np.int64),
        ).renumbered()
