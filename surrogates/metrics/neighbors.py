"""Rows beside a row: its nearest real ones, or new ones a small step away."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from surrogates.blackbox.column_kinds import ColumnKind, column_kind, column_numbers
from surrogates.blackbox.neighbour_tables import assemble
from surrogates.blackbox.table import build_frame, column_values, is_frame, joined_columns

__all__ = ["Coordinates", "draw_neighbors", "joined_tables", "nearest_rows"]

_MOST_LEVELS = 500


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Rows of a mixed table as points, in standard deviations of the background.

    Parameters
    ----------
    numbers : ndarray of shape (n_rows, n_columns)
        Ordered values over their standard deviation, codes of levels; NaN where missing.
    is_level : ndarray of bool of shape (n_columns,)
    is_constant : ndarray of bool of shape (n_columns,)
        Numbers that do not vary in the background, so that they have no unit.
    """

    numbers: NDArray[np.float64]
    is_level: NDArray[np.bool_]
    is_constant: NDArray[np.bool_]

    @staticmethod
    def of(table: Any, n_background: int) -> "Coordinates":
        """Read a table whose first rows are the background."""
        columns, is_level, is_constant = [], [], []
        for position in range(table.shape[1]):
            level = column_kind(table, position) is ColumnKind.LEVEL
            values = _codes(table, position) if level else column_numbers(table, position)
            known = values[:n_background][np.isfinite(values[:n_background])]
            if len(known) and column_values(table, position).dtype.kind == "M":
                values = values - known.min()  # dates have no zero of their own
            spread = 0.0 if level or not len(known) else float(known.std())
            columns.append(values / spread if spread > 0.0 else values)
            is_level.append(level)
            is_constant.append(not level and spread <= 0.0)
        return Coordinates(np.column_stack(columns), np.array(is_level), np.array(is_constant))

    def steps(self, first: Any, second: Any) -> NDArray[np.float64]:
        """Return by how much rows differ in each column; what has no unit differs by 1."""
        a, b = self.numbers[first], self.numbers[second]
        with np.errstate(invalid="ignore"):
            apart = np.abs(a - b)
        unequal = (a != b) & ~(np.isnan(a) & np.isnan(b))
        whole = self.is_level | self.is_constant | np.isnan(apart)
        return np.where(whole, unequal.astype(np.float64), apart)

    def embedded(self, rows: Any) -> NDArray[np.float64] | None:
        """Return points whose distances are the lengths of `steps`.

        None where cells are missing, or a column has more levels than are worth a coordinate.
        """
        numbers = self.numbers[rows]
        if np.isnan(numbers).any():
            return None
        whole = self.is_level | self.is_constant
        parts = [numbers[:, ~whole]]
        for column in numbers.T[whole]:
            values, codes = np.unique(column, return_inverse=True)
            if len(values) > _MOST_LEVELS:
                return None
            parts.append(np.eye(len(values))[codes] / np.sqrt(2.0))
        return np.concatenate(parts, axis=1)

    def sizes(self, rows: Any) -> NDArray[np.float64]:
        """Return the magnitude of each coordinate: 1 of a level, 0 of what has no unit."""
        numbers = self.numbers[rows]
        known = np.isfinite(numbers).astype(np.float64)
        sizes = np.where(self.is_level, known, np.nan_to_num(np.abs(numbers)))
        return np.where(self.is_constant, 0.0, sizes)


def nearest_rows(
    points: Coordinates, rows: NDArray[np.int64], groups: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Return for each row the nearest others of its group that differ from it.

    Parameters
    ----------
    points : Coordinates
    rows : ndarray of shape (n_rows,)
        Positions of the rows.
    groups : ndarray of shape (n_rows,)
    count : int

    Returns
    -------
    pairs : ndarray of shape (n_pairs, 2)
        Numbers of rows: at most `count` for each.
    """
    pairs = [np.empty((0, 2), dtype=np.int64)]
    flat = points.embedded(rows)
    for row, place in enumerate(rows):
        if flat is None:
            far = np.square(points.steps(place, rows)).sum(axis=1)
        else:
            far = cdist(flat[row : row + 1], flat, "sqeuclidean")[0]
        allowed = np.flatnonzero((groups == groups[row]) & (far > 0.0))
        chosen = allowed[np.argsort(far[allowed], kind="stable")[:count]]
        pairs.append(np.column_stack([np.full(len(chosen), row), chosen]))
    return np.concatenate(pairs)


def draw_neighbors(
    background: Any, rows: Any, radius: float, n_samples: int, seed: int
) -> tuple[Any, Any]:
    """Draw rows around every row: the same steps for all of them.

    Numbers move by at most `radius` standard deviations; whole numbers and dates move to values
    observed that near; levels, and numbers of which there are two, stay.

    Parameters
    ----------
    background, rows : ndarray or DataFrame
        In one container.
    radius : float
    n_samples : int
    seed : int

    Returns
    -------
    joined : ndarray or DataFrame
        The background, the rows, and then the neighbours: those of the first row, and so on.
    neighbors : ndarray or DataFrame of shape (n_rows * n_samples, n_columns)
    """
    n_background, n_rows = background.shape[0], rows.shape[0]
    known = joined_tables(background, rows)
    moves = np.random.default_rng(seed).uniform(-1.0, 1.0, (background.shape[1], n_samples))
    own = n_background + np.repeat(np.arange(n_rows), n_samples)
    observed, drawn = [], []
    for column, move in enumerate(moves):
        kind = column_kind(known, column)
        numbers = None if kind is ColumnKind.LEVEL else column_numbers(known, column)
        values = None if numbers is None else _Spread.of(numbers[:n_background])
        if numbers is None or values is None:
            observed.append(True)
            drawn.append(own)
            continue
        wanted = numbers[own] + radius * values.deviation * np.tile(move, n_rows)
        observed.append(kind is ColumnKind.NUMBER or values.is_whole)
        drawn.append(values.nearest(numbers[own], wanted, own) if observed[-1] else wanted)
    neighbors = assemble(known, observed, drawn)
    return joined_tables(known, neighbors), neighbors


@dataclass(frozen=True, eq=False)
class _Spread:
    """The values that a column has, and where."""

    values: NDArray[np.float64]
    places: NDArray[np.int64]
    deviation: float

    @staticmethod
    def of(numbers: NDArray[np.float64]) -> "_Spread | None":
        """Return nothing where there are fewer than three values to move between."""
        known = np.flatnonzero(np.isfinite(numbers))
        values, first = np.unique(numbers[known], return_index=True)
        if len(values) < 3:
            return None
        return _Spread(values, known[first], float(numbers[known].std()))

    @property
    def is_whole(self) -> bool:
        return bool((self.values == np.round(self.values)).all())

    def nearest(
        self, numbers: NDArray[np.float64], wanted: NDArray[np.float64], own: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return where the observed value is that is nearest to the one wanted, but not farther.

        Positions of the rows themselves where their own value is at least as near, or missing.
        """
        after = np.clip(np.searchsorted(self.values, wanted), 1, len(self.values) - 1)
        low, high = self.values[after - 1], self.values[after]
        place = np.where(wanted - low <= high - wanted, after - 1, after)
        nearer = np.abs(self.values[place] - wanted) < np.abs(numbers - wanted)
        return np.where(nearer, self.places[place], own)


def joined_tables(first: Any, second: Any) -> Any:
    """Return the rows of two tables of one container, one below the other."""
    columns = joined_columns(first, second)
    return build_frame(first, columns) if is_frame(first) else np.concatenate([first, second])


def _codes(table: Any, position: int) -> NDArray[np.float64]:
    codes = pd.factorize(column_values(table, position).astype(object))[0].astype(np.float64)
    codes[codes < 0] = np.nan
    return codes
