"""Names of columns, original levels and class labels, for people and programs to read."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.distillation.coding import Coding
from surrogates.distillation.literals import EVERYTHING, Literal, MofN, Operator
from surrogates.distillation.rule_tree import RuleTree

__all__ = ["Wording", "plain_value"]

_SIGNS = {Operator.AT_MOST: "<=", Operator.ABOVE: ">", Operator.IN: "in", Operator.NOT_IN: "not in"}


def plain_value(value: Any) -> Any:
    """Return a label or level as Python's own bool, int, float or text."""
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, (bool, int, float, str)) else str(value)


@dataclass(frozen=True, eq=False)
class Wording:
    """How a tree is put into words.

    Parameters
    ----------
    coding : Coding
    classes : ndarray or None
    output_names : tuple of str
    """

    coding: Coding
    classes: NDArray[Any] | None
    output_names: tuple[str, ...]

    def name(self, literal: Literal) -> str:
        """Return the name of the column of a literal."""
        return self.coding.columns[literal.column].name

    def levels(self, literal: Literal) -> list[Any]:
        """Return the original levels of a literal."""
        levels = self.coding.columns[literal.column].levels
        return [] if levels is None else [levels.values[code] for code in literal.levels]

    def can_be_missing(self, literal: Literal) -> bool:
        """Whether the reference rows have missing values in the column of a literal."""
        return self.coding.columns[literal.column].has_missing

    def literal(self, literal: Literal, *, exact: bool = True) -> str:
        """Return a literal as text; `exact` tells what holds for missing values in any case."""
        name, sign = self.name(literal), _SIGNS[literal.operator]
        if literal.operator.is_of_levels:
            if not literal.levels:  # only whether the value is missing matters
                return f"{name} is {'' if literal.missing else 'not '}missing"
            levels = ", ".join(repr(plain_value(level)) for level in self.levels(literal))
            text = f"{name} {sign} {{{levels}}}"
        elif literal.threshold == EVERYTHING and literal.missing == (sign == ">"):
            return f"{name} is {'' if literal.missing else 'not '}missing"
        else:
            text = f"{name} {sign} {self.threshold(literal, exact=exact)}"
        mention = exact or self.can_be_missing(literal)
        return f"{text} or missing" if literal.missing and mention else text

    def threshold(self, literal: Literal, *, exact: bool) -> str:
        """Return a threshold as text."""
        if not exact:
            return f"{literal.threshold:.6g}"
        return repr(float(literal.threshold))

    def test(self, test: MofN, *, exact: bool = True) -> str:
        """Return a test as text."""
        literals = "; ".join(self.literal(literal, exact=exact) for literal in test.literals)
        if len(test.literals) == 1:
            return literals
        return f"at least {test.m} of {len(test.literals)}: {literals}"

    def label(self, value: NDArray[np.float64]) -> Any:
        """Return what is predicted where the tree holds a value."""
        if self.classes is not None:
            return plain_value(self.classes[int(value.argmax())])
        return float(value[0]) if len(value) == 1 else [float(own) for own in value]

    def fidelity(self, tree: RuleTree, node: int) -> float:
        """Return the share of the weight at a node that agrees, or 1 less the share of variance."""
        if tree.reach[node] <= 0.0:
            return np.nan
        return float(1.0 - tree.loss[node] / tree.reach[node])
