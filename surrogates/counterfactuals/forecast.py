"""Effects of single changes, added up: which combinations are worth a question."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from surrogates.counterfactuals.book import Book
from surrogates.counterfactuals.moves import Moves

__all__ = ["Forecast"]

_MOST_STATES = 96
_MOST_TIMES = 2.5
_STALE = 0.7
_LEAST_SAVING = 1e-4
_LEAST_SPREAD, _FIRST_SPREAD = 0.05, 0.3


class Forecast:
    """Foretells the margins of combinations, and learns how far it is off.

    Parameters
    ----------
    book : Book
    singles : ndarray of shape (n_singles, n_columns)
        Rows with a single change; those that were asked about are used.
    n_wanted : int
        Answers wanted.
    """

    def __init__(self, book: Book, singles: NDArray[np.float64], n_wanted: int) -> None:
        self.book, self.n_wanted = book, n_wanted
        self.spread = max(_FIRST_SPREAD * abs(book.margin), 1e-12)
        self._foretold: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        self._focus = np.inf
        self._ceiling = 0, np.inf  # as of so many candidates
        self._finer: NDArray[np.float64] | None = None
        self._use(singles)

    def _use(self, rows: NDArray[np.float64]) -> None:
        """Take single changes that were answered, and lead closer, as the steps to combine."""
        book, start = self.book, self.book.start
        places = np.unique(book.places(rows))
        places = places[places >= 0]
        with np.errstate(invalid="ignore"):  # a class that is never reached is infinitely far
            gains = book.margins[places] - book.margin
        useful = (gains > 0) | np.isnan(gains)  # a rule may forbid a change only when it is alone
        rows = book.rows[places[useful]]
        changed = start.parts.changed(rows, start.codes)
        self.moves = Moves(rows, changed.argmax(axis=1), start.costs(rows))
        self.gains = np.nan_to_num(gains[useful])

    def ceiling(self) -> float:
        """Return what a candidate may cost to be of use."""
        if self._ceiling[0] != len(self.book):
            self._ceiling = len(self.book), self._find_ceiling()
        return self._ceiling[1]

    def _find_ceiling(self) -> float:
        book = self.book
        ranked = book.ranked()
        if not len(ranked):
            return np.inf
        guides = book.start.costs(book.rows[ranked[:200]])
        cheapest = float(guides[0])
        if not book.is_separable:
            cheapest *= 2.0
        if self.n_wanted == 1:
            return cheapest
        distinct = guides[self._first_of_kinds(book.rows[ranked[:200]])]
        if len(distinct) < self.n_wanted:
            return _MOST_TIMES**2 * cheapest
        ceiling = _MOST_TIMES * cheapest
        enough = len(distinct) >= 2 * self.n_wanted
        return min(ceiling, float(distinct[2 * self.n_wanted - 1])) if enough else ceiling

    def _first_of_kinds(self, rows: NDArray[np.float64]) -> list[int]:
        """Return the places of the rows that are the first to change the parts that they do."""
        changed = self.book.start.parts.changed(rows, self.book.start.codes)
        first: dict[bytes, int] = {}
        for place, kind in enumerate(np.packbits(changed, axis=1)):
            first.setdefault(kind.tobytes(), place)
        return list(first.values())

    @property
    def is_stale(self) -> bool:
        """Whether a better answer has made the steps tried too coarse."""
        ceiling = self.ceiling()
        return bool(np.isfinite(ceiling)) and ceiling < _STALE * self._focus

    def refocus(self, finer: NDArray[np.float64]) -> None:
        """Remember that finer steps are about to be asked, to be combined with all others."""
        self._focus = self.ceiling()
        self._finer = np.concatenate([self.moves.rows, finer])

    def propose(self, count: int) -> NDArray[np.float64]:
        """Return the combinations with the largest expected saving, (n, n_columns)."""
        book, ceiling = self.book, self.ceiling()
        cheap = self.moves.costs < ceiling
        moves = Moves(self.moves.rows[cheap], self.moves.part[cheap], self.moves.costs[cheap])
        if not len(moves) or count <= 0:
            return np.empty((0, len(book.start.codes)))
        states = self._states(ceiling)
        rows, margins = book.rows[states], book.margins[states]
        margins = np.where(np.isnan(margins), book.margin, margins)
        foretold = margins[:, None] + self.gains[cheap][None]
        costs = book.start.costs(rows)[:, None] + moves.costs[None]
        usable = ~book.start.parts.changed(rows, book.start.codes)[:, moves.part]
        usable &= costs < ceiling
        values = self._savings(foretold, costs, usable, ceiling)
        best = _largest(values, 3 * count)
        combined = self._combine(rows, moves, best)
        fine = book.start.n_changes(combined) <= book.start.most_changes
        self._foretold = combined[fine], foretold.flat[best[fine]]
        return book.fresh(combined[fine])[:count]

    def _states(self, ceiling: float) -> NDArray[np.int64]:
        """Return the candidates to build on: those that are short of the goal by little."""
        book = self.book
        costs = book.start.costs(book.rows)
        open_ones = np.flatnonzero(~book.valid & (costs < ceiling))
        costs = costs[open_ones]
        if len(open_ones) <= _MOST_STATES:
            return open_ones
        gained = np.nan_to_num(book.margins[open_ones], nan=book.margin) - book.margin
        half = _MOST_STATES // 2
        efficiency = gained / (costs + 0.05 * costs.mean())
        kept = np.concatenate([_largest(efficiency, half), _largest(gained, half)])
        return open_ones[np.unique(kept)]

    def _savings(
        self,
        foretold: NDArray[np.float64],
        costs: NDArray[np.float64],
        usable: NDArray[np.bool_],
        ceiling: float,
    ) -> NDArray[np.float64]:
        """Return how much cheaper than the best known each combination is expected to be."""
        values = np.zeros(foretold.shape)
        told, price = foretold[usable], costs[usable]
        if np.isinf(ceiling) and not (told > 0).any():
            # nothing seems to lead there yet: go where most is gained
            with np.errstate(invalid="ignore"):
                values[usable] = np.maximum(np.nan_to_num(told - self.book.margin), 0.0)
            return values
        if np.isinf(ceiling):
            ceiling = 2.0 * float(price[told > 0].min())
        saved = np.maximum(ceiling - price, 0.0) * ndtr(told / self.spread)
        values[usable] = np.where(saved > _LEAST_SAVING * ceiling, saved, 0.0)
        return values

    def _combine(
        self, rows: NDArray[np.float64], moves: Moves, places: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return states, each with one more change made."""
        state, move = np.divmod(places, len(moves))
        of_column = self.book.start.parts.of_column
        moved = of_column[None] == moves.part[move][:, None]
        combined: NDArray[np.float64] = np.where(moved, moves.rows[move], rows[state])
        return combined

    def learn(self) -> None:
        """Measure how far the forecasts were off, and take finer steps into use."""
        if self._foretold is not None:
            rows, told = self._foretold
            places = self.book.places(rows)
            errors = self.book.margins[places[places >= 0]] - told[places >= 0]
            errors = errors[np.isfinite(errors)]
            if len(errors) >= 8:
                least = _LEAST_SPREAD * abs(self.book.margin)
                self.spread = max(float(np.sqrt(np.mean(errors**2))), least, 1e-12)
        if self._finer is not None:
            self._use(self._finer)
            self._finer = None


def _largest(values: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the flat places of the largest positive values, the largest first."""
    flat = values.ravel()
    most = min(count, int((flat > 0).sum()))
    if not most:
        return np.empty(0, dtype=np.int64)
    top = np.argpartition(-flat, most - 1)[:most]
    return top[np.lexsort((top, -flat[top]))]
