"""What may change: the user's constraints, resolved against the columns of the table."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.blackbox.table import column_names, is_frame
from surrogates.counterfactuals.columns import Column, read_columns
from surrogates.counterfactuals.reaches import Reaches, read_reaches

__all__ = ["Constraints", "Limits", "read_constraints"]

_OWNER = "Counterfactuals"


@dataclass(frozen=True, eq=False)
class Constraints:
    """Constraints by position of column; they bind what changes, never what stays as it is.

    Parameters
    ----------
    columns : tuple of Column
    immutable, increasing, decreasing : frozenset of int
    ranges : mapping of int to (low, high)
        Bounds of the new number.
    relative_ranges : mapping of int to (low, high)
        Bounds of the new number less the old one.
    choices : mapping of int to ndarray
        Numbers, sorted, or codes of levels that a column may take.
    transitions : mapping of int to mapping of int to ndarray
        Codes of levels that may follow each level.
    coupled : tuple of tuple of int
        Columns that only take combinations seen together.
    rules : tuple of callable
        ``f(before, after) -> array of bool`` on tables.
    derived : mapping of int to callable
        ``f(table) -> array`` that recomputes a column.
    weights : mapping of int to float
    max_changes : int or None
    """

    columns: tuple[Column, ...]
    immutable: frozenset[int] = frozenset()
    increasing: frozenset[int] = frozenset()
    decreasing: frozenset[int] = frozenset()
    ranges: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    relative_ranges: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    choices: Mapping[int, NDArray[np.float64]] = field(default_factory=dict)
    transitions: Mapping[int, Mapping[int, NDArray[np.float64]]] = field(default_factory=dict)
    coupled: tuple[tuple[int, ...], ...] = ()
    rules: tuple[Callable[[Any, Any], Any], ...] = ()
    derived: Mapping[int, Callable[[Any], Any]] = field(default_factory=dict)
    weights: Mapping[int, float] = field(default_factory=dict)
    max_changes: int | None = None

    def limits(self, codes: NDArray[np.float64]) -> "Limits":
        """Return what each cell may become, for rows given as codes (n_rows, n_columns)."""
        shape = codes.shape
        low, high = np.empty(shape), np.empty(shape)
        frozen = np.zeros(shape, dtype=bool)
        for position, column in enumerate(self.columns):
            low[:, position], high[:, position] = self._bounds(position, codes[:, position])
            never = position in self.immutable or position in self.derived
            frozen[:, position] = never or np.isinf(self.weights.get(position, 1.0))
            if position in self.increasing | self.decreasing | set(self.relative_ranges):
                # nothing is above or below a missing or an unknown value
                unknown = codes[:, position] < 0 if column.is_level else False
                frozen[:, position] |= np.isnan(codes[:, position]) | unknown
        return Limits(self, codes, low, high, frozen | (~(low <= high) & self._is_number()))

    def _is_number(self) -> NDArray[np.bool_]:
        return np.array([not column.is_level for column in self.columns])

    def _bounds(self, position: int, own: NDArray[np.float64]) -> tuple[Any, Any]:
        low, high = self.columns[position].bounds
        first, last = self.ranges.get(position, (low, high))
        lows, highs = np.full(len(own), max(low, first)), np.full(len(own), min(high, last))
        if self.columns[position].is_level:
            return lows, highs
        present = np.nan_to_num(own)
        if position in self.increasing:
            lows = np.maximum(lows, present)
        if position in self.decreasing:
            highs = np.minimum(highs, present)
        if position in self.relative_ranges:
            down, up = self.relative_ranges[position]
            lows, highs = np.maximum(lows, present + down), np.minimum(highs, present + up)
        return self._filled_in(position, own, lows, highs)

    def _filled_in(self, position: int, own: Any, lows: Any, highs: Any) -> tuple[Any, Any]:
        """Let a missing number become one that was seen, and no other."""
        seen, missing = self.columns[position].seen, np.isnan(own)
        if not missing.any() or not len(seen):
            return lows, highs
        lows = np.where(missing, np.maximum(lows, seen[0]), lows)
        return lows, np.where(missing, np.minimum(highs, seen[-1]), highs)

    def depends_on_row(self, position: int) -> bool:
        """Tell whether the levels that a column may take depend on the one that it has."""
        ordered = self.columns[position].ranks is not None
        limited = position in self.increasing or position in self.decreasing
        return position in self.transitions or (ordered and limited)

    def levels(self, position: int, own: float) -> NDArray[np.float64]:
        """Return the codes that a cell with the code `own` of a column of levels may take."""
        column = self.columns[position]
        codes = self.choices.get(position, np.arange(len(column.levels.values), dtype=np.float64))
        if position in self.transitions:
            code = column.levels.missing if np.isnan(own) else int(own)
            codes = self.transitions[position].get(code, np.empty(0))
        if column.ranks is not None and own >= 0:
            rank = column.ranks[int(own)]
            ranks = column.ranks[codes.astype(np.int64)]
            if position in self.increasing:
                codes = codes[ranks > rank]
            elif position in self.decreasing:
                codes = codes[ranks < rank]
        return codes[codes != own]


@dataclass(frozen=True, eq=False)
class Limits:
    """What each cell of some rows may become.

    Parameters
    ----------
    constraints : Constraints
    codes : ndarray of shape (n_rows, n_columns)
    low, high : ndarray of shape (n_rows, n_columns)
        Bounds of numbers.
    frozen : ndarray of bool of shape (n_rows, n_columns)
    """

    constraints: Constraints
    codes: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    frozen: NDArray[np.bool_]

    @cached_property
    def reaches(self) -> Reaches:
        """How far the numbers may go."""
        return read_reaches(self.constraints.columns, self.codes, self.low, self.high)


def read_constraints(reference: Any, given: Mapping[str, Any]) -> Constraints:
    """Resolve the parameters of `Counterfactuals` against the reference rows.

    Parameters
    ----------
    reference : ndarray or DataFrame of shape (n_references, n_columns)
    given : mapping
        The parameters by name.

    Raises
    ------
    ValueError
        A column that does not exist, or a constraint that its column cannot have.
    """
    reader = _Reader(reference, column_names(reference), named=is_frame(reference))
    steps = {
        position: _positive("steps", name, value)
        for position, name, value in reader.items("steps", given["steps"])
    }
    reader.columns = read_columns(reference, steps)
    choices, transitions = reader.allowed(given["allowed"])
    reader.columns = tuple(
        column
        if column.is_level or position not in choices
        else replace(column, grid=choices[position])
        for position, column in enumerate(reader.columns)
    )
    found = Constraints(
        columns=reader.columns,
        immutable=frozenset(reader.positions("immutable", given["immutable"])),
        increasing=frozenset(reader.ordered("increasing", given["increasing"])),
        decreasing=frozenset(reader.ordered("decreasing", given["decreasing"])),
        ranges=reader.bounds("ranges", given["ranges"]),
        relative_ranges=reader.bounds("relative_ranges", given["relative_ranges"]),
        choices=choices,
        transitions=transitions,
        coupled=reader.groups(given["coupled"]),
        rules=tuple(_callables("rules", given["rules"])),
        derived={
            position: _callable("derived", value)
            for position, _, value in reader.items("derived", given["derived"])
        },
        weights={
            position: _positive("weights", name, value)
            for position, name, value in reader.items("weights", given["weights"])
        },
        max_changes=given["max_changes"],
    )
    reader.check_numeric("steps", steps)
    return found


def _positive(parameter: str, name: Any, value: Any) -> float:
    try:
        number = float(value.value if isinstance(value, pd.Timedelta) else value)
    except (TypeError, ValueError):
        number = np.nan
    if not number >= 0 or (parameter == "weights" and number == 0):
        raise ValueError(
            f"The {parameter!r} parameter of {_OWNER} must hold positive numbers. "
            f"Got {value!r} for {name!r}."
        )
    return number


def _callable(parameter: str, value: Any) -> Callable[..., Any]:
    if not callable(value):
        raise ValueError(
            f"The {parameter!r} parameter of {_OWNER} must hold callables. Got {value!r}."
        )
    checked: Callable[..., Any] = value
    return checked


def _callables(parameter: str, values: Any) -> Iterable[Callable[..., Any]]:
    given = (values,) if callable(values) else values
    return (_callable(parameter, value) for value in given)


@dataclass
class _Reader:
    """Finds columns by name, or by position where they have none."""

    reference: Any
    names: tuple[str, ...]
    named: bool
    columns: tuple[Column, ...] = ()

    def position(self, parameter: str, name: Any) -> int:
        if not isinstance(name, str) and not self.named:
            if isinstance(name, (int, np.integer)) and 0 <= name < len(self.names):
                return int(name)
        elif str(name) in self.names:
            return self.names.index(str(name))
        raise ValueError(
            f"The {parameter!r} parameter of {_OWNER} names no column: got {name!r}, "
            f"the columns are {list(self.names)}."
        )

    def positions(self, parameter: str, names: Any) -> list[int]:
        listed = [names] if isinstance(names, str) else list(names)
        return [self.position(parameter, name) for name in listed]

    def items(self, parameter: str, given: Any) -> Iterable[tuple[int, Any, Any]]:
        for name, value in (given or {}).items():
            yield self.position(parameter, name), name, value

    def check_numeric(self, parameter: str, positions: Iterable[int]) -> None:
        for position in positions:
            if self.columns[position].is_level:
                raise ValueError(
                    f"The {parameter!r} parameter of {_OWNER} is for numeric columns; "
                    f"{self.names[position]!r} holds levels: use 'allowed'."
                )

    def ordered(self, parameter: str, names: Any) -> list[int]:
        positions = self.positions(parameter, names)
        self.check_numeric(
            parameter, [place for place in positions if self.columns[place].ranks is None]
        )
        return positions

    def bounds(self, parameter: str, given: Any) -> dict[int, tuple[float, float]]:
        found = {}
        for position, name, pair in self.items(parameter, given):
            self.check_numeric(parameter, [position])
            found[position] = _pair(parameter, name, pair)
        return found

    def groups(self, given: Sequence[Any]) -> tuple[tuple[int, ...], ...]:
        groups = tuple(tuple(self.positions("coupled", names)) for names in given)
        members = [position for group in groups for position in group]
        if len(set(members)) < len(members) or any(len(group) < 2 for group in groups):
            raise ValueError(
                f"The 'coupled' parameter of {_OWNER} must list groups of at least two columns, "
                f"no column twice. Got {given!r}."
            )
        return groups

    def allowed(self, given: Any) -> tuple[dict[int, Any], dict[int, Any]]:
        choices: dict[int, Any] = {}
        transitions: dict[int, Any] = {}
        for position, _, values in self.items("allowed", given):
            if isinstance(values, Mapping):
                self.check_levels(position)
                transitions[position] = {
                    int(self.code(position, level)): self.codes(position, following)
                    for level, following in values.items()
                }
            else:
                choices[position] = self.codes(position, values)
        return choices, transitions

    def check_levels(self, position: int) -> None:
        if not self.columns[position].is_level:
            raise ValueError(
                f"The 'allowed' parameter of {_OWNER} takes transitions for columns of levels; "
                f"{self.names[position]!r} is numeric: use 'ranges' or 'rules'."
            )

    def codes(self, position: int, values: Any) -> NDArray[np.float64]:
        listed = [values] if isinstance(values, str) else list(values)
        return np.unique([self.code(position, value) for value in listed])

    def code(self, position: int, value: Any) -> float:
        column = self.columns[position]
        if not column.is_level:
            return _number("allowed", column.name, value)
        if value is None or pd.isna(value) is True:
            return float(column.levels.missing)
        if value not in column.levels.values:
            raise ValueError(
                f"The 'allowed' parameter of {_OWNER} names {value!r} for {column.name!r}, a "
                f"level that the reference rows lack: they have {list(column.levels.values)}."
            )
        return float(column.levels.values.index(value))


def _pair(parameter: str, name: Any, pair: Any) -> tuple[float, float]:
    try:
        first, last = pair
    except (TypeError, ValueError):
        first, last = 1.0, 0.0
    low = -np.inf if first is None else _number(parameter, name, first)
    high = np.inf if last is None else _number(parameter, name, last)
    if not low <= high:
        raise ValueError(
            f"The {parameter!r} parameter of {_OWNER} must hold pairs (low, high), None for no "
            f"bound. Got {pair!r} for {name!r}."
        )
    return low, high


def _number(parameter: str, name: Any, value: Any) -> float:
    """Return a bound as a number; times count nanoseconds, as the columns do."""
    try:
        if isinstance(value, (str, pd.Timestamp, np.datetime64)):
            return float(pd.Timestamp(value).as_unit("ns").value)
        if isinstance(value, (pd.Timedelta, np.timedelta64)):
            return float(pd.Timedelta(value).as_unit("ns").value)
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"The {parameter!r} parameter of {_OWNER} must hold numbers. "
            f"Got {value!r} for {name!r}."
        ) from None
