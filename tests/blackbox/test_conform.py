"""Rows to explain in the container and the dtypes of the reference table."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from surrogates.blackbox.conform import conform

PANDAS = pd.DataFrame(
    {
        "n": [1, 2],
        "x": [0.5, 1.5],
        "s": ["a", "b"],
        "o": pd.Series(["a", None], dtype=object),
        "c": pd.Categorical(["u", "v"]),
        "b": [True, False],
        "i": pd.array([1, None], dtype="Int64"),
        "t": pd.to_datetime(["2024-01-01", "2024-01-02"]),
    }
)
POLARS = pl.DataFrame(
    {
        "n": [1, 2],
        "x": [0.5, None],
        "s": ["a", None],
        "c": pl.Series(["u", "v"], dtype=pl.Categorical),
        "e": pl.Series(["lo", "hi"], dtype=pl.Enum(["lo", "hi"])),
        "b": [True, False],
    }
)


def test_nothing_is_copied_where_nothing_changes():
    for reference in (PANDAS, POLARS, PANDAS[["n"]].to_numpy()):
        assert conform(reference, reference) is reference


def test_array_takes_names_and_dtypes():
    made = conform(PANDAS.to_numpy(), PANDAS)
    pd.testing.assert_frame_equal(made, PANDAS)


def test_transposed_row_takes_dtypes_back():
    row = PANDAS.loc[0].to_frame().T
    assert row.dtypes.eq(object).all()
    pd.testing.assert_frame_equal(conform(row, PANDAS), PANDAS.iloc[[0]])


def test_index_stays():
    index = pd.MultiIndex.from_tuples([("p", 1), ("p", 1)], names=["n", "x"])
    made = conform(PANDAS.astype(object).set_axis(index), PANDAS)
    pd.testing.assert_index_equal(made.index, index)
    pd.testing.assert_frame_equal(made.reset_index(drop=True), PANDAS)


@pytest.mark.parametrize(
    ("column", "value", "dtype"),
    [
        ("n", 2.0, "int64"),
        ("n", 2.5, "float64"),
        ("n", np.nan, "float64"),
        ("n", "two", None),
        ("x", 3, "float64"),
        ("x", True, "float64"),
        ("x", "3", None),
        ("s", None, PANDAS.dtypes["s"]),
        ("s", "new", PANDAS.dtypes["s"]),
        ("s", 3, "object" if PANDAS.dtypes["s"] == "object" else "int64"),
        ("o", "text", "object"),
        ("o", 3, "object"),
        ("b", 1, "bool"),
        ("b", 0.0, "bool"),
        ("b", None, None),
        ("i", 3, "Int64"),
        ("i", None, "Int64"),
        ("i", 2.5, "float64"),
        ("t", pd.Timestamp("2024-05-05"), PANDAS.dtypes["t"]),
        ("t", None, PANDAS.dtypes["t"]),
        ("t", "2024-05-05", None),
    ],
)
def test_dtype_of_the_reference_where_no_value_changes(column, value, dtype):
    row = PANDAS.iloc[[0]].astype(object)
    row[column] = pd.Series([value], dtype=object if value is None else None)
    made = conform(row, PANDAS)[column]
    assert (pd.isna(made[0]) and pd.isna(value)) or made[0] == value
    assert made.dtype == (dtype or row[column].dtype)


@pytest.mark.parametrize("value", ["u", "new", None])
@pytest.mark.parametrize("dtype", [object, "str", "category"])
def test_categories_of_the_reference_come_first(value, dtype):
    row = PANDAS.iloc[[0]].astype({"c": object})
    row["c"] = pd.Series([value], dtype=dtype)
    made = conform(row, PANDAS)["c"]
    expected = ["u", "v", "new"] if value == "new" else ["u", "v"]
    assert made.cat.categories.tolist() == expected
    assert made.isna().tolist() == [value is None]


def test_unused_categories_of_the_rows_are_left_out():
    row = PANDAS.iloc[[0]].astype({"c": pd.CategoricalDtype(["w", "v", "u"])})
    assert conform(row, PANDAS)["c"].cat.categories.tolist() == ["u", "v"]


def test_appended_categories_do_not_depend_on_the_order_of_rows():
    rows = PANDAS.iloc[[0, 0]].assign(c=["z", "y"])
    for order in ([0, 1], [1, 0]):
        made = conform(rows.iloc[order], PANDAS)["c"]
        assert made.cat.categories.tolist() == ["u", "v", "y", "z"]


def test_categories_of_numbers():
    reference = pd.DataFrame({"c": pd.Categorical([1, 2], ordered=True), "x": [0.5, 1.5]})
    made = conform(np.array([[2.0, 0.5], [3.0, 0.5]]), reference)["c"]
    assert made.tolist() == [2, 3]
    assert made.cat.ordered
    assert made.cat.categories.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "names", [["x", "n"], ["n", "y"], [0, 1]], ids=["order", "unknown", "numbers"]
)
def test_names_must_match(names):
    reference = PANDAS[["n", "x"]]
    with pytest.raises(ValueError, match=r"in the same order: \['n', 'x'\]. Got"):
        conform(reference.set_axis(names, axis=1), reference)


def test_numbered_columns_in_another_order_are_refused():
    reference = pd.DataFrame(np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"\['0', '1'\]. Got \['1', '0'\]"):
        conform(reference[[1, 0]], reference)


@pytest.mark.parametrize(
    ("X", "dtype"),
    [
        (np.array([[1.0, 2.0]]), "i8"),
        (np.array([[1.5, 2.0]]), "f8"),
        (np.array([[1, 2]], dtype=object), "i8"),
        (np.array([[1, "2"]], dtype=object), "O"),
        (pd.DataFrame({"a": [1], "b": [2.0]}), "i8"),
        (pd.DataFrame({"a": pd.array([1], dtype="Int64"), "b": [2.0]}), "i8"),
        (pl.DataFrame({"a": [1], "b": [True]}), "i8"),
    ],
)
def test_array_reference(X, dtype):
    made = conform(X, np.array([[3, 4]]))
    assert isinstance(made, np.ndarray)
    assert made.dtype == np.dtype(dtype)
    assert made.tolist() == np.asarray(X).tolist()


def test_longer_text_than_the_reference_has_is_not_cut():
    made = conform(np.array([["abcd", "e"]]), np.array([["ab", "c"]]))
    assert made.tolist() == [["abcd", "e"]]


def test_polars_from_arrays_and_pandas():
    rows = [[1, 0.5, "a", "u", "lo", True], [2, np.nan, None, "v", "hi", False]]
    array = np.array(rows, dtype=object)
    frame = pd.DataFrame(rows, columns=POLARS.columns)
    for X in (array, frame):
        made = conform(X, POLARS)
        assert made.schema == POLARS.schema
        assert made["s"].to_list() == ["a", None]
        assert np.isnan(made["x"][1])


def test_polars_numbers_widen_and_text_does_not_become_numbers():
    assert conform(POLARS.with_columns(n=pl.lit(2.0)), POLARS).schema == POLARS.schema
    assert conform(POLARS.with_columns(n=pl.lit(2.5)), POLARS)["n"].to_list() == [2.5, 2.5]
    assert conform(POLARS.with_columns(e=pl.lit("mid")), POLARS)["e"].to_list() == ["mid"] * 2
    assert conform(POLARS.with_columns(s=pl.lit(None)), POLARS)["s"].dtype == pl.String
    with pytest.raises(ValueError, match="Column 'n' must hold values of the dtype Int64"):
        conform(POLARS.with_columns(n=pl.lit("two")), POLARS)
    with pytest.raises(ValueError, match="Column 's' must hold values of the dtype String"):
        conform(POLARS.with_columns(s=pl.lit(3)), POLARS)


def test_pandas_from_polars():
    frame = pd.DataFrame({"n": [1, 2], "s": ["a", None], "c": pd.Categorical(["u", None])})
    made = conform(pl.DataFrame({"n": [2], "s": [None], "c": ["w"]}, strict=False), frame)
    assert made.dtypes["n"] == frame.dtypes["n"]
    assert made.dtypes["s"] == frame.dtypes["s"]
    assert made["c"].cat.categories.tolist() == ["u", "w"]
    assert made["s"].isna().all()
