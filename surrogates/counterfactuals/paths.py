"""What the parts of a row can add to linear scores: options, and lines with or without steps."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogates.counterfactuals.additive import Additive
from surrogates.counterfactuals.columns import same
from surrogates.counterfactuals.layout import Layout
from surrogates.counterfactuals.moves import Start

__all__ = ["LINE", "OPTIONS", "STEPS", "Paths", "paths_of"]

OPTIONS, LINE, STEPS = 0, 1, 2
_NUDGES = np.array([1e-13, 1e-11, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5])
_MOST_NUMBERS = 33


@dataclass(frozen=True, eq=False)
class Paths:
    """The parts of a row that may change: lines first, then those that have options.

    Parameters
    ----------
    start : Start
    kind : ndarray of shape (n_parts,)
        OPTIONS, LINE or STEPS.
    members : tuple of tuple of int
    slopes : ndarray of shape (n_lines, n_raw)
        What a line adds for a number larger by 1.
    unit : ndarray of shape (n_lines,)
        The cost of a change by 1.
    first, last : ndarray of shape (n_lines, 2)
        Distances to the first and the last number below and above.
    step : ndarray of shape (n_lines,)
    codes : tuple of ndarray of shape (n_options, n_members)
        Of each part with options.
    part : ndarray of shape (n_options,)
        The part that each option belongs to, ascending.
    effects : ndarray of shape (n_options, n_raw)
        What each option adds to the raw scores.
    costs, changes : ndarray of shape (n_options,)
    is_complete : bool
        Whether nothing that the parts may become is left out.
    has_ends : bool
        Whether nothing that is left out gains more than the options do.
    """

    start: Start
    kind: NDArray[np.int64]
    members: tuple[tuple[int, ...], ...]
    slopes: NDArray[np.float64]
    unit: NDArray[np.float64]
    first: NDArray[np.float64]
    last: NDArray[np.float64]
    step: NDArray[np.float64]
    codes: tuple[NDArray[np.float64], ...]
    part: NDArray[np.int64]
    effects: NDArray[np.float64]
    costs: NDArray[np.float64]
    changes: NDArray[np.int64]
    is_complete: bool
    has_ends: bool

    @property
    def n_lines(self) -> int:
        """Number of lines."""
        return len(self.unit)

    def options(self, part: int) -> slice:
        """Return which options belong to a part."""
        ends = np.searchsorted(self.part, [part, part + 1])
        return slice(int(ends[0]), int(ends[1]))

    def option_codes(self, part: int, option: int) -> NDArray[np.float64]:
        """Return what the members of a part become under an option of theirs."""
        codes: NDArray[np.float64] = self.codes[part - self.n_lines][
            option - self.options(part).start
        ]
        return codes

    def starting_rows(self) -> NDArray[np.float64]:
        """Return the row itself once for each nudge, (n_nudges, n_columns)."""
        return np.repeat(self.start.codes[None], len(_NUDGES), axis=0)

    def moved(self, part: int, distance: float, side: float) -> NDArray[np.float64]:
        """Return the numbers of a line at a signed distance, a little further each, in bounds.

        They are as many as there are nudges: on the border itself a model may decide either way.
        """
        (position,) = self.members[part]
        start, nudges = self.start, side * _NUDGES
        column, own = start.columns[position], start.codes[position]
        wanted = np.full(len(nudges), own + distance)
        if self.kind[part] == LINE:
            wanted = wanted + nudges * np.maximum(np.abs(distance), 1e-3 / self.unit[part])
            outward = np.where(
                nudges + distance > 0, column.at_least(wanted), column.at_most(wanted)
            )
        else:
            outward = column.snap(wanted)
        low, high = start.low[position], start.high[position]
        return np.clip(outward, min(low, own), max(high, own))


def paths_of(
    additive: Additive, layout: Layout, start: Start, effects: NDArray[np.float64]
) -> Paths:
    """Return the parts of a row that may change.

    Parameters
    ----------
    additive : Additive
    layout : Layout
    start : Start
    effects : ndarray of shape (n_columns, n_raw)
        Of the row's own cells.
    """
    is_line = layout.lines_of(start)
    lines = np.flatnonzero(is_line)
    reaches, steps = start.limits.reaches, layout.step
    levels = layout.levels_of(start)
    position = layout.position[levels]
    owners, heads = np.unique(position, return_index=True)
    odd = layout.is_line & ~is_line & ~start.frozen
    others = [
        *(_part_options(additive, start, effects, part) for part in layout.others),
        *(_number_options(additive, start, effects, int(at)) for at in np.flatnonzero(odd)),
    ]
    others = [own for own in others if len(own.costs)]
    n_levels = len(lines) + len(owners)
    part = len(lines) + np.searchsorted(owners, position)
    more = [np.full(len(own.costs), n_levels + at) for at, own in enumerate(others)]
    return Paths(
        start=start,
        kind=np.concatenate(
            [
                np.where(steps[lines] > 0, STEPS, LINE),
                np.full(len(owners) + len(others), OPTIONS),
            ]
        ),
        members=(
            *((at,) for at in lines.tolist()),
            *((at,) for at in owners.tolist()),
            *(own.members for own in others),
        ),
        slopes=additive.slopes[lines],
        unit=start.cost.unit[lines],
        first=reaches.first[start.row, lines],
        last=reaches.last[start.row, lines],
        step=steps[lines],
        codes=(
            *np.split(layout.code[levels][:, None], heads)[1:],
            *(own.codes for own in others),
        ),
        part=np.concatenate([part, *more]).astype(np.int64),
        effects=np.concatenate(
            [
                additive.of_levels(position, layout.code[levels]) - effects[position],
                *(own.effects for own in others),
            ]
        ),
        costs=np.concatenate([start.cost.flat[position], *(own.costs for own in others)]),
        changes=np.concatenate(
            [np.ones(len(levels), dtype=np.int64), *(own.changes for own in others)]
        ),
        is_complete=all(own.is_complete for own in others),
        has_ends=all(own.is_complete or own.has_ends for own in others),
    )


class _Options(NamedTuple):
    """What a part that is treated on its own may become."""

    members: tuple[int, ...]
    codes: NDArray[np.float64]
    effects: NDArray[np.float64]
    costs: NDArray[np.float64]
    changes: NDArray[np.int64]
    is_complete: bool
    has_ends: bool


def _part_options(
    additive: Additive, start: Start, effects: NDArray[np.float64], part: int
) -> _Options:
    """Return the combinations of a part of several columns, or the numbers of a grid."""
    members, seen = start.parts.members[part], start.parts.combinations[part]
    if seen is None:
        return _number_options(additive, start, effects, members[0])
    return _options(additive, start, effects, members, seen)


def _number_options(
    additive: Additive, start: Start, effects: NDArray[np.float64], position: int
) -> _Options:
    """Return numbers for a cell from which no line leads."""
    column, own = start.columns[position], start.codes[position]
    if column.grid is not None:
        return _options(additive, start, effects, (position,), column.grid[:, None])
    if np.isnan(own):
        found = _options(additive, start, effects, (position,), _seen(start, position)[:, None])
        return found._replace(is_complete=len(additive.base) == 1)
    # the number has to come into its bounds first
    codes = _within_bounds(start, position)[:, None]
    found = _options(additive, start, effects, (position,), codes)
    ends = start.low[position], start.high[position]
    return found._replace(is_complete=False, has_ends=bool(np.isfinite(ends).all()))


def _options(
    additive: Additive,
    start: Start,
    effects: NDArray[np.float64],
    members: tuple[int, ...],
    codes: NDArray[np.float64],
) -> _Options:
    rows = np.repeat(start.codes[None], len(codes), axis=0)
    rows[:, list(members)] = codes
    fine = ~same(rows, start.codes).all(axis=1) & start.admits(rows)
    rows, codes = rows[fine], codes[fine]
    added = np.zeros((len(codes), len(additive.base)))
    for place, position in enumerate(members):
        added += additive.effects(position, codes[:, place]) - effects[position]
    return _Options(
        members=members,
        codes=codes,
        effects=added,
        costs=start.costs(rows),
        changes=start.n_changes(rows),
        is_complete=True,
        has_ends=False,
    )


def _seen(start: Start, position: int) -> NDArray[np.float64]:
    column = start.columns[position]
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
    numbers = np.concatenate([*ends, _seen(start, position)])
    return np.unique(numbers[np.isfinite(numbers) & (numbers >= low) & (numbers <= high)])
