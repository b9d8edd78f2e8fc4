"""Bit planes: 64 rows in a word, so that a m-of-n test is weighed by `and` and popcount.

A plane has one bit for each row, padded with zeros to whole words. To add a literal to a test
of which ``count`` literals hold, only rows on the edge matter: those with ``count == m - 1`` where
m is kept, and those with ``count == m`` where m grows by one.
"""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = [
    "count_ones",
    "count_planes",
    "pack_cuts",
    "pack_rows",
    "subset_rows",
    "tally",
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
def pack_cuts(places: NDArray[np.int32], planes: NDArray[np.uint64]) -> None:
    """Write the planes of the cuts of one column: bit i of plane k says ``places[i] <= k``.

    Parameters
    ----------
    places : ndarray of int32 of shape (n_rows,)
        The first cut that a row does not exceed; the number of cuts where it exceeds all, or has
        no value.
    planes : ndarray of uint64 of shape (n_cuts, n_words), written
    """
    planes[:] = np.uint64(0)
    for row in range(places.shape[0]):
        if places[row] < planes.shape[0]:
            planes[places[row], row >> 6] |= _ONE << np.uint64(row & 63)
    for cut in range(1, planes.shape[0]):
        for word in range(planes.shape[1]):
            planes[cut, word] |= planes[cut - 1, word]


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
def subset_rows(
    held: NDArray[np.uint8], at: int, planes: NDArray[np.uint64], edges: NDArray[np.uint64]
) -> None:
    """Write the part of each plane whose rows have ``held == at``.

    Parameters
    ----------
    held : ndarray of uint8 of shape (n_rows,)
        How many literals of a test hold in each row.
    at : int
    planes : ndarray of uint64 of shape (n_planes, n_words)
    edges : ndarray of uint64 of shape (n_planes, n_words), written
    """
    for word in range(planes.shape[1]):
        last = min(64, held.shape[0] - 64 * word)
        mask = np.uint64(0)
        for bit in range(last):
            if held[64 * word + bit] == at:
                mask |= _ONE << np.uint64(bit)
        for plane in range(planes.shape[0]):
            edges[plane, word] = planes[plane, word] & mask


@kernel
def tally(held: NDArray[np.uint8], mass: NDArray[np.float64], tallies: NDArray[np.float64]) -> None:
    """Write the mass of the rows in which 0, 1, 2, ... literals hold.

    Parameters
    ----------
    held : ndarray of uint8 of shape (n_rows,)
    mass : ndarray of shape (n_rows, n_masses)
    tallies : ndarray of shape (n_literals + 1, n_masses), written
    """
    tallies[:] = 0.0
    for row in range(held.shape[0]):
        for column in range(mass.shape[1]):
            tallies[held[row], column] += mass[row, column]
