"""A tree with one literal in each node, as the arrays of scikit-learn's trees."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.distillation.literals import Literal, Operator
from surrogates.distillation.rule_tree import RuleTree

__all__ = ["as_arrays"]

_NO_CHILD, _NO_FEATURE = -1, -2


@dataclass(eq=False)
class _Arrays:
    """Nodes in preorder, while they are written."""

    tree: RuleTree
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    feature: list[int] = field(default_factory=list)
    threshold: list[float] = field(default_factory=list)
    missing_left: list[bool] = field(default_factory=list)
    value: list[NDArray[np.float64]] = field(default_factory=list)
    levels: list[NDArray[np.int64]] = field(default_factory=list)

    def add(self, node: int) -> int:
        """Write what lies below a node of the tree, and return its number."""
        test = self.tree.tests[node]
        if test is None:
            return self._start(node, _NO_FEATURE, -2.0, missing=False, levels=())
        return self._count(node, list(test.literals), test.m)

    def _count(self, node: int, literals: list[Literal], needed: int) -> int:
        """Write "at least `needed` of the literals hold", one literal after the other."""
        if needed <= 0:
            return self.add(int(self.tree.if_true[node]))
        if needed > len(literals):
            return self.add(int(self.tree.if_false[node]))
        first, *rest = literals
        # what passes a literal like "x <= t" or "x in levels" goes to the left
        goes_left = first.operator in (Operator.AT_MOST, Operator.IN)
        own = first if goes_left else first.negation
        place = self._start(node, own.column, own.threshold, missing=own.missing, levels=own.levels)
        for side in (self.left, self.right):
            holds = (side is self.left) == goes_left
            side[place] = self._count(node, rest, needed - int(holds))
        return place

    def _start(
        self, node: int, feature: int, threshold: float, *, missing: bool, levels: tuple[int, ...]
    ) -> int:
        self.left.append(_NO_CHILD)
        self.right.append(_NO_CHILD)
        self.feature.append(feature)
        self.threshold.append(threshold)
        self.missing_left.append(missing)
        self.value.append(self.tree.values[node])
        self.levels.append(np.array(levels, dtype=np.int64))
        return len(self.left) - 1


def as_arrays(tree: RuleTree) -> dict[str, NDArray[Any]]:
    """Return arrays with an entry for each node, the root first."""
    arrays = _Arrays(tree)
    arrays.add(0)
    levels = np.empty(len(arrays.levels), dtype=object)
    levels[:] = arrays.levels
    return {
        "children_left": np.array(arrays.left, dtype=np.int64),
        "children_right": np.array(arrays.right, dtype=np.int64),
        "feature": np.array(arrays.feature, dtype=np.int64),
        "threshold": np.array(arrays.threshold, dtype=np.float64),
        "missing_go_to_left": np.array(arrays.missing_left, dtype=np.bool_),
        "value": np.array(arrays.value),
        "levels": levels,
    }
