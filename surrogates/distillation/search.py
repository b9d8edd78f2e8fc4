"""The search for a test: a beam of literals added one at a time, then exchanged and dropped."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels import lookahead
from surrogates._kernels import rule_search as kernels
from surrogates._kernels.sweeps import Limits, Planes
from surrogates.distillation.candidates import Candidates
from surrogates.distillation.coding import Coding
from surrogates.distillation.criteria import Criterion
from surrogates.distillation.literals import MofN
from surrogates.distillation.measures import Measure, plane_of_all

__all__ = ["Found", "SearchLimits", "TestSearch"]

_TRIED = 24
_BLOCK = 4


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
    """

    numbers: tuple[int, ...]
    m: int
    gain: float

    def test(self, candidates: Candidates, coding: Coding) -> MofN:
        """Return the test itself, its literals in the order of their columns.

        A missing value in a column that had none before satisfies no literal.
        """
        literals = [
            replace(own, missing=False)
            if own.missing and not coding.columns[own.column].has_missing
            else own
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
        numbers, m, gain = kernels.best_test(*self._problem)
        return Found(tuple(numbers.tolist()), m, gain) if len(numbers) else None

    def best_above(self, n_leaves: int) -> Found | None:
        """Return the single literal above the best small tree, None where none can be used."""
        order = np.lexsort((self.candidates.cuts, self.candidates.columns))
        apart = np.empty(len(order), dtype=np.int64)
        apart[order] = self.candidates.columns[order] * len(order) + np.arange(len(order)) // _BLOCK
        number, gain = lookahead.best_first_literal(*self._problem, apart, _TRIED, n_leaves)
        return Found((number,), 1, gain) if number >= 0 else None

    def extended(self, found: Found) -> Found:
        """Exchange, add and drop literals of a given test."""
        numbers, m, gain = kernels.improved_test(*self._problem, np.array(found.numbers), found.m)
        return Found(tuple(numbers.tolist()), m, gain)

    def evaluate(self, numbers: tuple[int, ...], m: int) -> Found:
        """Return a given test with its gain."""
        return Found(numbers, m, kernels.gain_of(*self._problem, np.array(numbers), m))

    @cached_property
    def _problem(self) -> tuple[Planes, Limits]:
        own, limits = self.measure, self.limits
        planes = Planes(
            np.ascontiguousarray(self.candidates.planes),
            own.planes,
            own.mass_of,
            own.units,
            plane_of_all(self.candidates.n_rows),
            own.total,
            self.allowed,
            self.candidates.n_rows,
        )
        return planes, Limits(
            int(self.criterion.kind),
            limits.most_literals,
            limits.beam_width,
            limits.penalty,
            self.criterion.least_gain,
            limits.min_support,
            self.criterion.critical(len(own.total) - 1, limits.significance),
        )
