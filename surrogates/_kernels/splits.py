"""Bit planes: 64 rows in a word, so that a m-of-n test is weighed by `and` and popcount.

A plane has one bit for each row, padded with zeros to whole words. To add a literal to a test
of which ``count`` literals hold, only rows on the edge matter: those with ``count == m - 1`` where
m is kept, and those with ``count == m`` where m grows by one.
"""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = [
    "choose_cuts",
    "count_ones",
    "count_planes",
    "pack_columns",
    "pack_cuts",
    "pack_rows",
    "place_rows",
    "unpack_rows",
]

_ONE = np.uint64(1)
_PAIRS = np.uint64(0x5555555555555555)
_QUADS = np.uint64(0x3333333333333333)
_BYTES = np.uint64(0x0F0F0F0F0F0F0F0F)
_SUM = np.uint64(0x0101010101010101)
_S1, _S2, _S4, _S56 = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)


@kernel
def count_ones(word: np.uint64) -> np.uint64:
    """Return the number of ones in a word; compilers know these steps as one instruction."""
    word = word - ((word >> _S1) & _PAIRS)
    word = (word & _QUADS) + ((word >> _S2) & _QUADS)
    word = (word + (word >> _S4)) & _BYTES
    return (word * _SUM) >> _S56


@kernel
def pack_rows(flags: NDArray[np.bool_], plane: NDArray[np.uint64]) -> None:
    """Write the flags of rows into a plane of ``ceil(n_rows / 64)`` words."""
    plane[:] = np.uint64(0)
    for row in range(flags.shape[0]):
        if flags[row]:
            plane[row >> 6] |= _ONE << np.uint64(row & 63)


@kernel
def unpack_rows(plane: NDArray[np.uint64], flags: NDArray[np.bool_]) -> None:
    """Write the bits of a plane into the flags of rows."""
    for row in range(flags.shape[0]):
        flags[row] = (plane[row >> 6] >> np.uint64(row & 63)) & _ONE != 0


@kernel
def pack_cuts(places: NDArray[np.int32], planes: NDArray[np.uint64], first: int, n: int) -> None:
    """Write the planes of the cuts of one column: bit i of plane k says ``places[i] <= k``.

    Parameters
    ----------
    places : ndarray of int32 of shape (n_rows,)
        The first cut that a row does not exceed; the number of cuts where it exceeds all, or has
        no value.
    planes : ndarray of uint64 of shape (n_words, n_planes), written
    first, n : int
        Where the planes of the cuts start, and how many they are.
    """
    for word in range(planes.shape[0]):
        for cut in range(first, first + n):
            planes[word, cut] = np.uint64(0)
    for row in range(places.shape[0]):
        if places[row] < n:
            planes[row >> 6, first + places[row]] |= _ONE << np.uint64(row & 63)
    for word in range(planes.shape[0]):
        for cut in range(first + 1, first + n):
            planes[word, cut] |= planes[word, cut - 1]


@kernel
def count_planes(
    literals: NDArray[np.uint64], edges: NDArray[np.uint64], counts: NDArray[np.int64]
) -> None:
    """Write how many rows each literal has in common with each set of rows.

    Parameters
    ----------
    literals : ndarray of uint64 of shape (n_literals, n_words)
    edges : ndarray of uint64 of shape (n_sets, n_words)
    counts : ndarray of int64 of shape (n_literals, n_sets), written
    """
    for literal in range(literals.shape[0]):
        for subset in range(edges.shape[0]):
            ones = np.uint64(0)
            for word in range(literals.shape[1]):
                ones += count_ones(literals[literal, word] & edges[subset, word])
            counts[literal, subset] = ones


@kernel
def choose_cuts(ordered: NDArray[np.float64], n_cuts: int, cuts: NDArray[np.float64]) -> int:
    """Write thresholds between ordered numbers, and return how many.

    Those between all different numbers, or where these are more than `n_cuts`, those next to equal
    shares of the numbers. A threshold lies in the middle where there is room, and is never the
    upper number.
    """
    n, n_steps, found, last = ordered.shape[0], 0, 0, -1
    for i in range(n - 1):
        if ordered[i] < ordered[i + 1]:
            n_steps, last = n_steps + 1, i
    wanted, share = 0, (n - 1) / (n_cuts + 1)
    for i in range(n - 1):
        if wanted == n_cuts and n_steps > n_cuts:
            break
        if not ordered[i] < ordered[i + 1]:
            continue
        if n_steps > n_cuts:
            if i < share * (wanted + 1) and i != last:
                continue
            while wanted < n_cuts and (share * (wanted + 1) <= i or i == last):
                wanted += 1
        middle = ordered[i] + (ordered[i + 1] - ordered[i]) / 2
        inside = np.isfinite(middle) and middle < ordered[i + 1]
        cuts[found] = middle if inside else ordered[i]
        found += 1
    return found


@kernel
def place_rows(
    values: NDArray[np.float64], cuts: NDArray[np.float64], places: NDArray[np.int32]
) -> None:
    """Write the first of the ordered cuts that each number does not exceed.

    All cuts are compared with, which is faster than a search where they are few.
    """
    places[:] = 0
    for cut in cuts:
        for row in range(values.shape[0]):
            places[row] += np.int32(values[row] > cut)


@kernel
def pack_columns(
    values: NDArray[np.float64],
    ordered: NDArray[np.float64],
    n_cuts: int,
    cuts: NDArray[np.float64],
    planes: NDArray[np.uint64],
    counts: NDArray[np.int64],
) -> None:
    """Write the cuts of several columns and their planes, one column after another.

    Parameters
    ----------
    values, ordered : ndarray of shape (n_columns, n_rows), (n_columns, n_ordered)
        No missing numbers; and all or some of them in order.
    n_cuts : int
        Of a column, at most.
    cuts : ndarray of shape (n_columns * n_cuts,), written
    planes : ndarray of uint64 of shape (n_words, n_columns * n_cuts), written
    counts : ndarray of int64 of shape (n_columns,), written
        Cuts of each column.
    """
    places, first = np.empty(values.shape[1], np.int32), 0
    for column in range(values.shape[0]):
        counts[column] = choose_cuts(ordered[column], n_cuts, cuts[first:])
        last = first + counts[column]
        place_rows(values[column], cuts[first:last], places)
        pack_cuts(places, planes, first, counts[column])
        first = last
