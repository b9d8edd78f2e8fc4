"""The search for a test: a beam of literals added one at a time, then exchanged and dropped."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from surrogates.distillation.candidates import Candidates
from surrogates.distillation.coding import Coding
from surrogates.distillation.criteria import Criterion
from surrogates.distillation.literals import MofN
from surrogates.distillation.measures import Measure

__all__ = ["Found", "SearchLimits", "TestSearch"]

_SWEEPS = 3
_NOISE = 1e-9


@dataclass(frozen=True)
class SearchLimits:
    """What a test may look like.

    Parameters
    ----------
    most_literals : int
    beam_width : int
    significance : float
        Level at which another literal must change the distribution on the side where the test
        is true.
    penalty : float
        What another literal must gain, for each unit of weight at the node.
    min_support : float
        Least number of reference rows on each side.
    """

    most_literals: int = 10
    beam_width: int = 2
    significance: float = 0.05
    penalty: float = 0.002
    min_support: float = 2.0


@dataclass(frozen=True, eq=False)
class Found:
    """A test as numbers of candidates.

    Parameters
    ----------
    numbers : tuple of int
    m : int
    gain : float
    held : ndarray of uint8 of shape (n_rows,)
        How many of the literals hold.
    inside : ndarray of shape (n_masses,)
        The mass where the test is true.
    """

    numbers: tuple[int, ...]
    m: int
    gain: float
    held: NDArray[np.uint8] = field(repr=False)
    inside: NDArray[np.float64] = field(repr=False)

    @property
    def key(self) -> tuple[tuple[int, ...], int]:
        """Equal for equal tests."""
        return tuple(sorted(self.numbers)), self.m

    def test(self, candidates: Candidates, coding: Coding) -> MofN:
        """Return the test itself, its literals in the order of their columns.

        A missing value in a column that had none before satisfies no literal.
        """
        literals = [
            own if coding.columns[own.column].has_missing else replace(own, missing=False)
            for own in map(candidates.literal, self.numbers)
        ]
        literals.sort(key=lambda own: (own.column, own.operator, own.threshold, own.levels))
        return MofN(tuple(literals), self.m)


@dataclass(frozen=True, eq=False)
class TestSearch:
    """A search over tests for the rows at a node.

    Parameters
    ----------
    candidates : Candidates
    measure : Measure
        Its last mass counts reference rows; the criterion reads the others.
    criterion : Criterion
    limits : SearchLimits
    allowed : ndarray of bool of shape (2 * n_candidates,)
        Candidates and their negations that may be used.
    """

    __test__ = False  # no test of pytest

    candidates: Candidates
    measure: Measure
    criterion: Criterion
    limits: SearchLimits
    allowed: NDArray[np.bool_]

    def best(self) -> Found | None:
        """Return the best test that was found, None where no literal gains anything."""
        beam = self._singles()
        if not beam:
            return None
        return self.improved(self._beamed(beam))

    def extended(self, found: Found) -> Found:
        """Exchange, add and drop literals of a given test."""
        return self.improved(self._beamed([self.improved(found)]))

    def _beamed(self, beam: list[Found]) -> Found:
        """Add literals one at a time, and keep the best tests of each size."""
        best, seen = beam[0], {found.key for found in beam}
        while beam and len(beam[0].numbers) < self.limits.most_literals:
            grown = [more for found in beam for more in self._grown(found)]
            beam = []
            for found in sorted(grown, key=lambda found: -found.gain):
                if found.key not in seen and len(beam) < self.limits.beam_width:
                    seen.add(found.key)
                    beam.append(found)
            if beam and beam[0].gain > best.gain:
                best = beam[0]
        return best

    def improved(self, found: Found) -> Found:
        """Exchange literals while that gains, and drop those that gain nothing."""
        if self.limits.most_literals > 1:
            for _ in range(_SWEEPS):
                before = found
                for number in before.numbers:
                    if number in found.numbers:
                        found = self._exchanged(found, number)
                if found is before:
                    break
        return self._pruned(found)

    def evaluate(self, numbers: tuple[int, ...], m: int) -> Found:
        """Return a given test with its gain."""
        held = np.zeros(self.candidates.n_rows, dtype=np.uint8)
        for number in numbers:
            held += self.candidates.holds(number)
        inside = self.measure.by_count(held, len(numbers))[m:].sum(axis=0)
        gain = float(self._gains(inside[np.newaxis])[0])
        return Found(numbers, m, gain, held, inside)

    @cached_property
    def _weight(self) -> float:
        return float(self.criterion.weight(self.measure.total[:-1]))

    def _gains(self, inside: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return gains, -inf for splits that leave too few reference rows on a side."""
        total = self.measure.total
        gains = self.criterion.gain(inside[:, :-1], total[:-1])
        support = inside[:, -1]
        least = self.limits.min_support - _NOISE
        gains[(support < least) | (total[-1] - support < least)] = -np.inf
        return gains

    def _singles(self) -> list[Found]:
        held = np.zeros(self.candidates.n_rows, dtype=np.uint8)
        gains, inside = self._additions(held, 0, 1)
        order = np.argsort(-gains, kind="stable")[: self.limits.beam_width]
        return [
            Found((int(i),), 1, float(gains[i]), self._with(held, int(i)), inside[i])
            for i in order
            if gains[i] > self.criterion.least_gain * self._weight
        ]

    def _additions(
        self, held: NDArray[np.uint8], n_held: int, m: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return gains and inner masses of m-of-n tests with each literal added to some."""
        tallies = self.measure.by_count(held, n_held)
        certain, edge = tallies[m:].sum(axis=0), tallies[m - 1]
        added = self.measure.with_literals(self.candidates.planes, held, m - 1)
        inside = np.concatenate([certain + added, certain + edge - added])
        gains = self._gains(inside)
        gains[~self.allowed] = -np.inf
        return gains, inside

    def _with(self, held: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
        return held + self.candidates.holds(number).astype(np.uint8)

    def _grown(self, found: Found) -> list[Found]:
        """Return the best tests with one literal more, by both operators."""
        least = found.gain + self.limits.penalty * self._weight
        grown = []
        for m in (found.m, found.m + 1):
            gains, inside = self._additions(found.held, len(found.numbers), m)
            gains[self._used(found.numbers)] = -np.inf
            for i in np.argsort(-gains, kind="stable")[: self.limits.beam_width]:
                if gains[i] > least and self._is_new(inside[i], found.inside):
                    numbers = (*found.numbers, int(i))
                    held = self._with(found.held, int(i))
                    grown.append(Found(numbers, m, float(gains[i]), held, inside[i]))
        return grown

    def _used(self, numbers: tuple[int, ...]) -> NDArray[np.int64]:
        size = len(self.candidates.literals)
        own = np.array(numbers, dtype=np.int64) % size
        return np.concatenate([own, own + size])

    def _is_new(self, inside: NDArray[np.float64], before: NDArray[np.float64]) -> bool:
        weight = max(self._weight, 1e-300)
        return self.criterion.differs(
            inside[:-1], before[:-1], self.candidates.n_rows / weight, self.limits.significance
        )

    def _without(self, found: Found, number: int) -> tuple[tuple[int, ...], NDArray[np.uint8]]:
        numbers = tuple(own for own in found.numbers if own != number)
        return numbers, found.held - self.candidates.holds(number).astype(np.uint8)

    def _exchanged(self, found: Found, number: int) -> Found:
        """Return the best test with another literal in the place of one, and m moved by one."""
        numbers, held = self._without(found, number)
        best = found
        for m in (found.m - 1, found.m, found.m + 1):
            if not 1 <= m <= len(found.numbers):
                continue
            gains, inside = self._additions(held, len(numbers), m)
            gains[self._used(numbers)] = -np.inf
            i = int(gains.argmax())
            if gains[i] > best.gain + _NOISE * self._weight:
                held_now = self._with(held, i)
                best = Found((*numbers, i), m, float(gains[i]), held_now, inside[i])
        return best

    def _pruned(self, found: Found) -> Found:
        """Drop literals, the last first, while the gain stays."""
        for number in reversed(found.numbers):
            if len(found.numbers) == 1:
                break
            numbers, held = self._without(found, number)
            tallies = self.measure.by_count(held, len(numbers))
            for m in (found.m, found.m - 1):
                if 1 <= m <= len(numbers):
                    inside = tallies[m:].sum(axis=0)
                    gain = float(self._gains(inside[np.newaxis])[0])
                    if gain >= found.gain - _NOISE * self._weight:
                        found = Found(numbers, m, gain, held, inside)
                        break
        return found
