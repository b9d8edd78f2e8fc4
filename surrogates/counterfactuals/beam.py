"""Search for the cheapest change that a black box answers as wanted, in few large questions.

Single changes are tried first. Their effects, added up, foretell those of combinations; the
combinations with the largest expected saving are asked about next, beside refinements of what was
found, until nothing promises a saving. Nothing found is then left with idle changes: every subset
of its changes is tried.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates.counterfactuals.book import Book, Questions
from surrogates.counterfactuals.donors import Donors
from surrogates.counterfactuals.forecast import Forecast
from surrogates.counterfactuals.minimal import shrink, undo
from surrogates.counterfactuals.moves import Moves, propose_moves
from surrogates.counterfactuals.refine import refine

__all__ = ["Effort", "beam_search"]

_ROUNDS_WITHOUT = 3
_MOST_AT_ONCE = 160
_MOST_FINER = 4


@dataclass(frozen=True)
class Effort:
    """How much a search may ask.

    Parameters
    ----------
    n_rows : int
        Rows that the model may be asked about.
    n_wanted : int, default=1
        Answers wanted.
    n_rounds : int, default=16
        Questions, each about many rows.
    """

    n_rows: int
    n_wanted: int = 1
    n_rounds: int = 16

    def numbers_on_each_side(self, n_columns: int) -> int:
        """Return how many numbers of each column are tried above and below its own."""
        return int(np.clip(self.n_rows // (5 * n_columns), 2, 12))


def beam_search(book: Book, effort: Effort, donors: Donors) -> Questions:
    """Fill a book with candidates, the cheapest valid one among them irreducible.

    Parameters
    ----------
    book : Book
    effort : Effort
    donors : Donors
        Real rows with the answer wanted, for rows from which no combination leads there.

    Yields
    ------
    rows : ndarray of shape (n, n_columns)
        Candidates to ask about, the most promising first.
    """
    start, n_finer = book.start, 0
    n_each = effort.numbers_on_each_side(len(start.codes))
    moves = propose_moves(start, n_each)
    yield from book.ask(_in_turns(moves, max(1, int(0.45 * effort.n_rows))))
    forecast = Forecast(book, moves.rows, effort.n_wanted)
    for number in range(effort.n_rounds):
        left = effort.n_rows - len(book) + 1
        if left <= 0:
            break
        share = int(np.clip((left - min(left // 4, 64)) // 3, 8, _MOST_AT_ONCE))
        rows = np.concatenate([refine(book, share // 3), forecast.propose(share)])
        if book.best() < 0 and (number >= _ROUNDS_WITHOUT or not len(book.fresh(rows))):
            rows = np.concatenate([donors.rows_for(start), rows])
        rows = book.fresh(rows[:share])
        if n_finer < _MOST_FINER and (forecast.is_stale or not len(rows)):
            n_each, n_finer = int(1.5 * n_each) + 1, n_finer + 1
            finer = _in_turns(propose_moves(start, n_each, forecast.ceiling()), share)
            rows = book.fresh(np.concatenate([rows[: share // 2], finer]))[:share]
            forecast.refocus(finer)
        if not len(rows):
            break
        yield from book.ask(rows)
        if number >= _ROUNDS_WITHOUT:
            yield from shrink(book)
        forecast.learn()
    yield from undo(book, effort.n_rows)


def _in_turns(moves: Moves, most: int) -> NDArray[np.float64]:
    """Return single changes in an order in which every column has its turn."""
    order = np.argsort(moves.costs, kind="stable")
    turns = np.empty(len(order), dtype=np.int64)
    for part in np.unique(moves.part):
        own = order[moves.part[order] == part]
        turns[own] = np.arange(len(own))
    return moves.rows[np.lexsort((moves.costs, turns))[:most]]
