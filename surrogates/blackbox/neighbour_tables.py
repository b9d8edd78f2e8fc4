"""Tables of drawn neighbours, in the container and the dtypes of the reference table."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.blackbox.samplers import Atoms, Marginal, Pieces, ScrambledPoints
from surrogates.blackbox.table import build_frame, is_frame, is_polars, numeric_block, wrap_block

__all__ = ["Drawn", "assemble", "compose", "draw_table"]


@dataclass(frozen=True, eq=False)
class Drawn:
    """Neighbours, column by column.

    Parameters
    ----------
    table : ndarray or DataFrame of shape (n, n_columns)
        As the model takes them.
    bins : ndarray of shape (n_columns, n)
    numbers : ndarray of shape (n_columns, n)
        Values as numbers, NaN where they are none.
    uniforms : ndarray of shape (n_columns, n)
        What the values were drawn with, by inversion.
    """

    table: Any
    bins: NDArray[np.int32]
    numbers: NDArray[np.float64]
    uniforms: NDArray[np.float64]


def draw_table(
    reference: Any,
    marginals: Sequence[Marginal],
    points: ScrambledPoints,
    first: int,
    n_scrambles: int,
) -> Drawn:
    """Draw rows whose columns are independent.

    Parameters
    ----------
    reference : ndarray or DataFrame of shape (n_references, n_columns)
        Gives observed values, the container and the dtypes.
    marginals : sequence of Marginal
        The distribution of each column.
    points : ScrambledPoints
    first, n_scrambles : int
        The scrambles of the points that are used.
    """
    n, n_columns = n_scrambles * points.n_points, len(marginals)
    bins = np.empty((n_columns, n), dtype=np.int32)
    numbers, uniforms = np.empty((2, n_columns, n))
    drawn: list[Any] = []
    for column, marginal in enumerate(marginals):
        u, values = uniforms[column], numbers[column]
        points.write_column(column, first, u)
        if isinstance(marginal, Pieces):
            marginal.draw_into(u, values, bins[column])
            drawn.append(values)
        else:
            atoms = marginal.draw(u)
            bins[column], values[:] = marginal.bins[atoms], marginal.numbers[atoms]
            drawn.append(marginal.positions[atoms])
    return Drawn(compose(reference, marginals, drawn), bins, numbers, uniforms)


def compose(reference: Any, marginals: Sequence[Marginal], drawn: Sequence[NDArray[Any]]) -> Any:
    """Assemble rows from columns.

    Parameters
    ----------
    reference : ndarray or DataFrame of shape (n_references, n_columns)
        Gives observed values, the container and the dtypes.
    marginals : sequence of Marginal
    drawn : sequence of ndarray of shape (n,)
        For each column, numbers where its distribution is of pieces, and positions of reference
        rows where it is of atoms.
    """
    observed = [isinstance(marginal, Atoms) for marginal in marginals]
    return assemble(reference, observed, drawn)


def assemble(reference: Any, observed: Sequence[bool], drawn: Sequence[NDArray[Any]]) -> Any:
    """Assemble rows from columns of observed values and columns of numbers.

    Parameters
    ----------
    reference : ndarray or DataFrame of shape (n_references, n_columns)
        Gives observed values, the container and the dtypes.
    observed : sequence of bool
        Which columns hold observed values only.
    drawn : sequence of ndarray of shape (n,)
        For each column, positions of reference rows where it is observed, else numbers.
    """
    block = numeric_block(reference)
    if block is not None:
        return _block_table(reference, block, observed, drawn)
    columns = [
        _observed(reference, column, values) if is_observed else _floats(reference, column, values)
        for column, (is_observed, values) in enumerate(zip(observed, drawn, strict=True))
    ]
    if is_frame(reference):
        return build_frame(reference, columns)
    table = np.empty((len(drawn[0]), len(columns)), dtype=reference.dtype)
    for column, values in enumerate(columns):
        table[:, column] = values
    return table


def _block_table(
    like: Any,
    block: NDArray[Any],
    observed: Sequence[bool],
    drawn: Sequence[NDArray[Any]],
) -> Any:
    """Assemble columns that share one numpy dtype."""
    rows = np.empty((len(drawn[0]), len(drawn)), dtype=block.dtype)
    for column, (is_observed, values) in enumerate(zip(observed, drawn, strict=True)):
        rows[:, column] = block[values, column] if is_observed else values
    return wrap_block(like, rows)


def _observed(reference: Any, column: int, positions: NDArray[np.int64]) -> Any:
    if is_polars(reference):
        return reference.to_series(column).gather(positions)
    if isinstance(reference, pd.DataFrame):
        series = reference.iloc[:, column]
        plain = isinstance(series.dtype, np.dtype)
        return series.to_numpy()[positions] if plain else series.array.take(positions)
    return reference[positions, column]


def _floats(reference: Any, column: int, values: NDArray[np.float64]) -> Any:
    """Return drawn numbers with the dtype of the reference column, and its kind of missing."""
    if is_polars(reference):
        series = reference.to_series(column)
        polars = sys.modules["polars"]
        nulls = series.null_count() > 0
        return polars.Series(values, nan_to_null=nulls).cast(series.dtype)
    if isinstance(reference, pd.DataFrame):
        dtype = reference.dtypes.iloc[column]
        if isinstance(dtype, np.dtype):
            return values.astype(dtype)
        return pd.array(values, dtype=dtype)
    return values
