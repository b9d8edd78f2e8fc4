"""Which columns of linear scores are lines and which are levels, the same for every row."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates.counterfactuals.constraints import Constraints
from surrogates.counterfactuals.moves import Parts, Start

__all__ = ["Layout", "make_layout"]


@dataclass(frozen=True, eq=False)
class Layout:
    """Columns that move alone, so that all of them are treated at once.

    Parameters
    ----------
    is_line : ndarray of bool of shape (n_columns,)
        Numbers that may take any value, or any multiple of a step.
    step : ndarray of shape (n_columns,)
    position, code : ndarray of shape (n_levels,)
        The levels of all such columns, one column after the other.
    choosy : tuple of int
        Columns whose levels depend on the one that the row has.
    others : tuple of int
        Parts of several columns, and of numbers of which only some may be taken.
    """

    is_line: NDArray[np.bool_]
    step: NDArray[np.float64]
    position: NDArray[np.int64]
    code: NDArray[np.float64]
    choosy: tuple[int, ...]
    others: tuple[int, ...]

    def levels_of(self, start: Start) -> NDArray[np.int64]:
        """Return the levels that the cells of a row may take."""
        own = start.codes[self.position]
        open_to = ~start.frozen[self.position] & (self.code != own)
        for position in self.choosy:
            mine = self.position == position
            allowed = start.constraints.levels(position, start.codes[position])
            open_to[mine] &= np.isin(self.code[mine], allowed)
        return np.flatnonzero(open_to)

    def lines_of(self, start: Start) -> NDArray[np.bool_]:
        """Tell which columns of a row are lines: numbers within their bounds."""
        inside = (start.low <= start.codes) & (start.codes <= start.high)
        return self.is_line & inside & ~start.frozen


def make_layout(parts: Parts, constraints: Constraints) -> Layout:
    """Divide the columns of a table.

    Parameters
    ----------
    parts : Parts
    constraints : Constraints
    """
    columns = constraints.columns
    is_line, is_level = np.zeros((2, len(columns)), dtype=bool)
    others = []
    for part, members in enumerate(parts.members):
        column = columns[members[0]]
        if len(members) > 1 or (not column.is_level and column.grid is not None):
            others.append(part)
        else:
            (is_level if column.is_level else is_line)[members[0]] = True
    positions = np.flatnonzero(is_level).tolist()
    choosy = tuple(at for at in positions if constraints.depends_on_row(at))
    chosen = [
        np.arange(len(columns[at].levels.values), dtype=np.float64)
        if at in choosy or at not in constraints.choices
        else constraints.choices[at]
        for at in positions
    ]
    return Layout(
        is_line=is_line,
        step=np.array([column.step for column in columns]),
        position=np.repeat(positions, [len(codes) for codes in chosen]).astype(np.int64),
        code=np.concatenate([*chosen, np.empty(0)]),
        choosy=choosy,
        others=tuple(others),
    )
