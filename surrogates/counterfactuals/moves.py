"""Single changes of a row: the steps that a search is made of."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from surrogates.counterfactuals.columns import Column, same
from surrogates.counterfactuals.constraints import Constraints, Limits
from surrogates.counterfactuals.costs import Cost

__all__ = ["Moves", "Parts", "Start", "make_parts", "numbers_between", "propose_moves"]


@dataclass(frozen=True, eq=False)
class Parts:
    """Columns that move on their own, and groups of columns that move together.

    Parameters
    ----------
    of_column : ndarray of shape (n_columns,)
        The part that each column belongs to.
    members : tuple of tuple of int
        The columns of each part.
    combinations : tuple of ndarray or None
        For parts of several columns, the combinations seen, as codes (n_combinations, n_members).
    """

    of_column: NDArray[np.int64]
    members: tuple[tuple[int, ...], ...]
    combinations: tuple[NDArray[np.float64] | None, ...]

    def __len__(self) -> int:
        return len(self.members)

    def changed(self, rows: NDArray[np.float64], own: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which parts of rows (n, n_columns) differ from a row, (n, n_parts)."""
        differs = ~same(rows, own)
        if len(self) == differs.shape[1]:  # every column on its own
            return differs
        parts = np.zeros((len(rows), len(self)), dtype=bool)
        for part, members in enumerate(self.members):
            parts[:, part] = differs[:, list(members)].any(axis=1)
        return parts


def make_parts(constraints: Constraints, reference_codes: NDArray[np.float64]) -> Parts:
    """Divide the columns into parts, and read the combinations seen in the reference rows."""
    n_columns = reference_codes.shape[1]
    grouped = {position: group for group in constraints.coupled for position in group}
    members = list(constraints.coupled)
    members += [(position,) for position in range(n_columns) if position not in grouped]
    members.sort()
    of_column = np.empty(n_columns, dtype=np.int64)
    combinations: list[NDArray[np.float64] | None] = []
    for part, group in enumerate(members):
        of_column[list(group)] = part
        seen = reference_codes[:, list(group)]
        known = seen[~np.isnan(seen).any(axis=1)]
        combinations.append(np.unique(known, axis=0) if len(group) > 1 else None)
    return Parts(of_column, tuple(members), tuple(combinations))


@dataclass(frozen=True, eq=False)
class Start:
    """An explained row, and what it may become.

    Parameters
    ----------
    codes, low, high : ndarray of shape (n_columns,)
    frozen : ndarray of bool of shape (n_columns,)
    limits : Limits
    row : int
        Its place among the rows that the limits are of.
    parts : Parts
    cost : Cost
    """

    codes: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    frozen: NDArray[np.bool_]
    limits: Limits
    row: int
    parts: Parts
    cost: Cost

    @staticmethod
    def of(limits: Limits, row: int, parts: Parts, cost: Cost) -> "Start":
        """Return one of the rows that limits are known for."""
        return Start(
            limits.codes[row],
            limits.low[row],
            limits.high[row],
            limits.frozen[row],
            limits,
            row,
            parts,
            cost,
        )

    @property
    def constraints(self) -> Constraints:
        """What binds the row."""
        return self.limits.constraints

    @property
    def columns(self) -> tuple[Column, ...]:
        """Descriptions of the columns."""
        return self.constraints.columns

    @property
    def most_changes(self) -> int:
        """Columns that may change at once."""
        most = self.constraints.max_changes
        return len(self.codes) if most is None else most

    def costs(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the separable cost of rows (n, n_columns)."""
        return self.cost(self.codes, rows)

    def n_changes(self, rows: NDArray[np.float64]) -> NDArray[np.int64]:
        """Count the columns that differ, derived ones apart."""
        differs = ~same(rows, self.codes)
        differs[:, list(self.constraints.derived)] = False
        return differs.sum(axis=1)

    def admits(self, rows: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which rows (n, n_columns) keep every constraint but rules."""
        kept = same(rows, self.codes)
        fine = self.n_changes(rows) <= self.most_changes
        for position, column in enumerate(self.columns):
            values = rows[:, position]
            if self.frozen[position]:
                may = np.zeros(len(rows), dtype=bool)
            elif column.is_level:
                may = np.isin(values, self.constraints.levels(position, self.codes[position]))
            else:
                may = (values >= self.low[position]) & (values <= self.high[position])
                may &= values == column.snap(np.nan_to_num(values))
            fine &= kept[:, position] | may
        return fine & self._admits_combinations(rows, kept)

    def _admits_combinations(
        self, rows: NDArray[np.float64], kept: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        fine = np.ones(len(rows), dtype=bool)
        for members, seen in zip(self.parts.members, self.parts.combinations, strict=True):
            if seen is not None:
                some = rows[:, list(members)]
                known = (some[:, None, :] == seen[None]).all(axis=2).any(axis=1)
                fine &= known | kept[:, list(members)].all(axis=1)
        return fine


@dataclass(frozen=True, eq=False)
class Moves:
    """Single changes of one row.

    Parameters
    ----------
    rows : ndarray of shape (n_moves, n_columns)
        The row with the change made.
    part : ndarray of shape (n_moves,)
        The part that changes.
    costs : ndarray of shape (n_moves,)
    """

    rows: NDArray[np.float64]
    part: NDArray[np.int64]
    costs: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.part)


def propose_moves(start: Start, n_each: int, ceiling: float = np.inf) -> Moves:
    """Return the single changes worth trying.

    Parameters
    ----------
    start : Start
    n_each : int
        Numbers to try on each side of the row's own: without a ceiling dense near it and sparse
        far from it, else spread evenly.
    ceiling : float, default=inf
        Changes that cost as much are left out.
    """
    rows, parts = [], []
    for part, members in enumerate(start.parts.members):
        changed = _changes(start, part, n_each, ceiling)
        own = np.repeat(start.codes[None], len(changed), axis=0)
        own[:, list(members)] = changed
        rows.append(own)
        parts.append(np.full(len(changed), part))
    stacked = np.concatenate(rows)
    part_of = np.concatenate(parts).astype(np.int64)
    costs = start.costs(stacked)
    fine = (start.n_changes(stacked) <= start.most_changes) & (costs < ceiling)
    return Moves(stacked[fine], part_of[fine], costs[fine])


def _changes(start: Start, part: int, n_each: int, ceiling: float) -> NDArray[np.float64]:
    """Return what the columns of a part may become, (n, n_members)."""
    members, seen = start.parts.members[part], start.parts.combinations[part]
    if seen is not None:
        return _combinations(start, members, seen, 4 * n_each)
    (position,) = members
    if start.frozen[position]:
        return np.empty((0, 1))
    if start.columns[position].is_level:
        return start.constraints.levels(position, start.codes[position])[:, None]
    if np.isfinite(ceiling) and not np.isnan(start.codes[position]):
        return _evenly(start, position, n_each, ceiling)[:, None]
    return _numbers(start, position, n_each)[:, None]


def _combinations(
    start: Start, members: tuple[int, ...], seen: NDArray[np.float64], most: int
) -> NDArray[np.float64]:
    rows = np.repeat(start.codes[None], len(seen), axis=0)
    rows[:, list(members)] = seen
    fine = np.atleast_1d(~same(rows, start.codes).all(axis=1))
    fine[fine] = start.admits(rows[fine])
    kept = seen[fine]
    order = np.argsort(start.costs(rows[fine]), kind="stable")
    return kept[order[:most]]


def _numbers(start: Start, position: int, n_each: int) -> NDArray[np.float64]:
    column, own = start.columns[position], start.codes[position]
    low, high = start.low[position], start.high[position]
    seen = column.seen if column.grid is None else column.grid
    seen = seen[(seen >= low) & (seen <= high)]
    if np.isnan(own):
        return np.unique(column.snap(_spread(seen, n_each))) if len(seen) else seen
    finite = np.isfinite([low, high])
    safe = np.where(finite, [low, high], 0.0)
    ends = np.concatenate([column.at_least(safe[:1]), column.at_most(safe[1:])])[finite]
    near = _near(seen[seen > own], n_each), _near(seen[seen < own][::-1], n_each)
    values = column.snap(np.concatenate(near)) if len(seen) else seen
    values = np.unique(np.concatenate([values, ends[_is_near(ends, column)]]))
    return values[(values >= low) & (values <= high) & (values != own)]


def _evenly(start: Start, position: int, n_each: int, ceiling: float) -> NDArray[np.float64]:
    """Return numbers on both sides of the row's own, all that cost less than `ceiling` if few."""
    column, own, unit = start.columns[position], start.codes[position], start.cost.unit[position]
    reach = ceiling / unit if unit else np.inf
    low, high = max(start.low[position], own - reach), min(start.high[position], own + reach)
    seen = column.seen if column.grid is None else column.grid
    seen = seen[(seen > low) & (seen < high)]
    if len(seen) > 2 * n_each:
        seen = _spread(seen, 2 * n_each)
    values = seen
    if column.step and np.isfinite(low + high) and (high - low) / column.step <= 2 * n_each:
        values = np.concatenate([seen, np.arange(low, high + column.step, column.step)])
    values = np.unique(column.snap(values)) if len(values) else values
    return values[(values >= low) & (values <= high) & (values != own)]


def _is_near(values: NDArray[np.float64], column: Column) -> NDArray[np.bool_]:
    """Tell which bounds are worth a try: none that is far beyond what was seen."""
    if not len(column.seen):
        return np.isfinite(values)
    span = np.ptp(column.seen) or 1.0
    return (values >= column.seen[0] - span) & (values <= column.seen[-1] + span)


def _near(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    return values if len(values) <= count else values[_ranks(len(values), count)]


def _spread(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    if len(values) <= count:
        return values
    return values[np.unique(np.rint(np.linspace(0, len(values) - 1, count)).astype(int))]


@lru_cache(maxsize=4096)
def _ranks(n: int, count: int) -> NDArray[np.int64]:
    return np.unique(np.rint(np.geomspace(1, n, count)).astype(np.int64) - 1)


def numbers_between(
    column: Column, first: float, last: float, fractions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return numbers of a column strictly between two, at some fractions of the way."""
    values = np.unique(column.snap(first + (last - first) * fractions))
    low, high = min(first, last), max(first, last)
    return values[(values > low) & (values < high)]
