"""Columns drawn independently of each other, under the condition that tests hold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels import conditionals as kernels
from surrogates.distillation.coding import Coding
from surrogates.distillation.literals import MofN, Operator, count_held

__all__ = ["Independent", "PieceColumn", "make_independent"]

_MOST_STATES = 100_000
_Integers = NDArray[np.int64]
_Floats = NDArray[np.float64]
_Programme = tuple[_Integers, _Floats, _Integers, _Integers, _Integers, _Floats]


@dataclass(frozen=True, eq=False)
class PieceColumn:
    """A distribution on points and on intervals.

    Parameters
    ----------
    low, high : ndarray of shape (n_pieces,)
        Uniform between them; equal at points; NaN for missing values.
    weights : ndarray of shape (n_pieces,)
        They sum to one.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    weights: NDArray[np.float64]

    def cut(self, cuts: NDArray[np.float64]) -> "PieceColumn":
        """Return the same distribution with the intervals divided at some numbers."""
        low, high, weights = self.low, self.high, self.weights
        for cut in cuts:
            inside = (low < cut) & (cut < high)
            share = (cut - low[inside]) / (high[inside] - low[inside])
            upper = weights[inside] * (1.0 - share)
            weights = np.concatenate(
                [np.where(inside, 0.0, weights), weights[inside] * share, upper]
            )
            low = np.concatenate([low, low[inside], np.full(inside.sum(), cut)])
            high = np.concatenate([high, np.full(inside.sum(), cut), high[inside]])
            kept = weights > 0.0
            low, high, weights = low[kept], high[kept], weights[kept]
        return PieceColumn(low, high, weights)

    @property
    def middle(self) -> NDArray[np.float64]:
        """A number inside each piece."""
        return self.low + (self.high - self.low) / 2

    def draw(
        self,
        u: NDArray[np.float64],
        v: NDArray[np.float64],
        pieces: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float64]:
        """Return numbers drawn from some of the pieces, by two uniform numbers each."""
        own = np.arange(len(self.weights)) if pieces is None else pieces
        edges = np.cumsum(self.weights[own])
        chosen = own[np.searchsorted(edges, u * edges[-1], side="right").clip(max=len(own) - 1)]
        low, high = self.low[chosen], self.high[chosen]
        # never the lower end itself, which belongs to the piece below
        return np.where(high > low, high - v * (high - low), low)


@dataclass(frozen=True, eq=False)
class _Cells:
    """The cells of the columns in tests: pieces in which the same literals hold."""

    columns: list[int]
    pieces: list[PieceColumn]
    members: list[NDArray[np.int64]]
    starts: NDArray[np.int64]
    chances: NDArray[np.float64]
    adds: NDArray[np.int64]
    required: NDArray[np.int64]
    strides: NDArray[np.int64]
    values: NDArray[np.float64]

    @property
    def programme(self) -> _Programme:
        """The arrays in the order in which the kernels take them."""
        return self.starts, self.chances, self.adds, self.required, self.strides, self.values


@dataclass(frozen=True, eq=False)
class Independent:
    """A distribution of rows with independent columns.

    Parameters
    ----------
    columns : tuple of PieceColumn
    coding : Coding
    """

    columns: tuple[PieceColumn, ...]
    coding: Coding

    def probability(self, tests: Sequence[MofN]) -> float:
        """Return the probability that all tests hold.

        Where there are too many joint counts to follow, tests are left out, the last first.
        """
        cells = self._cells(tests)
        return 1.0 if cells is None else float(cells.values[0, 0])

    def draw(self, n: int, tests: Sequence[MofN], rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw rows in which the tests hold.

        Parameters
        ----------
        n : int
        tests : sequence of MofN
        rng : Generator

        Returns
        -------
        coded : ndarray of shape (n, n_columns)
            No rows where the tests cannot hold. Tests that were left out by `probability` may fail.
        """
        cells = self._cells(tests)
        if cells is not None and cells.values[0, 0] <= 0.0:
            return np.empty((0, len(self.columns)))
        coded = np.empty((n, len(self.columns)))
        u, v = rng.random((2, len(self.columns), n))
        for position, column in enumerate(self.columns):
            if cells is None or position not in cells.columns:
                coded[:, position] = column.draw(u[position], v[position])
        if cells is not None:
            self._draw_cells(cells, coded, u, v, rng)
        return coded

    def _draw_cells(
        self,
        cells: _Cells,
        coded: NDArray[np.float64],
        u: NDArray[np.float64],
        v: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> None:
        n = len(coded)
        chosen = np.empty((n, len(cells.columns)), dtype=np.int64)
        kernels.draw_cells(rng.random((n, len(cells.columns))), *cells.programme, chosen)
        for place, position in enumerate(cells.columns):
            for cell in np.unique(chosen[:, place]):
                rows = chosen[:, place] == cell
                coded[rows, position] = cells.pieces[place].draw(
                    u[position, rows], v[position, rows], cells.members[cell]
                )

    def _cells(self, tests: Sequence[MofN]) -> _Cells | None:
        followed = _followed(tests)
        if not followed:
            return None
        columns = sorted({literal.column for test in followed for literal in test.literals})
        pieces, members, starts, chances, adds = [], [], [0], [], []
        for column in columns:
            cut, labels = self._labelled(column, followed)
            different, group = np.unique(labels, axis=0, return_inverse=True)
            pieces.append(cut)
            members += [np.flatnonzero(group.ravel() == own) for own in range(len(different))]
            chances.append(np.bincount(group.ravel(), weights=cut.weights))
            adds.append(different)
            starts.append(starts[-1] + len(different))
        required = np.array([test.m for test in followed], dtype=np.int64)
        strides = np.concatenate([[1], np.cumprod(required + 1)]).astype(np.int64)
        cells = _Cells(
            columns,
            pieces,
            members,
            starts=np.array(starts, dtype=np.int64),
            chances=np.concatenate(chances),
            adds=np.concatenate(adds).astype(np.int64),
            required=required,
            strides=strides[:-1].copy(),
            values=np.empty((len(columns) + 1, int(strides[-1]))),
        )
        kernels.completions(*cells.programme)
        return cells

    def _labelled(
        self, column: int, tests: Sequence[MofN]
    ) -> tuple[PieceColumn, NDArray[np.int64]]:
        """Return the pieces of a column, and how many literals of each test hold in each."""
        own = [[own for own in test.literals if own.column == column] for test in tests]
        cuts = [
            literal.threshold
            for literals in own
            for literal in literals
            if not Operator(literal.operator).is_of_levels
        ]
        pieces = self.columns[column].cut(np.unique(cuts))
        rows = np.zeros((len(pieces.weights), len(self.columns)))
        rows[:, column] = pieces.middle
        counts = [count_held(literals, rows, self.coding) for literals in own]
        return pieces, np.column_stack(counts).astype(np.int64)


def _followed(tests: Sequence[MofN]) -> list[MofN]:
    """Return the first tests, as many as have joint counts that can be followed."""
    followed, states = [], 1
    for test in tests:
        states *= test.m + 1
        if states > _MOST_STATES:
            break
        followed.append(test)
    return followed


def make_independent(
    coded: NDArray[np.float64], weights: NDArray[np.float64], coding: Coding
) -> Independent:
    """Estimate the distribution of each column.

    Numbers that occur once in a continuous column spread evenly up to half the distance to their
    neighbours: a density without a bandwidth. Numbers that are repeated, and the values of all
    other columns, stay points.

    Parameters
    ----------
    coded : ndarray of shape (n_rows, n_columns)
    weights : ndarray of shape (n_rows,)
        Positive.
    coding : Coding
    """
    columns = [
        _pieces(coded[:, position], weights, spread=column.is_continuous)
        for position, column in enumerate(coding.columns)
    ]
    return Independent(tuple(columns), coding)


def _pieces(
    values: NDArray[np.float64], weights: NDArray[np.float64], *, spread: bool
) -> PieceColumn:
    points, counts = np.unique(values, return_counts=True)
    mass = counts.astype(np.float64)
    if (weights != 1.0).any():
        group = np.unique(values, return_inverse=True)[1]
        mass = np.asarray(np.bincount(group, weights=weights), dtype=np.float64)
    low, high = points.copy(), points.copy()
    finite = np.isfinite(points)
    known = points[finite]
    if spread and len(known) > 1:
        borders = known[:-1] + (known[1:] - known[:-1]) / 2
        single = counts[finite] == 1
        low[finite] = np.where(single, np.concatenate([known[:1], borders]), known)
        high[finite] = np.where(single, np.concatenate([borders, known[-1:]]), known)
    return PieceColumn(low, high, mass / mass.sum())
