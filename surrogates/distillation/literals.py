"""Literals, and the tests made of them: at least m of n literals hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels import rules as kernels
from surrogates.distillation.coding import Coding

__all__ = [
    "EVERYTHING",
    "Literal",
    "LiteralTable",
    "MofN",
    "Operator",
    "count_held",
    "pass_all",
    "table_of",
]


EVERYTHING = float(np.finfo(np.float64).max)
"""A threshold that every number is at most: only missing values are told from others."""


class Operator(IntEnum):
    """How a literal compares a value; the numbers are those of the kernels."""

    AT_MOST = kernels.AT_MOST
    ABOVE = kernels.ABOVE
    IN = kernels.IN
    NOT_IN = kernels.NOT_IN

    @property
    def opposite(self) -> "Operator":
        """The operator that holds where this one does not."""
        return Operator(self ^ 1)

    @property
    def is_of_levels(self) -> bool:
        """Whether a set of levels is compared with."""
        return self >= Operator.IN


@dataclass(frozen=True)
class Literal:
    """A condition on one column.

    Parameters
    ----------
    column : int
    operator : Operator
    threshold : float, default=0.0
        Of `AT_MOST` and `ABOVE`.
    levels : tuple of int, default=()
        Codes in order, of `IN` and `NOT_IN`. A level that is not known is in no set.
    missing : bool, default=False
        Whether the literal holds for a missing value.
    """

    column: int
    operator: Operator
    threshold: float = 0.0
    levels: tuple[int, ...] = ()
    missing: bool = False

    @property
    def negation(self) -> "Literal":
        """The literal that holds exactly where this one does not."""
        opposite = self.operator.opposite
        return Literal(self.column, opposite, self.threshold, self.levels, not self.missing)

    def holds(self, values: NDArray[np.float64], coding: Coding) -> NDArray[np.bool_]:
        """Return for which values of its column the literal holds, of shape (n_rows,)."""
        levels = coding.columns[self.column].levels
        if levels is None:
            at_most = self.operator is Operator.AT_MOST
            held = values <= self.threshold if at_most else values > self.threshold
            return held | np.isnan(values) if self.missing else held
        members = np.full(levels.missing + 2, self.operator is Operator.NOT_IN)
        members[list(self.levels)] ^= True
        members[levels.missing] = self.missing
        return members[np.where(np.isnan(values), levels.missing, values).astype(np.intp)]


@dataclass(frozen=True)
class MofN:
    """At least `m` of the literals hold.

    Parameters
    ----------
    literals : tuple of Literal
    m : int
        From 1 to the number of literals.
    """

    literals: tuple[Literal, ...]
    m: int

    def held(self, coded: NDArray[np.float64], coding: Coding) -> NDArray[np.bool_]:
        """Return which literals hold in coded rows, of shape (n_rows, n_literals)."""
        held = [literal.holds(coded[:, literal.column], coding) for literal in self.literals]
        return np.array(held).T

    def passes(
        self,
        coded: NDArray[np.float64],
        coding: Coding,
        rows: NDArray[np.int64] | None = None,
    ) -> NDArray[np.bool_]:
        """Return for which coded rows, or for which of some of them, the test is true."""
        return count_held(self.literals, coded, coding, rows) >= self.m

    @property
    def negation(self) -> "MofN":
        """The test that is true exactly where this one is not."""
        flipped = tuple(literal.negation for literal in self.literals)
        return MofN(flipped, len(flipped) - self.m + 1)


def count_held(
    literals: Sequence[Literal],
    coded: NDArray[np.float64],
    coding: Coding,
    rows: NDArray[np.int64] | None = None,
) -> NDArray[np.uint8]:
    """Return how many literals, 255 at most, hold in coded rows, or in some of them."""
    counts = np.zeros(len(coded) if rows is None else len(rows), dtype=np.uint8)
    for literal in literals:
        values = coded[:, literal.column]
        values = values if rows is None else values.take(rows)
        counts += literal.holds(values, coding).view(np.uint8)
    return counts


def pass_all(
    tests: Sequence[MofN], coded: NDArray[np.float64], coding: Coding
) -> NDArray[np.bool_]:
    """Return for which coded rows all tests are true, of shape (n_rows,)."""
    passing = np.ones(len(coded), dtype=np.bool_)
    for test in tests:
        passing &= test.passes(coded, coding)
    return passing


class LiteralTable(NamedTuple):
    """Literals as arrays, in the order in which the kernels take them."""

    columns: NDArray[np.int32]
    operators: NDArray[np.int8]
    thresholds: NDArray[np.float64]
    firsts: NDArray[np.int32]
    missing: NDArray[np.bool_]
    members: NDArray[np.bool_]


def table_of(literals: Sequence[Literal], coding: Coding) -> LiteralTable:
    """Return literals as arrays."""
    thresholds, members, firsts = [], [np.zeros(1, dtype=np.bool_)], []
    size = 1
    for literal in literals:
        levels = coding.columns[literal.column].levels
        firsts.append(size)
        if levels is None:
            thresholds.append(literal.threshold)
            continue
        thresholds.append(float(levels.missing))
        flags = np.zeros(levels.missing, dtype=np.bool_)
        flags[list(literal.levels)] = True
        members.append(flags)
        size += len(flags)
    return LiteralTable(
        np.array([literal.column for literal in literals], dtype=np.int32),
        np.array([literal.operator for literal in literals], dtype=np.int8),
        np.array(thresholds, dtype=np.float64),
        np.array(firsts, dtype=np.int32),
        np.array([literal.missing for literal in literals], dtype=np.bool_),
        np.concatenate(members),
    )
