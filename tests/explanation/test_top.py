"""`top` against a slow twin that follows its words."""

import math

import numpy as np
import pandas as pd
import pytest
from attributions import bare_attribution, make_attribution
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from surrogates.explanation.ranking import rank

COLUMNS = [
    *("index", "rank", "feature", "output", "value"),
    *("attribution", "std_error", "tied_with_next"),
]
SIGNS = st.sampled_from(["both", "positive", "negative"])
SHAPES = array_shapes(min_dims=3, max_dims=3, max_side=4)
NUMBERS = st.sampled_from([-2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0, np.nan, np.inf, -np.inf])
ERRORS = st.sampled_from([0.0, 0.1, 0.3, 1.0, np.nan])


@st.composite
def attributions(draw):
    shape = draw(SHAPES)
    values = draw(arrays(float, shape, elements=NUMBERS))
    errors = draw(st.none() | st.just(0) | arrays(float, shape, elements=ERRORS))
    if isinstance(errors, int):
        errors = np.zeros(shape)
    index = draw(
        st.none()
        | st.just([7] * shape[0])
        | st.just(pd.MultiIndex.from_tuples([("a", i // 2) for i in range(shape[0])]))
    )
    others = {
        "base_values": np.zeros((shape[0], shape[2])),
        "predictions": np.zeros((shape[0], shape[2])),
    }
    return bare_attribution(
        np.zeros(shape), **others | {"std_errors": errors, "index": index}
    ), values


def with_values(pair):
    from dataclasses import replace

    e, values = pair
    return replace(e, values=values)


def size(value, sign):
    """Return what an attribution is ranked by, or None where it is not listed."""
    if sign == "both":
        return abs(value)
    number = value if sign == "positive" else -value
    return number if number > 0 else None


def is_tied(larger, smaller, errors):
    if larger == smaller:
        return True
    gap = larger - smaller
    margin = 0.0 if errors is None else 1.96 * math.hypot(*errors)
    return bool(gap <= margin)


def top_by_hand(e, k, sign):
    lines = []
    n_rows, n_features, n_outputs = e.values.shape
    for row in range(n_rows):
        for output in range(n_outputs):
            sizes = {i: size(e.values[row, i, output], sign) for i in range(n_features)}
            listed = [i for i in sizes if sizes[i] is not None]
            listed.sort(key=lambda i: math.inf if np.isnan(sizes[i]) else -sizes[i])
            for place, i in enumerate(listed[:k]):
                tied = False
                if place + 1 < len(listed):
                    following = listed[place + 1]
                    errors = None
                    if e.std_errors is not None:
                        errors = (
                            e.std_errors[row, i, output],
                            e.std_errors[row, following, output],
                        )
                    tied = is_tied(sizes[i], sizes[following], errors)
                lines.append(
                    {
                        "index": e.index[row],
                        "rank": place + 1,
                        "feature": e.feature_names[i],
                        "output": e.output_names[output],
                        "value": e.data[row, i],
                        "attribution": e.values[row, i, output],
                        "std_error": np.nan
                        if e.std_errors is None
                        else e.std_errors[row, i, output],
                        "tied_with_next": tied,
                    }
                )
    return lines


@given(attributions().map(with_values), st.integers(1, 6), SIGNS)
def test_top_equals_its_words(e, k, sign):
    frame = e.top(k, sign=sign)
    assert list(frame.columns) == COLUMNS
    assert frame.index.equals(pd.RangeIndex(len(frame)))
    expected = top_by_hand(e, k, sign)
    assert len(frame) == len(expected)
    for line, twin in zip(frame.to_dict("records"), expected, strict=True):
        np.testing.assert_equal(line, twin)


def test_defaults():
    e = make_attribution(2, 7, 1)
    assert len(e.top()) == 10
    pd.testing.assert_frame_equal(e.top(), e.top(5, "both"))


def test_more_than_there_are():
    e = make_attribution(2, 3, 2)
    assert len(e.top(100)) == e.values.size
    assert e.top(100).groupby(["index", "output"])["rank"].max().eq(3).all()
    np.testing.assert_array_equal(e.top(3)["tied_with_next"], e.top(100)["tied_with_next"])


def test_dtypes():
    frame = make_attribution(2, 3, 2).top(2)
    assert frame["tied_with_next"].dtype == bool
    assert frame["rank"].dtype.kind == "i"
    assert frame["value"].dtype == object
    assert frame["attribution"].dtype == float


def test_ties_keep_the_order_of_the_columns():
    e = bare_attribution(np.array([[[1.0], [-1.0], [0.0], [1.0]]]))
    assert list(e.top(4)["feature"]) == ["x0", "x1", "x3", "x2"]
    assert list(e.top(4)["tied_with_next"]) == [True, True, False, False]
    assert list(e.top(2)["tied_with_next"]) == [True, True]  # the next one is not listed
    assert list(e.top(4, "positive")["feature"]) == ["x0", "x3"]
    assert list(e.top(4, "negative")["feature"]) == ["x1"]


def test_ties_within_the_error_of_the_difference():
    values = np.array([[[1.0], [0.8], [0.2]]])
    for error, tied in (
        (0.05, [False, False, False]),
        (0.08, [True, False, False]),
        (1, [True, True, False]),
    ):
        e = bare_attribution(values, std_errors=np.full((1, 3, 1), error))
        assert list(e.top(3)["tied_with_next"]) == tied


def test_nothing_of_a_sign():
    e = bare_attribution(np.array([[[1.0], [2.0]]]))
    frame = e.top(2, "negative")
    assert len(frame) == 0
    assert list(frame.columns) == COLUMNS


@pytest.mark.parametrize("k", [0, -1, 1.0, True, "3", None])
def test_bad_k(k):
    with pytest.raises(ValueError, match=r"k must be an int in the range \[1, inf\)"):
        make_attribution().top(k)


@pytest.mark.parametrize("sign", ["up", None, 1])
def test_bad_sign(sign):
    with pytest.raises(ValueError, match=r"sign must be one of \['both', 'positive', 'negative'\]"):
        make_attribution().top(2, sign)


@given(arrays(float, (3, 4, 2), elements=st.floats(-9, 9)), st.permutations(range(4)))
def test_order_of_columns_matters_for_ties_only(values, order):
    values += np.arange(4)[:, np.newaxis] * 1e-3  # equal ones become different
    straight, turned = rank(values, None, 4, "both"), rank(values[:, order], None, 4, "both")
    sizes = np.abs(values)
    found = sizes[straight.rows, straight.features, straight.outputs]
    twins = sizes[:, order][turned.rows, turned.features, turned.outputs]
    np.testing.assert_array_equal(found, twins)
