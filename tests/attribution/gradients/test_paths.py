"""Integrated gradients and DeepLIFT: completeness, exactness, propositions, baselines."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perceptrons import ACTIVATIONS, classifier, regressor, table, without_biases
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from surrogates import LRP, DeepLIFT, GradientTimesInput, IntegratedGradients, Occlusion

X = table()
ROWS = X[:7]
FAMILY = (IntegratedGradients, DeepLIFT)
METHODS = ("predict_proba", "decision_function")


def by_quadrature(model, method, rows, baseline, n_steps=20_000):
    """Return integrated gradients by the midpoint rule, with derivatives of the open inside."""
    inside = GradientTimesInput(model, response_method=method, target=None).fit(X).differentiable_
    at = (np.arange(n_steps) + 0.5) / n_steps
    found = []
    for row in rows:
        points = baseline + at[:, None] * (row - baseline)
        found.append(inside.gradients(points)[1].mean(axis=0) * (row - baseline)[:, None])
    return np.array(found)


@pytest.mark.parametrize("explainer", FAMILY)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_complete(explainer, method, n_classes, activation):
    model = classifier(X, n_classes, activation=activation)
    explained = explainer(model, response_method=method).fit(X).explain(ROWS)
    smooth = explainer is IntegratedGradients and activation in ("tanh", "logistic")
    tolerance = 1e-6 if smooth else 1e-13
    scale = np.abs(explained.predictions).max()
    assert np.abs(explained.additivity_gap).max() <= tolerance * scale
    mean = model.predict_proba(X.mean(axis=0)[None])
    if method == "predict_proba" and n_classes == 3:
        np.testing.assert_allclose(explained.base_values[0], mean[0], atol=1e-14)
    if explainer is IntegratedGradients:
        assert explained.converged.all()
        assert explained.details["is_exact"].all() != smooth


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_exact_paths_equal_a_fine_quadrature(method, n_classes):
    model = classifier(X, n_classes, hidden=(12, 10, 6))
    explained = IntegratedGradients(model, response_method=method).fit(X).explain(ROWS[:2])
    expected = by_quadrature(model, method, ROWS[:2], X.mean(axis=0))
    np.testing.assert_allclose(explained.values, expected, atol=2e-4 * np.abs(expected).max())
    assert (explained.details["n_gradients"] > 1).all()


def test_smooth_networks_equal_a_fine_quadrature():
    model = classifier(X, 3, activation="tanh")
    explained = IntegratedGradients(model, tol=1e-9).fit(X).explain(ROWS[:2])
    expected = by_quadrature(model, "predict_proba", ROWS[:2], X.mean(axis=0))
    np.testing.assert_allclose(explained.values, expected, atol=1e-8)
    assert explained.converged.all()


@pytest.mark.parametrize("activation", ["tanh", "logistic", "relu"])
def test_one_hidden_layer_needs_one_gradient(activation):
    """Differences of activations over differences of their sums are the exact integrals."""
    model = regressor(X, hidden=(11,), activation=activation)
    path = IntegratedGradients(model).fit(X).explain(ROWS)
    rescaled = DeepLIFT(model).fit(X).explain(ROWS)
    np.testing.assert_array_equal(path.values, rescaled.values)
    expected = by_quadrature(model, "predict", ROWS, X.mean(axis=0))
    np.testing.assert_allclose(path.values, expected, atol=1e-4 * np.abs(expected).max())
    assert path.n_model_rows == len(ROWS)


@pytest.mark.parametrize("explainer", FAMILY)
def test_linear_models_in_closed_form(explainer):
    weights = np.array([1.0, -2.0, 0.5, 3.0, 0.0])
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(X, X @ weights + 4.0)
    explained = explainer(model).fit(X).explain(ROWS)
    expected = (ROWS - X.mean(axis=0)) * weights
    np.testing.assert_allclose(explained.values[..., 0], expected, atol=1e-12)
    logistic = LogisticRegression().fit(X, X @ weights > 0)
    found = explainer(logistic).fit(X).explain(ROWS)
    np.testing.assert_allclose(found.additivity_gap, 0.0, atol=1e-14)
    shares = (ROWS - X.mean(axis=0)) * logistic.coef_[0]
    np.testing.assert_allclose(
        found.values[..., 0] * shares.sum(axis=1, keepdims=True),
        shares * found.values.sum(axis=1),
        atol=1e-12,
    )


def test_linear_responses_from_zero():
    """Proposition 1: occlusion by zero, gradient times input, paths and LRP-0 are all the same."""
    weights = np.array([1.0, -2.0, 0.5, 3.0, 0.0])
    model = LinearRegression(fit_intercept=False).fit(X, X @ weights)
    zero = np.zeros((1, 5))
    for explainer in (
        Occlusion(model),
        GradientTimesInput(model),
        IntegratedGradients(model, baseline="zero"),
        DeepLIFT(model, baseline="zero"),
        LRP(model, rule=0),
    ):
        found = explainer.fit(zero).explain(ROWS).values[..., 0]
        np.testing.assert_allclose(found, ROWS * weights, atol=1e-12)


@pytest.mark.parametrize("hidden", [(9,), (9, 7), (12, 8, 6)])
def test_networks_without_biases_are_homogeneous(hidden):
    """Proposition 2: from zero, integrated gradients are the gradient times the input."""
    model = without_biases(regressor(X, hidden=hidden))
    path = IntegratedGradients(model, baseline="zero").fit(X).explain(ROWS)
    product = GradientTimesInput(model).fit(X).explain(ROWS)
    np.testing.assert_allclose(path.values, product.values, atol=1e-13)
    np.testing.assert_allclose(product.additivity_gap, 0.0, atol=1e-13)


def test_symmetric_columns_get_the_same():
    model = regressor(X, hidden=(8, 8))
    model.coefs_[0][1] = model.coefs_[0][0]
    rows = ROWS.copy()
    rows[:, 1] = rows[:, 0]
    for explainer in FAMILY:
        values = explainer(model, baseline="zero").fit(X).explain(rows).values
        np.testing.assert_allclose(values[:, 0], values[:, 1], atol=1e-13)


@pytest.mark.parametrize("explainer", FAMILY)
def test_a_background_is_the_mean_over_single_baselines(explainer):
    model = classifier(X, 3)
    options = {"baseline": "background", "n_background": None}
    explained = explainer(model, **options).fit(X[:10]).explain(ROWS)
    alone = [explainer(model).fit(X[[row]]).explain(ROWS) for row in range(10)]
    expected = np.mean([one.values for one in alone], axis=0)
    np.testing.assert_allclose(explained.values, expected, atol=1e-13)
    np.testing.assert_allclose(
        explained.base_values[0], model.predict_proba(X[:10]).mean(axis=0), atol=1e-14
    )
    np.testing.assert_allclose(explained.additivity_gap, 0.0, atol=1e-13)


@pytest.mark.parametrize("explainer", FAMILY)
def test_standard_errors_tell_the_draw_of_baselines(explainer):
    model, options = classifier(X), {"baseline": "background"}
    everything = explainer(model, n_background=None, **options).fit(X).explain(ROWS)
    assert not everything.std_errors.any()
    drawn = [
        explainer(model, n_background=20, random_state=seed, **options).fit(X).explain(ROWS)
        for seed in range(60)
    ]
    errors = np.array([one.values - everything.values for one in drawn])
    claimed = np.sqrt(np.mean([one.std_errors**2 for one in drawn], axis=0))
    np.testing.assert_allclose(np.sqrt((errors**2).mean(axis=0)), claimed, rtol=0.4)
    assert explainer(model).fit(X).explain(ROWS).std_errors is None


def test_smoothed_paths_are_complete_for_their_own_draws():
    model = classifier(X, 2, labels=["no", "yes"])
    options = {"smoothing": 0.5, "n_draws": 7, "random_state": 0}
    explainer = IntegratedGradients(model, **options).fit(X)
    explained = explainer.explain(ROWS)
    np.testing.assert_allclose(explained.additivity_gap, 0.0, atol=1e-13)
    drawn = explainer.baselines_.inputs
    assert drawn.shape == (7, 5)
    assert explained.base_values[0, 0] == pytest.approx(model.predict_proba(drawn)[:, 1].mean())
    same = IntegratedGradients(model, **options).fit(X).explain(ROWS)
    np.testing.assert_array_equal(same.values, explained.values)


def test_too_many_pieces_are_integrated_with_a_known_gap():
    model = regressor(table(200), hidden=(60, 60))
    capped = IntegratedGradients(model, max_steps=32).fit(X).explain(ROWS)
    exact = IntegratedGradients(model).fit(X).explain(ROWS)
    assert not capped.details["is_exact"].all()
    assert not capped.converged.all()
    assert np.abs(capped.additivity_gap).max() > 1e-9
    assert np.abs(exact.additivity_gap).max() < 1e-12
    assert np.abs(capped.values - exact.values).max() < 0.1 * np.abs(exact.values).max()


def test_deep_lift_where_activations_do_not_change():
    """Rows equal to the baseline in all or nearly all columns."""
    for activation in ACTIVATIONS:
        model = classifier(X, 3, activation=activation)
        rows = np.repeat(X.mean(axis=0)[None], 4, axis=0)
        rows[1, 0] += 1e-9
        rows[2, 1] += 1e-6
        rows[3] += 1e-12
        explained = DeepLIFT(model).fit(X).explain(rows)
        assert np.abs(explained.values[0]).max() < 1e-15
        np.testing.assert_allclose(explained.additivity_gap, 0.0, atol=1e-15)
        assert np.abs(explained.values[1, 1:]).max() < 1e-15


def test_confident_classifiers_stay_complete():
    """Softmax over logits that differ by hundreds."""
    model = classifier(X, 4)
    model.coefs_[-1] *= 300.0
    for explainer in FAMILY:
        explained = explainer(model).fit(X).explain(ROWS)
        np.testing.assert_allclose(explained.additivity_gap, 0.0, atol=1e-12)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 4), st.sampled_from(["relu", "tanh", "logistic"]))
def test_random_networks_are_complete(seed, n_layers, activation):
    rng = np.random.default_rng(seed)
    sizes = (4, *rng.integers(1, 9, size=n_layers), 2)
    data = rng.normal(size=(20, 4))
    model = MLPRegressor(hidden_layer_sizes=sizes[1:-1], activation=activation, max_iter=1)
    with pytest.warns(ConvergenceWarning):
        model.fit(data, data[:, :2])
    model.coefs_ = [rng.normal(size=pair) for pair in pairwise(sizes)]
    model.intercepts_ = [rng.normal(size=size) for size in sizes[1:]]
    for explainer in FAMILY:
        explained = explainer(model).fit(data).explain(data)
        scale = 1.0 + np.abs(explained.values).sum(axis=1)
        exact = explainer is DeepLIFT or activation == "relu"
        assert (np.abs(explained.additivity_gap) / scale).max() < (1e-12 if exact else 1e-6)


def test_randomised_networks_change_the_attributions():
    """The sanity check of Adebayo et al. (2018): explanations depend on the weights."""
    model, other = regressor(X), regressor(X, seed=1)
    other.coefs_ = [np.random.default_rng(3).permuted(part) for part in other.coefs_]
    for explainer in (*FAMILY, GradientTimesInput):
        first = explainer(model).fit(X).explain(X).values[..., 0]
        second = explainer(other).fit(X).explain(X).values[..., 0]
        assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.7
