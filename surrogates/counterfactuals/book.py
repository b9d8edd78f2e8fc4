"""What the model has said about the candidates of one explained row."""

from collections.abc import Generator, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogates.counterfactuals.moves import Start

__all__ = ["Answers", "Book", "Questions"]


class Answers(NamedTuple):
    """What is known of candidate rows once they were asked about.

    Parameters
    ----------
    margins : ndarray of shape (n,)
        By how much the model's answer passes what is wanted; NaN where it was not asked, because
        a rule forbids the row.
    valid : ndarray of bool of shape (n,)
    costs : ndarray of shape (n,)
    asked : ndarray of bool of shape (n,)
        False where the budget left no room for the row.
    """

    margins: NDArray[np.float64]
    valid: NDArray[np.bool_]
    costs: NDArray[np.float64]
    asked: NDArray[np.bool_]

    def part(self, rows: slice) -> "Answers":
        """Return what is known of some of the rows."""
        return Answers(self.margins[rows], self.valid[rows], self.costs[rows], self.asked[rows])


Questions = Generator[NDArray[np.float64], Answers, None]
"""A search: it yields candidate rows, as codes, and is sent what is known of them."""


class Book:
    """Candidates of one row, with the model's answers.

    Parameters
    ----------
    start : Start
    margin : float
        Of the row itself.
    is_separable : bool, default=True
        Whether costs are sums over columns, without a penalty.
    """

    def __init__(self, start: Start, margin: float, *, is_separable: bool = True) -> None:
        self.start, self.margin, self.is_separable = start, margin, is_separable
        self._places: dict[bytes, int] = {}
        self._size = 0
        self._rows = np.empty((256, len(start.codes)))
        self._numbers = np.empty((256, 3))  # margin, valid, cost
        own = start.codes[None]
        alone = np.zeros(1), np.ones(1, dtype=bool)
        self._write(own, Answers(np.array([margin]), np.zeros(1, dtype=bool), *alone))

    def __len__(self) -> int:
        return self._size

    @property
    def rows(self) -> NDArray[np.float64]:
        """All candidates, (n, n_columns); the row itself first."""
        return self._rows[: self._size]

    @property
    def margins(self) -> NDArray[np.float64]:
        """Margins, (n,); NaN for candidates that rules forbid."""
        return self._numbers[: self._size, 0]

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Whether each candidate is what was wanted, (n,)."""
        return self._numbers[: self._size, 1] > 0

    @property
    def costs(self) -> NDArray[np.float64]:
        """Costs, (n,)."""
        return self._numbers[: self._size, 2]

    def fresh(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the rows that are not known yet, each once."""
        kept, seen = [], set()
        for position, row in enumerate(rows):
            key = row.tobytes()
            if key not in self._places and key not in seen:
                seen.add(key)
                kept.append(position)
        return rows[kept]

    def ask(self, rows: NDArray[np.float64]) -> Questions:
        """Ask about rows that are not known yet."""
        fresh = self.fresh(rows)
        if len(fresh):
            self._write(fresh, (yield fresh))

    def _write(self, rows: NDArray[np.float64], answers: Answers) -> None:
        rows = rows[answers.asked]
        end = self._size + len(rows)
        if end > len(self._rows):
            room = max(end, 2 * len(self._rows))
            self._rows = np.resize(self._rows, (room, self._rows.shape[1]))
            self._numbers = np.resize(self._numbers, (room, 3))
        self._rows[self._size : end] = rows
        known = np.column_stack([answers.margins, answers.valid, answers.costs])
        self._numbers[self._size : end] = known[answers.asked]
        for offset, row in enumerate(rows):
            self._places[row.tobytes()] = self._size + offset
        self._size = end

    def places(self, rows: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return where rows stand in the book, -1 for those that are not known."""
        return self.places_of([row.tobytes() for row in rows])

    def places_of(self, keys: Iterable[bytes]) -> NDArray[np.int64]:
        """Return where rows stand in the book, by the bytes of their codes."""
        return np.array([self._places.get(key, -1) for key in keys], dtype=np.int64)

    def best(self) -> int:
        """Return the cheapest valid candidate, -1 where there is none."""
        valid = np.flatnonzero(self.valid)
        return int(valid[np.argmin(self.costs[valid])]) if len(valid) else -1

    def ranked(self) -> NDArray[np.int64]:
        """Return the valid candidates, the cheapest first."""
        valid = np.flatnonzero(self.valid)
        return valid[np.argsort(self.costs[valid], kind="stable")]
