"""One view over numpy arrays, pandas frames and polars frames."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator

from surrogates.blackbox.table import (
    build_frame,
    check_table,
    column_names,
    column_values,
    is_frame,
    is_polars,
    joined_columns,
    numeric_block,
    row_hashes,
    row_labels,
    take_rows,
)

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", None, "y"]}, index=[7, 7, 9])
POLARS = pl.DataFrame({"a": [1, 2, 3], "b": ["x", None, "y"]})
ARRAY = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 6.0]])


class Owner(BaseEstimator):
    """Receives what `check_table` learns."""

    def fit(self, X):
        check_table(self, X, reset=True)
        return self


def test_names():
    assert column_names(ARRAY) == ("x0", "x1")
    assert column_names(FRAME) == column_names(POLARS) == ("a", "b")
    assert column_names(pd.DataFrame(ARRAY)) == ("0", "1")


def test_kinds():
    assert is_frame(FRAME)
    assert is_frame(POLARS)
    assert not is_frame(ARRAY)
    assert is_polars(POLARS)
    assert not is_polars(FRAME)


def test_labels_are_those_of_the_caller():
    assert row_labels(FRAME).tolist() == [7, 7, 9]
    assert row_labels(ARRAY).tolist() == row_labels(POLARS).tolist() == [0, 1, 2]


@pytest.mark.parametrize("table", [ARRAY, FRAME, POLARS], ids=["numpy", "pandas", "polars"])
@pytest.mark.parametrize(
    "rows",
    [slice(1, 3), slice(0, 0), np.array([2, 0, 2]), np.array([True, False, True])],
    ids=["slice", "nothing", "positions", "mask"],
)
def test_rows_are_taken_by_position(table, rows):
    taken = take_rows(table, rows)
    expected = np.arange(3)[rows]
    assert type(taken) is type(table)
    assert taken.shape == (len(expected), 2)
    assert list(column_values(taken, 0)) == [column_values(table, 0)[row] for row in expected]


@pytest.mark.parametrize(
    ("table", "dtype"),
    [
        (ARRAY, "f8"),
        (np.array([[1, 2]], dtype="i2"), "i2"),
        (ARRAY > 2, "?"),
        (pd.DataFrame(ARRAY), "f8"),
        (pd.DataFrame({"a": [1], "b": [2]}), "i8"),
        (pl.DataFrame({"a": [1.0], "b": [2.0]}), "f8"),
        (pl.DataFrame({"a": [1], "b": [2]}, schema={"a": pl.Int8, "b": pl.Int8}), "i1"),
    ],
)
def test_homogeneous_numbers_are_one_block(table, dtype):
    block = numeric_block(table)
    assert block.dtype == np.dtype(dtype)
    assert block.shape == table.shape


@pytest.mark.parametrize(
    "table",
    [
        FRAME,
        POLARS,
        ARRAY.astype(object),
        ARRAY.astype("g"),
        np.array([["a"]]),
        np.array([["2024-01-01"]], dtype="M8[D]"),
        pd.DataFrame({"a": [1], "b": [2.0]}),
        pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}),
        pd.DataFrame({"a": pd.Categorical([1, 2])}),
        pl.DataFrame({"a": [1, None]}),
        pl.DataFrame({"a": [True]}),
    ],
)
def test_all_else_is_no_block(table):
    assert numeric_block(table) is None


def test_built_frames_keep_columns_as_they_are():
    columns = [np.array(["u", None], dtype=object), pd.Categorical(["b", "a"])]
    frame = build_frame(FRAME, columns)
    assert frame.columns.equals(FRAME.columns)
    assert frame.dtypes["a"] == np.dtype(object)
    assert frame["b"].cat.categories.tolist() == ["a", "b"]
    built = build_frame(POLARS, [pl.Series([1]), pl.Series(["z"])])
    assert built.equals(pl.DataFrame({"a": [1], "b": ["z"]}))


def test_joined_columns_promote_and_append():
    first = pd.DataFrame({"n": [1], "c": pd.Categorical(["a"]), "s": ["u"]})
    second = pd.DataFrame({"n": [0.5], "c": ["z"], "s": [None]})
    numbers, levels, texts = joined_columns(first, second)
    assert numbers.tolist() == [1.0, 0.5]
    assert levels.categories.tolist() == ["a", "z"]
    assert texts[0] == "u"
    assert pd.isna(texts[1])
    (joined,) = joined_columns(pl.DataFrame({"n": [1]}), pl.DataFrame({"n": [0.5]}))
    assert joined.to_list() == [1.0, 0.5]


# hashes of rows


def shuffled(table, order):
    return take_rows(table, np.asarray(order))


@pytest.mark.parametrize("table", [ARRAY, FRAME, POLARS], ids=["numpy", "pandas", "polars"])
def test_hashes_depend_on_the_row_alone(table):
    whole = row_hashes(table)
    assert whole.dtype == np.uint64
    assert len(set(whole.tolist())) == 3
    np.testing.assert_array_equal(row_hashes(shuffled(table, [2, 0, 1, 0])), whole[[2, 0, 1, 0]])
    for row in range(3):
        assert row_hashes(take_rows(table, slice(row, row + 1)))[0] == whole[row]


numbers = st.one_of(st.integers(-(2**53), 2**53), st.floats(), st.booleans(), st.just(2**70))


@given(st.lists(numbers, min_size=1, max_size=6))
def test_equal_numbers_have_equal_hashes_whatever_their_dtype(values):
    objects = np.array(values, dtype=object)[:, None]
    np.testing.assert_array_equal(row_hashes(objects), row_hashes(objects.astype(np.float64)))


@given(hnp.arrays(np.float64, (6, 2), elements=st.sampled_from([0.0, -0.0, 1.0, np.nan, np.inf])))
def test_rows_collide_only_when_equal(table):
    hashes = row_hashes(table)
    for first in range(6):
        for second in range(6):
            equal = np.array_equal(table[first], table[second], equal_nan=True)
            assert (hashes[first] == hashes[second]) == equal


def test_column_dtype_does_not_matter():
    whole = np.array([[1, 0], [2, 1]])
    expected = row_hashes(whole)
    frames = [
        whole.astype(float),
        whole.astype(np.uint8),
        whole.astype(np.float32),
        pd.DataFrame(whole),
        pd.DataFrame({"a": [1, 2], "b": [False, True]}),
        pd.DataFrame({"a": pd.array([1, 2], dtype="Int64"), "b": pd.Categorical([0, 1])}),
        pl.DataFrame({"a": [1, 2], "b": [0.0, 1.0]}),
    ]
    for frame in frames:
        np.testing.assert_array_equal(row_hashes(frame), expected)


def test_text_is_hashed_alike_in_every_container():
    words = np.array([["a"], ["b"], ["a"]])
    expected = row_hashes(words)
    frame = pd.DataFrame(words, columns=["w"])
    for table in (
        words.astype(object),
        frame,
        frame.astype("category"),
        pl.DataFrame({"w": ["a", "b", "a"]}),
    ):
        np.testing.assert_array_equal(row_hashes(table), expected)


def test_look_alikes_are_told_apart():
    cells = [
        1,
        "1",
        None,
        "None",
        np.nan,
        "nan",
        pd.Timestamp("2024-01-01"),
        b"1",
        2**60,
        2**60 + 1,
    ]
    table = np.empty((len(cells), 1), dtype=object)
    table[:, 0] = cells
    assert len(set(row_hashes(table).tolist())) == len(cells)
    large = np.array([[2**60], [2**60 + 1]])
    assert len(set(row_hashes(large).tolist())) == 2
    swapped = np.array([[1.0, 2.0], [2.0, 1.0]])
    assert len(set(row_hashes(swapped).tolist())) == 2


def test_missing_values_of_any_kind_are_equal_except_none():
    kinds = [
        pd.DataFrame({"a": [np.nan]}),
        pd.DataFrame({"a": pd.array([None], dtype="Int64")}),
        pd.DataFrame({"a": pd.array([None], dtype="string")}),
        pd.DataFrame({"a": [pd.NaT]}),
    ]
    assert len({int(row_hashes(frame)[0]) for frame in kinds}) == 1
    none = pd.DataFrame({"a": pd.Series([None], dtype=object)})
    assert row_hashes(none)[0] != row_hashes(kinds[0])[0]


def test_labels_do_not_matter_to_hashes():
    np.testing.assert_array_equal(
        row_hashes(FRAME), row_hashes(FRAME.reset_index(drop=True).rename(columns=str.upper))
    )


# validation


def test_frames_pass_through_and_are_remembered():
    for table in (FRAME, POLARS):
        owner = Owner()
        assert check_table(owner, table, reset=True) is table
        assert owner.feature_names_in_.tolist() == ["a", "b"]
        assert owner.n_features_in_ == 2


@pytest.mark.parametrize(
    ("X", "dtype"),
    [
        ([[1, 2], [3, 4]], "i8"),
        ([[1.5, np.nan], [np.inf, 2.0]], "f8"),
        ([["a", "bc"]], "U2"),
        (ARRAY.astype("f2"), "f2"),
        (ARRAY > 1, "?"),
        (np.array([["a", 1, None, 2.5, pd.NA, b"c"]], dtype=object), "O"),
        (np.array([[datetime.date(2024, 1, 1), Decimal("1.5"), pd.NaT]], dtype=object), "O"),
    ],
)
def test_arrays_keep_their_dtype(X, dtype):
    assert check_table(Owner(), X, reset=True).dtype == np.dtype(dtype)


def test_an_array_of_numbers_is_taken_as_it_is():
    owner = Owner().fit(FRAME)
    assert check_table(owner, ARRAY, reset=True) is ARRAY
    assert not hasattr(owner, "feature_names_in_")
    assert owner.n_features_in_ == 2
    with pytest.raises(ValueError, match="X has 1 features, but Owner is expecting 2 features"):
        check_table(owner, ARRAY[:, :1], reset=False)


def test_array_for_names_seen_in_fit_is_no_reason_to_warn():
    owner = Owner().fit(FRAME)
    assert check_table(owner, ARRAY, reset=False).shape == (3, 2)
    with pytest.raises(ValueError, match="X has 3 features, but Owner is expecting 2 features"):
        check_table(owner, np.ones((1, 3)), reset=False)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (FRAME[["b", "a"]], "must be in the same order"),
        (FRAME[["a"]], "yet now missing:\n- b"),
        (FRAME.assign(c=1), "unseen at fit time:\n- c"),
        (POLARS.select("b", "a"), "must be in the same order"),
        (FRAME.set_axis(["a", "a"], axis=1), r"duplicate columns \['a'\]"),
        (
            FRAME.iloc[:0],
            r"0 sample\(s\) \(shape=\(0, 2\)\) while a minimum of 1 is required by Own",
        ),
        (POLARS.head(0), r"0 sample\(s\)"),
        (FRAME[[]], r"0 feature\(s\)"),
        (pd.DataFrame(), r"0 sample\(s\)"),
        (np.empty((0, 2)), r"0 sample\(s\)"),
        (np.empty((2, 0)), r"0 feature\(s\)"),
        (np.ones(3), "Expected 2D array"),
        (np.ones((1, 1, 1)), "dim 3"),
        (ARRAY * 1j, "Complex data not supported"),
    ],
)
def test_wrong_rows_are_refused(X, message):
    owner = Owner().fit(FRAME)
    with pytest.raises(ValueError, match=message):
        check_table(owner, X, reset=False)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (csr_matrix(ARRAY), "[Ss]parse"),
        (
            np.array([[{"a": 1}]], dtype=object),
            "a string, a number or a date. Got one of type dict",
        ),
        (pd.DataFrame({"k": [1], "v": [[1, 2]]}), "Column 'v' holds values of type list"),
        (pd.DataFrame({"v": [np.ones(2)]}), "Column 'v' holds values of type ndarray"),
        (pl.DataFrame({"v": [[1, 2]]}), r"Column 'v' holds values of type List\(Int64\)"),
        (pl.DataFrame({"v": [{"a": 1}]}), "Column 'v' holds values of type Struct"),
    ],
)
def test_containers_in_cells_are_refused(X, message):
    with pytest.raises(TypeError, match=message):
        check_table(Owner(), X, reset=True)
