"""Players: the features, or groups of columns, that are present or absent together."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Players", "make_players"]


@dataclass(frozen=True)
class Players:
    """Who plays: one player per column, or per group of columns.

    Parameters
    ----------
    names : tuple of str
    of_column : ndarray of shape (n_columns,)
        The player that owns each column.
    groups : dict
        The columns of every player that is a group, by its name: names for frames, positions for
        arrays.
    """

    names: tuple[str, ...]
    of_column: NDArray[np.int64]
    groups: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def are_columns(self) -> bool:
        """Whether every player is one column, in the order of the columns."""
        return np.array_equal(self.of_column, np.arange(len(self.names)))

    def gather(self, of_columns: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Tell for each player whether any of its columns is marked; columns are the last axis."""
        if self.are_columns:
            return of_columns
        order = np.argsort(self.of_column, kind="stable")
        owners, starts = np.unique(self.of_column[order], return_index=True)
        marked = np.zeros((*of_columns.shape[:-1], len(self.names)), dtype=bool)
        marked[..., owners] = np.logical_or.reduceat(of_columns[..., order], starts, axis=-1)
        return marked


def make_players(
    columns: Sequence[str],
    groups: Mapping[str, Sequence[Hashable]] | None,
    *,
    named: bool,
    owner: str,
) -> Players:
    """Divide columns into players; a column in no group is a player of its own.

    Parameters
    ----------
    columns : sequence of str
        Names of all columns.
    groups : mapping or None
        Name of a group -> its columns: names for frames, positions for arrays.
    named : bool
        Whether the columns come from a frame.
    owner : str
        Name of the estimator, for messages.

    Raises
    ------
    ValueError
        A group names an unknown column, is empty, overlaps another, or has a column's name.

    Returns
    -------
    players : Players
        In the order of their first columns.

    Examples
    --------
    >>> groups = {"home": ["city", "zip"]}
    >>> make_players(["city", "age", "zip"], groups, named=True, owner="LIME").names
    ('home', 'age')
    """
    positions = _positions_of_groups(columns, groups or {}, named=named, owner=owner)
    group_of = {position: name for name, own in positions.items() for position in own}
    name_of = [group_of.get(position, column) for position, column in enumerate(columns)]
    alone = {column for position, column in enumerate(columns) if position not in group_of}
    if alone & set(positions):
        raise ValueError(
            f"The 'groups' parameter of {owner} gives the name of a column outside the group to a "
            f"group: {sorted(alone & set(positions))}."
        )
    places = {name: place for place, name in enumerate(dict.fromkeys(name_of))}
    of_column = np.array([places[name] for name in name_of], dtype=np.int64)
    members = {
        name: [columns[position] if named else position for position in own]
        for name, own in positions.items()
    }
    return Players(tuple(places), of_column, members)


def _positions_of_groups(
    columns: Sequence[str],
    groups: Mapping[str, Sequence[Hashable]],
    *,
    named: bool,
    owner: str,
) -> dict[str, list[int]]:
    """Return the positions of the columns of each group."""
    place_of: dict[Any, int] = {column: place for place, column in enumerate(columns)}
    positions: dict[str, list[int]] = {}
    taken: dict[int, str] = {}
    for name, members in groups.items():
        if isinstance(members, str) or not isinstance(members, Collection) or not len(members):
            raise ValueError(
                f"The 'groups' parameter of {owner} must map names to lists of columns. "
                f"Group {name!r} is {members!r}."
            )
        for member in members:
            position = place_of.get(str(member)) if named else _as_position(member, len(columns))
            if position is None:
                known = list(columns) if named else f"positions 0 to {len(columns) - 1}"
                raise ValueError(
                    f"The 'groups' parameter of {owner} names the unknown column {member!r} in "
                    f"group {name!r}. The columns are {known}."
                )
            if position in taken:
                raise ValueError(
                    f"The 'groups' parameter of {owner} must not overlap: column {member!r} is in "
                    f"group {taken[position]!r} and in group {name!r}."
                )
            taken[position] = str(name)
            positions.setdefault(str(name), []).append(position)
    return positions


def _as_position(member: Any, n_columns: int) -> int | None:
    if isinstance(member, bool) or not isinstance(member, (int, np.integer)):
        return None
    return int(member) if 0 <= member < n_columns else None
