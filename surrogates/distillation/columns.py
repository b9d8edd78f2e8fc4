"""Columns that users name: by name in frames, by position in arrays."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.distillation.coding import Coding
from surrogates.distillation.teacher import Teacher

__all__ = ["column_positions", "monotone_signs"]


def column_positions(
    wanted: Sequence[Any], coding: Coding, owner: str, parameter: str
) -> frozenset[int]:
    """Return the positions of columns, or raise ValueError for one that does not exist."""
    return frozenset(_position(name, coding, owner, parameter) for name in wanted)


def _position(name: Any, coding: Coding, owner: str, parameter: str) -> int:
    names = coding.names
    if str(name) in names and not isinstance(name, (int, np.integer)):
        return names.index(str(name))
    if isinstance(name, (int, np.integer)) and not isinstance(name, bool):
        if str(name) in names:
            return names.index(str(name))
        if 0 <= name < len(names):
            return int(name)
    raise ValueError(
        f"The {parameter!r} parameter of {owner} names the column {name!r}, which does not exist. "
        f"The columns are {list(names)}."
    )


def monotone_signs(
    monotone: Mapping[Any, int] | None, coding: Coding, teacher: Teacher, owner: str
) -> NDArray[np.int64]:
    """Return 1 or -1 for columns along which predictions may only grow or fall, else 0."""
    signs = np.zeros(len(coding.columns), dtype=np.int64)
    for name, sign in (monotone or {}).items():
        at = _position(name, coding, owner, "monotone")
        if sign not in (-1, 0, 1):
            raise ValueError(
                f"The 'monotone' parameter of {owner} must map columns to 1 or -1. "
                f"Got {sign!r} for {name!r}."
            )
        if coding.columns[at].is_nominal:
            raise ValueError(
                f"The 'monotone' parameter of {owner} names the column {name!r}, whose levels "
                "have no order."
            )
        signs[at] = sign
    n_outputs = len(teacher.model.columns) if teacher.classes is None else len(teacher.classes)
    if signs.any() and n_outputs > (1 if teacher.classes is None else 2):
        raise ValueError(
            f"The 'monotone' parameter of {owner} needs a single output or two classes. "
            f"The model has {n_outputs}."
        )
    return signs
