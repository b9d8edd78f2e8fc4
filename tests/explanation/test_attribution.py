"""Fields of attributions: shapes, dtypes, names, frozen state, and what selections keep."""

import copy
import dataclasses
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from attributions import bare_attribution, make_attribution

from surrogates.explanation import Attribution, Reference

ARRAYS = (
    *("values", "base_values", "predictions", "std_errors", "fidelity"),
    *("interactions", "converged"),
)


def assert_equal_fields(one, other):
    for field in dataclasses.fields(Attribution):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name == "data":
            pd.testing.assert_frame_equal(mine, theirs)
        elif field.name == "details":
            assert mine.keys() == theirs.keys()
            for key, value in mine.items():
                np.testing.assert_array_equal(value, theirs[key])
        elif isinstance(mine, (np.ndarray, pd.Index)):
            np.testing.assert_array_equal(mine, theirs)
        else:
            assert mine == theirs, field.name


# what is accepted


def test_fields_are_kept():
    e = make_attribution(4, 3, 2)
    assert len(e) == 4
    assert e.values.shape == (4, 3, 2)
    assert e.feature_names == ("column 0", "column 1", "column 2")
    assert e.output_names == ("class 0", "class 1")
    assert list(e.index) == ["row 0", "row 1", "row 2", "row 3"]
    assert e.n_model_rows == 1000
    assert e.details["of_all"] == "text"


def test_only_what_is_needed():
    e = bare_attribution(np.zeros((2, 3, 1)))
    assert [getattr(e, name) for name in ARRAYS[3:]] == [None] * 4
    assert e.index.equals(pd.RangeIndex(2))
    assert (e.reference, e.method, e.params, e.details, e.n_model_rows) == (None, "", {}, {}, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64, bool, object, np.longdouble])
def test_numbers_become_floats(dtype):
    e = replace(bare_attribution(np.ones((1, 2, 1))), values=np.array([[[1], [0]]], dtype=dtype))
    assert e.values.dtype == np.float64
    assert e.values.ravel().tolist() == [1.0, 0.0]


def test_lists_are_arrays():
    e = replace(bare_attribution(np.zeros((1, 2, 1))), values=[[[1], [2]]], base_values=[[0]])
    assert e.values.ravel().tolist() == [1.0, 2.0]


def test_index_comes_from_the_data():
    frame = pd.DataFrame({"a": [1, 2]}, index=["u", "v"])
    assert list(bare_attribution(np.zeros((2, 1, 1)), data=frame).index) == ["u", "v"]
    own = bare_attribution(np.zeros((2, 1, 1)), data=frame, index=[7, 7])
    assert list(own.index) == [7, 7]
    polars = bare_attribution(np.zeros((2, 1, 1)), data=pl.DataFrame({"a": [1, 2]}))
    assert list(polars.index) == [0, 1]


# what is refused

WRONG_SHAPES = [
    ({"values": np.zeros((2, 3))}, r"values must have the shape .*Got \(2, 3\)"),
    ({"values": None}, r"values must have the shape .*Got \(\)"),
    ({"values": np.zeros((2, 0, 2))}, "at least one player and one output"),
    ({"values": np.zeros((4, 3, 0))}, "at least one player and one output"),
    ({"base_values": np.zeros(4)}, r"base_values must have the shape \(n_rows, n_outputs\)"),
    ({"predictions": np.zeros((4, 3))}, r"predictions .* = \(4, 2\). Got \(4, 3\)"),
    ({"std_errors": np.zeros((4, 3))}, "std_errors must have the shape"),
    ({"fidelity": np.zeros(4)}, "fidelity must have the shape"),
    ({"interactions": np.zeros((4, 3, 2, 2))}, "interactions must have the shape"),
    ({"converged": np.zeros(3, dtype=bool)}, r"converged must have the shape \(n_rows\) = \(4,\)"),
    ({"details": {"a": np.zeros(3)}}, r"details\['a'\] must have the shape"),
    ({"details": {"a": np.array(1.0)}}, r"details\['a'\] must have 1 to 4 dimensions"),
    ({"details": {"a": np.zeros((4, 3, 3, 2, 1))}}, "1 to 4 dimensions"),
    ({"data": np.zeros((3, 3))}, "data must have 4 rows"),
    ({"index": [1, 2]}, "index must have 4 labels"),
    ({"feature_names": ("a", "b")}, "feature_names must hold 3 names"),
    ({"output_names": ("a",)}, "output_names must hold 2 names"),
    ({"feature_names": ("a", "b", "a")}, r"feature_names must be unique. Got \['a'\]"),
    ({"output_names": (1, "1")}, "output_names must be unique"),
    ({"n_model_rows": -1}, r"n_model_rows must be an int in the range \[0, inf\)"),
    ({"reference": Reference("all", 3, (0.1,))}, "mean_response must hold 2 numbers"),
    ({"params": {"groups": {"home": ["nowhere"]}}, "feature_names": ("home", "b", "c")}, "nowhere"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG_SHAPES)
def test_values_that_do_not_fit(fields, message):
    with pytest.raises(ValueError, match=message):
        make_attribution(4, 3, 2, **fields)


WRONG_TYPES = [
    ({"values": np.zeros((4, 3, 2), dtype=complex)}, "values must hold real numbers.*complex128"),
    ({"values": np.full((4, 3, 2), "1.5")}, "values must hold real numbers.*<U3"),
    ({"values": np.full((4, 3, 2), "a", dtype=object)}, "values must hold real numbers"),
    ({"values": [[1], [2, 3]]}, "values must hold real numbers"),
    ({"predictions": np.zeros((4, 2), dtype="M8[s]")}, "predictions must hold real numbers"),
    ({"converged": np.ones(4)}, "converged must hold booleans.*float64"),
    ({"converged": ["no"] * 4}, "converged must hold booleans"),
    ({"data": [[1, 2, 3]] * 4}, "data must be a 2-D numpy array.*list"),
    ({"data": np.zeros(4)}, "data must be a 2-D numpy array"),
    ({"feature_names": "abc"}, "feature_names must be a sequence of str"),
    ({"method": 3}, "method must be a str"),
    ({"n_model_rows": 1.5}, "n_model_rows must be an int"),
    ({"n_model_rows": True}, "n_model_rows must be an int"),
    ({"reference": "all"}, "reference must be a Reference or None"),
    ({"params": ["a"]}, "params must be a mapping"),
    ({"params": {"model": object()}}, r"params\['model'\] must consist of JSON values"),
    ({"params": {"groups": ["a"]}}, r"params\['groups'\] must map names to columns"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG_TYPES)
def test_values_of_other_types(fields, message):
    with pytest.raises(TypeError, match=message):
        make_attribution(4, 3, 2, **fields)


# frozen


def test_fields_cannot_be_set():
    e = make_attribution()
    for field in dataclasses.fields(e):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(e, field.name, None)


@pytest.mark.parametrize(
    "made", [lambda e: e, lambda e: e[1:], lambda e: e[[0, 2]], lambda e: e.output("class 1")]
)
def test_arrays_are_read_only(made):
    e = made(make_attribution())
    arrays = [getattr(e, name) for name in ARRAYS]
    arrays += [value for value in e.details.values() if isinstance(value, np.ndarray)]
    assert len(arrays) == 11
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_the_callers_own_arrays_stay_writeable():
    values, data = np.zeros((1, 1, 1)), np.zeros((1, 1))
    e = bare_attribution(values, data=data)
    assert values.flags.writeable
    assert data.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        e.data[0, 0] = 1


def test_frames_can_be_changed():
    e = make_attribution(2, 2, 1)
    for frame in (e.to_frame("wide"), e.to_frame(), e.top(), e.importance()):
        for name in frame.columns.intersection(["attribution", "importance", "column 1"]):
            frame.loc[frame.index[0], name] = 1.0
    assert (e.values != 1).all()


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_copies_are_equal_and_read_only(copied):
    e = make_attribution()
    twin = copied(e)
    assert_equal_fields(e, twin)
    assert not twin.values.flags.writeable


# rows


def rows_of(e):
    return list(e.index)


def test_one_row_keeps_the_axis():
    e = make_attribution(4, 3, 2)
    for position in (0, 2, -1, np.int32(1)):
        one = e[position]
        assert len(one) == 1
        np.testing.assert_array_equal(one.values[0], e.values[position])
        np.testing.assert_array_equal(one.interactions[0], e.interactions[position])
        assert rows_of(one) == [e.index[position]]
        assert one.data.shape == (1, 3)
        np.testing.assert_array_equal(one.data.iloc[0], e.data.iloc[position])


SELECTIONS = [
    (slice(1, 3), [1, 2]),
    (slice(None, None, -1), [3, 2, 1, 0]),
    (slice(5, 9), []),
    ([True, False, False, True], [0, 3]),
    (np.array([False] * 4), []),
    (pd.Series([True, True, False, False]), [0, 1]),
    ([2, 0, 0], [2, 0, 0]),
    (np.array([-1, 1], dtype=np.int8), [3, 1]),
    (range(2), [0, 1]),
    ([], []),
]


@pytest.mark.parametrize(("key", "expected"), SELECTIONS)
@pytest.mark.parametrize("container", ["pandas", "polars", "numpy"])
def test_rows(key, expected, container):
    table = np.arange(12.0).reshape(4, 3)
    names = [f"column {i}" for i in range(3)]
    data = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "numpy": np.array}[container](table)
    if container != "numpy":
        data.columns = names
    e = make_attribution(4, 3, 2, data=data)
    part = e[key]
    assert type(part.data) is type(data)
    np.testing.assert_array_equal(np.asarray(part.data), table[expected].reshape(-1, 3))
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(part, name), getattr(e, name)[expected])
    for name in ("of_rows", "of_outputs", "of_features", "of_pairs"):
        np.testing.assert_array_equal(part.details[name], e.details[name][expected])
    assert rows_of(part) == [e.index[i] for i in expected]
    assert (part.n_model_rows, part.reference) == (e.n_model_rows, e.reference)


@pytest.mark.parametrize("key", [4, -5, [0, 4], [-5], [True, False], np.ones(5, dtype=bool)])
def test_rows_that_do_not_exist(key):
    with pytest.raises(IndexError, match="4 rows"):
        make_attribution(4)[key]


@pytest.mark.parametrize(
    "key", ["column 0", ["column 0"], (0, 1), None, 1.0, [1.0], True, ..., {"a"}, [[0, 1]]]
)
def test_keys_that_select_no_rows(key):
    with pytest.raises(TypeError, match=r"[Rr]ow"):
        make_attribution(4)[key]


def test_text_as_a_key_points_to_the_methods():
    with pytest.raises(TypeError, match=r"\.features\(\[\.\.\.\]\) or \.output\(name\)"):
        make_attribution()["column 0"]


def test_iteration_goes_over_rows():
    e = make_attribution(3)
    assert [part.index[0] for part in e] == rows_of(e)


def test_labels_stay_with_the_rows():
    index = pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("a", 1), ("b", 1)], names=["u", "v"])
    e = make_attribution(4, 2, 1, index=index)[[2, 3]]
    assert e.index.equals(index[[2, 3]])
    assert list(e.to_frame()["row"]) == [("a", 1), ("a", 1), ("b", 1), ("b", 1)]
    assert list(e.top(1)["index"]) == [("a", 1), ("b", 1)]
    pd.testing.assert_index_equal(e.to_frame("wide").index, index[[2, 3]])


def test_no_rows_at_all():
    e = make_attribution(4)[[]]
    assert len(e) == 0
    for frame in (e.to_frame(), e.to_frame("wide"), e.top()):
        assert len(frame) == 0
    assert e.importance()["importance"].isna().all()
    assert e.to_dict()["values"] == []
    assert e.additivity_gap.shape == (0, 2)
    with pytest.raises(ValueError, match="no rows to draw"):
        e.plot()
    assert "0 rows" in e._repr_html_()


# outputs and features


def test_output():
    e = make_attribution(4, 3, 3)
    one = e.output("class 1")
    assert one.output_names == ("class 1",)
    np.testing.assert_array_equal(one.values, e.values[:, :, [1]])
    np.testing.assert_array_equal(one.predictions, e.predictions[:, [1]])
    np.testing.assert_array_equal(one.interactions, e.interactions[..., [1]])
    np.testing.assert_array_equal(one.details["of_outputs"], e.details["of_outputs"][:, [1]])
    np.testing.assert_array_equal(one.details["of_pairs"], e.details["of_pairs"][..., [1]])
    np.testing.assert_array_equal(one.converged, e.converged)
    assert one.reference.mean_response == (e.reference.mean_response[1],)
    assert bare_attribution(np.zeros((1, 1, 2)), output_names=[0, 1]).output(1).output_names == (
        "1",
    )


def test_features_in_the_order_given():
    e = make_attribution(4, 4, 2)
    part = e.features(["column 3", "column 1"])
    assert part.feature_names == ("column 3", "column 1")
    np.testing.assert_array_equal(part.values, e.values[:, [3, 1]])
    np.testing.assert_array_equal(part.std_errors, e.std_errors[:, [3, 1]])
    np.testing.assert_array_equal(part.interactions, e.interactions[:, [3, 1]][:, :, [3, 1]])
    np.testing.assert_array_equal(
        part.details["of_pairs"], e.details["of_pairs"][:, [3, 1]][:, :, [3, 1]]
    )
    np.testing.assert_array_equal(part.predictions, e.predictions)
    assert part.data.shape == (4, 4)
    assert list(part[0].to_frame()["value"][:2]) == list(e.data.iloc[0, [3, 1]])
    assert e.features("column 2").feature_names == ("column 2",)


@pytest.mark.parametrize("names", [("a", "b", "c"), ("x0", "x1", "x2"), ("x2", "x0", "x1")])
def test_features_of_an_array_find_their_columns(names):
    e = bare_attribution(np.zeros((2, 3, 1)), feature_names=names)
    for wanted in ([names[2]], [names[1], names[0]], [names[2], names[0], names[1]]):
        values = e.features(wanted)[1].to_frame()["value"]
        assert list(values) == [e.data[1, names.index(name)] for name in wanted]
        assert list(e.features(wanted[:1])[1].to_frame()["value"]) == list(values[:1])


def test_names_that_do_not_exist():
    e = make_attribution(2, 2, 2)
    with pytest.raises(KeyError, match=r"No feature is called \['age'\].*column 0"):
        e.features(["column 0", "age"])
    with pytest.raises(KeyError, match=r"No output is called \['good'\].*class 0"):
        e.output("good")
    for names in ([], ["column 0", "column 0"]):
        with pytest.raises(ValueError, match="at least one feature, and none twice"):
            e.features(names)


# numbers


def test_additivity_gap():
    e = make_attribution(3, 4, 2)
    np.testing.assert_allclose(e.additivity_gap, 0, atol=1e-12)
    shifted = replace(e, predictions=e.predictions + 0.5)
    np.testing.assert_allclose(shifted.additivity_gap, 0.5)


def test_confidence_interval():
    e = make_attribution()
    low, high = e.confidence_interval(0.95)
    np.testing.assert_allclose((low + high) / 2, e.values)
    np.testing.assert_allclose(high - low, 2 * 1.959964 * e.std_errors, rtol=1e-6)
    narrow = e.confidence_interval(0.5)
    np.testing.assert_allclose(narrow[1] - e.values, 0.6744898 * e.std_errors, rtol=1e-6)
    for level in (0, 1, 1.5, -1, True):
        with pytest.raises(ValueError, match=r"level must be a float in the range \(0, 1\)"):
            e.confidence_interval(level)
    with pytest.raises(ValueError, match="no confidence interval without std_errors"):
        bare_attribution(np.zeros((1, 1, 1))).confidence_interval()


def test_repr():
    assert repr(make_attribution(4, 3, 2)) == (
        "Attribution(KernelSHAP, 4 rows x 3 features x 2 outputs, 100 reference rows of population)"
    )
    bare = bare_attribution(np.zeros((1, 1, 1)))
    assert repr(bare) == "Attribution(1 row x 1 feature x 1 output)"


def test_html_escapes_everything():
    evil = "</script><img onerror=1>\"'&"
    e = bare_attribution(
        np.ones((1, 2, 1)),
        data=pd.DataFrame([[evil, 1.5]], columns=[evil, "b"]),
        feature_names=[evil, "b"],
        output_names=[evil],
        method=evil,
        reference=Reference(evil, 3, ()),
    )
    for part in (e, e[[0, 0]]):
        html = part._repr_html_()
        assert "&lt;/script&gt;&lt;img onerror=1&gt;&quot;&#x27;&amp;" in html
        for word in ("<script", "</script", "<img", "http", "src=", "href", "url("):
            assert word not in html
    assert e._repr_html_().count("<tr>") == 3
    assert "1.5" in e._repr_html_()
