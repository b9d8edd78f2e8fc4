"""Columns of a table as numbers to search over, and back as cells of the table."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.blackbox.column_kinds import (
    ColumnKind,
    Levels,
    column_kind,
    column_numbers,
    read_levels,
)
from surrogates.blackbox.table import (
    build_frame,
    column_names,
    column_values,
    is_polars,
    joined_columns,
    numeric_block,
    take_rows,
    wrap_block,
)

__all__ = ["Column", "Composer", "encode", "read_columns", "same", "single_column"]

_SECOND, _DAY = 1e9, 86_400e9
_TIMES = "mM"
_ROUNDING = 1e-9
_INTEGERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}


@dataclass(frozen=True, eq=False)
class Column:
    """One column as numbers: values of numeric columns, positions of levels, NaN where missing.

    Parameters
    ----------
    name : str
    is_level : bool
    step : float
        New numbers are multiples of it; 0 allows any number.
    seen : ndarray of shape (n_seen,)
        Numbers in the reference rows, sorted and without repetition; empty for levels.
    levels : Levels
        Levels in the reference rows; empty for numbers.
    examples : ndarray of shape (n_levels,)
        A reference row for each level.
    ranks : ndarray of shape (n_levels,) or None
        The order of levels that have one.
    precision : dtype
        Of the floats that the table can hold.
    bounds : tuple of float
        The least and the greatest number that the table can hold.
    grid : ndarray or None
        The only numbers that may be taken, sorted.
    """

    name: str
    is_level: bool
    step: float
    seen: NDArray[np.float64]
    levels: Levels
    examples: NDArray[np.int64]
    ranks: NDArray[np.int64] | None = None
    precision: Any = np.float64
    bounds: tuple[float, float] = (-np.inf, np.inf)
    grid: NDArray[np.float64] | None = None

    def snap(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the nearest numbers that the column may hold."""
        if self.grid is not None:
            return self.grid[np.abs(values[:, None] - self.grid).argmin(axis=1)]
        return self._represent(values if not self.step else np.rint(values / self.step))

    def at_least(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the least numbers not below `values`, NaN where there are none."""
        if self.grid is not None:
            return np.append(self.grid, np.nan)[np.searchsorted(self.grid, values)]
        if self.step:
            return self._represent(np.ceil(values / self.step - _ROUNDING))
        near = self._represent(values)
        return np.where(near < values, self._next(near, np.inf), near)

    def at_most(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the greatest numbers not above `values`, NaN where there are none."""
        if self.grid is not None:
            place = np.searchsorted(self.grid, values, side="right")
            return np.append(np.nan, self.grid)[place]
        if self.step:
            return self._represent(np.floor(values / self.step + _ROUNDING))
        near = self._represent(values)
        return np.where(near > values, self._next(near, -np.inf), near)

    def above(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the least numbers above `values`, NaN where there are none."""
        if self.grid is not None:
            place = np.searchsorted(self.grid, values, side="right")
            return np.append(self.grid, np.nan)[place]
        if self.step:
            return self._represent(np.floor(values / self.step + _ROUNDING) + 1.0)
        near = self._represent(values)
        return np.where(near > values, near, self._next(near, np.inf))

    def _next(self, values: NDArray[np.float64], toward: float) -> NDArray[np.float64]:
        kind = np.dtype(self.precision).type
        return np.nextafter(values.astype(kind), kind(toward)).astype(np.float64)

    def _represent(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.step:
            # a product such as 3 * 0.1 is off its decimal by rounding
            numbers = np.round(numbers * self.step, _decimals(self.step))
        return np.asarray(numbers, dtype=self.precision).astype(np.float64) + 0.0


@lru_cache(maxsize=1024)
def _decimals(step: float) -> int:
    exponent = Decimal(repr(float(step))).normalize().as_tuple().exponent
    return max(0, -int(exponent))


def read_columns(reference: Any, steps: dict[int, float]) -> tuple[Column, ...]:
    """Describe the columns of the reference rows.

    Integers and whole floats move in steps of 1 and times in days or seconds, unless `steps` says
    otherwise.

    Parameters
    ----------
    reference : ndarray or DataFrame of shape (n_references, n_columns)
    steps : dict of int to float
        Steps by position; 0 allows any number.
    """
    return tuple(
        _read_column(reference, position, name, steps.get(position))
        for position, name in enumerate(column_names(reference))
    )


def _read_column(reference: Any, position: int, name: str, step: float | None) -> Column:
    if column_kind(reference, position) is ColumnKind.LEVEL:
        levels = read_levels(reference, position)
        codes = levels.codes(reference, position)
        examples = np.array([np.argmax(codes == code) for code in range(len(levels.values))])
        ranks = _level_ranks(reference, position, levels)
        return Column(name, True, 0.0, np.empty(0), levels, examples.astype(np.int64), ranks)
    values = column_values(reference, position)
    numbers = column_numbers(reference, position)
    seen = np.unique(numbers[np.isfinite(numbers)])
    natural = _natural_step(values, seen, column_kind(reference, position))
    chosen = natural if step is None else float(step)
    if natural and step is not None and column_kind(reference, position) is ColumnKind.NUMBER:
        chosen = max(chosen, natural) if step else natural
    precision = values.dtype if values.dtype.kind == "f" else np.dtype(np.float64)
    return Column(
        name=name,
        is_level=False,
        step=chosen,
        seen=seen,
        levels=Levels(()),
        examples=np.empty(0, dtype=np.int64),
        precision=precision,
        bounds=_bounds(reference, position),
    )


def _level_ranks(reference: Any, position: int, levels: Levels) -> NDArray[np.int64] | None:
    """Return the order of booleans and of ordered categories, None for levels without one."""
    if all(isinstance(value, (bool, np.bool_)) for value in levels.values):
        return np.array(levels.values, dtype=np.int64)
    dtype = reference.dtypes.iloc[position] if isinstance(reference, pd.DataFrame) else None
    if isinstance(dtype, pd.CategoricalDtype) and dtype.ordered:
        return np.asarray(dtype.categories.get_indexer(pd.Index(levels.values)), dtype=np.int64)
    return None


def _bounds(reference: Any, position: int) -> tuple[float, float]:
    if is_polars(reference):
        name = str(reference.dtypes[position]).lower()
    else:
        frame = isinstance(reference, pd.DataFrame)
        name = str(reference.dtypes.iloc[position] if frame else reference.dtype).lower()
    if name not in _INTEGERS:
        return -np.inf, np.inf
    limits = np.iinfo(name)
    # the largest 64-bit integers are no floats
    return max(float(limits.min), -(2.0**62)), min(float(limits.max), 2.0**62)


def _natural_step(values: NDArray[Any], seen: NDArray[np.float64], kind: ColumnKind) -> float:
    if values.dtype.kind in _TIMES or _holds_times(values):
        return _DAY if (seen % _DAY == 0).all() else _SECOND
    if kind is ColumnKind.NUMBER:
        return 1.0
    is_whole = len(seen) > 1 and bool((seen == np.rint(seen)).all())
    return 1.0 if is_whole and np.abs(seen).max() < 2.0**53 else 0.0


def _holds_times(values: NDArray[Any]) -> bool:
    present = values[~pd.isna(values)]
    return bool(len(present)) and isinstance(present[0], pd.Timestamp | pd.Timedelta)


def encode(columns: Sequence[Column], table: Any) -> NDArray[np.float64]:
    """Return a table as numbers, of shape (n_rows, n_columns).

    A level is its position among the levels seen, -1 where it was not seen.
    """
    codes = np.empty((table.shape[0], len(columns)))
    for position, column in enumerate(columns):
        if column.is_level:
            own = column.levels.codes(table, position).astype(np.float64)
            codes[:, position] = np.where(own == column.levels.missing, np.nan, own)
        else:
            codes[:, position] = column_numbers(table, position)
    return codes


def same(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell where two arrays of codes are equal, missing ones included."""
    equal: NDArray[np.bool_] = (first == second) | (np.isnan(first) & np.isnan(second))
    return equal


def single_column(table: Any, position: int) -> Any:
    """Return a table of one column."""
    if isinstance(table, pd.DataFrame):
        return table.iloc[:, [position]]
    return table[:, [position]]


class Composer:
    """Turns numbers back into rows: a cell that did not change is the cell of its row.

    Parameters
    ----------
    columns : sequence of Column
    reference : ndarray or DataFrame of shape (n_references, n_columns)
        Where levels are taken from.
    rows : ndarray or DataFrame of shape (n_rows, n_columns)
        Explained rows, in the container of the reference rows.
    codes : ndarray of shape (n_rows, n_columns), default=None
        The rows as numbers, where they are known.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        reference: Any,
        rows: Any,
        codes: NDArray[np.float64] | None = None,
    ) -> None:
        self.columns, self.rows, self.reference = tuple(columns), rows, reference
        self.codes = encode(columns, rows) if codes is None else codes
        self._block = numeric_block(rows)
        if self._block is not None and any(column.is_level for column in columns):
            self._block = None
        self._sources: dict[int, Any] = {}

    def _source(self, position: int) -> Any:
        """Return a column from which cells are taken: levels first, then the explained rows."""
        if position not in self._sources:
            column, own = self.columns[position], single_column(self.rows, position)
            examples = take_rows(own, slice(0, 0))
            if len(column.examples):
                examples = take_rows(single_column(self.reference, position), column.examples)
            self._sources[position] = joined_columns(examples, own)[0]
        return self._sources[position]

    def table(self, at: NDArray[np.int64], codes: NDArray[np.float64]) -> Any:
        """Return rows as the model takes them.

        Parameters
        ----------
        at : ndarray of shape (n,)
            The explained row that each row starts from.
        codes : ndarray of shape (n, n_columns)
        """
        changed = ~same(codes, self.codes[at])
        if self._block is not None:
            block = self._block[at]
            block[changed] = codes[changed].astype(block.dtype)
            return wrap_block(self.rows, block)
        if isinstance(self.rows, pd.DataFrame):
            return self._frame(at, codes, changed)
        cells = [
            self._cells(position, at, codes[:, position], changed[:, position])
            for position in range(len(self.columns))
        ]
        if not isinstance(self.rows, np.ndarray):
            return build_frame(self.rows, cells)
        table = np.empty(codes.shape, dtype=self.rows.dtype)
        for position, own in enumerate(cells):
            table[:, position] = own
        return table

    def _frame(
        self, at: NDArray[np.int64], codes: NDArray[np.float64], changed: NDArray[np.bool_]
    ) -> pd.DataFrame:
        """Replace the columns that change; all others are taken together."""
        frame = self.rows.take(at)
        frame.index = index = pd.RangeIndex(len(at))
        for position in np.flatnonzero(changed.any(axis=0)).tolist():
            cells = self._cells(position, at, codes[:, position], changed[:, position])
            kind = object if cells.dtype.kind == "O" and isinstance(cells, np.ndarray) else None
            frame.isetitem(position, pd.Series(cells, index=index, dtype=kind, copy=False))
        return frame

    def _cells(
        self,
        position: int,
        at: NDArray[np.int64],
        codes: NDArray[np.float64],
        changed: NDArray[np.bool_],
    ) -> Any:
        column, source = self.columns[position], self._source(position)
        first = len(column.examples)
        places = np.where(changed, np.nan_to_num(codes), first + at) if first else at
        cells = _take(source, places.astype(np.int64))
        if column.is_level or not changed.any():
            return cells
        if is_polars(self.rows):
            return _polars_cells(cells, changed, codes[changed])
        cells[changed] = _as_cells(cells, codes[changed], whole=column.step % 1 == 0 < column.step)
        return cells


def _take(source: Any, places: NDArray[np.int64]) -> Any:
    if isinstance(source, np.ndarray):
        return source[places]
    return source.take(places) if hasattr(source, "take") else source.gather(places)


def _as_cells(like: Any, numbers: NDArray[np.float64], *, whole: bool) -> Any:
    """Return numbers as what a column can hold."""
    kind = like.dtype.kind
    if kind in _TIMES:
        times = pd.Series(np.rint(numbers).astype(np.int64).astype(f"{kind}8[ns]"))
        zone = getattr(like.dtype, "tz", None)
        if zone is not None:
            times = times.dt.tz_localize("UTC").dt.tz_convert(zone)
        if isinstance(like, np.ndarray):
            return times.to_numpy().astype(like.dtype)
        return times.dt.as_unit(like.unit).array if hasattr(like, "as_unit") else times.array
    if kind == "O" and len(like) and _holds_times(np.asarray(like, dtype=object)):
        example = next(value for value in like if not pd.isna(value))
        cells = np.empty(len(numbers), dtype=object)
        cells[:] = [type(example)(int(number)) for number in np.rint(numbers)]
        return cells
    if kind == "O":
        cells = np.empty(len(numbers), dtype=object)
        cells[:] = [int(number) if whole else float(number) for number in numbers]
        return cells
    return numbers.astype(np.int64) if kind in "iu" else numbers


def _polars_cells(cells: Any, changed: NDArray[np.bool_], numbers: NDArray[np.float64]) -> Any:
    polars = sys.modules["polars"]
    if cells.dtype.is_temporal():
        ticks = polars.Series(np.rint(numbers).astype(np.int64))
        between = polars.Duration("ns") if cells.dtype == polars.Duration else polars.Datetime("ns")
        zone = getattr(cells.dtype, "time_zone", None)
        values = ticks.cast(between)
        if zone is not None:
            values = values.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
        values = values.cast(cells.dtype)
    else:
        values = polars.Series(numbers).cast(cells.dtype)
    return cells.clone().scatter(np.flatnonzero(changed), values)
