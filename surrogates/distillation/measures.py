"""The masses of rows as bit planes, so that they are summed by counting."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels import splits as kernels

__all__ = ["Measure", "make_measure", "n_words"]

_FEW = 4
_BITS = 8


def n_words(n_rows: int) -> int:
    """Return how many words of 64 bits hold a bit for each row."""
    return (n_rows + 63) >> 6


@dataclass(frozen=True, eq=False)
class Measure:
    """Several masses of each row.

    Parameters
    ----------
    mass : ndarray of shape (n_rows, n_masses)
        What the planes stand for.
    planes : ndarray of uint64 of shape (n_planes, n_words)
    weights : ndarray of shape (n_planes, n_masses)
        What a row of each plane adds to each mass.
    """

    mass: NDArray[np.float64]
    planes: NDArray[np.uint64]
    weights: NDArray[np.float64]

    @cached_property
    def total(self) -> NDArray[np.float64]:
        """The masses of all rows, of shape (n_masses,)."""
        total: NDArray[np.float64] = self.mass.sum(axis=0)
        return total

    def by_count(self, held: NDArray[np.uint8], n_literals: int) -> NDArray[np.float64]:
        """Return the masses of the rows in which 0, 1, ..., n_literals literals hold."""
        tallies = np.empty((n_literals + 1, self.mass.shape[1]))
        kernels.tally(held, self.mass, tallies)
        return tallies

    def with_literals(
        self, literals: NDArray[np.uint64], held: NDArray[np.uint8], at: int
    ) -> NDArray[np.float64]:
        """Return the masses of rows where `at` literals are held already and a literal holds.

        Parameters
        ----------
        literals : ndarray of uint64 of shape (n_literals, n_words)
        held : ndarray of uint8 of shape (n_rows,)
        at : int

        Returns
        -------
        masses : ndarray of shape (n_literals, n_masses)
        """
        edges = np.empty_like(self.planes)
        kernels.subset_rows(held, at, self.planes, edges)
        counts = np.empty((len(literals), len(edges)), dtype=np.int64)
        kernels.count_planes(literals, edges, counts)
        masses: NDArray[np.float64] = counts @ self.weights
        return masses


def make_measure(mass: NDArray[np.float64]) -> Measure:
    """Write masses as planes: one for each value where there are few, else binary digits.

    Parameters
    ----------
    mass : ndarray of shape (n_rows, n_masses)
        Not negative. Columns of more than four different values are rounded to 1/255 of their
        largest.
    """
    rounded = np.empty_like(mass)
    planes, weights = [], []
    for column in range(mass.shape[1]):
        for flags, weight in _slices(mass[:, column], rounded[:, column]):
            plane = np.empty(n_words(len(mass)), dtype=np.uint64)
            kernels.pack_rows(flags, plane)
            planes.append(plane)
            unit = np.zeros(mass.shape[1])
            unit[column] = weight
            weights.append(unit)
    return Measure(rounded, np.array(planes), np.array(weights))


def _slices(
    values: NDArray[np.float64], rounded: NDArray[np.float64]
) -> list[tuple[NDArray[np.bool_], float]]:
    """Return flags of rows with what they add, and write the sums of these."""
    distinct = _few_values(values)
    if distinct is not None:
        rounded[:] = values
        used = distinct[distinct > 0.0]
        return [(values == value, float(value)) for value in (used if len(used) else [1.0])]
    unit = values.max() / (2**_BITS - 1)
    digits = np.rint(values / unit).astype(np.int64)
    rounded[:] = digits * unit
    return [((digits >> bit) & 1 == 1, float(unit * 2**bit)) for bit in range(_BITS)]


def _few_values(values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the different values, or None where there are many."""
    if len(np.unique(values[:64])) > _FEW:
        return None
    distinct = np.unique(values)
    return distinct if len(distinct) <= _FEW else None
