"""What the parts of a row can add to linear scores: options, and lines with or without steps."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from surrogates.counterfactuals.additive import Additive
from surrogates.counterfactuals.columns import same
from surrogates.counterfactuals.moves import Start

__all__ = ["LINE", "OPTIONS", "STEPS", "Path", "paths_of"]

OPTIONS, LINE, STEPS = 0, 1, 2
_MOST_NUMBERS = 33


@dataclass(frozen=True, eq=False)
class Path:
    """One part of a row.

    Parameters
    ----------
    kind : {OPTIONS, LINE, STEPS}
    members : tuple of int
    codes : ndarray of shape (n_options, n_members)
    effects : ndarray of shape (n_options, n_raw)
        What each option adds to the raw scores.
    costs : ndarray of shape (n_options,)
    changes : ndarray of int of shape (n_options,)
    effect_of_unit : ndarray of shape (n_raw,)
        What a line adds for a number larger by 1.
    own, unit : float
        The row's own number, and the cost of a change by 1.
    first : tuple of float
        Distance to the first number below and above; 0 where any number may be taken.
    last : tuple of float
        Distance to the last number below and above.
    step : float
    is_complete : bool
        Whether nothing that the part may become is left out.
    has_ends : bool
        Whether nothing that is left out gains more than the options do.
    """

    kind: int
    members: tuple[int, ...]
    codes: NDArray[np.float64]
    effects: NDArray[np.float64]
    costs: NDArray[np.float64]
    changes: NDArray[np.int64]
    effect_of_unit: NDArray[np.float64]
    own: float = 0.0
    unit: float = 1.0
    first: tuple[float, float] = (0.0, 0.0)
    last: tuple[float, float] = (0.0, 0.0)
    step: float = 0.0
    start: Start | None = None
    is_complete: bool = True
    has_ends: bool = False

    def slope(self, weights: NDArray[np.float64]) -> float:
        """Return what a line gains for a number larger by 1."""
        return float(weights @ self.effect_of_unit)

    def most_gain(self, weights: NDArray[np.float64]) -> float:
        """Return the largest gain."""
        if self.kind == OPTIONS:
            return float((self.effects @ weights).max(initial=0.0))
        slope = self.slope(weights)
        return abs(slope) * self.last[int(slope > 0)] if slope else 0.0

    def best_ratio(self, weights: NDArray[np.float64]) -> float:
        """Return the largest gain per cost."""
        if self.kind != OPTIONS:
            return abs(self.slope(weights)) / self.unit
        return float((self.effects @ weights / self.costs).max(initial=0.0))

    def steps_of(self, weights: NDArray[np.float64]) -> tuple[float, float]:
        """Return the gains of the first step and of each further one."""
        slope = self.slope(weights)
        return abs(slope) * self.first[int(slope > 0)], abs(slope) * self.step

    def _order(self, gains: NDArray[np.float64]) -> NDArray[np.int64]:
        useful = np.flatnonzero(gains > 0.0)
        return useful[np.argsort(-gains[useful] / self.costs[useful], kind="stable")]

    def options_of(
        self, weights: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """Return gains, costs and changes of the options that gain, the best ratio first."""
        gains = self.effects @ weights
        order = self._order(gains)
        return gains[order], self.costs[order], self.changes[order]

    def reach(
        self,
        weights: NDArray[np.float64],
        option: int,
        gain: float,
        nudges: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return what the members become, (n_nudges, n_members), a line a little further each."""
        if self.kind == OPTIONS:
            chosen = self.codes[self._order(self.effects @ weights)[option]]
            return np.repeat(chosen[None], len(nudges), axis=0)
        slope = self.slope(weights)
        side = 1.0 if slope > 0 else -1.0
        distance = gain / abs(slope)
        return self.at(np.full(len(nudges), side * distance), side * nudges)[:, None]

    def at(
        self, distances: NDArray[np.float64], nudges: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the numbers at signed distances, moved on by nudges, within the bounds."""
        assert self.start is not None  # noqa: S101
        (position,) = self.members
        column, start = self.start.columns[position], self.start
        wanted = self.own + distances
        if self.kind == LINE:
            wanted = wanted + nudges * np.maximum(np.abs(distances), 1e-3 / self.unit)
            outward = np.where(
                nudges + distances > 0, column.at_least(wanted), column.at_most(wanted)
            )
        else:
            outward = column.snap(wanted)
        low, high = start.low[position], start.high[position]
        return np.clip(outward, min(low, self.own), max(high, self.own))


def paths_of(additive: Additive, start: Start, effects: NDArray[np.float64]) -> list[Path]:
    """Return the parts of a row that may change.

    Parameters
    ----------
    additive : Additive
    start : Start
    effects : ndarray of shape (n_columns, n_raw)
        Of the row's own cells.
    """
    found = []
    for part, members in enumerate(start.parts.members):
        combinations = start.parts.combinations[part]
        if combinations is not None:
            found.append(_options(additive, start, effects, members, combinations))
            continue
        (position,) = members
        column, own = start.columns[position], start.codes[position]
        if start.frozen[position]:
            continue
        if column.is_level:
            codes = start.constraints.levels(position, own)[:, None]
            found.append(_options(additive, start, effects, members, codes))
        elif np.isnan(own) or column.grid is not None:
            codes = _numbers(start, position)[:, None]
            found.append(_options(additive, start, effects, members, codes))
        elif not start.low[position] <= own <= start.high[position]:
            # no line leads from here: the number has to come into its bounds first
            codes = _within_bounds(start, position)[:, None]
            path = _options(additive, start, effects, members, codes)
            ends = start.low[position], start.high[position]
            found.append(replace(path, is_complete=False, has_ends=bool(np.isfinite(ends).all())))
        else:
            found.append(_line(additive, start, position))
    return [path for path in found if path.kind != OPTIONS or len(path.costs)]


def _options(
    additive: Additive,
    start: Start,
    effects: NDArray[np.float64],
    members: tuple[int, ...],
    codes: NDArray[np.float64],
) -> Path:
    rows = np.repeat(start.codes[None], len(codes), axis=0)
    rows[:, list(members)] = codes
    fine = ~same(rows, start.codes).all(axis=1)
    if len(members) > 1 or not start.columns[members[0]].is_level:
        fine &= start.admits(rows)  # single levels are allowed ones already
    rows, codes = rows[fine], codes[fine]
    added = np.zeros((len(codes), len(additive.base)))
    for place, position in enumerate(members):
        added += additive.effects(position, codes[:, place]) - effects[position]
    some_number = any(not start.columns[position].is_level for position in members)
    limited = some_number and len(members) == 1 and start.columns[members[0]].grid is None
    return Path(
        kind=OPTIONS,
        members=members,
        codes=codes,
        effects=added,
        costs=start.costs(rows),
        changes=start.n_changes(rows),
        effect_of_unit=np.zeros(len(additive.base)),
        is_complete=not limited or len(additive.base) == 1,
    )


def _numbers(start: Start, position: int) -> NDArray[np.float64]:
    column = start.columns[position]
    if column.grid is not None:
        return column.grid
    seen = column.seen
    seen = seen[(seen >= start.low[position]) & (seen <= start.high[position])]
    if len(seen) > _MOST_NUMBERS:
        seen = seen[np.rint(np.linspace(0, len(seen) - 1, _MOST_NUMBERS)).astype(int)]
    return np.unique(column.snap(seen)) if len(seen) else seen


def _within_bounds(start: Start, position: int) -> NDArray[np.float64]:
    """Return the first and the last number within bounds, and numbers that were seen there."""
    column = start.columns[position]
    low, high = start.low[position], start.high[position]
    ends = [column.at_least(np.array([low])), column.at_most(np.array([high]))]
    numbers = np.concatenate([*ends, _numbers(start, position)])
    return np.unique(numbers[np.isfinite(numbers) & (numbers >= low) & (numbers <= high)])


def _line(additive: Additive, start: Start, position: int) -> Path:
    column, own = start.columns[position], start.codes[position]
    low, high = start.low[position], start.high[position]
    ends = np.array([low, high])
    finite = np.isfinite(ends)
    safe = np.where(finite, ends, 0.0)
    snapped = np.array([column.at_least(safe)[0], column.at_most(safe)[1]])
    last = np.maximum(np.where(finite, (snapped - own) * np.array([-1.0, 1.0]), np.inf), 0.0)
    first = np.zeros(2)
    if column.step:
        above, below = column.above(np.array([own]))[0], -column.above(np.array([-own]))[0]
        first = np.array([own - below, above - own])
        last = np.where(first > last * (1 + 1e-12), 0.0, last)
    n_raw = len(additive.base)
    return Path(
        kind=STEPS if column.step else LINE,
        members=(position,),
        codes=np.empty((0, 1)),
        effects=np.empty((0, n_raw)),
        costs=np.empty(0),
        changes=np.empty(0, dtype=np.int64),
        effect_of_unit=additive.slopes[position],
        own=float(own),
        unit=float(start.cost.unit[position]),
        first=(float(first[0]), float(first[1])),
        last=(float(last[0]), float(last[1])),
        step=column.step,
        start=start,
    )
