"""What the generators have in common, and the numeric ones."""

import pickle

import numpy as np
import pandas as pd
import pytest

from surrogates.datasets import make_additive, make_interactions, make_loan_applications

GENERATORS = [make_additive, make_interactions, make_loan_applications]
NUMERIC = [make_additive, make_interactions]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("make", GENERATORS)
def test_attributions_agree_with_brute_force(make, weighted, enumerate_shapley):
    table = make(40, random_state=0)
    rows, reference = table.data[:3], table.data[20:29]
    weights = np.arange(9) if weighted else None
    expected = enumerate_shapley(table.function, rows, reference, weights)
    values = table.attributions(rows, reference, sample_weight=weights)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("make", GENERATORS)
def test_attributions_are_efficient(make):
    table = make(300, random_state=1)
    values = table.attributions(table.data, table.data)
    response = table.function(table.data)
    np.testing.assert_allclose(values.sum(axis=1), response - response.mean(), atol=1e-10)
    np.testing.assert_allclose(values.mean(axis=0).sum(), 0.0, atol=1e-10)


@pytest.mark.parametrize("make", GENERATORS)
def test_a_row_does_not_depend_on_its_batch(make):
    table = make(30, random_state=2)
    values = table.attributions(table.data, table.data)
    alone = table.attributions(table.data[7:8], table.data)
    np.testing.assert_array_equal(alone, values[7:8])


@pytest.mark.parametrize("make", GENERATORS)
def test_the_same_seed_gives_the_same_table(make):
    first, second = make(50, random_state=3), make(50, random_state=np.random.RandomState(3))
    pd.testing.assert_frame_equal(first.data, second.data)
    pd.testing.assert_series_equal(first.target, second.target)
    assert first.function == second.function
    assert not make(50, random_state=4).data.equals(first.data)
    assert len(make(5).data) == 5


@pytest.mark.parametrize("make", GENERATORS)
def test_functions_can_be_pickled(make):
    table = make(20, random_state=0)
    again = pickle.loads(pickle.dumps(table))
    np.testing.assert_array_equal(again.function(table.data), table.function(table.data))
    np.testing.assert_array_equal(
        again.attributions(table.data, table.data), table.attributions(table.data, table.data)
    )


@pytest.mark.parametrize("make", GENERATORS)
def test_functions_take_arrays(make):
    table = make(20, random_state=0)
    rows = table.data.to_numpy()
    np.testing.assert_array_equal(table.function(rows), table.function(table.data))
    np.testing.assert_array_equal(
        table.attributions(rows, rows), table.attributions(table.data, table.data)
    )


@pytest.mark.parametrize("make", GENERATORS)
def test_names(make):
    table = make(10, random_state=0)
    assert table.feature_names == table.data.columns.tolist() == list(table.function.functions)
    assert table.target.shape == (10,)


@pytest.mark.parametrize("make", NUMERIC)
def test_the_target_is_the_function_plus_noise(make):
    clean, noisy = make(5000, random_state=0), make(5000, noise=0.5, random_state=0)
    np.testing.assert_array_equal(clean.target, clean.function(clean.data))
    pd.testing.assert_frame_equal(noisy.data, clean.data)
    assert (noisy.target - clean.target).std() == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("make", NUMERIC)
def test_shapes(make):
    table = make(7, 4, random_state=0)
    assert table.data.shape == (7, 4)
    assert (table.data.dtypes == np.float64).all()
    assert table.feature_names == ["x0", "x1", "x2", "x3"]
    assert make(1, 3, random_state=0).data.shape == (1, 3)


def test_additive_attributions_are_centered_curves():
    table = make_additive(random_state=0)
    curves = np.column_stack(
        [curve(table.data[name]) for name, curve in table.function.functions.items()]
    )
    values = table.attributions(table.data, table.data)
    np.testing.assert_allclose(values, curves - curves.mean(axis=0), atol=1e-13)
    assert len({curve.curve for curve in table.function.functions.values()}) == 6


def test_interactions_have_the_sizes_asked_for():
    table = make_interactions(n_features=5, n_terms=7, max_order=3, random_state=0)
    sizes = [len(product.columns) for product in table.function.products]
    assert sizes == [1, 2, 3, 1, 2, 3, 1]
    for product in table.function.products:
        assert len(set(product.columns)) == len(product.columns)


def test_a_column_in_no_product_gets_nothing():
    table = make_interactions(n_features=8, n_terms=2, max_order=2, random_state=0)
    used = {name for product in table.function.products for name in product.columns}
    values = table.attributions(table.data, table.data)
    unused = [j for j, name in enumerate(table.feature_names) if name not in used]
    assert unused
    assert not values[:, unused].any()


@pytest.mark.parametrize("make", GENERATORS)
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("n_samples", 0, r"an int in the range \[1, inf\)"),
        ("n_samples", 2.5, r"an int in the range \[1, inf\)"),
        ("random_state", -1, r"an int in the range \[0, inf\)"),
        ("random_state", "seed", "an instance of 'numpy.random.RandomState' or None"),
    ],
)
def test_common_parameters_are_checked(make, name, value, words):
    with pytest.raises(
        ValueError, match=f"The '{name}' parameter of {make.__name__} must be .*{words}"
    ):
        make(**{name: value})


@pytest.mark.parametrize("make", NUMERIC)
@pytest.mark.parametrize(("name", "value"), [("n_features", 0), ("noise", -1.0), ("noise", "a")])
def test_numeric_parameters_are_checked(make, name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of {make.__name__} must be"):
        make(**{name: value})


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"n_terms": 0}, r"The 'n_terms' parameter .* in the range \[1, inf\)"),
        ({"max_order": 0}, r"The 'max_order' parameter .* in the range \[1, 8\]"),
        ({"max_order": 3, "n_features": 2}, r"The 'max_order' .* \[1, 2\]. Got 3 instead."),
        ({"max_order": 11, "n_features": 20}, r"The 'max_order' parameter .* \[1, 10\]"),
    ],
)
def test_parameters_of_interactions_are_checked(params, words):
    with pytest.raises(ValueError, match=words):
        make_interactions(**params)
