"""Enumerate and draw subsets of players of a given size."""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel
from surrogates._kernels.rng import below, mix

__all__ = ["draw_subsets", "enumerate_subsets", "shuffle_rows"]

_ODD = np.uint64(0x9E3779B97F4A7C15)
_EMPTY = np.uint64(0)


@kernel
def enumerate_subsets(out: NDArray[np.uint8], size: int) -> None:
    """Write the first ``len(out)`` subsets of the given size, in lexicographic order.

    Parameters
    ----------
    out : ndarray of shape (n_subsets, n_players)
    size : int
    """
    n_subsets, n_players = out.shape
    members = np.arange(size)
    for subset in range(n_subsets):
        out[subset, :] = 0
        for member in members:
            out[subset, member] = 1
        moved = size - 1
        while moved >= 0 and members[moved] == n_players - size + moved:
            moved -= 1
        if moved < 0:
            return
        members[moved] += 1
        for later in range(moved + 1, size):
            members[later] = members[later - 1] + 1


@kernel
def shuffle_rows(rows: NDArray[np.uint8], seed: int, stream: int) -> None:
    """Permute the rows in place (Fisher and Yates)."""
    n_rows, n_columns = rows.shape
    for last in range(n_rows - 1, 0, -1):
        other = below(last + 1, seed, stream, last)
        if other != last:
            for column in range(n_columns):
                kept = rows[last, column]
                rows[last, column] = rows[other, column]
                rows[other, column] = kept


@kernel
def draw_subsets(out: NDArray[np.uint8], size: int, halved: bool, seed: int, stream: int) -> None:
    """Draw subsets of the given size uniformly and without replacement.

    Each draw is Floyd's algorithm; a subset seen before is drawn again. Meant for populations
    at least twice as large as the number of draws.

    Parameters
    ----------
    out : ndarray of shape (n_subsets, n_players)
    size : int
    halved : bool
        Whether a subset and its complement count as one; the one with player 0 is kept.
    seed, stream : int
    """
    n_subsets, n_players = out.shape
    n_slots = 1
    while n_slots < 4 * n_subsets:
        n_slots *= 2
    seen = np.zeros(n_slots, dtype=np.uint64)
    counter = 0
    drawn = 0
    while drawn < n_subsets:
        subset = out[drawn]
        subset[:] = 0
        for last in range(n_players - size, n_players):
            member = below(last + 1, seed, stream, counter)
            counter += 1
            subset[last if subset[member] else member] = 1
        if halved and subset[0] == 0:
            for player in range(n_players):
                subset[player] = 1 - subset[player]
        if _remember(seen, _signature(subset)):
            drawn += 1


@kernel
def _signature(subset: NDArray[np.uint8]) -> np.uint64:
    """Hash a subset to 64 bits; never the mark of an empty slot."""
    word, signature = np.uint64(0), _ODD
    for player in range(len(subset)):
        word = (word << np.uint64(1)) | np.uint64(subset[player])
        if player % 64 == 63:
            signature = mix(signature ^ word) + _ODD
            word = np.uint64(0)
    signature = mix(signature ^ word)
    return signature if signature != _EMPTY else _ODD


@kernel
def _remember(seen: NDArray[np.uint64], signature: np.uint64) -> bool:
    """Store a signature in a hash table with linear probing; False when it is there already."""
    last = np.uint64(len(seen) - 1)
    slot = signature & last
    while seen[slot] != _EMPTY:
        if seen[slot] == signature:
            return False
        slot = (slot + np.uint64(1)) & last
    seen[slot] = signature
    return True
