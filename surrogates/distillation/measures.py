"""The masses of rows as bit planes, so that they are summed by counting."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels import splits as kernels

__all__ = ["Measure", "grouped", "make_measure", "n_words", "plane_of_all"]

_FEW = 4
_BITS = 8
_MOST_GROUPED = 8


def n_words(n_rows: int) -> int:
    """Return how many words of 64 bits hold a bit for each row."""
    return (n_rows + 63) >> 6


def plane_of_all(n_rows: int) -> NDArray[np.uint64]:
    """Return the plane of all rows."""
    plane = np.empty(n_words(n_rows), dtype=np.uint64)
    kernels.pack_rows(np.ones(n_rows, dtype=np.bool_), plane)
    return plane


@dataclass(frozen=True, eq=False)
class Measure:
    """Several masses of each row.

    Parameters
    ----------
    planes : ndarray of uint64 of shape (n_planes, n_words)
    mass_of : ndarray of int64 of shape (n_planes,)
        The mass to which each plane adds.
    units : ndarray of shape (n_planes,)
        What a row of each plane adds.
    total : ndarray of shape (n_masses,)
        The masses of all rows.
    """

    planes: NDArray[np.uint64]
    mass_of: NDArray[np.int64]
    units: NDArray[np.float64]
    total: NDArray[np.float64]

    def inside(self, literals: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Return the masses of rows where a literal holds.

        Parameters
        ----------
        literals : ndarray of uint64 of shape (n_literals, n_words)

        Returns
        -------
        masses : ndarray of shape (n_literals, n_masses)
        """
        counts = np.empty((len(literals), len(self.planes)), dtype=np.int64)
        kernels.count_planes(literals, self.planes, counts)
        units = np.zeros((len(self.planes), len(self.total)))
        units[np.arange(len(units)), self.mass_of] = self.units
        masses: NDArray[np.float64] = counts @ units
        return masses


def grouped(mass: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return an order in which rows that add to the same masses lie together.

    Words that hold no row of a plane cost nothing. Rows in a group, and groups of reference rows
    before others, stay in order.

    Parameters
    ----------
    mass : ndarray of shape (n_rows, n_masses)
        The last mass counts reference rows.
    """
    n_masses = mass.shape[1]
    if n_masses > _MOST_GROUPED:
        return np.arange(len(mass))
    key = np.zeros(len(mass), dtype=np.uint8)
    for j in range(n_masses):
        own = mass[:, j] > 0.0 if j < n_masses - 1 else mass[:, j] <= 0.0
        key |= own.view(np.uint8) << np.uint8(j)
    return np.argsort(key, kind="stable")


def make_measure(mass: NDArray[np.float64]) -> Measure:
    """Write masses as planes: one for each value where there are few, else binary digits.

    Parameters
    ----------
    mass : ndarray of shape (n_rows, n_masses)
        Not negative. Columns of more than four different values are rounded to 1/255 of their
        largest.
    """
    slices = [
        (flags, unit, at) for at, column in enumerate(mass.T) for flags, unit in _slices(column)
    ]
    planes = np.empty((len(slices), n_words(len(mass))), dtype=np.uint64)
    total = np.zeros(mass.shape[1])
    for (flags, unit, at), plane in zip(slices, planes, strict=True):
        kernels.pack_rows(flags, plane)
        total[at] += unit * np.count_nonzero(flags)
    mass_of = np.array([at for _, _, at in slices])
    return Measure(planes, mass_of, np.array([unit for _, unit, _ in slices]), total)


def _slices(values: NDArray[np.float64]) -> list[tuple[NDArray[np.bool_], float]]:
    """Return flags of rows with what they add."""
    distinct = _few_values(values)
    if distinct is not None:
        used = distinct[distinct > 0.0]
        return [(values == value, float(value)) for value in (used if len(used) else [1.0])]
    unit = values.max() / (2**_BITS - 1)
    digits = np.rint(values / unit).astype(np.int64)
    return [((digits >> bit) & 1 == 1, float(unit * 2**bit)) for bit in range(_BITS)]


def _few_values(values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the different values, or None where there are many."""
    if len(np.unique(values[:64])) > _FEW:
        return None
    distinct = np.unique(values)
    return distinct if len(distinct) <= _FEW else None
