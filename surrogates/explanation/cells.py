"""What a row holds in the columns of a player."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.blackbox.table import column_names, column_values, is_frame, is_polars

if TYPE_CHECKING:
    from surrogates.explanation.attribution import Attribution

__all__ = [
    "Cells",
    "are_times",
    "as_numbers",
    "cell_objects",
    "cells_of",
    "find_cells",
    "takes_order",
]


@dataclass(frozen=True)
class Cells:
    """The raw values behind the players of an explanation.

    Parameters
    ----------
    data : {ndarray, DataFrame} of shape (n_rows, n_columns)
    columns : tuple of tuple of int
        Positions of the columns of each player; none where a player is no column of `data`.
    grouped : tuple of bool
        Which players are groups of columns, shown as text such as "a=1, b=x".
    """

    data: Any
    columns: tuple[tuple[int, ...], ...]
    grouped: tuple[bool, ...]

    def player(self, player: int) -> NDArray[Any]:
        """Return what the rows hold for one player, as an array of objects."""
        columns = self.columns[player]
        if not columns:
            return np.full(self.data.shape[0], None, dtype=object)
        if not self.grouped[player]:
            return cell_objects(self.data, columns[0])
        names = column_names(self.data)
        texts = [
            [
                f"{names[column]}={'missing' if pd.isna(value) is True else value}"
                for value in cell_objects(self.data, column)
            ]
            for column in columns
        ]
        return np.array([", ".join(row) for row in zip(*texts, strict=True)], dtype=object)

    def matrix(self) -> NDArray[Any]:
        """Return an array of objects of shape (n_rows, n_players)."""
        cells = np.empty((self.data.shape[0], len(self.columns)), dtype=object)
        for player in range(len(self.columns)):
            cells[:, player] = self.player(player)
        return cells

    def levels(self, player: int) -> list[Any] | None:
        """Return the categories of a categorical column in their order, else None."""
        columns = self.columns[player]
        if not columns or self.grouped[player] or not is_frame(self.data):
            return None
        categories: Any = getattr(list(self.data.dtypes)[columns[0]], "categories", None)
        return categories.to_list() if hasattr(categories, "to_list") else None

    def numbers(self, player: int) -> NDArray[np.float64] | None:
        """Return the values of one player as floats, or None where they are no numbers."""
        columns = self.columns[player]
        if not columns or self.grouped[player]:
            return None
        return as_numbers(column_values(self.data, columns[0]))


def cells_of(explanation: "Attribution") -> Cells:
    """Return what the explained rows hold."""
    groups = explanation.params.get("groups")
    return find_cells(explanation.data, explanation.feature_names, groups)


def find_cells(
    data: Any, feature_names: Sequence[str], groups: Mapping[str, Sequence[Any]] | None
) -> Cells:
    """Find the columns of each player.

    Parameters
    ----------
    data : {ndarray, DataFrame} of shape (n_rows, n_columns)
    feature_names : sequence of str
        Names of the players.
    groups : mapping or None
        Names or positions of the columns of the players that are groups.

    Raises
    ------
    ValueError
        A group has a column that `data` lacks.
    """
    names = column_names(data)
    groups = {str(name): group for name, group in (groups or {}).items()}
    grouped = tuple(name in groups for name in feature_names)
    if takes_order(data, feature_names, groups):
        return Cells(data, tuple((position,) for position in range(len(names))), grouped)
    known = {name: position for position, name in enumerate(names)}
    columns = tuple(
        tuple(_column_position(name, column, known) for column in groups[name])
        if name in groups
        else ((known[name],) if name in known else ())
        for name in feature_names
    )
    return Cells(data, columns, grouped)


def takes_order(
    data: Any, feature_names: Sequence[str], groups: Mapping[str, Sequence[Any]] | None
) -> bool:
    """Tell whether players are matched with the columns of an array by order, not by name."""
    return not is_frame(data) and not groups and len(feature_names) == data.shape[1]


def _column_position(group: str, column: Any, known: Mapping[str, int]) -> int:
    if str(column) in known:
        return known[str(column)]
    if isinstance(column, (int, np.integer)) and 0 <= column < len(known):
        return int(column)
    raise ValueError(
        f"params['groups'] has the column {column!r} in the group {group!r}, but data has only "
        f"{list(known)}."
    )


def cell_objects(data: Any, position: int) -> NDArray[Any]:
    """Return a column as Python's or pandas' own objects; integers with gaps stay integers."""
    if is_polars(data):
        column = pd.Series(data.to_series(position).to_list(), dtype=object)
    elif is_frame(data):
        column = data.iloc[:, position].astype(object)
    else:
        is_time = data.dtype.kind in "mM"  # numpy would turn nanoseconds into integers
        column = pd.Series(data[:, position], dtype=None if is_time else object).astype(object)
    objects: NDArray[Any] = column.to_numpy()
    return objects


def as_numbers(values: NDArray[Any]) -> NDArray[np.float64] | None:
    """Return floats, NaN where missing, or None where some value is neither number nor time.

    Times become days since 1970, as in matplotlib, and durations days.
    """
    if values.dtype.kind in "biuf":
        return values.astype(np.float64)
    if values.dtype.kind in "mM":
        start = 0 if values.dtype.kind == "m" else np.datetime64(0, "s")
        days: NDArray[np.float64] = (values - start) / np.timedelta64(1, "D")
        return days
    missing = np.asarray(pd.isna(values), dtype=bool)
    present = values[~missing]
    if are_times(present):
        present = as_numbers(pd.to_datetime(present, utc=True).tz_convert(None).to_numpy())
    elif not present.size or not all(isinstance(value, _NUMBERS) for value in present):
        return None
    numbers = np.full(values.shape, np.nan)
    numbers[~missing] = present
    return numbers


def are_times(values: NDArray[Any]) -> bool:
    """Tell whether the values, the missing ones aside, are points in time."""
    if values.dtype.kind == "O":
        present = values[~np.asarray(pd.isna(values), dtype=bool)]
        return bool(present.size) and all(isinstance(value, date) for value in present)
    return values.dtype.kind == "M"


_NUMBERS = (int, float, Decimal, np.number, np.bool_)
