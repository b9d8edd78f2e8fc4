"""Thresholds moved to where they belong: first between rows, then by asking the oracle."""

from dataclasses import dataclass, field, replace
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from surrogates.distillation.bisection import Bisection, Bracket
from surrogates.distillation.candidates import between
from surrogates.distillation.coding import Coding
from surrogates.distillation.criteria import Criterion
from surrogates.distillation.literals import EVERYTHING, Literal, MofN, Operator

__all__ = ["Refinement", "shortest_between"]

_NOISE = 1e-9


@dataclass(eq=False)
class Refinement:
    """Moves the thresholds of tests.

    Parameters
    ----------
    coding : Coding
    criterion : Criterion
    min_support : float
    bisection : Bisection or None
        None moves thresholds between rows only.

    Attributes
    ----------
    known : set of (int, float)
        Columns and thresholds that were found by asking; they are not moved again.
    """

    coding: Coding
    criterion: Criterion
    min_support: float
    bisection: Bisection | None = None
    known: set[tuple[int, float]] = field(default_factory=set, init=False)

    def refined(self, test: MofN, coded: NDArray[np.float64], mass: NDArray[np.float64]) -> MofN:
        """Return the test with better thresholds.

        Parameters
        ----------
        test : MofN
        coded, mass : ndarray of shape (n_rows, ...)
            The rows at the node, and their masses, reference rows last.
        """
        held = test.held(coded, self.coding)
        literals = list(test.literals)
        brackets = []
        for place, literal in enumerate(literals):
            is_known = (literal.column, literal.threshold) in self.known
            if literal.operator.is_of_levels or literal.threshold == EVERYTHING or is_known:
                continue
            others = held.sum(axis=1) - held[:, place]
            literals[place], bracket = self._scanned(place, literal, test.m, others, coded, mass)
            held[:, place] = MofN((literals[place],), 1).passes(coded, self.coding)
            if bracket is not None and self.coding.columns[literal.column].is_continuous:
                brackets.append(bracket)
        if self.bisection is not None:
            for place, (low, high) in self.bisection.thresholds(brackets).items():
                literals[place] = replace(literals[place], threshold=shortest_between(low, high))
                self.known.add((literals[place].column, literals[place].threshold))
        return MofN(tuple(literals), test.m)

    def _scanned(
        self,
        place: int,
        literal: Literal,
        m: int,
        others: NDArray[np.int64],
        coded: NDArray[np.float64],
        mass: NDArray[np.float64],
    ) -> tuple[Literal, Bracket | None]:
        """Return the literal with the best threshold between rows, and where it may lie.

        Only rows in which ``m - 1`` of the `others` hold depend on the literal.
        """
        missing = np.isnan(coded[:, literal.column])
        pivotal = np.flatnonzero((others == m - 1) & ~missing)
        pivotal = pivotal[np.argsort(coded[pivotal, literal.column], kind="stable")]
        values = coded[pivotal, literal.column]
        steps = np.flatnonzero(values[1:] > values[:-1])
        if not len(steps):
            return literal, None
        passing = others >= m
        if literal.missing:
            passing |= (others == m - 1) & missing
        below = np.cumsum(mass[pivotal], axis=0)
        at_most = literal.operator is Operator.AT_MOST
        own = below[steps] if at_most else below[-1] - below[steps]
        gains = self._gains(mass[passing].sum(axis=0) + own, mass.sum(axis=0))
        now = int(np.searchsorted(values[steps], literal.threshold, side="right")) - 1
        now = min(max(now, 0), len(steps) - 1)
        best = int(gains.argmax())
        if np.isfinite(gains[best]) and gains[best] - gains[now] > _NOISE * abs(gains[best]):
            low, high = values[steps[best]], values[steps[best] + 1]
            quarter = (high - low) / 4
            cut = shortest_between(float(low + quarter), float(high - quarter))
            literal, now = replace(literal, threshold=cut), best
        step = int(steps[now])
        nearest = np.argsort(np.abs(np.arange(len(pivotal)) - step - 0.5), kind="stable")
        low, high = values[max(step - 1, 0)], values[min(step + 2, len(values) - 1)]
        anchors = coded[pivotal[nearest[:4]]]
        return literal, Bracket(place, literal.column, float(low), float(high), anchors)

    def _gains(
        self, inside: NDArray[np.float64], total: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        gains = self.criterion.gain(inside[:, :-1], total[:-1])
        least = self.min_support - _NOISE
        support = inside[:, -1]
        gains[(support < least) | (total[-1] - support < least)] = -np.inf
        return gains


def shortest_between(low: float, high: float) -> float:
    """Return a number in [low, high) with as few digits as possible.

    Examples
    --------
    >>> shortest_between(0.29997, 0.30004), shortest_between(41.7, 58.1), shortest_between(2.0, 3.0)
    (0.3, 50.0, 2.0)
    """
    middle = float(between(np.array(low), np.array(high)))
    if not np.isfinite(low) or not np.isfinite(high):
        return middle
    exact = Decimal(middle)
    for digits in range(1, 18):
        rounded = float(f"{exact:.{digits}g}")
        if low <= rounded < high:
            return rounded
    return middle
