"""Thresholds found by asking the oracle about rows moved across them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from surrogates.distillation.oracle import Oracle

__all__ = ["Bisection", "Bracket"]

_ANCHORS = 4
_PRECISION = 2e-7
_ROUNDS = 40
_PATIENCE = 12
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Bracket:
    """Where a threshold may lie, and rows for which it decides.

    Parameters
    ----------
    place : int
        The literal.
    column : int
    low, high : float
    middle : float
        Where it seems to lie.
    anchors : ndarray of shape (n_anchors, n_columns)
        The nearest first.
    """

    place: int
    column: int
    low: float
    high: float
    middle: float
    anchors: NDArray[np.float64]


@dataclass(eq=False)
class _Edge:
    """A bracket on both ends of which one row has different answers."""

    bracket: Bracket
    low: float
    high: float
    rows: NDArray[np.float64]
    low_answers: NDArray[np.float64]
    high_answers: NDArray[np.float64]
    is_open: bool = True

    @property
    def middle(self) -> float:
        return self.low + (self.high - self.low) / 2

    def at(self, value: float, anchors: slice) -> NDArray[np.float64]:
        """Return some of the rows with a value in the column."""
        moved = self.rows[anchors].copy()
        moved[:, self.bracket.column] = value
        return moved

    def halve(self, answer: NDArray[np.float64]) -> None:
        """Keep the half in which the answer changes, or give up where it changes more often."""
        if _same(answer, self.low_answers[0]):
            self.low = self.middle
        elif _same(answer, self.high_answers[0]):
            self.high = self.middle
        else:
            self.is_open = False


@dataclass(eq=False)
class Bisection:
    """A search for the numbers at which the oracle changes its answer.

    Parameters
    ----------
    oracle : Oracle
    spans : ndarray of shape (n_columns,)
        The search ends at 2e-7 of them.
    budget : int
        Rows that may be asked about; all that are left once most thresholds are found sharp.

    Attributes
    ----------
    tried, found : int
        Thresholds asked about, and those at which the answers of several rows change.
    """

    oracle: Oracle
    spans: NDArray[np.float64]
    budget: int
    tried: int = field(default=0, init=False)
    found: int = field(default=0, init=False)

    @property
    def is_sharp(self) -> bool:
        """Whether the oracle has thresholds of its own."""
        return self.found > 0 and 2 * self.found >= self.tried

    @property
    def _has_given_up(self) -> bool:
        return self.tried >= _PATIENCE and not self.found

    @property
    def reserve(self) -> int:
        """Rows that others should leave; none where there are no thresholds to be found."""
        return 0 if self._has_given_up else max(self.budget, 0)

    def thresholds(self, brackets: Sequence[Bracket]) -> dict[int, tuple[float, float]]:
        """Return for each literal a narrow bracket, where the answers of several rows change."""
        n_asked = 2 * _ANCHORS * len(brackets)
        if not brackets or self._has_given_up or not self._may_ask(n_asked):
            return {}
        self.tried += len(brackets)
        edges = self._edges(brackets)
        for _ in range(_ROUNDS):
            wide = [
                edge
                for edge in edges
                if edge.is_open
                and edge.high - edge.low > _PRECISION * self.spans[edge.bracket.column]
            ]
            if not wide or not self._may_ask(len(wide)):
                break
            answers = self._ask([edge.at(edge.middle, slice(1)) for edge in wide])
            for edge, answer in zip(wide, answers, strict=True):
                edge.halve(answer[0])
        narrow = {
            edge.bracket.place: (edge.low, edge.high)
            for edge in edges
            if edge.is_open and self._is_confirmed(edge)
        }
        self.found += len(narrow)
        return narrow

    def confirmed(self, guesses: Sequence[tuple[Bracket, float]]) -> dict[int, float]:
        """Return those thresholds, by literal, at which the answers of several rows change."""
        if not guesses or not self._may_ask(2 * _ANCHORS * len(guesses)):
            return {}
        brackets = []
        for bracket, cut in guesses:
            reach = 2.0 * _PRECISION * self.spans[bracket.column]
            brackets.append(replace(bracket, low=cut - reach, high=cut + reach))
        right = {edge.bracket.place for edge in self._edges(brackets)}
        return {own.place: cut for own, cut in guesses if own.place in right}

    def _edges(self, brackets: Sequence[Bracket]) -> list[_Edge]:
        """Keep brackets on whose ends at least two rows have different answers."""
        lows, highs = (
            self._ask([_moved(own, end) for own, end in zip(brackets, ends, strict=True)])
            for ends in ([own.low for own in brackets], [own.high for own in brackets])
        )
        edges = []
        for bracket, low, high in zip(brackets, lows, highs, strict=True):
            changed = [at for at in range(len(low)) if not _same(low[at], high[at])]
            if len(changed) > 1:
                rows = bracket.anchors[:_ANCHORS][changed]
                edges.append(
                    _Edge(bracket, bracket.low, bracket.high, rows, low[changed], high[changed])
                )
        return edges

    def _is_confirmed(self, edge: _Edge) -> bool:
        """Ask whether the other rows change their answers in the same place."""
        others = slice(1, None)
        if not self._may_ask(2 * (len(edge.rows) - 1)):
            return False
        low, high = self._ask([edge.at(edge.low, others), edge.at(edge.high, others)])
        agree = [
            _same(own, before) and _same(other, after)
            for own, before, other, after in zip(
                low, edge.low_answers[others], high, edge.high_answers[others], strict=True
            )
        ]
        return 2 * sum(agree) >= len(agree) and any(agree)

    def _may_ask(self, n: int) -> bool:
        budget = self.oracle.left if self.is_sharp else self.budget
        return min(self.oracle.left, budget) >= n

    def _ask(self, parts: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
        """Ask about several tables of rows in one batch."""
        rows = np.concatenate(parts)
        self.budget -= len(rows)
        ends = np.cumsum([len(part) for part in parts])[:-1]
        return np.split(self.oracle.ask(rows).targets, ends)


def _moved(bracket: Bracket, value: float) -> NDArray[np.float64]:
    rows = bracket.anchors[:_ANCHORS].copy()
    rows[:, bracket.column] = value
    return rows


def _same(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    """Tell whether two answers are the same label, or the same numbers."""
    if len(first) > 1:
        return bool(first.argmax() == second.argmax())
    return bool(abs(first[0] - second[0]) <= _SAME * (abs(first[0]) + abs(second[0])))
