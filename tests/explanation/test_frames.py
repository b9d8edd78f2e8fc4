"""Frames of attributions: every line is where the arrays say, under the caller's labels."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from attributions import bare_attribution, make_attribution
from hypothesis import given
from hypothesis import strategies as st

LONG = ["row", "feature", "output", "value", "attribution", "std_error"]
INDEXES = st.sampled_from(
    [
        None,
        ["u", "u", "v", "v"],
        pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1), ("a", 1)], names=["u", None]),
        pd.date_range("2024-01-31", periods=4, freq="ME", tz="Europe/Berlin"),
        pd.Index([0.5, np.nan, 0.5, 2.0]),
        pd.CategoricalIndex(["x", "y", "x", "y"]),
    ]
)


def labels(e):
    return [label if label == label else None for label in e.index]


@given(INDEXES, st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_long(index, n_features, n_outputs, known):
    others = {} if known else {"std_errors": None}
    e = make_attribution(4, n_features, n_outputs, index=index, **others)
    lines = [
        (
            labels(e)[row],
            e.feature_names[feature],
            e.output_names[output],
            e.data.iloc[row, feature],
            e.values[row, feature, output],
            e.std_errors[row, feature, output] if known else None,
        )
        for row in range(4)
        for output in range(n_outputs)
        for feature in range(n_features)
    ]
    frame = e.to_frame()
    assert list(frame.columns) == LONG
    assert frame.index.equals(pd.RangeIndex(len(lines)))
    assert (
        list(frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None))
        == lines
    )


def test_one_row_and_output_has_one_line_per_column():
    e = make_attribution(3, 4, 1)
    frame = e[1].to_frame("long")
    assert list(frame["feature"]) == list(e.data.columns)
    assert list(frame["value"]) == list(e.data.iloc[1])
    assert set(frame["row"]) == {"row 1"}
    assert frame["std_error"].to_numpy() == pytest.approx(e.std_errors[1, :, 0])


@given(INDEXES)
def test_wide(index):
    e = make_attribution(4, 3, 2, index=index)
    frame = e.to_frame("wide")
    assert list(frame.columns[:3]) == [
        "column 0__class 0",
        "column 0__class 1",
        "column 1__class 0",
    ]
    assert frame.index.equals(e.index)
    assert frame.index.names == e.index.names
    for feature in range(3):
        for output in range(2):
            column = frame[f"column {feature}__class {output}"]
            np.testing.assert_array_equal(column, e.values[:, feature, output])


def test_wide_of_one_output_has_the_names_of_the_features():
    e = make_attribution(2, 3, 1)
    assert list(e.to_frame("wide").columns) == list(e.feature_names)
    assert list(e.output("class 0").to_frame("wide").columns) == list(e.feature_names)


def test_unknown_kind():
    with pytest.raises(ValueError, match=r"kind must be 'long' or 'wide'\. Got 'tall'"):
        make_attribution().to_frame("tall")


@given(INDEXES, st.booleans())
def test_importance(index, known):
    others = {} if known else {"std_errors": None}
    e = make_attribution(4, 3, 2, index=index, **others)
    frame = e.importance().set_index(["feature", "output"])
    assert list(frame.columns) == ["importance", "std_error"]
    assert frame["importance"].is_monotonic_decreasing
    for i, feature in enumerate(e.feature_names):
        for j, output in enumerate(e.output_names):
            line = frame.loc[(feature, output)]
            assert line["importance"] == pytest.approx(np.abs(e.values[:, i, j]).mean())
            if known:
                expected = np.sqrt(np.square(e.std_errors[:, i, j]).sum()) / 4
                assert line["std_error"] == pytest.approx(expected)
            else:
                assert np.isnan(line["std_error"])


# what a row holds

CELLS = {
    "floats": ([1.5, np.nan], [1.5, None]),
    "numbers": ([1, 2], [1, 2]),
    "booleans": ([True, False], [True, False]),
    "texts": (["a", None], ["a", None]),
    "categories": (pd.Categorical([2, None], categories=[1, 2]), [2, None]),
    "integers": (pd.array([2**60 + 1, None], dtype="Int64"), [2**60 + 1, None]),
    "flags": (pd.array([True, None], dtype="boolean"), [True, None]),
    "times": (
        pd.to_datetime(["2024-02-29", None]),
        [pd.Timestamp("2024-02-29"), None],
    ),
    "zoned": (
        pd.to_datetime(["2024-02-29", None]).tz_localize("Asia/Tokyo"),
        [pd.Timestamp("2024-02-29", tz="Asia/Tokyo"), None],
    ),
    "spans": (pd.to_timedelta(["2h", None]), [pd.Timedelta("2h"), None]),
    "objects": (np.array([(1, 2), None], dtype=object), [(1, 2), None]),
}


@pytest.mark.parametrize("kind", CELLS)
def test_cells_of_pandas(kind):
    column, expected = CELLS[kind]
    data = pd.DataFrame({kind: column}, index=[3, 3])
    values = bare_attribution(np.zeros((2, 1, 1)), data=data, feature_names=[kind]).to_frame()[
        "value"
    ]
    assert values.dtype == object
    assert values.where(values.notna(), None).tolist() == expected
    assert [type(value) for value in values[:1]] == [type(expected[0])]


def test_cells_of_polars():
    data = pl.DataFrame(
        {
            "integers": [2**60 + 1, None],
            "floats": [1.5, None],
            "flags": [True, None],
            "texts": ["a", None],
            "levels": pl.Series(["a", None], dtype=pl.Categorical),
            "dates": [date(2024, 2, 29), None],
            "times": [datetime(2024, 2, 29, tzinfo=UTC), None],
            "amounts": [Decimal("1.50"), None],
        }
    )
    e = bare_attribution(np.zeros((2, 8, 1)), data=data, feature_names=data.columns)
    assert e[0].to_frame()["value"].tolist() == list(data.row(0))
    assert e[1].to_frame()["value"].tolist() == [None] * 8


@pytest.mark.parametrize(
    ("array", "first"),
    [
        (np.array([[1, 2]]), 1),
        (np.array([[1.5, 2]]), 1.5),
        (np.array([["a", "b"]]), "a"),
        (np.array([["a", None]], dtype=object), "a"),
        (np.array([["2024-01-01", "NaT"]], dtype="M8[ns]"), pd.Timestamp("2024-01-01")),
        (np.array([[True, False]]), True),
    ],
)
def test_cells_of_arrays(array, first):
    frame = bare_attribution(np.zeros((1, 2, 1)), data=array, feature_names=["a", "b"]).to_frame()
    assert frame["value"][0] == first
    assert type(frame["value"][0]) is type(first)
    if array.dtype == object:
        assert frame["value"][1] is None


def test_players_that_are_groups():
    data = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [0.5, 0.25]})
    groups = {"home": ["a", "b"], "rest": ["c"]}
    e = bare_attribution(
        np.zeros((2, 2, 1)), data=data, feature_names=["home", "rest"], params={"groups": groups}
    )
    assert e.to_frame()["value"].tolist() == ["a=1, b=x", "c=0.5", "a=2, b=missing", "c=0.25"]
    assert e.features("rest").top(1)["value"].tolist() == ["c=0.5", "c=0.25"]


def test_groups_of_positions_beside_columns():
    e = bare_attribution(
        np.zeros((2, 2, 1)),
        data=np.arange(6).reshape(2, 3),
        feature_names=["ends", "x1"],
        params={"groups": {"ends": [0, 2]}},
    )
    assert e.to_frame()["value"].tolist() == ["x0=0, x2=2", 1, "x0=3, x2=5", 4]


def test_players_that_are_no_columns():
    data = pd.DataFrame({"a": [1, 2]})
    e = bare_attribution(np.zeros((2, 2, 1)), data=data, feature_names=["a", "elsewhere"])
    assert e.to_frame()["value"].tolist() == [1, None, 2, None]


# dictionaries


def test_dict_is_json():
    data = pd.DataFrame(
        {
            "a": [1.5, np.nan, np.inf],
            "b": ["x", None, "y"],
            "c": pd.to_datetime(["2024-02-29", None, "2024-03-01"]),
            "d": pd.array([1, None, 3], dtype="Int64"),
            "e": pd.Categorical(["u", "v", None]),
        }
    )
    index = pd.MultiIndex.from_product([["k"], [1, 2, 3]])
    e = make_attribution(
        3, 5, 2, data=data, feature_names=list("abcde"), index=index,
        params={"tol": np.float32(0.5), "n": np.int64(3), "groups": {"g": ("a", "b")}},
    )  # fmt: skip
    text = json.dumps(e.to_dict(), allow_nan=False)
    fields = json.loads(text)
    assert fields["data"]["a"] == [1.5, None, "Infinity"]
    assert fields["data"]["b"] == ["x", None, "y"]
    assert fields["data"]["c"] == ["2024-02-29T00:00:00", None, "2024-03-01T00:00:00"]
    assert fields["data"]["d"] == [1, None, 3]
    assert fields["data"]["e"] == ["u", "v", None]
    assert fields["index"] == [["k", 1], ["k", 2], ["k", 3]]
    assert fields["params"] == {"tol": 0.5, "n": 3, "groups": {"g": ["a", "b"]}}
    assert fields["feature_names"] == list("abcde")
    assert np.array_equal(fields["values"], e.values)
    assert np.array_equal(fields["details"]["of_pairs"], e.details["of_pairs"])
    assert fields["reference"]["name"] == "population"
    assert fields["converged"] == e.converged.tolist()


def test_dict_of_a_bare_attribution():
    fields = bare_attribution(np.full((1, 1, 1), np.nan)).to_dict()
    assert json.loads(json.dumps(fields, allow_nan=False)) == fields
    assert fields["values"] == [[[None]]]
    assert fields["reference"] is None
    assert fields["data"] == {"x0": [0]}
