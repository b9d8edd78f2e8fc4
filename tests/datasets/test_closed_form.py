"""The Shapley values of sums of products."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from polars_frames import to_polars

from surrogates.datasets import Product, SumOfProducts

NUMBER = st.floats(-10, 10, width=32)


def as_floats(values):
    return np.asarray(values, dtype=np.float64)


def polynomial(*products, names=("a", "b", "c")):
    return SumOfProducts(dict.fromkeys(names, as_floats), products)


def test_a_product_is_shared_equally_from_zero():
    function = polynomial(Product(6.0, ("a", "b", "c")))
    values = function.attributions([[1.0, 2.0, 3.0]], reference=[[0.0, 0.0, 0.0]])
    np.testing.assert_allclose(values, [[12.0, 12.0, 12.0]], rtol=1e-15)


def test_a_sum_gives_each_column_its_own_difference():
    function = polynomial(Product(2.0, ("a",)), Product(-1.0, ("b",)))
    values = function.attributions([[1.0, 5.0, 9.0]], reference=[[0.0, 1.0, 2.0], [4.0, 1.0, 0.0]])
    np.testing.assert_allclose(values, [[-2.0, -4.0, 0.0]], atol=1e-15)


def test_a_product_of_no_columns_is_a_constant():
    function = polynomial(Product(7.0, ()))
    assert function([[1.0, 2.0, 3.0]]).tolist() == [7.0]
    assert not function.attributions([[1.0, 2.0, 3.0]], reference=[[0.0, 0.0, 0.0]]).any()


@given(
    rows=arrays(np.float64, (2, 3), elements=NUMBER),
    reference=arrays(np.float64, (4, 3), elements=NUMBER),
    coefficients=arrays(np.float64, 3, elements=NUMBER),
)
def test_efficiency(rows, reference, coefficients):
    terms = zip(coefficients, [("c",), ("a", "c"), ("a", "b", "c")], strict=True)
    function = polynomial(*(Product(float(c), names) for c, names in terms))
    gap = function(rows) - function(reference).mean()
    values = function.attributions(rows, reference)
    np.testing.assert_allclose(values.sum(axis=1), gap, atol=1e-8)


def test_four_columns_agree_with_brute_force(enumerate_shapley):
    names = ("a", "b", "c", "d")
    function = polynomial(Product(0.5, names), Product(2.0, ("b", "d")), names=names)
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(3, 4)), columns=names)
    reference = pd.DataFrame(rng.normal(size=(5, 4)), columns=names)
    weights = rng.uniform(size=5)
    np.testing.assert_allclose(
        function.attributions(rows, reference, weights),
        enumerate_shapley(function, rows, reference, weights),
        atol=1e-12,
    )


def test_weights_are_repetitions():
    function = polynomial(Product(1.0, ("a", "b")))
    rows, reference = [[1.0, 2.0, 3.0]], np.array([[0.0, 1.0, 0.0], [2.0, 5.0, 0.0]])
    np.testing.assert_allclose(
        function.attributions(rows, reference, sample_weight=[1, 3]),
        function.attributions(rows, reference[[0, 1, 1, 1]]),
        rtol=1e-14,
    )


def test_frames_are_read_by_name_and_arrays_by_position():
    function = polynomial(Product(1.0, ("a", "b")), Product(1.0, ("c",)))
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4], "c": [5, 6]})
    expected = function(frame.to_numpy())
    for table in (frame, frame[["c", "b", "a"]].assign(other="x"), to_polars(frame)):
        np.testing.assert_array_equal(function(table), expected)


def test_pickle():
    function = polynomial(Product(1.0, ("a", "b")))
    again = pickle.loads(pickle.dumps(function))
    assert again == function
    assert again([[2.0, 3.0, 0.0]]).tolist() == [6.0]


def test_missing_columns_are_named():
    with pytest.raises(ValueError, match=r"X lacks the columns \['b', 'c'\]"):
        polynomial()(pd.DataFrame({"a": [1.0]}))


@pytest.mark.parametrize("X", [[[1.0, 2.0]], [1.0, 2.0, 3.0]])
def test_arrays_of_another_width_are_refused(X):
    with pytest.raises(ValueError, match="X must have 3 columns, in the order"):
        polynomial()(np.asarray(X))


def test_a_column_of_the_wrong_kind_is_named():
    with pytest.raises(ValueError, match="Column 'b': could not convert"):
        polynomial()(pd.DataFrame({"a": [1.0], "b": ["x"], "c": [1.0]}))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0], r"sample_weight must have shape \(2,\). Got \(1,\) instead."),
        ([0.0, 0.0], "not all zero"),
        ([-1.0, 2.0], "not negative"),
        ([np.nan, 1.0], "finite"),
    ],
)
def test_weights_are_checked(weights, message):
    with pytest.raises(ValueError, match=message):
        polynomial().attributions([[1, 2, 3]], [[1, 2, 3], [4, 5, 6]], sample_weight=weights)


def test_reference_needs_rows():
    with pytest.raises(ValueError, match="reference must have at least one row"):
        polynomial().attributions([[1, 2, 3]], np.empty((0, 3)))
