"""The columns of a raw table as numbers: ordered columns as they are, levels as codes."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.blackbox.column_kinds import (
    ColumnKind,
    Levels,
    column_kind,
    column_numbers,
    read_levels,
)
from surrogates.blackbox.neighbour_tables import assemble
from surrogates.blackbox.portable import pack_table, unpack_table
from surrogates.blackbox.table import column_names, take_rows

__all__ = ["CodedColumn", "Coding", "make_coding"]


@dataclass(frozen=True, eq=False)
class CodedColumn:
    """How one column is read.

    Parameters
    ----------
    name : str
    kind : ColumnKind
    levels : Levels or None
        The levels of a column without order, by code.
    observed : ndarray of shape (n_values,)
        The different numbers or codes of the reference rows, in order, without missing ones.
    has_missing : bool
        Whether values are missing in reference rows.
    """

    name: str
    kind: ColumnKind
    levels: Levels | None
    observed: NDArray[np.float64]
    has_missing: bool

    @property
    def is_nominal(self) -> bool:
        """Whether the column holds levels without order."""
        return self.kind is ColumnKind.LEVEL

    @cached_property
    def is_continuous(self) -> bool:
        """Whether values between the observed ones may be asked about: not of whole numbers."""
        finite = self.observed[np.isfinite(self.observed)]
        return self.kind is ColumnKind.FLOAT and bool((finite % 1.0).any())

    def encode(self, table: Any, position: int) -> NDArray[np.float64]:
        """Return the column as numbers: NaN where missing, -1 for levels that are not known."""
        if self.levels is None:
            return column_numbers(table, position)
        codes = self.levels.codes(table, position).astype(np.float64)
        codes[codes == self.levels.missing] = np.nan
        return codes


@dataclass(frozen=True, eq=False)
class Coding:
    """A table as a matrix of numbers, and back.

    Parameters
    ----------
    columns : tuple of CodedColumn
    sources : tuple of ndarray of int64
        For each column, a row of `rows` for each of its observed values; last, where values are
        missing, one where they are.
    rows : ndarray or DataFrame
        Rows that hold every observed value.
    """

    columns: tuple[CodedColumn, ...]
    sources: tuple[NDArray[np.int64], ...]
    rows: Any

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def spans(self) -> NDArray[np.float64]:
        """Distance between the extremes of each column, 1 where there is none or no order."""
        spans = [
            1.0 if column.is_nominal or not len(column.observed) else np.ptp(column.observed)
            for column in self.columns
        ]
        return np.array([span if 0.0 < span < np.inf else 1.0 for span in spans])

    def encode(self, table: Any) -> NDArray[np.float64]:
        """Return the cells as numbers, of shape (n_rows, n_columns)."""
        coded = np.empty((table.shape[0], len(self.columns)))
        for position, column in enumerate(self.columns):
            coded[:, position] = column.encode(table, position)
        return coded

    def decode(self, coded: NDArray[np.float64]) -> Any:
        """Return rows in the container and the dtypes of the reference table.

        Parameters
        ----------
        coded : ndarray of shape (n_rows, n_columns)
            Any numbers in continuous columns, observed ones in all others.
        """
        cells = [
            np.ascontiguousarray(coded[:, position])
            if column.is_continuous
            else self._sources_of(position, coded[:, position])
            for position, column in enumerate(self.columns)
        ]
        observed = [not column.is_continuous for column in self.columns]
        return assemble(self.rows, observed, cells)

    def _sources_of(self, position: int, values: NDArray[np.float64]) -> NDArray[np.int64]:
        column, source = self.columns[position], self.sources[position]
        places = np.searchsorted(column.observed, values)
        places[np.isnan(values)] = len(column.observed)
        return source[places]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "rows": pack_table(self.rows)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({**state, "rows": unpack_table(state["rows"])})


def make_coding(table: Any) -> tuple[Coding, NDArray[np.float64]]:
    """Learn how to read a table, and read it.

    Parameters
    ----------
    table : ndarray or DataFrame of shape (n_rows, n_columns)

    Returns
    -------
    coding : Coding
    coded : ndarray of shape (n_rows, n_columns)

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"amount": [0.5, None], "city": ["Rome", "Oslo"]})
    >>> coding, coded = make_coding(table)
    >>> coded
    array([[0.5, 1. ],
           [nan, 0. ]])
    >>> coding.encode(pd.DataFrame({"amount": [2.0], "city": ["Bonn"]}))
    array([[ 2., -1.]])
    """
    columns, sources, coded = [], [], np.empty((table.shape[0], table.shape[1]), order="F")
    for position, name in enumerate(column_names(table)):
        kind = column_kind(table, position)
        levels = read_levels(table, position) if kind is ColumnKind.LEVEL else None
        blank = CodedColumn(name, kind, levels, np.empty(0), has_missing=False)
        coded[:, position] = blank.encode(table, position)
        observed, has_missing = _observed(coded[:, position])
        columns.append(CodedColumn(name, kind, levels, observed, has_missing))
        sources.append(_sources(coded[:, position], columns[-1]))
    kept = _rows_needed(columns, sources)
    places = tuple(
        np.zeros(0, dtype=np.int64) if column.is_continuous else np.searchsorted(kept, source)
        for column, source in zip(columns, sources, strict=True)
    )
    return Coding(tuple(columns), places, take_rows(table, kept)), coded


def _rows_needed(columns: list[CodedColumn], sources: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return rows that hold what may only be observed, and the missing values of each column."""
    needed = [np.zeros(1, dtype=np.int64)]
    for column, source in zip(columns, sources, strict=True):
        if not column.is_continuous:
            needed.append(source)
        elif column.has_missing:
            needed.append(source[-1:])
    return np.unique(np.concatenate(needed))


def _observed(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], bool]:
    observed = np.unique(values)
    missing = np.isnan(observed)
    return observed[~missing], bool(missing.any())


def _sources(values: NDArray[np.float64], column: CodedColumn) -> NDArray[np.int64]:
    """Return the first row of each observed value, and of a missing one where there are any."""
    if column.is_continuous and not column.has_missing:
        return np.zeros(0, dtype=np.int64)  # its values are not looked up
    _, first = np.unique(values, return_index=True)
    return first.astype(np.int64)
