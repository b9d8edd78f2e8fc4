"""What each part of a row may become, as options of the exact search for trees."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels.boxes import Options
from surrogates._kernels.cell_forest import BOTH, LEFT, RIGHT, CellTests
from surrogates.counterfactuals.batch import Judge
from surrogates.counterfactuals.cells import Cells
from surrogates.counterfactuals.columns import Column, same
from surrogates.counterfactuals.cuts import NumberCuts
from surrogates.counterfactuals.moves import Parts, Start

__all__ = ["RowOptions", "all_tests", "cells_of_codes", "row_options"]

_WORD = 64


@dataclass(frozen=True, eq=False)
class _PartOptions:
    """Options of one part.

    Parameters
    ----------
    codes : ndarray of shape (n_options, n_members)
    costs : ndarray of shape (n_options,)
    passes : ndarray of bool of shape (n_options, n_tests) or None
        Which options pass each test; None for ordered parts.
    cells : ndarray of shape (n_options,)
        The cells of ordered parts, ascending.
    own : int
        The option that is the row itself.
    """

    codes: NDArray[np.float64]
    costs: NDArray[np.float64]
    passes: NDArray[np.bool_] | None
    cells: NDArray[np.int64]
    own: int

    def keep(self, kept: NDArray[np.bool_]) -> "_PartOptions":
        return _PartOptions(
            codes=self.codes[kept],
            costs=self.costs[kept],
            passes=None if self.passes is None else self.passes[kept],
            cells=self.cells[kept],
            own=int(kept[: self.own].sum()),
        )


@dataclass(frozen=True, eq=False)
class RowOptions:
    """Options of all parts of one row, in the form of the search and in their own.

    Parameters
    ----------
    kernel : Options
    tests : CellTests
    by_part : tuple of _PartOptions
    start : Start
    cells : Cells
    """

    kernel: Options
    tests: CellTests
    by_part: tuple[_PartOptions, ...]
    start: Start
    cells: Cells

    def codes(self, point: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the row that takes the given option of each part, (n_columns,)."""
        row = self.start.codes.copy()
        for part, (members, own) in enumerate(
            zip(self.start.parts.members, self.by_part, strict=True)
        ):
            if point[part] != own.own:
                row[list(members)] = own.codes[point[part]]
        return row

    def cheaper_than(self, ceiling: float) -> "RowOptions":
        """Return the options that alone cost less, and the row's own."""
        kept = []
        for own in self.by_part:
            cheap = own.costs < ceiling
            cheap[own.own] = True
            kept.append(own if cheap.all() else own.keep(cheap))
        return _compile(self.start, self.cells, tuple(kept))


def row_options(cells: Cells, judge: Judge, row: int, start: Start) -> RowOptions:
    """Return all options of a row that its constraints allow.

    Parameters
    ----------
    cells : Cells
    judge : Judge
        Composes the row, where its own cells must be asked for.
    row : int
    start : Start
    """
    own = cells_of_codes(cells, start.parts, start.codes[None])[0]
    encoded = None
    if (own < 0).any():
        at = np.array([row])
        encoded = cells.encoded.of_table(judge.composer.table(at, start.codes[None]))
    by_part = []
    for part, members in enumerate(start.parts.members):
        outcome = None
        if own[part] < 0 and encoded is not None:
            outcome = cells.outcomes(encoded, cells.tests_of[part])[0]
        if part in cells.level_options:
            by_part.append(_levels(cells, part, members, start, int(own[part]), outcome))
        else:
            by_part.append(_numbers(cells, part, members[0], start, int(own[part]), outcome))
    return _compile(start, cells, tuple(by_part))


def cells_of_codes(cells: Cells, parts: Parts, codes: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the option of each part that rows (n, n_columns) take among all, -1 for none."""
    found = np.zeros((len(codes), len(parts)), dtype=np.int64)
    for part, members in enumerate(parts.members):
        if part in cells.level_options:
            found[:, part] = _place_of(cells.level_options[part], codes[:, list(members)])
        else:
            values = codes[:, members[0]]
            if part in cells.cuts:
                found[:, part] = np.searchsorted(cells.cuts[part].cuts, values)
            found[np.isnan(values), part] = -1
    return found


def _place_of(options: NDArray[np.float64], codes: NDArray[np.float64]) -> NDArray[np.int64]:
    if options.shape[1] == 1:
        known = (codes[:, 0] >= 0) & (codes[:, 0] < len(options))
        return np.where(known, codes[:, 0], -1.0).astype(np.int64)
    equal = (codes[:, None, :] == options[None]).all(axis=2)
    return np.where(equal.any(axis=1), equal.argmax(axis=1), -1)


def _levels(
    cells: Cells,
    part: int,
    members: tuple[int, ...],
    start: Start,
    own: int,
    outcome: NDArray[np.bool_] | None,
) -> _PartOptions:
    """Return the row's own level or combination, and those that it may become."""
    options, outcomes = cells.level_options[part], cells.level_outcomes[part]
    if len(members) == 1:
        (position,) = members
        allowed = _allowed_levels(start, position)
        costs = np.full(len(allowed), start.cost.flat[position])
    else:
        rows = np.repeat(start.codes[None], len(options), axis=0)
        rows[:, list(members)] = options
        differs = np.flatnonzero(~same(rows, start.codes).all(axis=1))
        allowed = differs[start.admits(rows[differs])]
        costs = start.costs(rows[allowed])
    first = outcomes[own] if outcome is None else outcome
    return _PartOptions(
        codes=np.vstack([start.codes[None, list(members)], options[allowed]]),
        costs=np.concatenate([[0.0], costs]),
        passes=np.vstack([first[None], outcomes[allowed]]),
        cells=np.arange(len(allowed) + 1),
        own=0,
    )


def _allowed_levels(start: Start, position: int) -> NDArray[np.int64]:
    if start.frozen[position]:
        return np.empty(0, dtype=np.int64)
    return np.sort(start.constraints.levels(position, start.codes[position])).astype(np.int64)


def _numbers(
    cells: Cells,
    part: int,
    position: int,
    start: Start,
    own: int,
    outcome: NDArray[np.bool_] | None,
) -> _PartOptions:
    """Return, for each cell, the number nearest to the row's own."""
    value, found = start.codes[position], cells.cuts.get(part)
    if found is None:
        found = NumberCuts(np.empty(0), np.empty(0, dtype=np.int64), np.empty(0, dtype=bool))
    n_cells = len(found.cuts) + 1
    if start.frozen[position] or n_cells == 1:
        numbers = np.full(n_cells, np.nan)
    else:
        center = _center(start, position) if np.isnan(value) else value
        numbers = _nearest_of_cells(start, position, found.cuts, center)
    if own >= 0:
        numbers[own] = value
    places = np.flatnonzero(~np.isnan(numbers))
    numbers = numbers[places]
    if own >= 0:
        at = int(np.searchsorted(places, own))
        costs = np.abs(numbers - value) * start.cost.unit[position]
        return _PartOptions(numbers[:, None], costs, None, places, at)
    passes = places[:, None] <= found.of_test[None]
    missing = np.zeros(0, dtype=bool) if outcome is None else outcome == found.low_passes
    return _PartOptions(
        codes=np.concatenate([[np.nan], numbers])[:, None],
        costs=np.repeat([0.0, start.cost.flat[position]], [1, len(numbers)]),
        passes=np.vstack([missing[None], passes]),
        cells=np.arange(len(places) + 1),
        own=0,
    )


def _center(start: Start, position: int) -> float:
    """Return the number from which cells are reached where the row misses its own."""
    return float(np.median(start.columns[position].seen))


def _nearest_of_cells(
    start: Start, position: int, cuts: NDArray[np.float64], center: float
) -> NDArray[np.float64]:
    """Return the allowed number of each cell that is nearest to `center`, NaN where none is."""
    column, low, high = start.columns[position], start.low[position], start.high[position]
    own, place = int(np.searchsorted(cuts, center)), np.arange(len(cuts) + 1)
    numbers = np.full(len(place), np.nan)
    numbers[own + 1 :] = _at_least(column.above(cuts[own:]), low, column)
    numbers[:own] = _at_most(column.at_most(cuts[:own]), high, column)
    inside = column.snap(np.clip([center], low, high))
    numbers[own] = inside[0]
    fine = (numbers >= low) & (numbers <= high)
    with np.errstate(invalid="ignore"):
        fine &= np.searchsorted(cuts, np.nan_to_num(numbers)) == place
    return np.where(fine, numbers, np.nan)


def _at_least(numbers: NDArray[np.float64], low: float, column: Column) -> NDArray[np.float64]:
    if not np.isfinite(low):
        return numbers
    return np.maximum(numbers, column.at_least(np.array([low]))[0])


def _at_most(numbers: NDArray[np.float64], high: float, column: Column) -> NDArray[np.float64]:
    if not np.isfinite(high):
        return numbers
    return np.minimum(numbers, column.at_most(np.array([high]))[0])


def _compile(start: Start, cells: Cells, by_part: tuple[_PartOptions, ...]) -> RowOptions:
    """Lay the options out for the search."""
    sizes = [len(own.costs) for own in by_part]
    changes = [
        (~same(own.codes, start.codes[list(members)])).sum(axis=1)
        for own, members in zip(by_part, start.parts.members, strict=True)
    ]
    kernel = Options(
        first=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32),
        costs=np.concatenate([own.costs for own in by_part]),
        changes=np.concatenate(changes).astype(np.int32),
        own=np.array([own.own for own in by_part], dtype=np.int32),
        ordered=np.array([own.passes is None for own in by_part]),
    )
    return RowOptions(kernel, _tests(cells, by_part), by_part, start, cells)


def _tests(cells: Cells, by_part: tuple[_PartOptions, ...]) -> CellTests:
    n_tests = len(cells.tests)
    outcome = np.full(n_tests, BOTH, dtype=np.int8)
    cut, first_word = np.zeros(n_tests, dtype=np.int32), np.full(n_tests, -1, dtype=np.int32)
    words, n_words = [np.empty(0, dtype=np.uint64)], 0
    for own, tests in zip(by_part, cells.tests_of, strict=True):
        if not len(tests):
            continue
        n = len(own.costs)
        if own.passes is None:
            of_test = cells.cuts[int(cells.part[tests[0]])].of_test
            count = np.searchsorted(own.cells, of_test, side="right")
            cut[tests] = count
        else:
            count = own.passes.sum(axis=0)
            packed = _pack(own.passes)
            words.append(packed.ravel())
            first_word[tests] = n_words + packed.shape[1] * np.arange(len(tests))
            n_words += packed.size
        outcome[tests] = np.where(count == n, LEFT, np.where(count == 0, RIGHT, BOTH))
    return CellTests(outcome, cut, first_word, np.concatenate(words))


def _pack(passes: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Return a row of words for each test, from (n_options, n_tests)."""
    n_options, n_tests = passes.shape
    padded = np.zeros((n_tests, -(-n_options // _WORD) * _WORD), dtype=bool)
    padded[:, :n_options] = passes.T
    return np.packbits(padded, axis=1, bitorder="little").view(np.uint64)


def all_tests(cells: Cells) -> CellTests:
    """Return what the tests say of all cells and levels, for rows of any start."""
    n_parts = len(cells.tests_of)
    by_part = []
    for part in range(n_parts):
        if part in cells.level_options:
            options, passes = cells.level_options[part], cells.level_outcomes[part]
            n = len(options)
            own = _PartOptions(options, np.zeros(n), passes, np.arange(n), 0)
        else:
            n = len(cells.cuts[part].cuts) + 1 if part in cells.cuts else 1
            own = _PartOptions(np.zeros((n, 1)), np.zeros(n), None, np.arange(n), 0)
        by_part.append(own)
    return _tests(cells, tuple(by_part))
