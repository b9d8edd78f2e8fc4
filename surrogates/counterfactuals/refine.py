"""Line refinement: along each changed number, back towards the row as far as the answer holds."""

import numpy as np
from numpy.typing import NDArray

from surrogates.counterfactuals.book import Book
from surrogates.counterfactuals.columns import same
from surrogates.counterfactuals.moves import numbers_between

__all__ = ["refine"]

_STATES = 3
_FRACTIONS = np.arange(1, 12) / 12.0
_FROM_ROOT = np.array([0.0, 1e-9, 1e-6, 1e-4, 1e-2, 0.1])
_LEAST_SAVING = 1e-7


def refine(book: Book, most: int) -> NDArray[np.float64]:
    """Return cheaper neighbours of the best candidates, (n, n_columns).

    Parameters
    ----------
    book : Book
    most : int
        Rows to return at most.
    """
    found = [np.empty((0, len(book.start.codes)))]
    for place in book.ranked()[:_STATES]:
        row = book.rows[place]
        changed = np.flatnonzero(~same(row, book.start.codes)).tolist()
        differs = ~same(book.rows, row)
        n_others = differs.sum(axis=1)
        found += [
            _along(book, row, at, np.flatnonzero(n_others == differs[:, at]))
            for at in changed
            if _is_free_number(book, at)
        ]
    return np.concatenate(found)[: max(0, most)]


def _is_free_number(book: Book, position: int) -> bool:
    start = book.start
    alone = len(start.parts.members[start.parts.of_column[position]]) == 1
    known = not np.isnan(start.codes[position])
    derived = position in start.constraints.derived
    return alone and known and not start.columns[position].is_level and not derived


def _along(
    book: Book, row: NDArray[np.float64], position: int, line: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return rows between a valid one and the explained row, along one column.

    The candidates on the line are those that are equal to the valid one in all other columns.
    """
    start, column = book.start, book.start.columns[position]
    own, value = start.codes[position], row[position]
    numbers, margins = book.rows[line, position], book.margins[line]
    failed = ~book.valid[line] & (np.sign(numbers - own) == np.sign(value - own))
    inside = failed & (np.abs(numbers - own) < abs(value - own))
    first, first_margin = own, np.nan
    if inside.any():
        nearest = np.flatnonzero(inside)[np.argmax(np.abs(numbers[inside] - own))]
        first, first_margin = numbers[nearest], margins[nearest]
    unit = start.cost.unit[position]
    if abs(value - first) * unit <= _LEAST_SAVING * max(start.costs(row[None])[0], 1e-300):
        return np.empty((0, len(row)))
    last_margin = margins[numbers == value][0]
    fractions = np.concatenate([_near_root(first_margin, last_margin), _FRACTIONS])
    values = numbers_between(column, first, value, fractions)
    if first != own:
        values = np.concatenate([values, numbers_between(column, own, first, _FRACTIONS[::3])])
    values = values[(values >= start.low[position]) & (values <= start.high[position])]
    rows = np.repeat(row[None], len(values), axis=0)
    rows[:, position] = values
    return rows


def _near_root(first: float, last: float) -> NDArray[np.float64]:
    """Return fractions just beyond where a straight line between two margins crosses zero."""
    if not first < 0 < last:
        return np.empty(0)
    root = first / (first - last)
    return root + (1.0 - root) * _FROM_ROOT
