"""From valid candidates towards real rows, until they are close enough."""

import numpy as np
from numpy.typing import NDArray

from surrogates.counterfactuals.book import Book, Questions
from surrogates.counterfactuals.donors import Donors
from surrogates.counterfactuals.minimal import undo
from surrogates.counterfactuals.plausibility import Crowd, Plausibility

__all__ = ["approach_crowd"]

_NEAREST = 200
_PER_ROUND = 60
_ROUNDS = 3


def approach_crowd(book: Book, crowd: Crowd, plausibility: Plausibility, most: int) -> Questions:
    """Ask about candidates that take values of real rows, the cheapest that are close enough.

    Parameters
    ----------
    book : Book
    crowd : Crowd
        Real rows with the answer wanted.
    plausibility : Plausibility
    most : int
        Candidates in the book at most.
    """
    if not len(crowd.codes):
        return
    donors = Donors(crowd.codes).projected(book.start)
    for _ in range(_ROUNDS):
        left = most - len(book)
        rows = _towards(book, donors, crowd, plausibility)
        fresh = book.fresh(rows)[: min(left, _PER_ROUND)]
        if left <= 0 or not len(fresh):
            break
        yield from book.ask(fresh)
    yield from undo(book, most)


def _towards(
    book: Book, donors: NDArray[np.float64], crowd: Crowd, plausibility: Plausibility
) -> NDArray[np.float64]:
    """Return blends of good candidates and donors, the cheapest first."""
    start = book.start
    bound = plausibility.bound(crowd) if plausibility.measure == "distance" else np.inf
    reached = np.flatnonzero((book.margins >= 0) | book.valid)
    order = np.argsort(start.costs(book.rows[reached]), kind="stable")
    found = []
    for place in reached[order[:6]]:
        row = book.rows[place]
        near = donors[np.argsort(_sums(row, donors, crowd), kind="stable")[:_NEAREST]]
        found.append(_blends(row, near, book, crowd, bound))
    rows = np.concatenate([*found, np.empty((0, len(start.codes)))])
    rows = rows[start.n_changes(rows) <= start.most_changes]
    costs = start.costs(rows)
    if plausibility.penalty:
        costs = costs + plausibility.penalty * crowd.distances(rows)
    return rows[np.argsort(costs, kind="stable")]


def _gaps(
    row: NDArray[np.float64], donors: NDArray[np.float64], crowd: Crowd
) -> NDArray[np.float64]:
    """Return the distance that each column contributes, (n_donors, n_columns)."""
    scales = np.where(crowd.scales > 0, crowd.scales, 1.0)
    gaps = np.minimum(np.abs(donors - row) / scales, 1.0)
    jumps = np.where(donors == row, 0.0, 1.0)
    gaps = np.where(crowd.scales > 0, gaps, jumps)
    return np.where(np.isnan(gaps), 1.0, gaps)


def _sums(
    row: NDArray[np.float64], donors: NDArray[np.float64], crowd: Crowd
) -> NDArray[np.float64]:
    sums: NDArray[np.float64] = _gaps(row, donors, crowd).sum(axis=1)
    return sums


def _blends(
    row: NDArray[np.float64],
    donors: NDArray[np.float64],
    book: Book,
    crowd: Crowd,
    bound: float,
) -> NDArray[np.float64]:
    """Return, for each donor, the candidate with as many of its values as it takes.

    Values are taken in the order of how much closer they lead per cost.
    """
    start = book.start
    if not len(donors):
        return donors
    gaps = _gaps(row, donors, crowd)
    extra = start.cost.by_column(start.codes, donors) - start.cost.by_column(start.codes, row)
    of_part = np.zeros((start.codes.shape[0], len(start.parts)))
    of_part[np.arange(len(row)), start.parts.of_column] = 1.0
    part_gaps, part_extra = gaps @ of_part, extra @ of_part
    worth = part_gaps / (np.maximum(part_extra, 0.0) + 1e-9)
    order = np.argsort(-worth, axis=1, kind="stable")
    closer = np.cumsum(np.take_along_axis(part_gaps, order, axis=1), axis=1)
    missing = gaps.sum(axis=1) - bound * len(row) * (1.0 - 1e-9)
    if not np.isfinite(bound):
        missing = 0.5 * gaps.sum(axis=1)
    taken = (closer - np.take_along_axis(part_gaps, order, axis=1)) < missing[:, None]
    chosen = np.zeros_like(taken)
    np.put_along_axis(chosen, order, taken, axis=1)
    chosen &= part_gaps > 0
    blended: NDArray[np.float64] = np.where(chosen[:, start.parts.of_column], donors, row)
    return blended
