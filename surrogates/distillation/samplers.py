"""Where the rows come from that the oracle is asked about."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import kolmogorov
from scipy.stats import chi2_contingency

from surrogates.distillation.coding import Coding
from surrogates.distillation.coordinates import scaled_rows, scales_of, snapped
from surrogates.distillation.distributions import Independent, make_independent
from surrogates.distillation.groups import find_groups
from surrogates.distillation.literals import MofN, pass_all

__all__ = [
    "SAMPLERS",
    "Between",
    "Blend",
    "Kernel",
    "Marginal",
    "Mixture",
    "Sampler",
    "draw_passing",
    "make_sampler",
]

SAMPLERS = ("marginal", "kde", "gmm", "smote")

_ROUNDS = 8
_RE_ESTIMATION_LEVEL = 0.10
_COMPARED_ROWS = 1000
_ESTIMATION_ROWS = 2000
_MOST_COMPONENTS = 6
_MIXTURE_ROWS = 1000
_NEIGHBORS = 5
_NEIGHBOR_ROWS = 1000
_BANDWIDTH = 0.3
_OTHER_LEVEL = 0.1


class Sampler(ABC):
    """A distribution of rows that can be drawn from under the condition that tests hold."""

    @abstractmethod
    def draw(
        self,
        n: int,
        tests: Sequence[MofN],
        near: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Draw about `n` coded rows, of which most pass the tests.

        Parameters
        ----------
        n : int
        tests : sequence of MofN
        near : ndarray of int64
            Reference rows that pass the tests.
        rng : Generator
        """

    def localized(
        self,
        near: NDArray[np.int64],  # noqa: ARG002
        constrained: frozenset[int],  # noqa: ARG002
    ) -> "Sampler":
        """Return the sampler to use where only the rows `near` are left."""
        return self


def draw_passing(
    sampler: Sampler,
    n: int,
    tests: Sequence[MofN],
    near: NDArray[np.int64],
    coding: Coding,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Draw up to `n` coded rows that pass all tests; fewer where these are hard to meet."""
    found: list[NDArray[np.float64]] = []
    wanted = n
    for _ in range(_ROUNDS):
        rows = sampler.draw(wanted, tests, near, rng)
        found.append(rows[pass_all(tests, rows, coding)][:wanted])
        wanted -= len(found[-1])
        if wanted == 0 or not len(rows):
            break
    return np.concatenate(found)


@dataclass(frozen=True, eq=False)
class Marginal(Sampler):
    """Every column from its own distribution, whatever the others hold.

    The tests are met exactly as the independent columns would meet them. Where fewer rows are left,
    the distributions are estimated anew if they have changed (Craven and Shavlik, 1996).
    """

    independent: Independent
    coded: NDArray[np.float64]
    weights: NDArray[np.float64]
    rows: NDArray[np.int64]

    def draw(
        self,
        n: int,
        tests: Sequence[MofN],
        near: NDArray[np.int64],  # noqa: ARG002
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Draw from the exact conditional distribution."""
        return self.independent.draw(n, tests, rng)

    def localized(self, near: NDArray[np.int64], constrained: frozenset[int]) -> "Marginal":
        """Estimate all columns anew if one that no test mentions has changed."""
        free = [at for at in range(self.coded.shape[1]) if at not in constrained]
        level = _RE_ESTIMATION_LEVEL / max(len(free), 1)
        before, after = self.coded[self.rows], self.coded[near]
        columns = self.independent.coding.columns
        changed = any(
            _has_changed(before[:, at], after[:, at], level, nominal=columns[at].is_nominal)
            for at in free
        )
        return (
            _marginal(self.coded, self.weights, near, self.independent.coding) if changed else self
        )


def _marginal(
    coded: NDArray[np.float64],
    weights: NDArray[np.float64],
    rows: NDArray[np.int64],
    coding: Coding,
) -> Marginal:
    some = rows[:: 1 + len(rows) // _ESTIMATION_ROWS]
    return Marginal(make_independent(coded[some], weights[some], coding), coded, weights, rows)


def _has_changed(
    before: NDArray[np.float64], after: NDArray[np.float64], level: float, *, nominal: bool
) -> bool:
    """Compare two samples by Kolmogorov and Smirnov's test, levels by the chi-square test."""
    first, second = (
        own[:: 1 + len(own) // _COMPARED_ROWS]
        for own in (before[~np.isnan(before)], after[~np.isnan(after)])
    )
    if not len(first) or not len(second):
        return len(first) != len(second)
    if not nominal:
        return _smirnov(first, second) < level
    n_levels = int(max(first.max(), second.max())) + 1
    counts = np.array(
        [np.bincount(own.astype(np.int64), minlength=n_levels) for own in (first, second)]
    )
    counts = counts[:, counts.sum(axis=0) > 0]
    return counts.shape[1] > 1 and bool(chi2_contingency(counts).pvalue < level)


def _smirnov(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the level of Smirnov's test for two samples (Stephens, 1970, for small ones)."""
    first, second = np.sort(first), np.sort(second)
    both = np.concatenate([first, second])
    shares = [np.searchsorted(own, both, side="right") / len(own) for own in (first, second)]
    root = np.sqrt(len(first) * len(second) / len(both))
    gap = np.abs(shares[0] - shares[1]).max()
    return float(kolmogorov((root + 0.12 + 0.11 / root) * gap))


@dataclass(frozen=True, eq=False)
class Mixture(Sampler):
    """Groups of similar rows, with independent columns inside each."""

    weights: NDArray[np.float64]
    components: tuple[Independent, ...]

    def draw(
        self,
        n: int,
        tests: Sequence[MofN],
        near: NDArray[np.int64],  # noqa: ARG002
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Draw the group by its weight and its probability of the tests, then the columns."""
        chances = self.weights * [component.probability(tests) for component in self.components]
        if n == 0 or chances.sum() <= 0.0:
            return np.empty((0, len(self.components[0].columns)))
        counts = rng.multinomial(n, chances / chances.sum())
        parts = [
            component.draw(int(count), tests, rng)
            for component, count in zip(self.components, counts, strict=True)
            if count
        ]
        return rng.permutation(np.concatenate(parts))


@dataclass(frozen=True, eq=False)
class Kernel(Sampler):
    """Reference rows, each moved a little: a kernel density of all columns together."""

    coded: NDArray[np.float64]
    chances: NDArray[np.float64]
    coding: Coding
    scales: NDArray[np.float64]

    def draw(
        self,
        n: int,
        tests: Sequence[MofN],  # noqa: ARG002
        near: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Move rows that pass the tests already."""
        rows = self.coded[_chosen(near, self.chances, n, rng)].copy()
        for position, column in enumerate(self.coding.columns):
            if column.is_nominal:
                other = rng.random(n) < _OTHER_LEVEL
                donors = _chosen(np.arange(len(self.coded)), self.chances, int(other.sum()), rng)
                rows[other, position] = self.coded[donors, position]
            else:
                rows[:, position] += self.scales[position] * rng.standard_normal(n)
        return snapped(rows, self.coding)


@dataclass(frozen=True, eq=False)
class Between(Sampler):
    """Rows between a reference row and one of its nearest neighbors (Chawla et al., 2002)."""

    coded: NDArray[np.float64]
    chances: NDArray[np.float64]
    coding: Coding
    scales: NDArray[np.float64]
    pool: NDArray[np.int64]

    def draw(
        self,
        n: int,
        tests: Sequence[MofN],  # noqa: ARG002
        near: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Start from rows that pass the tests already."""
        seeds = _chosen(near, self.chances, n, rng)
        different, place = np.unique(seeds, return_inverse=True)
        neighbors = self._neighbors(different)
        mates = neighbors[place, rng.integers(neighbors.shape[1], size=n)]
        first, second = self.coded[seeds], self.coded[mates]
        share = rng.random((n, 1))
        nominal = np.array([column.is_nominal for column in self.coding.columns])
        rows = first + share * (second - first)
        swapped = np.where(rng.random(rows.shape) < share, second, first)
        rows = np.where(nominal | np.isnan(rows), swapped, rows)
        return snapped(rows, self.coding)

    def _neighbors(self, seeds: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return neighbors of some rows within the pool, of shape (n_seeds, n_neighbors)."""
        scaled = scaled_rows(self.coded, self.coding, self.scales)
        own, pool = scaled[seeds], scaled[self.pool]
        distances = (pool**2).sum(axis=1) - 2.0 * own @ pool.T
        distances[seeds[:, np.newaxis] == self.pool] = np.inf
        k = min(_NEIGHBORS, max(len(self.pool) - 1, 1))
        return self.pool[np.argpartition(distances, k - 1, axis=1)[:, :k]]


@dataclass(frozen=True, eq=False)
class Blend(Sampler):
    """Several samplers in equal parts."""

    parts: tuple[Sampler, ...]

    def draw(
        self,
        n: int,
        tests: Sequence[MofN],
        near: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Draw from each, in random order."""
        each = -(-n // len(self.parts))
        rows = np.concatenate([part.draw(each, tests, near, rng) for part in self.parts])
        return rng.permutation(rows)[:n]

    def localized(self, near: NDArray[np.int64], constrained: frozenset[int]) -> "Blend":
        """Localize each."""
        return Blend(tuple(part.localized(near, constrained) for part in self.parts))


def _chosen(
    rows: NDArray[np.int64], chances: NDArray[np.float64], n: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    edges = np.cumsum(chances[rows])
    return rows[
        np.searchsorted(edges, rng.random(n) * edges[-1], side="right").clip(max=len(rows) - 1)
    ]


def make_sampler(
    name: str,
    coded: NDArray[np.float64],
    weights: NDArray[np.float64],
    coding: Coding,
    rng: np.random.Generator,
) -> Sampler:
    """Learn the distribution of reference rows.

    Parameters
    ----------
    name : {"marginal", "kde", "gmm", "smote"}
    coded : ndarray of shape (n_rows, n_columns)
    weights : ndarray of shape (n_rows,)
    coding : Coding
    rng : Generator
    """
    present = np.flatnonzero(weights > 0.0)
    if name == "marginal":
        return _marginal(coded, weights, present, coding)
    scales = scales_of(coded[present], coding)
    if name == "kde":
        return Kernel(coded, weights, coding, _BANDWIDTH * scales)
    if name == "smote":
        pool = rng.permutation(present)[:_NEIGHBOR_ROWS]
        return Between(coded, weights, coding, scales, np.sort(pool))
    return _mixture(coded, weights, present, coding, scales, rng)


def _mixture(
    coded: NDArray[np.float64],
    weights: NDArray[np.float64],
    present: NDArray[np.int64],
    coding: Coding,
    scales: NDArray[np.float64],
    rng: np.random.Generator,
) -> Mixture:
    """Choose the number of groups by BIC, and assign each row to its group."""
    some = rng.permutation(present)[:_MIXTURE_ROWS]
    scaled = scaled_rows(coded, coding, scales)[:, :-1]
    seed = int(rng.integers(2**31))
    groups = np.zeros(len(present), dtype=np.int64)
    if scaled.shape[1]:
        most = min(_MOST_COMPONENTS, len(some) // 10 + 1)
        tried = [find_groups(scaled[some], count, seed) for count in range(1, most + 1)]
        groups = min(tried, key=lambda own: own.information(scaled[some])).of(scaled[present])
    components, masses = [], []
    for group in np.unique(groups):
        rows = present[groups == group]
        components.append(make_independent(coded[rows], weights[rows], coding))
        masses.append(weights[rows].sum())
    return Mixture(np.array(masses) / np.sum(masses), tuple(components))
