"""Undo what need not change: single changes first, then every subset of up to six."""

from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from surrogates.counterfactuals.book import Book, Questions

__all__ = ["MOST_SUBSETS_OF", "is_irreducible", "lighter_rows", "shrink", "undo"]

MOST_SUBSETS_OF = 6
"""Up to so many changes, all subsets are tried; beyond, single changes are undone."""


def lighter_rows(book: Book, row: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a row with some of its changes undone, (n, n_columns).

    Columns that only move together are undone together.

    Parameters
    ----------
    book : Book
    row : ndarray of shape (n_columns,)
    """
    start = book.start
    parts = np.flatnonzero(start.parts.changed(row[None], start.codes)[0])
    parts = parts[[not _is_derived(book, int(part)) for part in parts]]
    kept = _proper_subsets(len(parts))
    stays = np.zeros((len(kept), len(start.parts)), dtype=bool)
    stays[:, parts] = kept
    lighter: NDArray[np.float64] = np.where(stays[:, start.parts.of_column], row, start.codes)
    return lighter


@lru_cache(maxsize=64)
def _proper_subsets(n: int) -> NDArray[np.bool_]:
    """Return the subsets of n changes that are tried, (n_subsets, n), the smallest first."""
    if n > MOST_SUBSETS_OF:
        return ~np.eye(n, dtype=bool)
    kept = [some for size in range(1, n) for some in combinations(range(n), size)]
    subsets = np.zeros((len(kept), n), dtype=bool)
    for subset, some in zip(subsets, kept, strict=True):
        subset[list(some)] = True
    return subsets


def _is_derived(book: Book, part: int) -> bool:
    (first, *_) = book.start.parts.members[part]
    return first in book.start.constraints.derived


def is_irreducible(book: Book, row: NDArray[np.float64]) -> bool:
    """Tell whether all rows with some changes undone are known not to do."""
    places = book.places(lighter_rows(book, row))
    return bool((places >= 0).all() and not book.valid[places].any())


def undo(book: Book, most: int) -> Questions:
    """Ask until the cheapest valid candidate is irreducible, or the budget is spent.

    Parameters
    ----------
    book : Book
    most : int
        Candidates in the book at most.
    """
    while len(book) <= most:
        best = book.best()
        if best < 0:
            return
        rows = book.fresh(lighter_rows(book, book.rows[best]))
        known = len(book)
        yield from book.ask(rows)
        if len(book) == known:  # nothing to ask, or nothing left to ask with
            return


def shrink(book: Book) -> Questions:
    """Undo many changes of the cheapest valid candidate: single ones, then the least needed."""
    best = book.best()
    if best < 0:
        return
    row, start = book.rows[best].copy(), book.start
    parts = np.flatnonzero(start.parts.changed(row[None], start.codes)[0])
    if len(parts) <= MOST_SUBSETS_OF:
        return
    rows = lighter_rows(book, row)
    yield from book.ask(rows)
    places = book.places(rows)
    known = places >= 0
    if not known.all():
        return
    margins = np.nan_to_num(book.margins[places], nan=-np.inf)
    saved = start.costs(row[None])[0] - start.costs(rows)
    order = np.lexsort((-saved, -margins))
    lighter = np.repeat(row[None], len(order) - 1, axis=0)
    for count in range(1, len(order)):
        gone = np.isin(start.parts.of_column, parts[order[:count]])
        lighter[count - 1 :, gone] = start.codes[gone]
    yield from book.ask(lighter)
