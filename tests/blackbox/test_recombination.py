"""Recombined rows hold cells of the table, and tables are compared cell by cell."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from surrogates.blackbox.recombination import draw_cells, equal_tables, recombine

FRAME = pd.DataFrame(
    {
        "number": [1.5, np.nan, 2.5],
        "count": [1, 2, 3],
        "word": ["a", None, "c"],
        "object": np.array([None, "b", 3], dtype=object),
        "level": pd.Categorical(["x", "y", None], categories=["x", "y", "z"]),
        "nullable": pd.array([1, None, 3], dtype="Int64"),
        "flag": [True, False, True],
    },
    index=[5, 5, 9],
)


def _tables():
    polars = pl.DataFrame({"number": [1.5, None, 2.5], "word": ["a", None, "c"], "n": [1, 2, 3]})
    return [
        FRAME,
        polars,
        FRAME.to_numpy(object),
        FRAME[["number"]].to_numpy(),
    ]


def _cell(table, row, column):
    return table.iat[row, column] if isinstance(table, pd.DataFrame) else table[int(row), column]


@pytest.mark.parametrize("table", _tables(), ids=lambda table: type(table).__module__)
def test_cells_come_from_their_places(table):
    places = np.random.default_rng(1).integers(3, size=(8, table.shape[1]))
    recombined = recombine(table, places)
    assert type(recombined) is type(table)
    for (row, column), place in np.ndenumerate(places):
        found, expected = _cell(recombined, row, column), _cell(table, place, column)
        assert found is expected or found == expected or (pd.isna(found) and pd.isna(expected))


def test_dtypes_and_categories_survive():
    recombined = recombine(FRAME, np.zeros((4, 7), dtype=np.int64))
    pd.testing.assert_series_equal(recombined.dtypes, FRAME.dtypes)


@pytest.mark.parametrize("n_rows", [1, 20, 1000])
def test_missing_values_are_drawn_often(n_rows):
    table = np.arange(2.0 * n_rows).reshape(-1, 2)
    table[-1, 1] = np.nan
    sources, places = draw_cells(table, 200)
    assert len(sources) <= 257
    assert places.shape == (200, 2)
    missing = np.isnan(recombine(sources, places)).mean(axis=0)
    assert missing[0] == 0.0
    assert 0.15 < missing[1] <= (1.0 if n_rows == 1 else 0.4)
    again = draw_cells(table, 200)
    np.testing.assert_array_equal(again[0], sources)
    np.testing.assert_array_equal(again[1], places)


@pytest.mark.parametrize("table", _tables(), ids=lambda table: type(table).__module__)
def test_equal_tables(table):
    places = np.tile(np.arange(3)[:, None], table.shape[1])
    same = recombine(table, places)
    assert equal_tables(same, same, 1e-9)
    for column in range(table.shape[1]):
        other = places.copy()
        other[0, column] = 1
        assert not equal_tables(same, recombine(table, other), 1e-9)


@pytest.mark.parametrize(
    ("change", "column", "equal"), [(1e-4, 0, True), (1e-2, 0, False), (1e-12, 1, False)]
)
def test_numbers_are_compared_with_the_largest_of_their_column(change, column, equal):
    first = np.array([[1e6, 1e-6], [1e-6, 2e-6]])
    second = first.copy()
    second[1, column] += change
    assert equal_tables(first, second, 1e-9) is equal


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_must_be_the_same(value):
    first, second = np.ones((3, 2)), np.ones((3, 2))
    first[1, 1] = value
    assert not equal_tables(first, second, 1e-9)
    assert not equal_tables(second, first, 1e-9)
    second[1, 1] = value
    assert equal_tables(first, second, 1e-9)


def test_tables_of_different_shapes_differ():
    assert not equal_tables(np.ones((2, 3)), np.ones((2, 2)), 1e-9)
