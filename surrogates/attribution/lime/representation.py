"""The interpretable representation: what a surrogate sees of a row.

With bins, a column is 1 where a neighbour has the bin of the explained row, else 0. Without, a
numeric column is its standardized value; levels and missing values stay matches.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels.bins import bin_moments
from surrogates.attribution.lime.discretizers import QUANTILES, entropy_borders, quantile_borders
from surrogates.blackbox.column_kinds import (
    ColumnKind,
    Levels,
    column_kind,
    column_numbers,
    read_levels,
)
from surrogates.blackbox.samplers import Marginal, in_order, make_atoms, make_pieces

__all__ = ["ColumnView", "Representation", "make_representation", "slots_of"]


@dataclass(frozen=True, eq=False)
class ColumnView:
    """One column of the reference table.

    Parameters
    ----------
    kind : ColumnKind
    levels : Levels or None
        None for numbers.
    borders : ndarray of shape (n_borders,)
        Of the bins of numbers.
    mean, scale : float
        Of the numbers; their standard deviation, 1 where they do not vary.
    marginal : Marginal
    """

    kind: ColumnKind
    levels: Levels | None
    borders: NDArray[np.float64]
    mean: float
    scale: float
    marginal: Marginal

    def bins_of(self, numbers: NDArray[np.float64]) -> NDArray[np.int32]:
        """Return the bin of each number; missing ones have the last."""
        return _bins(numbers, self.borders)

    def standardized(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return numbers in standard deviations from the mean, and 0 for missing ones."""
        return np.nan_to_num((numbers - self.mean) / self.scale)

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """The share of the reference rows in each bin."""
        own = self.marginal
        return np.bincount(own.bins, weights=own.weights).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Representation:
    """The columns of a table as a surrogate sees them.

    Parameters
    ----------
    columns : tuple of ColumnView
    discretizes : bool
        Whether numbers are seen as bins.
    """

    columns: tuple[ColumnView, ...]
    discretizes: bool

    @property
    def marginals(self) -> list[Marginal]:
        """The distribution of each column."""
        return [column.marginal for column in self.columns]

    def read(self, table: Any) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return rows as bins and as numbers, (n_rows, n_columns): NaN where a value is none."""
        bins, numbers = np.empty(table.shape, dtype=np.int32), np.full(table.shape, np.nan)
        for position, column in enumerate(self.columns):
            if column.levels is None:
                own = column_numbers(table, position)
                numbers[:, position], bins[:, position] = own, column.bins_of(own)
            else:
                bins[:, position] = column.levels.codes(table, position)
        return bins, numbers

    def standardized(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return numbers (n_columns, n) in standard deviations, 0 where there is none."""
        pairs = zip(self.columns, numbers, strict=True)
        return np.stack([column.standardized(own) for column, own in pairs])

    def seen_as_number(self, numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which columns of explained rows are seen as numbers, of the shape of `numbers`."""
        return ~np.isnan(numbers) & (not self.discretizes)

    def holds(self, bins: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Tell which bins of rows hold any of the reference rows, as `bins`."""
        return slots_of(self.held, bins) < self.held.shape[1] - 1

    @cached_property
    def held(self) -> NDArray[np.bool_]:
        """Whether a bin holds reference rows, (n_columns, n_bins + 1): the last one does not."""
        n_bins = max(len(column.shares) for column in self.columns)
        held = np.zeros((len(self.columns), n_bins + 1), dtype=bool)
        for row, column in zip(held, self.columns, strict=True):
            row[: len(column.shares)] = column.shares > 0.0
        return held


def slots_of(held: NDArray[np.bool_], bins: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the slots of rows: their bins, or the last one for rows in none that is held.

    Parameters
    ----------
    held : ndarray of shape (n_bins + 1,) or (n_columns, n_bins + 1)
        Whether a bin holds reference rows; the last one does not.
    bins : ndarray of shape (n_rows,), (n_columns,) or (n_rows, n_columns)
        Of one column, or of all.
    """
    last = held.shape[-1] - 1
    slots = np.where((bins < 0) | (bins > last), last, bins)
    own = held[slots] if held.ndim == 1 else held[np.arange(len(held)), slots]
    return np.where(own, slots, last)


def make_representation(
    table: Any, weights: NDArray[np.float64], discretizer: str | int | None, y: Any = None
) -> Representation:
    """Learn bins and distributions of the columns of a reference table.

    Parameters
    ----------
    table : ndarray or DataFrame of shape (n_rows, n_columns)
    weights : ndarray of shape (n_rows,)
        They sum to one.
    discretizer : {"quartile", "decile", "entropy"}, int or None
    y : array-like of shape (n_rows,), default=None
        What the bins of "entropy" predict.
    """
    columns = [
        _read_column(table, position, weights, discretizer, y) for position in range(table.shape[1])
    ]
    return Representation(tuple(columns), discretizer is not None)


def _read_column(
    table: Any, position: int, weights: NDArray[np.float64], discretizer: Any, y: Any
) -> ColumnView:
    kind = column_kind(table, position)
    if kind is ColumnKind.LEVEL:
        levels = read_levels(table, position)
        codes = levels.codes(table, position)
        atoms = make_atoms(codes.astype(np.int64), np.full(len(codes), np.nan), codes, weights)
        return ColumnView(kind, levels, np.empty(0), 0.0, 1.0, atoms)
    numbers = column_numbers(table, position)
    if kind is ColumnKind.FLOAT and y is None:  # so that it is sorted once
        order = np.argsort(numbers)
        numbers, weights = numbers[order], weights[order]
    borders = _borders(numbers, weights, discretizer, y)
    marginal = _marginal(kind, numbers, weights, borders)
    return ColumnView(kind, None, borders, *_mean_and_scale(numbers, weights), marginal)


def _borders(
    numbers: NDArray[np.float64], weights: NDArray[np.float64], discretizer: Any, y: Any
) -> NDArray[np.float64]:
    if discretizer is None:
        return np.empty(0)
    if discretizer == "entropy":
        return entropy_borders(numbers, weights, np.asarray(y))
    return quantile_borders(numbers, weights, QUANTILES.get(discretizer, discretizer))


def _mean_and_scale(
    numbers: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    known, own = in_order(numbers, weights)
    if not len(known):
        return 0.0, 1.0
    moments = np.empty((6, 1))
    bin_moments(known, own, np.empty(0), moments)
    return float(moments[1, 0]), float(moments[2, 0]) or 1.0


def _marginal(
    kind: ColumnKind,
    numbers: NDArray[np.float64],
    weights: NDArray[np.float64],
    borders: NDArray[np.float64],
) -> Marginal:
    if kind is ColumnKind.FLOAT:
        return make_pieces(numbers, weights, borders)
    codes = np.unique(numbers, return_inverse=True)[1]  # NaN, the last of the sorted, is one code
    return make_atoms(codes, numbers, _bins(numbers, borders), weights)


def _bins(numbers: NDArray[np.float64], borders: NDArray[np.float64]) -> NDArray[np.int32]:
    bins = np.searchsorted(borders, numbers).astype(np.int32)
    bins[np.isnan(numbers)] = len(borders) + 1
    return bins
