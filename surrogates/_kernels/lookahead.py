"""The first split of the best small tree of single literals, rather than the best single split."""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import constant, kernel
from surrogates._kernels.sweeps import (
    FIRST,
    Limits,
    Planes,
    Room,
    best_supported,
    drop_unsupported,
    make_room,
    sweep,
    weigh,
)

__all__ = ["best_first_literal"]

_ROW, _ALONE = constant(0), constant(1)


@kernel
def _within(planes: Planes, rows: NDArray[np.uint64], total: NDArray[np.float64]) -> Planes:
    """Return the same literals on some of the rows, whose masses are `total`."""
    return Planes(
        planes.literals,
        planes.masses,
        planes.mass_of,
        planes.unit_of,
        rows,
        total,
        planes.allowed,
        planes.n_rows,
    )


@kernel
def _best_split(
    planes: Planes,
    limits: Limits,
    rows: NDArray[np.uint64],
    at: int,
    total: NDArray[np.float64],
    room: Room,
) -> tuple[int, float]:
    """Return the literal that gains most among some rows, and what it gains."""
    weigh(planes.masses, planes.mass_of, planes.unit_of, rows, at, total, _ROW)
    own = _within(planes, rows[at], total[0])
    found = sweep(own, limits, np.zeros((1, FIRST), np.int64), _ROW, _ALONE, 0.0, room)
    best = best_supported(own, limits, _ALONE, 0.0, found, room)
    return best, room.gains[best] if best >= 0 else 0.0


@kernel
def _divide(
    planes: Planes, number: int, rows: NDArray[np.uint64], outside: NDArray[np.uint64]
) -> None:
    """Move rows in which a literal does not hold from `rows` to `outside`."""
    n_literals = planes.literals.shape[1]
    for word in range(rows.shape[0]):
        plane = planes.literals[word, number % n_literals]
        holds = plane if number < n_literals else ~plane
        outside[word] = rows[word] & ~holds
        rows[word] &= holds


@kernel
def _tree_gain(planes: Planes, limits: Limits, number: int, n_leaves: int, room: Room) -> float:
    """Return what is gained after a first split by a greedy tree below it."""
    rows = np.zeros((n_leaves, planes.everything.shape[0]), np.uint64)
    gains, numbers = np.zeros(n_leaves), np.zeros(n_leaves, np.int64)
    total, gained, at = np.empty((1, planes.total.shape[0])), 0.0, 0
    rows[0], numbers[0] = planes.everything, number
    for new in range(1, n_leaves):
        _divide(planes, numbers[at], rows[at], rows[new])
        gained += gains[at]
        for leaf in (at, new):
            numbers[leaf], gains[leaf] = _best_split(planes, limits, rows, leaf, total, room)
        at = int(gains[: new + 1].argmax())
        if gains[at] <= 0.0:
            break
    return gained


@kernel
def best_first_literal(
    planes: Planes, limits: Limits, apart: NDArray[np.int64], n_tried: int, n_leaves: int
) -> tuple[int, float]:
    """Return the literal above the small tree that gains most, and its own gain.

    Parameters
    ----------
    planes : Planes
    limits : Limits
    apart : ndarray of int64 of shape (n_literals,)
        Of literals with the same number, one is tried.
    n_tried : int
        Literals to try.
    n_leaves : int
        Leaves of the small trees.
    """
    n_words, n_literals = planes.literals.shape
    room = make_room(n_words, n_literals, planes.total.shape[0], _ALONE)
    sweep(planes, limits, np.zeros((1, FIRST), np.int64), _ROW, _ALONE, -np.inf, room)
    drop_unsupported(planes, limits, _ALONE, room)
    gains = room.gains[: 2 * n_literals].copy()
    best, own, most = -1, 0.0, -np.inf
    for _ in range(n_tried):
        number = int(gains.argmax())
        gain = gains[number]
        if np.isinf(gain):
            break
        after = _tree_gain(planes, limits, number, n_leaves, room)
        if gain + after > most * (1.0 + 1e-9):
            best, own, most = number, gain, gain + after
        for literal in range(n_literals):
            if apart[literal] == apart[number % n_literals]:
                gains[literal] = gains[literal + n_literals] = -np.inf
    return best, own
