"""Several answers that differ: determinantal selection from the irreducible candidates."""

import numpy as np
from numpy.typing import NDArray

from surrogates.counterfactuals.book import Book, Questions
from surrogates.counterfactuals.columns import same
from surrogates.counterfactuals.minimal import is_irreducible, lighter_rows

__all__ = ["choose_diverse", "gather_pool", "greedy_determinant", "similarity"]

_POOL = 10
_MOST_TIMES = 2.5
_JITTER = 1e-4


def similarity(book: Book, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return ``1 / (1 + distance)`` between candidates, (n, n), the distance being the cost.

    This is the kernel of Mothilal, Sharma and Tan (2020).
    """
    rows = book.rows[places]
    start = book.start
    distances = np.array([start.cost(row, rows) for row in rows]).reshape(len(rows), len(rows))
    kernel: NDArray[np.float64] = 1.0 / (1.0 + (distances + distances.T) / 2.0)
    return kernel + _JITTER * np.eye(len(rows))


def greedy_determinant(kernel: NDArray[np.float64], count: int) -> list[int]:
    """Return the positions that a greedy maximisation of the determinant takes, 0 first.

    Each step takes the candidate with the largest conditional variance given those taken: a
    Cholesky factor grows by one row (Chen, Zhang and Zhou, 2018).

    Examples
    --------
    >>> import numpy as np
    >>> greedy_determinant(np.array([[1.0, 0.9, 0.1], [0.9, 1.0, 0.1], [0.1, 0.1, 1.0]]), 2)
    [0, 2]
    """
    n = len(kernel)
    factor, left = np.zeros((n, 0)), np.diag(kernel).copy()
    taken = [0]
    while len(taken) < min(count, n):
        last = taken[-1]
        column = (kernel[:, last] - factor @ factor[last]) / np.sqrt(max(left[last], 1e-12))
        factor = np.column_stack([factor, column])
        left = left - column**2
        left[taken] = -np.inf
        taken.append(int(np.argmax(left)))
    return taken


def choose_diverse(book: Book, places: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Choose candidates: the cheapest, then those that differ most, at reasonable costs.

    Parameters
    ----------
    book : Book
    places : ndarray of shape (n_valid,)
        Valid candidates, the cheapest first.
    count : int

    Returns
    -------
    chosen : ndarray of shape (n_chosen,)
        The cheapest first; irreducible ones only, but for the cheapest of all.
    """
    if len(places) <= 1 or count == 1:
        return places[:1]
    pool = [int(places[0])]
    for place in _distinct(book, places):
        if len(pool) < _POOL * count and place != pool[0] and _is_fit(book, place):
            pool.append(place)
    costs = book.costs[pool]
    ceiling = max(_MOST_TIMES * costs[0], costs[min(count, len(pool)) - 1])
    kept = np.array(pool, dtype=np.int64)[costs <= ceiling]
    kernel = similarity(book, kept)
    taken = greedy_determinant(kernel, count)
    nearest = list(range(len(taken)))
    if _determinant(kernel, nearest) > _determinant(kernel, taken):
        taken = nearest
    chosen = kept[taken]
    return chosen[np.argsort(book.costs[chosen], kind="stable")]


def _determinant(kernel: NDArray[np.float64], taken: list[int]) -> float:
    return float(np.linalg.det(kernel[np.ix_(taken, taken)]))


def _is_fit(book: Book, place: int) -> bool:
    return is_irreducible(book, book.rows[place])


def _distinct(book: Book, places: NDArray[np.int64]) -> list[int]:
    """Keep the cheapest of the candidates that change the same columns the same way."""
    rows, own = book.rows[places], book.start.codes
    shift = np.where(same(rows, own), 0.0, rows - own)
    ways = np.where(book.start.cost.is_level & (shift != 0), rows + 1e9, np.sign(shift))
    first: dict[bytes, int] = {}
    for place, way in zip(places.tolist(), np.where(np.isnan(ways), 2.0, ways) + 0.0, strict=True):
        first.setdefault(way.tobytes(), place)
    return list(first.values())


def gather_pool(book: Book, count: int, most: int) -> Questions:
    """Ask what is needed to know which of the cheap candidates are irreducible.

    Parameters
    ----------
    book : Book
    count : int
        Answers wanted.
    most : int
        Candidates in the book at most.
    """
    places = _distinct(book, book.ranked())[: _POOL * count]
    rows = [lighter_rows(book, book.rows[place]) for place in places]
    fresh = book.fresh(np.concatenate([*rows, np.empty((0, len(book.start.codes)))]))
    left = most - len(book)
    if left > 0 and len(fresh):
        yield from book.ask(fresh[:left])
