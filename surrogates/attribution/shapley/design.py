"""Designs: which coalitions of players are evaluated, and how their responses are projected.

Coalitions come in pairs (S, complement of S), are drawn without replacement, and are spread
evenly over the sizes: the leverage of a coalition in the Shapley regression is the same for all
coalitions of one size and sums to the same for every size (Musco and Witter, arXiv:2410.01917).
A size whose coalitions all fit its share is enumerated.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels.coalitions import draw_subsets, enumerate_subsets, shuffle_rows

__all__ = ["Designs", "Projection", "draw_designs", "n_pairs_of"]

_ENUMERATED_UP_TO = 4096  # subsets of one size; above it draws are far from exhausting the size
_MOST_ATTEMPTS = 64
_PAIRS_AT_A_TIME = 16_384
_LEAST_FREEDOM = 1e-3  # of a residual, after its leverage is taken off


@dataclass(frozen=True)
class Projection:
    """What turns the responses to the first pairs of some designs into attributions.

    Parameters
    ----------
    fractions, weights, inverse, spread : ndarray
        Arguments of `surrogates._kernels.paired.solve_games`.
    expansion : ndarray of shape (n_pairs,)
        Number of pairs of the size in all, over that of those drawn.
    is_sample : bool
        Whether any pair is left out.
    """

    fractions: NDArray[np.float64]
    weights: NDArray[np.float64]
    inverse: NDArray[np.float64]
    spread: NDArray[np.float32]
    expansion: NDArray[np.float64]
    is_sample: bool

    @property
    def n_pairs(self) -> int:
        """Number of pairs of coalitions."""
        return len(self.weights)

    @property
    def n_bytes(self) -> int:
        """Memory of the two large arrays."""
        return self.inverse.nbytes + self.spread.nbytes


@dataclass(frozen=True)
class Designs:
    """Several draws of pairs of coalitions of the same number of players.

    All of them have the same sizes in the same order. Each is used in stages: the pairs of a
    stage begin with those of the stage before.

    Parameters
    ----------
    coalitions : ndarray of shape (n_designs, n_pairs, n_players)
    members : ndarray of shape (n_designs, n_players, n_pairs)
        The same with the coalitions of one player in a row.
    dealt : ndarray of shape (n_pairs,)
        Which of the reference rows of a dealt game fills in; zero everywhere in other games.
    stages : tuple of Projection
    """

    coalitions: NDArray[np.uint8]
    members: NDArray[np.uint8]
    dealt: NDArray[np.int64]
    stages: tuple[Projection, ...]

    def __len__(self) -> int:
        return len(self.coalitions)


def n_pairs_of(n_players: int, n_coalitions: int) -> int:
    """Return how many pairs a budget pays for, the empty and the full coalition included."""
    everything = (1 << n_players - 1) - 1
    return min(everything, (n_coalitions - 2) // 2)


def draw_designs(
    n_players: int, budgets: Sequence[int], seeds: Sequence[int], n_dealt: int = 1
) -> Designs:
    """Draw one design for each seed.

    Parameters
    ----------
    n_players : int
        At least two.
    budgets : sequence of int
        Numbers of coalition evaluations of the stages, increasing.
    seeds : sequence of int
    n_dealt : int
        Number of reference rows among which the pairs are dealt.
    """
    capacity = [_capacity(n_players, size) * n_dealt for size in _sizes(n_players)]
    totals = [min(sum(capacity), n_dealt * ((budget - 2) // 2)) for budget in budgets]
    counts = _allocate(n_players, capacity, totals)
    stratum = np.repeat(np.arange(len(capacity)), counts[-1])
    turn = np.concatenate([np.arange(n_drawn) for n_drawn in counts[-1]])
    stage = (turn >= counts[:, stratum]).sum(axis=0)
    order = np.lexsort((turn, stratum, stage))
    coalitions = np.stack([_draw_full_rank(n_players, counts[-1], seed)[order] for seed in seeds])
    stratum, turn = stratum[order], turn[order]
    limits = np.array(capacity, dtype=float)
    projections = tuple(
        _project(coalitions[:, :total], stratum[:total], row, limits, n_dealt)
        for row, total in zip(counts, totals, strict=True)
    )
    n_subsets = np.array([_capacity(n_players, size) for size in _sizes(n_players)], dtype=float)
    rounds = (turn // n_subsets[stratum]).astype(np.int64)
    return Designs(
        coalitions=coalitions,
        members=np.ascontiguousarray(coalitions.transpose(0, 2, 1)),
        dealt=(turn + stratum + rounds) % n_dealt,
        stages=projections,
    )


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
    """Draw the coalitions of one design, size by size; a size drawn out starts over."""
    drawn = []
    for size, count in zip(_sizes(n_players), counts.tolist(), strict=True):
        capacity = _capacity(n_players, size)
        subsets = _draw_size(n_players, size, min(count, capacity), capacity, seed)
        drawn.append(subsets if count <= capacity else subsets[np.arange(count) % capacity])
    return np.concatenate(drawn)


def _draw_size(
    n_players: int, size: int, n_drawn: int, capacity: int, seed: int
) -> NDArray[np.uint8]:
    if capacity <= _ENUMERATED_UP_TO:
        # lexicographic order starts with the subsets that hold player 0: one of each middle pair
        subsets = np.empty((capacity, n_players), dtype=np.uint8)
        enumerate_subsets(subsets, size)
        shuffle_rows(subsets, seed, size)
        return subsets[:n_drawn]
    subsets = np.empty((n_drawn, n_players), dtype=np.uint8)
    draw_subsets(subsets, size, 2 * size == n_players, seed, size)
    return subsets


def _project(
    coalitions: NDArray[np.uint8],
    stratum: NDArray[np.int64],
    counts: NDArray[np.int64],
    capacity: NDArray[np.float64],
    n_dealt: int,
) -> Projection:
    """Prepare the weighted regressions on the pairs of some designs."""
    n_designs, n_pairs, n_players = coalitions.shape
    size = stratum + 1
    fractions = size / n_players
    mass = (n_players - 1) / (size * (n_players - size)) * np.where(2 * size == n_players, 0.5, 1.0)
    weights = mass / counts[stratum]
    left_out = (1.0 - counts / capacity)[stratum]
    is_sample = bool(left_out.any())
    inverse = np.empty((n_designs, n_players, n_players))
    spread = np.empty((n_designs, n_players, n_pairs if is_sample else 0), dtype=np.float32)
    for design, drawn in enumerate(coalitions):
        gram = np.zeros((n_players, n_players))
        for some in _stretches(n_pairs):
            centred = drawn[some] - fractions[some, None]
            gram += (centred * weights[some, None]).T @ centred
        inverse[design] = _centred_inverse(gram, n_pairs)
        for some in _stretches(n_pairs if is_sample else 0):
            centred = drawn[some] - fractions[some, None]
            projection = (centred * weights[some, None]) @ inverse[design]
            freedom = np.maximum(1.0 - np.einsum("ij,ij->i", projection, centred), _LEAST_FREEDOM)
            spread[design][:, some] = projection.T**2 * (left_out[some] / freedom)
    expansion = (capacity / np.maximum(counts, 1))[stratum] / n_dealt
    return Projection(fractions, weights, inverse, spread, expansion, is_sample)


def _stretches(n_pairs: int) -> Iterator[slice]:
    """Divide the pairs so that temporary arrays stay small."""
    for start in range(0, n_pairs, _PAIRS_AT_A_TIME):
        yield slice(start, min(start + _PAIRS_AT_A_TIME, n_pairs))


def _centred_inverse(gram: NDArray[np.float64], n_pairs: int) -> NDArray[np.float64]:
    """Return the pseudo-inverse of a Gram matrix of centred rows: its null vector is constant."""
    n_players = len(gram)
    if n_pairs > n_players:
        scale = np.trace(gram) / n_players
        completed = np.linalg.inv(gram + scale / n_players) - 1.0 / (scale * n_players)
        if np.abs(completed).max() * scale < 1e8:  # far from singular
            return np.asarray(completed)
    return np.asarray(np.linalg.pinv(gram, rcond=1e-12, hermitian=True))
