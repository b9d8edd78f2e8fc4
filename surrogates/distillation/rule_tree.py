"""A tree whose inner nodes are m-of-n tests."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels import rules as kernels
from surrogates.distillation.coding import Coding
from surrogates.distillation.literals import LiteralTable, MofN, table_of

__all__ = ["NONE", "RuleTree"]

NONE = -1


@dataclass(frozen=True, eq=False)
class RuleTree:
    """Tests, and what is known at every node. Node 0 is the root.

    Parameters
    ----------
    coding : Coding
    tests : tuple of MofN or None
        None at leaves.
    if_true, if_false : ndarray of int32 of shape (n_nodes,)
        Children; -1 at leaves.
    values : ndarray of shape (n_nodes, n_outputs)
        Class shares or means, which are what a leaf predicts.
    reach : ndarray of shape (n_nodes,)
        Share of the weight that arrives at the node.
    loss : ndarray of shape (n_nodes,)
        What the node loses as a leaf, as a share of all weight: disagreement with the oracle, or
        squared error over the variance of the oracle.
    support, n_samples : ndarray of int64 of shape (n_nodes,)
        Reference rows and drawn rows that arrive at the node.
    """

    coding: Coding
    tests: tuple[MofN | None, ...]
    if_true: NDArray[np.int32]
    if_false: NDArray[np.int32]
    values: NDArray[np.float64]
    reach: NDArray[np.float64]
    loss: NDArray[np.float64]
    support: NDArray[np.int64]
    n_samples: NDArray[np.int64]

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.tests)

    @cached_property
    def leaves(self) -> NDArray[np.int64]:
        """The leaves from left to right, rows that pass tests on the left."""
        return np.array([node for node in self.preorder if self.tests[node] is None])

    @cached_property
    def preorder(self) -> tuple[int, ...]:
        """All nodes, parents first, true branches before false ones."""
        order, waiting = [], [0]
        while waiting:
            node = waiting.pop()
            order.append(node)
            if self.tests[node] is not None:
                waiting += [int(self.if_false[node]), int(self.if_true[node])]
        return tuple(order)

    @property
    def n_literals(self) -> int:
        """Number of literals in all tests."""
        return sum(len(test.literals) for test in self.tests if test is not None)

    @cached_property
    def parents(self) -> NDArray[np.int64]:
        """The parent of each node, -1 for the root."""
        parents = np.full(self.n_nodes, NONE)
        for children in (self.if_true, self.if_false):
            inner = children != NONE
            parents[children[inner]] = np.flatnonzero(inner)
        return parents

    @cached_property
    def _routing(self) -> tuple[NDArray[np.int32], NDArray[np.int32], LiteralTable]:
        literals, starts, required = [], [0], []
        for test in self.tests:
            literals += [] if test is None else list(test.literals)
            starts.append(len(literals))
            required.append(0 if test is None else test.m)
        return (
            np.array(required, dtype=np.int32),
            np.array(starts, dtype=np.int32),
            table_of(literals, self.coding),
        )

    def apply(self, coded: NDArray[np.float64]) -> NDArray[np.int32]:
        """Return the leaf of each coded row."""
        return self.apply_from(coded, 0)

    def apply_from(self, coded: NDArray[np.float64], node: int) -> NDArray[np.int32]:
        """Return the leaf of each coded row that enters the tree at a node."""
        leaves = np.empty(len(coded), dtype=np.int32)
        required, starts, literals = self._routing
        rows = np.ascontiguousarray(coded)
        tree = (rows, node, required, starts, self.if_true, self.if_false)
        kernels.route(*tree, *literals, leaves)
        return leaves

    def path(self, node: int) -> list[tuple[int, bool]]:
        """Return the inner nodes above a node with the outcomes that lead to it, root first."""
        path: list[tuple[int, bool]] = []
        while (parent := int(self.parents[node])) != NONE:
            path.append((parent, bool(self.if_true[parent] == node)))
            node = parent
        return path[::-1]

    def conditions(self, node: int) -> list[MofN]:
        """Return the tests that hold at a node; those that failed are negated."""
        found = [(self.test_at(inner), outcome) for inner, outcome in self.path(node)]
        return [test if outcome else test.negation for test, outcome in found]

    def test_at(self, node: int) -> MofN:
        """Return the test of an inner node."""
        test = self.tests[node]
        if test is None:
            raise ValueError(f"Node {node} is a leaf.")
        return test

    def with_test(self, node: int, test: MofN) -> "RuleTree":
        """Return the tree with another test at an inner node."""
        return replace(self, tests=(*self.tests[:node], test, *self.tests[node + 1 :]))

    def collapsed(self, nodes: Iterable[int]) -> "RuleTree":
        """Return the tree with some inner nodes turned into leaves, renumbered from the root."""
        cut = set(nodes)
        tests = tuple(None if node in cut else test for node, test in enumerate(self.tests))
        pruned = replace(self, tests=tests)
        return pruned.renumbered()

    def renumbered(self) -> "RuleTree":
        """Return the same tree without unreachable nodes, numbered in preorder."""
        order = np.array(self.preorder)
        place = np.full(self.n_nodes + 1, NONE, dtype=np.int32)
        place[order] = np.arange(len(order))
        leaf = np.array([self.tests[node] is None for node in order])
        return RuleTree(
            self.coding,
            tuple(self.tests[node] for node in order),
            np.where(leaf, NONE, place[self.if_true[order]]).astype(np.int32),
            np.where(leaf, NONE, place[self.if_false[order]]).astype(np.int32),
            self.values[order],
            self.reach[order],
            self.loss[order],
            self.support[order],
            self.n_samples[order],
        )

    def __getstate__(self) -> dict[str, Any]:
        fields = self.__dataclass_fields__
        return {name: value for name, value in self.__dict__.items() if name in fields}
