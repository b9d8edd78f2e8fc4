"""Gradients propose: the cheapest change of a model taken as linear, again and again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates.blackbox.model import Model
from surrogates.counterfactuals.additive import Additive
from surrogates.counterfactuals.batch import Judge, run_together
from surrogates.counterfactuals.book import Book
from surrogates.counterfactuals.columns import same
from surrogates.counterfactuals.knapsack import fill_knapsack
from surrogates.counterfactuals.layout import Layout
from surrogates.counterfactuals.paths import paths_of
from surrogates.counterfactuals.slopes import Slopes, SlopesReader
from surrogates.exceptions import ModelOutputError

__all__ = ["Descent"]

_N_STEPS = 5
_SHARES = (0.6, 0.9, 1.0, 1.1, 1.4, 2.0)  # of what is missing by the linear model
_BEYOND = 2  # of the rows at the border and beyond, the last but one
_WEIGHTS = np.ones(1)


@dataclass(frozen=True, eq=False)
class Descent:
    """Fills the books of differentiable models with rows that a search can start from.

    The margin is taken as linear near a point; the cheapest change that makes up for what is
    missing then is a knapsack, as for linear models, under all constraints. It is asked about,
    with a little less and a little more, and is the next point: sequential linear programming.

    Parameters
    ----------
    reader : SlopesReader
    model : Model
    layout : Layout
    """

    reader: SlopesReader
    model: Model
    layout: Layout

    def run(self, judge: Judge, books: dict[int, Book], budget: int) -> None:
        """Take some steps from every row, side by side.

        Parameters
        ----------
        judge : Judge
        books : dict of int to Book
            By explained row.
        budget : int
            Model rows that each explained row may spend.
        """
        points = {row: book.start.codes for row, book in books.items()}
        for _ in range(_N_STEPS):
            rows = [row for row in points if judge.spent[row] < budget]
            at, codes = np.array(rows, dtype=np.int64), [points[row] for row in rows]
            if not rows:
                return
            try:
                slopes = self.reader(judge, at, np.array(codes))
            except ModelOutputError:  # the search itself will say what is wrong
                return
            proposed = [
                self._cheapest(books[row], point, own)
                for row, point, own in zip(rows, codes, slopes, strict=True)
            ]
            asked = [books[row].ask(own) for row, own in zip(rows, proposed, strict=True)]
            run_together(asked, at, judge, budget)
            following = [
                _next(books[row], point, own)
                for row, point, own in zip(rows, codes, proposed, strict=True)
            ]
            points = {
                row: after for row, after in zip(rows, following, strict=True) if after is not None
            }

    def _cheapest(
        self, book: Book, point: NDArray[np.float64], slopes: Slopes
    ) -> NDArray[np.float64]:
        """Return the cheapest rows that gain some shares of what is missing, if all is linear."""
        start, numbers = book.start, slopes.of_numbers[:, None]
        levels = tuple(own[:, None] for own in slopes.of_levels)
        linear = Additive(start.columns, np.zeros(1), numbers, levels, self.model)
        own = linear.of_row(start.codes)
        missing = -(slopes.margin + np.nansum(own - linear.of_row(point)))
        paths = paths_of(linear, self.layout, start, own)
        found = [np.empty((0, len(point)))]
        for share in _SHARES:
            rows, _ = fill_knapsack(paths, _WEIGHTS, share * missing)
            found += [] if rows is None else [rows[-_BEYOND:][:1]]
        return np.concatenate(found)


def _next(
    book: Book, point: NDArray[np.float64], proposed: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Return the best candidate to go on from, None where that is the point itself."""
    places = book.places(proposed)
    places, best = places[places >= 0], book.best()
    if best < 0 and len(places):
        best = int(places[np.argmax(np.nan_to_num(book.margins[places], nan=-np.inf))])
    if best < 0 or same(book.rows[best], point).all():
        return None
    return book.rows[best].copy()
