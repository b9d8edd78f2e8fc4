"""How far numbers may go: distances to the first and the last number below and above."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates.counterfactuals.columns import Column

__all__ = ["Reaches", "read_reaches"]

_SIDES = np.array([-1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Reaches:
    """Of the cells of some rows; what is said of levels and missing numbers has no meaning.

    Parameters
    ----------
    first : ndarray of shape (n_rows, n_columns, 2)
        Distance to the first number below and above; 0 where any number may be taken.
    last : ndarray of shape (n_rows, n_columns, 2)
        Distance to the last number below and above; infinite where there is no bound.
    """

    first: NDArray[np.float64]
    last: NDArray[np.float64]


def read_reaches(
    columns: Sequence[Column],
    codes: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> Reaches:
    """Measure how far the numbers of rows may go.

    Parameters
    ----------
    columns : sequence of Column
    codes, low, high : ndarray of shape (n_rows, n_columns)
        The numbers, and their bounds.
    """
    first, last = np.zeros((*codes.shape, 2)), np.zeros((*codes.shape, 2))
    for position, column in enumerate(columns):
        if column.is_level:
            continue
        own = codes[:, position]
        last[:, position] = _to_bounds(column, own, low[:, position], high[:, position])
        if column.step:
            near = np.column_stack([own + column.above(-own), column.above(own) - own])
            first[:, position] = near
            beyond = near > last[:, position] * (1 + 1e-12)
            last[:, position] = np.where(beyond, 0.0, last[:, position])
    return Reaches(first, last)


def _to_bounds(
    column: Column, own: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float64]:
    ends = np.column_stack([low, high])
    safe = np.where(np.isfinite(ends), ends, 0.0)
    snapped = np.column_stack([column.at_least(safe[:, 0]), column.at_most(safe[:, 1])])
    distances = np.where(np.isfinite(ends), (snapped - own[:, None]) * _SIDES, np.inf)
    return np.maximum(distances, 0.0)
