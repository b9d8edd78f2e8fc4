"""What LIME converges to: closed forms, brute force over cells, and sampled values beside them."""

import warnings
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import truncnorm
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, PowerTransformer, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from surrogates import LIME

pytestmark = pytest.mark.filterwarnings("ignore:The surrogate explains less than")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    return rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4)) + 3.0


def linear(X):
    return 2.0 + np.asarray(X) @ np.array([1.5, -2.0, 0.5, 3.0])


def product_of_two(X):
    return X[:, 0] * X[:, 1] + X[:, 2]


def constant(X):
    return np.full(len(X), 0.3)


def step_sum(X):
    return (X[:, 0] > 3.0) + 2.0 * (X[:, 1] > 2.5) * (X[:, 2] <= 3.0)


def bins_of(X, column, n_bins):
    values = np.sort(X[:, column])
    borders = values[[-(-len(values) * b // n_bins) - 1 for b in range(1, n_bins)]]
    return borders, np.searchsorted(borders, X[:, column])


def mean_in_bins(X, column, n_bins):
    """Return the means of the truncated normals of the bins, and the shares of the bins."""
    borders, bins = bins_of(X, column, n_bins)
    ends = [X[:, column].min(), *borders, X[:, column].max()]
    means = []
    for b in range(n_bins):
        own = X[bins == b, column]
        limits = (np.array([ends[b], ends[b + 1]]) - own.mean()) / own.std()
        means.append(truncnorm(*limits, own.mean(), own.std()).mean())
    return np.array(means), np.bincount(bins) / len(X)


@pytest.mark.parametrize(("discretizer", "n_bins"), [("quartile", 4), ("decile", 10), (5, 5)])
@pytest.mark.parametrize("width", [None, 0.5])
def test_linear_closed_form_whatever_the_width(table, discretizer, n_bins, width):
    explainer = LIME(linear, discretizer=discretizer, kernel_width=width, exact=True)
    explanation = explainer.fit(table).explain(table[:7])
    slopes, intercept = [1.5, -2.0, 0.5, 3.0], 2.0
    for row in range(7):
        intercept = 2.0
        for j, slope in enumerate(slopes):
            means, shares = mean_in_bins(table, j, n_bins)
            own = bins_of(table, j, n_bins)[1][row]
            others = np.delete(means, own) @ np.delete(shares, own) / (1.0 - shares[own])
            assert explanation.values[row, j, 0] == pytest.approx(
                slope * (means[own] - others), abs=1e-9
            )
            intercept += slope * others
        assert explanation.base_values[row, 0] == pytest.approx(intercept, abs=1e-9)


@pytest.mark.parametrize("exact", [True, False])
def test_linear_model_is_recovered_in_raw_units(exact):
    X, y = load_breast_cancer(return_X_y=True)
    model = LinearRegression().fit(X[:, :8], y)
    explainer = LIME(model, discretizer=None, exact=exact, random_state=0).fit(X[:, :8])
    explanation = explainer.explain(X[:3, :8])
    scaled = explanation.values[..., 0] * X[:, :8].std(axis=0)
    np.testing.assert_allclose(scaled, [model.coef_ * X[:, :8].std(axis=0)] * 3, atol=1e-10)
    np.testing.assert_allclose(explanation.base_values, model.intercept_, atol=1e-9)
    np.testing.assert_allclose(explanation.fidelity, 1.0, atol=1e-10)
    np.testing.assert_allclose(explanation.additivity_gap[:, 0], model.predict(X[:3, :8])
        - model.intercept_ - model.coef_.sum(), atol=1e-9)  # fmt: skip


def one_value_per_bin(rng, n, d, n_bins):
    """Return a table in which every quantile bin holds a single value."""
    return rng.integers(0, n_bins, size=(n, d)) * 1.0 + 0.25


@pytest.mark.parametrize("width", [0.6, None])
def test_trees_are_the_enumeration_of_all_cells(width):
    rng = np.random.default_rng(1)
    X = rng.permuted(np.repeat(np.arange(4.0) + 0.25, 30)[:, None].repeat(4, 1), axis=0)
    y = X[:, 0] * X[:, 1] - np.maximum(X[:, 2], X[:, 3]) + rng.normal(size=120)
    forest = RandomForestRegressor(20, random_state=0).fit(X, y)
    explainer = LIME(forest, kernel_width=width, exact=True).fit(X)
    found = explainer.explain(X[:5])
    cells = np.array(list(product(np.arange(4.0) + 0.25, repeat=4)))
    responses = forest.predict(cells)
    nu = width or 0.75 * 2.0
    for row in range(5):
        Z = (cells == X[row]).astype(float)
        weights = np.exp(-(1 - Z).sum(axis=1) / (2 * nu**2))
        fit = LinearRegression().fit(Z, responses, sample_weight=weights)
        np.testing.assert_allclose(found.values[row, :, 0], fit.coef_, atol=1e-10)
        np.testing.assert_allclose(found.base_values[row, 0], fit.intercept_, atol=1e-10)


def _models():
    raw = {"response_method": "decision_function"}
    return [
        (RandomForestClassifier(20, random_state=0), {}),
        (ExtraTreesClassifier(20, random_state=0), {}),
        (HistGradientBoostingClassifier(max_iter=20, random_state=0), raw),
        (GradientBoostingRegressor(n_estimators=20, random_state=0), {}),
        (DecisionTreeRegressor(max_depth=4, random_state=0), {}),
        (make_pipeline(PowerTransformer(), RandomForestClassifier(20, random_state=0)), {}),
        (make_pipeline(StandardScaler(), LogisticRegression()), raw),
    ]


@pytest.mark.parametrize(("model", "keywords"), _models())
def test_sampled_values_are_within_their_errors_of_the_limit(model, keywords):
    X, y = make_classification(300, 6, random_state=0)
    model.fit(X, y)
    exact = LIME(model, exact=True, random_state=0, **keywords).fit(X).explain(X[:20])
    sampled = LIME(model, exact=False, random_state=0, **keywords).fit(X).explain(X[:20])
    assert (exact.std_errors == 0.0).all()
    assert exact.params["method"].startswith("exact")
    z = (sampled.values - exact.values) / sampled.std_errors
    assert np.abs(z).max() < 5.0
    assert np.sqrt((z**2).mean()) < 1.6
    np.testing.assert_allclose(sampled.fidelity, exact.fidelity, atol=0.05)
    np.testing.assert_allclose(
        exact.details["surrogate_predictions"][:, 0],
        exact.base_values[:, 0] + exact.values[..., 0].sum(axis=1),
    )


def test_trees_with_categories_and_missing_values():
    rng = np.random.default_rng(3)
    X = pd.DataFrame(
        {
            "a": rng.normal(size=300),
            "c": pd.Categorical(rng.choice(["x", "y", "z"], 300)),
            "n": rng.integers(0, 5, 300),
        }
    )
    X.loc[rng.random(300) < 0.2, "a"] = np.nan
    y = X["a"].fillna(2.0) + (X["c"] == "y") * 2.0 + X["n"] * (X["c"] == "z")
    model = HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(X, y > y.median())
    keywords = {"response_method": "decision_function", "random_state": 0}
    exact = LIME(model, exact=True, **keywords).fit(X).explain(X[:20])
    sampled = LIME(model, exact=False, **keywords).fit(X).explain(X[:20])
    assert (np.abs(sampled.values - exact.values) < 5 * sampled.std_errors + 1e-12).all()


def test_trees_behind_an_encoder_of_strings():
    rng = np.random.default_rng(4)
    X = pd.DataFrame({"s": rng.choice(["x", "y", "z"], 300), "b": rng.random(300) < 0.5})
    y = (X["s"] == "y") * 2.0 + X["b"] * (X["s"] == "z")
    model = make_pipeline(OrdinalEncoder(), DecisionTreeRegressor()).fit(X, y)
    explanation = LIME(model, exact=True).fit(X).explain(X[:4])
    shares = X["s"].value_counts(normalize=True)
    for row in range(4):
        level, half = X["s"][row], X["b"].mean()
        p = half / (half + (1 - half) * np.exp(-1 / (2 * 1.125)))
        p = p if X["b"][row] else 1.0 - (1 - half) / ((1 - half) + half * np.exp(-1 / 2.25))
        mean = {"x": 0.0, "y": 2.0, "z": p}
        others = {key: share for key, share in shares.items() if key != level}
        rest = sum(mean[key] * share for key, share in others.items()) / sum(others.values())
        assert explanation.values[row, 0, 0] == pytest.approx(mean[level] - rest, abs=1e-10)


def test_exact_explanations_are_linear_in_the_model():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(150, 3))
    first = DecisionTreeRegressor(max_depth=3).fit(X, X[:, 0] * X[:, 1])
    second = DecisionTreeRegressor(max_depth=3).fit(X, 5.0 * X[:, 2] * X[:, 1])
    forest = RandomForestRegressor(2, bootstrap=False).fit(X, X[:, 0])
    forest.estimators_ = [first, second]
    parts = [LIME(model, exact=True).fit(X).explain(X[:5]).values for model in (first, second)]
    whole = LIME(forest, exact=True).fit(X).explain(X[:5]).values
    np.testing.assert_allclose(whole, (parts[0] + parts[1]) / 2, atol=1e-12)


def test_product_of_two_symmetric_columns(table):
    rng = np.random.default_rng(6)
    X = rng.uniform(-1, 1, size=(400, 3))
    explanation = LIME(product_of_two, random_state=0, n_samples=20_000).fit(X).explain(X[:10])
    width = 0.75 * np.sqrt(3)
    for row in range(10):
        inside, contrast = [], []
        for j in (0, 1):
            means, shares = mean_in_bins(X, j, 4)
            own = bins_of(X, j, 4)[1][row]
            p = shares[own]
            others = np.delete(means, own) @ np.delete(shares, own) / (1 - p)
            alpha = p / (p + (1 - p) * np.exp(-1 / (2 * width**2)))
            inside.append(alpha * means[own] + (1 - alpha) * others)
            contrast.append(means[own] - others)
        expected = np.array([inside[1] * contrast[0], inside[0] * contrast[1]])
        gap = np.abs(explanation.values[row, :2, 0] - expected)
        assert (gap < 5 * explanation.std_errors[row, :2, 0]).all()


def test_cancellation_in_the_middle_of_an_odd_number_of_bins():
    X = (np.arange(100.0)[:, None] - 49.5).repeat(2, axis=1)
    middle = np.zeros((1, 2))
    odd = LIME(row_sum, discretizer=5, exact=True).fit(X).explain(middle)
    even = LIME(row_sum, discretizer=4, exact=True).fit(X).explain(middle)
    # bins reach from border to border, half a step to the left of the values in them
    np.testing.assert_allclose(odd.values, 0.0, atol=1.0)
    assert (np.abs(even.values) > 5.0).all()


def row_sum(X):
    return np.asarray(X).sum(axis=1)


def test_unused_columns_and_constant_functions(table):
    tree = DecisionTreeRegressor(max_depth=2).fit(table, table[:, 0])
    unused = tree.feature_importances_ == 0.0
    exact = LIME(tree, exact=True).fit(table).explain(table[:5])
    assert (exact.values[:, unused] == 0.0).all()
    sampled = LIME(step_sum, random_state=0).fit(table).explain(table[:20])
    assert (np.abs(sampled.values[:, 3]) <= 5 * sampled.std_errors[:, 3]).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nothing = LIME(constant).fit(table).explain(table[:2])
    np.testing.assert_allclose(nothing.values, 0.0, atol=1e-15)
    assert (nothing.fidelity == 1.0).all()


def test_rows_in_the_same_bins_have_the_same_explanation(table):
    tree = DecisionTreeRegressor(max_depth=4).fit(table, linear(table))
    explainer = LIME(tree, exact=True).fit(table)
    nearby = table[:1] + 1e-9
    both = explainer.explain(np.vstack([table[:1], nearby]))
    np.testing.assert_array_equal(both.values[0], both.values[1])


def test_exact_is_refused_where_the_limit_is_not_known(table):
    with pytest.raises(ValueError, match="'exact' parameter of LIME is True"):
        LIME(product_of_two, exact=True).fit(table)
    counts = np.abs(np.round(table[:, 0]))
    model = PoissonRegressor().fit(table, counts)
    assert LIME(model, random_state=0).fit(table).record_["method"] == "sampling"
    forest = RandomForestRegressor(3).fit(table, counts)
    with pytest.raises(ValueError, match="exact='auto'"):
        LIME(forest, exact=True, discretizer=None).fit(table)


@pytest.mark.parametrize("width", [0.5, 1.0, 1e6])
def test_direct_sampling_has_the_same_limit(table, width):
    tree = DecisionTreeRegressor(max_depth=5, random_state=0).fit(table, product_of_two(table))
    exact = LIME(tree, kernel_width=width, exact=True).fit(table).explain(table[:10])
    sampled = LIME(tree, kernel_width=width, exact=False, n_samples=20_000, random_state=0)
    found = sampled.fit(table).explain(table[:10])
    assert (np.abs(found.values - exact.values) < 5 * found.std_errors).all()


def test_a_narrow_kernel_keeps_its_neighbours():
    X, y = load_breast_cancer(return_X_y=True)
    forest = RandomForestClassifier(10, random_state=0).fit(X, y)
    narrow = LIME(forest, kernel_width=0.5, exact=False, random_state=0).fit(X).explain(X[:3])
    size = narrow.details["effective_sample_size"] / narrow.details["n_neighbours"]
    np.testing.assert_allclose(size, 1.0)
    exact = LIME(forest, kernel_width=0.5, exact=True).fit(X).explain(X[:3])
    assert (np.abs(narrow.values - exact.values) < 5 * narrow.std_errors).all()


def test_effective_sample_size_is_that_of_the_closed_form(table):
    width = 1.0
    explanation = LIME(product_of_two, kernel_width=width).fit(table).explain(table[:3])
    mean, square = (0.25 + 0.75 * np.exp(-k / 2) for k in (1.0, 2.0))
    share = explanation.details["effective_sample_size"] / explanation.details["n_neighbours"]
    np.testing.assert_allclose(share, (mean**2 / square) ** 4, rtol=0.02)


def test_intervals_cover():
    rng = np.random.default_rng(8)
    X = rng.normal(size=(200, 4))
    y = np.where(X[:, 0] > 0, X[:, 1], -X[:, 2]) + X[:, 3] ** 2
    tree = DecisionTreeRegressor(max_depth=6, random_state=0).fit(X, y)
    truth = LIME(tree, exact=True).fit(X).explain(X[:5]).values
    covered = []
    for seed in range(100):
        found = LIME(tree, exact=False, n_samples=1024, random_state=seed).fit(X).explain(X[:5])
        low, high = found.confidence_interval(0.95)
        covered.append((low <= truth) & (truth <= high))
    assert 0.93 <= np.mean(covered) <= 0.97


def test_errors_fall_faster_than_with_random_neighbours():
    X = np.random.default_rng(9).normal(size=(200, 3))
    sizes = [256, 4096]
    errors = [
        LIME(product_of_two, n_samples=n, random_state=0).fit(X).explain(X[:20]).std_errors.mean()
        for n in sizes
    ]
    assert errors[1] < errors[0] * np.sqrt(sizes[0] / sizes[1])
