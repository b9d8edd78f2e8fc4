"""Thresholds moved to where they belong: first between rows, then by asking the oracle."""

from dataclasses import dataclass, field, replace
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from surrogates.distillation.bisection import Bisection, Bracket
from surrogates.distillation.candidates import between
from surrogates.distillation.coding import Coding
from surrogates.distillation.criteria import Criterion
from surrogates.distillation.literals import EVERYTHING, Literal, MofN, Operator, count_held

__all__ = ["Refinement", "shortest_between"]

_NOISE = 1e-9
_LEVEL = 0.95
_NEAR = 16


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

    @property
    def is_sharp(self) -> bool:
        """Whether the oracle is known to have thresholds of its own."""
        return self.bisection is not None and self.bisection.is_sharp

    @property
    def literals(self) -> list[Literal]:
        """The thresholds that were found by asking."""
        return [Literal(column, Operator.AT_MOST, cut) for column, cut in sorted(self.known)]

    def refined(
        self,
        test: MofN,
        coded: NDArray[np.float64],
        rows: NDArray[np.int64],
        mass: NDArray[np.float64],
    ) -> MofN:
        """Return the test with better thresholds.

        Parameters
        ----------
        test : MofN
        coded : ndarray of shape (n_rows, n_columns)
        rows : ndarray of int64 of shape (n_own,)
            Those at the node.
        mass : ndarray of shape (n_own, n_masses)
            Reference rows last.
        """
        literals = list(test.literals)
        n_held, total = count_held(literals, coded, self.coding, rows), mass.sum(axis=0)
        by_mass = np.ascontiguousarray(mass.T)
        brackets = []
        for place, literal in enumerate(literals):
            if literal.operator.is_of_levels or literal.threshold == EVERYTHING:
                continue
            values = coded[:, literal.column].take(rows)
            others = n_held - literal.holds(values, self.coding).view(np.uint8)
            literals[place], where = self._scanned(literal, test.m, others, values, by_mass, total)
            n_held = others + literals[place].holds(values, self.coding).view(np.uint8)
            if where is not None and self.coding.columns[literal.column].is_continuous:
                low, high, anchors = where
                middle, near = literals[place].threshold, coded[rows[anchors]]
                brackets.append(Bracket(place, literal.column, low, high, middle, near))
        if self.bisection is not None:
            for place, threshold in self._asked(brackets, self.bisection).items():
                literals[place] = replace(literals[place], threshold=threshold)
                self.known.add((literals[place].column, threshold))
        return MofN(tuple(literals), test.m)

    def _asked(self, brackets: list[Bracket], bisection: Bisection) -> dict[int, float]:
        """Return thresholds at which the oracle changes its answer, by literal."""
        before = [(own, cut) for own in brackets if (cut := self._known_in(own)) is not None]
        found = bisection.confirmed(before)
        narrow = bisection.thresholds([own for own in brackets if own.place not in found])
        return found | {place: shortest_between(*ends) for place, ends in narrow.items()}

    def _scanned(
        self,
        literal: Literal,
        m: int,
        others: NDArray[np.uint8],
        column: NDArray[np.float64],
        mass: NDArray[np.float64],
        total: NDArray[np.float64],
    ) -> tuple[Literal, tuple[float, float, NDArray[np.int64]] | None]:
        """Return the literal with the best threshold between rows, and where it may lie.

        That is its ends, and rows for which it decides, the nearest first. Masses lie in rows.
        Only rows in which ``m - 1`` of the `others` hold depend on the literal.
        """
        missing = np.isnan(column)
        pivotal = np.flatnonzero((others == m - 1) & ~missing)
        pivotal = pivotal[_order(column[pivotal])]
        values = column[pivotal]
        steps = np.flatnonzero(values[1:] > values[:-1])
        if not len(steps):
            return literal, None
        passing = others >= m
        if literal.missing:
            passing |= (others == m - 1) & missing
        own_mass = mass.take(pivotal, axis=1)
        below = np.cumsum(own_mass, axis=1)
        at_most = literal.operator is Operator.AT_MOST
        own = below[:, steps] if at_most else below[:, -1:] - below[:, steps]
        surely = np.array([np.bincount(passing, weights=one, minlength=2)[1:] for one in mass])
        gains = self._gains((surely + own).T, total)
        now = int(np.searchsorted(values[steps], literal.threshold, side="right")) - 1
        now = min(max(now, 0), len(steps) - 1)
        best = int(gains.argmax())
        if np.isfinite(gains[best]) and gains[best] - gains[now] > _NOISE * abs(gains[best]):
            low, high = values[steps[best]], values[steps[best] + 1]
            quarter = (high - low) / 4
            cut = shortest_between(float(low + quarter), float(high - quarter))
            literal, now = replace(literal, threshold=cut), best
        step = int(steps[now])
        first, last = _plateau(gains, now)
        low = values[max(int(steps[first]) - 1, 0)]
        high = values[min(int(steps[last]) + 2, len(values) - 1)]
        anchors = pivotal[_typical(own_mass.T, step)]
        return literal, (float(low), float(high), anchors)

    def _known_in(self, bracket: Bracket) -> float | None:
        """Return the nearest threshold in a bracket that was found by asking."""
        found = [
            cut
            for column, cut in sorted(self.known)
            if column == bracket.column and bracket.low <= cut <= bracket.high
        ]
        return min(found, key=lambda cut: abs(cut - bracket.middle), default=None)

    def _gains(
        self, inside: NDArray[np.float64], total: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        gains = self.criterion.gain(inside[:, :-1], total[:-1])
        least = self.min_support - _NOISE
        support = inside[:, -1]
        gains[(support < least) | (total[-1] - support < least)] = -np.inf
        return gains


def _order(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return a stable order; others are found faster where all values are different."""
    order = np.argsort(values)
    ordered = values[order]
    return np.argsort(values, kind="stable") if (ordered[1:] == ordered[:-1]).any() else order


def _plateau(gains: NDArray[np.float64], at: int) -> tuple[int, int]:
    """Return the first and the last of the cuts around one that gain nearly as much."""
    low = np.flatnonzero(~(gains >= _LEVEL * gains[at]))
    before, after = low[low < at], low[low > at]
    first = int(before[-1]) + 1 if len(before) else 0
    last = int(after[0]) - 1 if len(after) else len(gains) - 1
    return first, last


def _typical(mass: NDArray[np.float64], step: int) -> NDArray[np.int64]:
    """Return rows in order of a column, the nearest to a cut first, that are as their side is.

    Rows that resemble the other side may well not depend on the threshold. Rows whose weight is
    zero resemble neither.

    Parameters
    ----------
    mass : ndarray of shape (n_rows, n_masses)
        Reference rows last.
    step : int
        The last row below the cut.
    """
    near = np.arange(max(step + 1 - _NEAR, 0), min(step + 1 + _NEAR, len(mass)))
    near = near[np.argsort(np.abs(near - step - 0.5), kind="stable")]
    own = mass[near, :-1]
    weights = own.sum(axis=1, keepdims=True)
    own = own / np.where(weights > 0.0, weights, 1.0)
    above = near > step
    lower, upper = (own[side].mean(axis=0) for side in (~above, above))
    lean = (own - (lower + upper) / 2) @ (upper - lower)
    return near[np.argsort(np.where(above, -lean, lean) > 0.0, kind="stable")]


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
