"""Sets of training rows that are removed together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Groups", "read_groups"]


@dataclass(frozen=True, eq=False)
class Groups:
    """Named sets of positions of training rows.

    Parameters
    ----------
    names : tuple
    rows : tuple of ndarray of int
    """

    names: tuple[Any, ...]
    rows: tuple[NDArray[np.int64], ...]


def read_groups(groups: Any, n_train: int) -> Groups:
    """Read what a user passes as groups.

    Parameters
    ----------
    groups : mapping, sequence of sequences, or sequence of int
        Positions, or masks, of the rows of each group; a single group may stand alone.
    n_train : int
        Number of training rows.

    Returns
    -------
    groups : Groups

    Raises
    ------
    ValueError
        No group, an empty one, one with all of the rows, or rows that do not exist.

    Examples
    --------
    >>> read_groups({"branch 7": [0, 3]}, n_train=5).rows
    (array([0, 3]),)
    """
    if isinstance(groups, Mapping):
        names, sets = tuple(groups), list(groups.values())
    else:
        sets = list(groups) if isinstance(groups, Sequence) else list(np.asarray(groups))
        if sets and all(np.ndim(entry) == 0 for entry in sets):
            sets = [np.asarray(groups)]
        names = tuple(range(len(sets)))
    if not sets:
        raise ValueError("groups must hold at least one set of training rows.")
    return Groups(
        names, tuple(_positions(*pair, n_train) for pair in zip(names, sets, strict=True))
    )


def _positions(name: Any, group: Any, n_train: int) -> NDArray[np.int64]:
    given = np.asarray(group)
    given = given.astype(np.int64) if given.size == 0 else given
    if given.ndim != 1 or given.dtype.kind not in "biu":
        raise ValueError(
            f"Group {name!r} must hold positions of training rows or a mask. Got {group!r}."
        )
    if given.dtype.kind == "b" and len(given) != n_train:
        raise ValueError(f"The mask of group {name!r} must have {n_train} entries.")
    rows = np.flatnonzero(given) if given.dtype.kind == "b" else given.astype(np.int64)
    outside = rows[(rows < -n_train) | (rows >= n_train)]
    if outside.size:
        raise ValueError(
            f"Group {name!r} names the row {outside[0]}, but there are {n_train} training rows."
        )
    rows = np.unique(np.where(rows < 0, rows + n_train, rows)).astype(np.int64)
    if not 0 < len(rows) < n_train:
        raise ValueError(f"Group {name!r} must leave some training rows and remove some.")
    return rows
