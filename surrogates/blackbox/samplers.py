"""How neighbours are drawn: one distribution for each column of a table, inverted.

A column of floats is a mixture of truncated normal distributions, one per bin; integers, text,
categories, booleans and dates are drawn among the values observed, so that no value is invented.
Missing values are a level of their own.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import qmc

from surrogates._kernels.bins import bin_moments
from surrogates._kernels.low_discrepancy import draw_pieces, scrambled_points

__all__ = [
    "Atoms",
    "Marginal",
    "Pieces",
    "ScrambledPoints",
    "in_order",
    "make_atoms",
    "make_pieces",
]

_DIGITS = 32


@dataclass(frozen=True, eq=False)
class Pieces:
    """A mixture of truncated normal distributions.

    Parameters
    ----------
    weights : ndarray of shape (n_pieces,)
        They sum to one.
    loc, scale, low, high : ndarray of shape (n_pieces,)
        A piece without scale is the constant `loc`; missing values are one of NaN.
    bins : ndarray of shape (n_pieces,)
        The bin of each piece.
    """

    weights: NDArray[np.float64]
    loc: NDArray[np.float64]
    scale: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    bins: NDArray[np.int32]

    def draw(self, u: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Return the values at which the distribution function is `u`, and their bins."""
        values, bins = np.empty(len(u)), np.empty(len(u), dtype=np.int32)
        self.draw_into(u, values, bins)
        return values, bins

    def draw_into(
        self, u: NDArray[np.float64], values: NDArray[np.float64], bins: NDArray[np.int32]
    ) -> None:
        """Write what `draw` returns."""
        draw_pieces(u, *self._inverse, values, bins)  # type: ignore[call-arg]

    @cached_property
    def _inverse(self) -> tuple[NDArray[Any], ...]:
        """What inverts the distribution function, piece by piece, and the bins of the pieces."""
        parts: tuple[NDArray[Any], ...]
        parts = (self.weights, self.loc, self.scale, self.low, self.high, self.bins)
        used = self.weights > 0.0
        if not used.all():
            parts = tuple(part[used] for part in parts)
        weights, loc, scale, low, high, bins = map(np.ascontiguousarray, parts)
        edges = np.cumsum(weights)
        divisor = np.where(scale > 0.0, scale, 1.0)  # a constant needs no quantile
        before, after = ndtr((low - loc) / divisor), ndtr((high - loc) / divisor)
        slope = (after - before) / weights
        return edges, loc, scale, low, high, before - slope * (edges - weights), slope, bins

    def probability_below(self, value: float, *, strictly: bool = False) -> NDArray[np.float64]:
        """Return for each piece the probability of a number up to `value`, (n_pieces,).

        The probability of a missing value is not counted.
        """
        before, after = self._bounds(self.loc, self.scale, self.low, self.high)
        constant = self.loc < value if strictly else self.loc <= value
        inside = np.clip(value, self.low, self.high)
        share = _ratio(self._at(inside, self.loc, self.scale) - before, after - before)
        return np.where(self.scale > 0.0, share, constant.astype(np.float64))

    @classmethod
    def _bounds(cls, loc: Any, scale: Any, low: Any, high: Any) -> tuple[Any, Any]:
        return cls._at(low, loc, scale), cls._at(high, loc, scale)

    @staticmethod
    def _at(value: Any, loc: Any, scale: Any) -> Any:
        return ndtr(_ratio(value - loc, scale))

    def reweighted(self, factors: NDArray[np.float64]) -> Self:
        """Return the mixture with the weights multiplied by `factors`, one per piece."""
        weights = self.weights * factors
        return replace(self, weights=weights / weights.sum())


def _ratio(top: Any, bottom: Any) -> Any:
    return np.divide(top, bottom, out=np.zeros(np.shape(top)), where=bottom != 0.0)


def make_pieces(
    values: NDArray[np.float64], weights: NDArray[np.float64], borders: NDArray[np.float64]
) -> Pieces:
    """Fit one truncated normal per bin: its frequency, mean and standard deviation.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Observed numbers; NaN is missing and makes a last bin of its own.
    weights : ndarray of shape (n,)
    borders : ndarray of shape (n_borders,)
        Bin b is (borders[b - 1], borders[b]]; the outer bins end at the extremes of the values.

    Examples
    --------
    >>> pieces = make_pieces(np.array([1.0, 1.0, 3.0, 5.0]), np.full(4, 0.25), np.array([1.0]))
    >>> pieces.weights, pieces.loc, pieces.scale
    (array([0.5, 0.5]), array([1., 4.]), array([0., 1.]))
    """
    known, own = in_order(values, weights)
    table = np.empty((6, len(borders) + 1))
    table = table[:, : bin_moments(known, own, borders, table)]
    if len(known) < len(values):
        missing = weights[np.isnan(values)].sum()
        lost = [missing, np.nan, 0.0, np.nan, np.nan, len(borders) + 1]
        table = np.column_stack([table, lost])
    mass, loc, scale, low, high, of_bin = table
    return Pieces(mass / mass.sum(), loc, scale, low, high, of_bin.astype(np.int32))


def in_order(
    values: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the values that are not missing in increasing order, and their weights."""
    if (values[:-1] <= values[1:]).all() and not np.isnan(values[-1:]).any():
        return values, weights
    order = np.argsort(values, kind="stable")[: np.count_nonzero(~np.isnan(values))]
    return values[order], weights[order]


@dataclass(frozen=True, eq=False)
class Atoms:
    """Observed values of a column, each with its weight.

    Parameters
    ----------
    weights : ndarray of shape (n_atoms,)
        They sum to one.
    positions : ndarray of shape (n_atoms,)
        A reference row that holds the value.
    numbers : ndarray of shape (n_atoms,)
        The value as a number, where it is one; else NaN.
    bins : ndarray of shape (n_atoms,)
    """

    weights: NDArray[np.float64]
    positions: NDArray[np.int64]
    numbers: NDArray[np.float64]
    bins: NDArray[np.int32]

    def draw(self, u: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the atoms at which the distribution function is `u`."""
        edges = np.cumsum(self.weights)
        edges[-1] = np.inf
        return np.searchsorted(edges, u, side="right")

    def reweighted(self, factors: NDArray[np.float64]) -> Self:
        """Return the same atoms with their weights multiplied by `factors`, one per atom."""
        weights = self.weights * factors
        return replace(self, weights=weights / weights.sum())


def make_atoms(
    codes: NDArray[np.int64],
    numbers: NDArray[np.float64],
    bins: NDArray[np.int32],
    weights: NDArray[np.float64],
) -> Atoms:
    """Collect the distinct values of a column.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        Equal where values are equal; atoms are sorted by it.
    numbers, bins, weights : ndarray of shape (n,)
    """
    _, first, group = np.unique(codes, return_index=True, return_inverse=True)
    mass = np.bincount(group, weights=weights)
    return Atoms(mass / mass.sum(), first, numbers[first], bins[first])


Marginal = Pieces | Atoms
"""The distribution of one column."""


@dataclass(frozen=True)
class ScrambledPoints:
    """Independent scrambles of the first Sobol points, one coordinate at a time.

    Parameters
    ----------
    n_points : int
        Points of a scramble; a power of two is best balanced.
    n_columns : int
    seed : int

    Examples
    --------
    >>> points = ScrambledPoints(8, 2, seed=0)
    >>> np.sort(np.floor(8 * points.column(1, 0, 1)))  # one in each eighth of the unit interval
    array([0., 1., 2., 3., 4., 5., 6., 7.])
    """

    n_points: int
    n_columns: int
    seed: int
    base: NDArray[np.uint32] = field(init=False, repr=False, compare=False)

    def column(self, column: int, first: int, n_scrambles: int) -> NDArray[np.float64]:
        """Return one coordinate of some scrambles, of shape (n_scrambles * n_points,)."""
        out = np.empty(n_scrambles * self.n_points)
        self.write_column(column, first, out)
        return out

    def write_column(self, column: int, first: int, out: NDArray[np.float64]) -> None:
        """Write one coordinate of as many scrambles as fit into `out`."""
        scrambled_points(self.base[column % len(self.base)], self.seed, column, first, out)

    def __post_init__(self) -> None:
        n_dimensions = min(self.n_columns, qmc.Sobol.MAXDIM)
        object.__setattr__(self, "base", _sobol_points(self.n_points, n_dimensions))


@lru_cache(maxsize=4)
def _sobol_points(n_points: int, n_dimensions: int) -> NDArray[np.uint32]:
    """Return the first Sobol points in units of 2**-32, (n_dimensions, n_points)."""
    sobol = qmc.Sobol(n_dimensions, scramble=False, bits=_DIGITS)
    padded = 1 << (n_points - 1).bit_length()
    points = sobol.random(padded)[:n_points] * 2.0**_DIGITS
    return np.ascontiguousarray(points.T.astype(np.uint32))
