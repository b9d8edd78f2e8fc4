"""Designs: which coalitions of players are evaluated.

Coalitions come in pairs (S, complement of S), are drawn without replacement, and are spread
evenly over the sizes: the leverage of a coalition in the Shapley regression is the same for all
coalitions of one size and sums to the same for every size (Musco and Witter, arXiv:2410.01917).
A size whose coalitions all fit its share is enumerated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import comb

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels.coalitions import draw_subsets, enumerate_subsets, shuffle_rows
from surrogates.attribution.shapley.arranged import Arranged
from surrogates.attribution.shapley.kriging import (
    MOST_KRIGED,
    MOST_LEARNT,
    Kriging,
    are_many,
    krige_designs,
)
from surrogates.attribution.shapley.one_thread import one_thread
from surrogates.attribution.shapley.regression import Regression, regress_designs
from surrogates.attribution.shapley.relevance import Relevances
from surrogates.attribution.shapley.seating import Seating, seat
from surrogates.attribution.shapley.stage import Stage

__all__ = ["Designs", "draw_designs", "n_pairs_of"]

_ENUMERATED_UP_TO = 4096  # subsets of one size; above it draws are far from exhausting the size
_MOST_ATTEMPTS = 64
_MOST_SEATINGS = 16
_MANY = 10**300  # subsets: more do not fit a float, and none of them is drawn twice


@dataclass(frozen=True)
class Designs:
    """Several draws of pairs of coalitions of the same number of players.

    All of them have the same sizes in the same order. Each is used in stages: the pairs of a
    stage begin with those of the stage before. What turns responses into attributions is made
    when it is first asked for.

    Parameters
    ----------
    coalitions : ndarray of shape (n_designs, n_pairs, n_players)
    members : ndarray of shape (n_designs, n_players, n_pairs)
        The same with the coalitions of one player in a row.
    stages : tuple of Stage
    reach : ndarray of shape (n_players,)
        Of the players at the places of the design.
    arranged : Arranged
        The coalitions with players in the order of the table.
    """

    coalitions: NDArray[np.uint8]
    members: NDArray[np.uint8]
    stages: tuple[Stage, ...]
    reach: NDArray[np.float64]
    arranged: Arranged
    _seatings: dict[tuple[Relevances, bytes], Seating] = field(default_factory=dict)
    _regressions: dict[int, Regression] = field(default_factory=dict)
    _krigings: dict[int, Kriging] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.coalitions)

    @property
    def n_players(self) -> int:
        """Number of players."""
        return self.coalitions.shape[2]

    @property
    def n_bytes(self) -> int:
        """Memory taken so far."""
        regressions = sum(some.n_bytes for some in self._regressions.values())
        krigings = sum(some.n_bytes for some in self._krigings.values())
        return 2 * self.coalitions.nbytes + regressions + krigings + self.arranged.n_bytes

    def seating(
        self, references: NDArray[np.int64], players: NDArray[np.int64], relevances: Relevances
    ) -> Seating:
        """Return the seating of games, which is the same for row after row of many tables."""
        key = (relevances, references.tobytes() + players.tobytes())
        found = self._seatings.get(key)
        if found is None:
            if len(self._seatings) >= _MOST_SEATINGS:
                self._seatings.clear()
            found = seat(references, players, relevances, len(self))
            self._seatings[key] = found
        return found

    def is_kriged(self, stage: int) -> bool:
        """Tell whether a stage is a sample small enough to be kriged."""
        return self.stages[stage].is_sample and self.stages[stage].n_pairs <= MOST_KRIGED

    def shrinks(self, stage: int) -> bool:
        """Tell whether games have too few pairs for slopes of their own."""
        return self.is_kriged(stage) and not are_many(self.stages[stage].n_pairs, self.n_players)

    def is_worth_learning(self, stage: int) -> bool:
        """Tell whether the relevances of a game alone can be learnt from it in reasonable time."""
        return self.is_kriged(stage) and self.stages[stage].n_pairs <= MOST_LEARNT

    def regression(self, stage: int) -> Regression:
        """Return the regressions of a stage."""
        stage %= len(self.stages)
        if stage not in self._regressions:
            drawn = self.coalitions[:, : self.stages[stage].n_pairs]
            with one_thread():
                self._regressions[stage] = regress_designs(drawn, self.stages[stage])
        return self._regressions[stage]

    def kriging(self, stage: int) -> Kriging:
        """Return the kriging of a stage."""
        stage %= len(self.stages)
        if stage not in self._krigings:
            drawn = self.coalitions[:, : self.stages[stage].n_pairs]
            with one_thread():
                self._krigings[stage] = krige_designs(drawn, self.stages[stage], self.reach)
        return self._krigings[stage]


def n_pairs_of(n_players: int, n_coalitions: int) -> int:
    """Return how many pairs a budget pays for, the empty and the full coalition included."""
    everything = (1 << n_players - 1) - 1
    return min(everything, (n_coalitions - 2) // 2)


def draw_designs(
    n_players: int, budgets: Sequence[int], seeds: Sequence[int], reach: NDArray[np.float64]
) -> Designs:
    """Draw one design for each seed.

    Parameters
    ----------
    n_players : int
        At least two.
    budgets : sequence of int
        Numbers of coalition evaluations of the stages, increasing.
    seeds : sequence of int
    reach : ndarray of shape (n_players,)
    """
    capacity = [_capacity(n_players, size) for size in _sizes(n_players)]
    totals = [n_pairs_of(n_players, budget) for budget in budgets]
    counts = _allocate(n_players, capacity, totals)
    stratum = np.repeat(np.arange(len(capacity)), counts[-1])
    turn = np.concatenate([np.arange(n_drawn) for n_drawn in counts[-1]])
    stage = (turn >= counts[:, stratum]).sum(axis=0)
    order = np.lexsort((turn, stratum, stage))
    coalitions = np.stack([_draw_full_rank(n_players, counts[-1], seed)[order] for seed in seeds])
    stratum = stratum[order]
    n_subsets = np.array([float(min(some, _MANY)) for some in capacity])
    stages = tuple(
        Stage(n_players, stratum[:total] + 1, row[stratum[:total]], n_subsets[stratum[:total]])
        for row, total in zip(counts, totals, strict=True)
    )
    members = np.ascontiguousarray(coalitions.transpose(0, 2, 1))
    return Designs(coalitions, members, stages, reach, Arranged(coalitions))


def _sizes(n_players: int) -> range:
    return range(1, n_players // 2 + 1)


def _capacity(n_players: int, size: int) -> int:
    """Return the number of pairs whose smaller member has the given size."""
    n_subsets = comb(n_players, size)
    return n_subsets // 2 if 2 * size == n_players else n_subsets


def _allocate(n_players: int, capacity: list[int], totals: list[int]) -> NDArray[np.int64]:
    """Deal the pairs to sizes one at a time, so that a larger total only adds to each size.

    Returns
    -------
    counts : ndarray of shape (n_totals, n_sizes)
    """
    most = totals[-1]
    turns, sizes = [], []
    for position, size in enumerate(_sizes(n_players)):
        turn = np.arange(1.0, min(capacity[position], most) + 1)
        # two sizes share a pair, except in the middle, where both members have the same size
        turns.append(2 * turn if 2 * size == n_players else turn)
        sizes.append(np.full(len(turn), position))
    order = np.argsort(np.concatenate(turns), kind="stable")
    dealt = np.concatenate(sizes)[order]
    return np.array(
        [np.bincount(dealt[:total], minlength=len(capacity)) for total in totals], dtype=np.int64
    )


def _draw_full_rank(n_players: int, counts: NDArray[np.int64], seed: int) -> NDArray[np.uint8]:
    """Draw a design, again if it cannot tell the players apart although it has enough pairs."""
    for attempt in range(_MOST_ATTEMPTS):
        coalitions = _draw(n_players, counts, seed + attempt)
        if not n_players - 1 <= len(coalitions) < 3 * n_players:
            break  # too few pairs, or so many that a deficient rank is out of the question
        fractions = coalitions.mean(axis=1, keepdims=True)
        if np.linalg.matrix_rank(coalitions - fractions) == n_players - 1:
            break
    return coalitions


def _draw(n_players: int, counts: NDArray[np.int64], seed: int) -> NDArray[np.uint8]:
    """Draw the coalitions of one design, size by size."""
    sizes = zip(_sizes(n_players), counts.tolist(), strict=True)
    return np.concatenate([_draw_size(n_players, size, count, seed) for size, count in sizes])


def _draw_size(n_players: int, size: int, n_drawn: int, seed: int) -> NDArray[np.uint8]:
    capacity = _capacity(n_players, size)
    if capacity <= _ENUMERATED_UP_TO:
        # lexicographic order starts with the subsets that hold player 0: one of each middle pair
        subsets = np.empty((capacity, n_players), dtype=np.uint8)
        enumerate_subsets(subsets, size)
        shuffle_rows(subsets, seed, size)
        return subsets[:n_drawn]
    subsets = np.empty((n_drawn, n_players), dtype=np.uint8)
    draw_subsets(subsets, size, 2 * size == n_players, seed, size)
    return subsets
