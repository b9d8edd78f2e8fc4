"""Derivatives per unit of a raw column, by the chain rule through affine preprocessing."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.blackbox.column_kinds import ColumnKind, column_kind, column_numbers
from surrogates.blackbox.differentiable import Differentiable
from surrogates.blackbox.table import column_names, column_values, is_polars, take_rows
from surrogates.exceptions import ModelOutputError

__all__ = ["Units", "read_units"]

Floats = NDArray[np.float64]

_TOLERANCE, _ROUNDINGS = 1e-6, 8.0  # what is not affine misses them by far
_ADVICE = "Use GradientTimesInput or IntegratedGradients, which need no unit"


@dataclass(frozen=True)
class Units:
    """Inputs as affine functions ``slopes * column + offsets`` of the columns that own them.

    Parameters
    ----------
    owners : ndarray of shape (n_inputs,)
    slopes, offsets, scales : ndarray of shape (n_inputs,)
        Scales are magnitudes, for comparisons.
    tolerance : float
        Relative to those.
    explainer : str
        Its name, for messages.
    """

    owners: NDArray[np.int64]
    slopes: Floats
    offsets: Floats
    scales: Floats
    tolerance: float
    explainer: str

    def check(self, inputs: Floats, rows: Any) -> None:
        """Raise ValueError where the preprocessing of rows is not the affine function known."""
        numbers = self._numbers_of_inputs(rows)
        missing = np.flatnonzero(np.isnan(numbers.sum(axis=0)))
        if len(missing):
            raise ValueError(
                f"{self.explainer} is a derivative by the value of column "
                f"{self._name(rows, missing[0])!r}, which is missing in a row. {_ADVICE}."
            )
        expected = numbers * self.slopes + self.offsets
        allowed = self.tolerance * (self.scales + np.abs(expected))
        beyond = np.flatnonzero((np.abs(inputs - expected) > allowed).any(axis=0))
        if len(beyond):
            raise ValueError(
                f"{self.explainer} needs preprocessing that is an affine function of column "
                f"{self._name(rows, beyond[0])!r}, such as StandardScaler. {_ADVICE}."
            )

    def _numbers_of_inputs(self, rows: Any) -> Floats:
        """Return for each input the numbers of the column that owns it: (n_rows, n_inputs)."""
        if isinstance(rows, np.ndarray) and rows.dtype.kind in "biuf":
            return np.asarray(rows[:, self.owners], dtype=np.float64)
        columns, places = np.unique(self.owners, return_inverse=True)
        table = np.column_stack([column_numbers(rows, int(column)) for column in columns])
        return np.asarray(table[:, places])

    def _name(self, rows: Any, place: int) -> str:
        return column_names(rows)[self.owners[place]]


def read_units(model: Differentiable, rows: Any, explainer: str) -> Units:
    """Find the affine functions by which a model reads its columns.

    Parameters
    ----------
    model : Differentiable
    rows : ndarray or DataFrame of shape (n_rows, n_columns)
        Reference rows.
    explainer : str
        For messages.

    Raises
    ------
    ValueError
        A column that the model reads is not numeric, or its preprocessing is not affine.
    """
    inputs = model.encode(rows)
    slopes, offsets = np.zeros(inputs.shape[1]), np.zeros(inputs.shape[1])
    scales = np.abs(inputs).max(axis=0)
    complete = np.ones(len(inputs), dtype=bool)
    for column in np.unique(model.owners).tolist():
        own = model.owners == column
        numbers = _numbers(rows, column, explainer)
        present = np.flatnonzero(~np.isnan(numbers))
        complete[np.isnan(numbers)] = False
        low, high = present[numbers[present].argmin()], present[numbers[present].argmax()]
        run = numbers[high] - numbers[low]
        if run > 0.0:
            slopes[own] = (inputs[high, own] - inputs[low, own]) / run
        else:
            row = take_rows(rows, present[:1])
            slopes[own] = _slopes_of_constant(model, row, column, explainer)[own]
        offsets[own] = inputs[low, own] - slopes[own] * numbers[low]
    tolerance = max(_TOLERANCE, _ROUNDINGS * model.precision)
    units = Units(model.owners, slopes, offsets, scales, tolerance, explainer)
    if complete.any():
        units.check(inputs[complete], take_rows(rows, complete))
    return units


def _numbers(rows: Any, column: int, explainer: str) -> Floats:
    values = column_values(rows, column)
    is_time = values.dtype.kind in "mM"
    is_flag = values.dtype.kind == "b"
    if is_time or (not is_flag and column_kind(rows, column) is ColumnKind.LEVEL):
        raise ValueError(
            f"{explainer} is a derivative by the value of each column, and column "
            f"{column_names(rows)[column]!r} is not numeric. {_ADVICE}."
        )
    return column_numbers(rows, column)


def _slopes_of_constant(model: Differentiable, row: Any, column: int, explainer: str) -> Floats:
    """Move a column that does not vary by one, to see what becomes of it."""
    try:
        moved = model.encode(_moved(row, column))
    except (ModelOutputError, TypeError, ValueError) as error:
        raise ValueError(
            f"{explainer} cannot tell how the model reads column "
            f"{column_names(row)[column]!r}, which is constant in the reference data: {error}"
        ) from error
    return np.asarray(moved[0] - model.encode(row)[0])


def _moved(row: Any, column: int) -> Any:
    number = float(column_numbers(row, column)[0]) + 1.0
    if isinstance(row, pd.DataFrame):
        moved = row.copy()
        moved.isetitem(column, [number])
        return moved
    if is_polars(row):
        return row.with_columns(row.to_series(column) * 0 + number)
    array = row.astype(object if row.dtype.kind == "O" else np.float64)
    array[0, column] = number
    return array
