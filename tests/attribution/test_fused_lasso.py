"""The fused lasso against its special cases, an independent solver and its symmetries."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, LinearRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from surrogates._kernels.proximal import total_variation_prox
from surrogates.attribution import fused_lasso as module
from surrogates.attribution.fused_lasso import FusedLassoRegressor, fused_lasso_path

STEPS = np.repeat([0.0, 0.4, 0.0, -0.3, 0.0], [5, 5, 10, 6, 14])


def table(seed=0, n=200, p=40, noise=0.3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    return X, X @ STEPS[:p] + 1.5 + noise * rng.normal(size=n)


def objective(model, X, y, weights=None):
    square = np.average((y - model.predict(X)) ** 2, weights=weights) / 2
    fusion = model.fusion * np.abs(np.diff(model.coef_)).sum()
    return square + model.l1 * np.abs(model.coef_).sum() + fusion


@parametrize_with_checks([FusedLassoRegressor(), FusedLassoRegressor(l1=0.01, fusion=0.01)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_without_penalty_it_is_least_squares(fit_intercept):
    X, y = table()
    fused = FusedLassoRegressor(fusion=0.0, fit_intercept=fit_intercept).fit(X, y)
    least = LinearRegression(fit_intercept=fit_intercept).fit(X, y)
    np.testing.assert_allclose(fused.coef_, least.coef_, atol=1e-10)
    assert fused.intercept_ == pytest.approx(least.intercept_, abs=1e-10)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.003, 0.05, 0.3])
def test_without_fusion_it_is_the_lasso(alpha, fit_intercept):
    X, y = table()
    weights = np.random.default_rng(1).random(len(y))
    fused = FusedLassoRegressor(l1=alpha, fusion=0.0, fit_intercept=fit_intercept)
    lasso = Lasso(alpha, fit_intercept=fit_intercept, tol=1e-14, max_iter=100_000)
    fused.fit(X, y, sample_weight=weights)
    lasso.fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(fused.coef_, lasso.coef_, atol=1e-8)
    assert fused.intercept_ == pytest.approx(lasso.intercept_, abs=1e-8)


@pytest.mark.parametrize("fusion", [0.001, 0.02, 0.5])
def test_on_the_identity_it_denoises(fusion):
    signal = STEPS + 0.1 * np.random.default_rng(2).normal(size=40)
    model = FusedLassoRegressor(fusion=fusion, fit_intercept=False).fit(np.eye(40), signal)
    np.testing.assert_allclose(model.coef_, total_variation_prox(signal, 40 * fusion), atol=1e-12)


def test_strong_fusion_regresses_on_the_sum_of_columns():
    X, y = table()
    model = FusedLassoRegressor(fusion=1e3).fit(X, y)
    on_sum = LinearRegression().fit(X.sum(axis=1, keepdims=True), y)
    np.testing.assert_allclose(model.coef_, on_sum.coef_[0], atol=1e-12)
    assert set(model.groups_) == {0}


def test_l1_above_the_largest_covariance_leaves_the_mean():
    X, y = table()
    largest = np.abs((X - X.mean(axis=0)).T @ (y - y.mean())).max() / len(y)
    model = FusedLassoRegressor(l1=largest * 1.001, fusion=0.0).fit(X, y)
    np.testing.assert_array_equal(model.coef_, 0)
    assert model.intercept_ == pytest.approx(y.mean())
    assert FusedLassoRegressor(l1=largest * 0.999, fusion=0.0).fit(X, y).coef_.any()


@pytest.mark.bench
@pytest.mark.parametrize(("l1", "fusion"), [(0.01, 0.01), (0.0, 0.05), (0.1, 0.001)])
def test_equals_an_interior_point_solver(l1, fusion):
    cvxpy = pytest.importorskip("cvxpy")
    X, y = table()
    model = FusedLassoRegressor(l1=l1, fusion=fusion).fit(X, y)
    coef, intercept = cvxpy.Variable(40), cvxpy.Variable()
    square = cvxpy.sum_squares(y - X @ coef - intercept) / (2 * len(y))
    penalty = l1 * cvxpy.norm1(coef) + fusion * cvxpy.norm1(cvxpy.diff(coef))
    tight = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 1e-13)
    cvxpy.Problem(cvxpy.Minimize(square + penalty)).solve(solver=cvxpy.CLARABEL, **tight)
    np.testing.assert_allclose(model.coef_, coef.value, atol=1e-7)
    assert model.intercept_ == pytest.approx(float(intercept.value), abs=1e-7)


@pytest.mark.parametrize(("l1", "fusion"), [(0.02, 0.03), (0.0, 0.1), (0.1, 0.0)])
def test_no_better_point_nearby_and_a_true_certificate(l1, fusion):
    X, y = table()
    model = FusedLassoRegressor(l1=l1, fusion=fusion).fit(X, y)
    lowest = objective(model, X, y)
    assert 0 <= model.dual_gap_ <= 1e-9 * lowest
    rng, coef, intercept = np.random.default_rng(3), model.coef_, model.intercept_
    for scale in (1e-8, 1e-5, 1e-2):
        for _ in range(30):
            model.coef_ = coef + scale * rng.normal(size=40)
            model.intercept_ = intercept + scale * rng.normal()
            assert objective(model, X, y) >= lowest - model.dual_gap_ - 1e-15


def test_fused_groups_are_found():
    X, y = table(n=500, noise=0.1)
    model = FusedLassoRegressor(l1=0.01, fusion=0.05).fit(X, y)
    np.testing.assert_array_equal(model.groups_, np.cumsum(np.diff(STEPS, prepend=0) != 0))


def test_weights_repeat_rows_and_only_their_ratios_matter():
    X, y = table()
    counts = np.random.default_rng(4).integers(0, 4, len(y))
    weighted = FusedLassoRegressor(l1=0.01, fusion=0.02).fit(X, y, sample_weight=counts)
    repeated = clone(weighted).fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    scaled = clone(weighted).fit(X, y, sample_weight=1e-3 * counts)
    for other in (repeated, scaled):
        np.testing.assert_allclose(weighted.coef_, other.coef_, atol=1e-10)
        assert weighted.intercept_ == pytest.approx(other.intercept_, abs=1e-10)


def test_units():
    X, y = table()
    model = FusedLassoRegressor(l1=0.01, fusion=0.02).fit(X, y)
    moved = FusedLassoRegressor(l1=0.01, fusion=0.02).fit(X + 1e4, y - 7)
    np.testing.assert_allclose(moved.coef_, model.coef_, atol=1e-9)
    bigger = FusedLassoRegressor(l1=10.0, fusion=20.0).fit(X, 1000 * y)
    np.testing.assert_allclose(bigger.coef_, 1000 * model.coef_, atol=1e-8)
    wider = FusedLassoRegressor(l1=0.1, fusion=0.2).fit(10 * X, y)
    np.testing.assert_allclose(10 * wider.coef_, model.coef_, atol=1e-10)
    turned = FusedLassoRegressor(l1=0.01, fusion=0.02).fit(X[:, ::-1], y)
    np.testing.assert_allclose(turned.coef_[::-1], model.coef_, atol=1e-10)


def test_columns_without_variance_are_not_confounded_with_the_intercept():
    X, y = table()
    X[:, 3] = 0.1
    X[:, 8] = -5.0
    plain = FusedLassoRegressor(l1=0.001, fusion=0.0).fit(X, y)
    np.testing.assert_array_equal(plain.coef_[[3, 8]], 0)
    fused = FusedLassoRegressor(fusion=0.01).fit(X, y)
    low, high = np.sort(fused.coef_[[7, 9]])
    assert fused.coef_[8] == np.clip(0, low, high)
    least = FusedLassoRegressor(fusion=0.0).fit(X, y)
    np.testing.assert_array_equal(least.coef_[[3, 8]], 0)


def test_duplicate_columns_do_not_run_off():
    X, _ = table(noise=0.0)
    X[:, 6] = X[:, 2]
    model = FusedLassoRegressor(fusion=0.0).fit(X, X @ STEPS)
    np.testing.assert_allclose(model.coef_[[2, 6]], [0.4, 0], atol=1e-10)
    centered = FusedLassoRegressor(fusion=0.0).fit(np.eye(4), [0, 0, 3, 3])
    np.testing.assert_allclose(centered.coef_, [-3, -3, 0, 0], atol=1e-12)


def test_more_columns_than_rows():
    X, y = table(n=20)
    model = FusedLassoRegressor(l1=1e-3, fusion=1e-3).fit(X, y)
    assert model.dual_gap_ <= 1e-9 * objective(model, X, y)


def test_constant_responses():
    X, _ = table()
    model = FusedLassoRegressor().fit(X, np.full(len(X), 3.5))
    np.testing.assert_allclose(model.coef_, 0, atol=1e-14)
    assert model.intercept_ == pytest.approx(3.5, rel=1e-14)
    assert model.dual_gap_ <= 1e-20


def test_path_equals_single_fits():
    X, y = table()
    path = fused_lasso_path(X, y, l1=0.5, fusion=1.0, n_scales=20)
    assert (np.diff(path.l1) < 0).all()
    np.testing.assert_allclose(path.fusion, 2 * path.l1)
    for l1, fusion, coef, intercept in zip(*path[:4], strict=True):
        single = FusedLassoRegressor(l1=l1, fusion=fusion).fit(X, y)
        np.testing.assert_allclose(coef, single.coef_, atol=1e-9)
        assert intercept == pytest.approx(single.intercept_, abs=1e-9)
    assert path.dual_gaps.max() <= 1e-9 * y.var()


@pytest.mark.parametrize("l1", [0.0, 0.2])
def test_path_starts_where_all_coefficients_are_equal(l1):
    X, y = table()
    path = fused_lasso_path(X, y, l1=l1, n_scales=2, smallest=0.999)
    assert np.ptp(path.coefs[0]) < 1e-12
    assert np.ptp(path.coefs[1]) > 1e-6
    assert l1 == 0 or not path.coefs[0].any()


def test_path_takes_scales_weights_and_no_intercept():
    X, y = table()
    weights = np.random.default_rng(5).random(len(y))
    path = fused_lasso_path(
        X, y, l1=0.1, scales=[0.0, 0.1], sample_weight=weights, fit_intercept=False
    )
    np.testing.assert_allclose(path.l1, [0.01, 0.0])
    least = LinearRegression(fit_intercept=False).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(path.coefs[1], least.coef_, atol=1e-10)
    np.testing.assert_array_equal(path.intercepts, 0)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"l1": -1}, "The 'l1' parameter of FusedLassoRegressor must be a float in the range"),
        ({"fusion": "a"}, "The 'fusion' parameter of FusedLassoRegressor"),
        ({"fit_intercept": 1}, "The 'fit_intercept' parameter of FusedLassoRegressor"),
        ({"tol": np.nan}, "The 'tol' parameter of FusedLassoRegressor"),
    ],
)
def test_parameters_are_checked(params, message):
    with pytest.raises(ValueError, match=message):
        FusedLassoRegressor(**params).fit(*table())


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_scales": 0}, "The 'n_scales' parameter of fused_lasso_path"),
        ({"smallest": 1.0}, "The 'smallest' parameter of fused_lasso_path"),
        ({"scales": [-1.0]}, "scales must not be negative"),
        ({"scales": [[1.0]]}, "scales must be one-dimensional"),
    ],
)
def test_parameters_of_the_path_are_checked(params, message):
    with pytest.raises(ValueError, match=message):
        fused_lasso_path(*table(), **params)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(3), "sample_weight must have one number for each of the 200 rows"),
        (-np.ones(200), "sample_weight must not be negative"),
        (np.zeros(200), "sample_weight must not be zero everywhere"),
    ],
)
def test_weights_are_checked(weights, message):
    with pytest.raises(ValueError, match=message):
        FusedLassoRegressor().fit(*table(), sample_weight=weights)


def test_overflow_is_refused():
    X, y = table()
    with pytest.raises(ValueError, match="The squares of X or y overflow"):
        FusedLassoRegressor().fit(X * 1e200, y)


def test_stopping_early_warns(monkeypatch):
    monkeypatch.setattr(module, "fused_lasso", lambda *_: (1.0, 0.5, False))
    with pytest.warns(ConvergenceWarning, match=r"stopped at a duality gap of 0\.5"):
        FusedLassoRegressor().fit(*table())


def test_frames_and_pickles():
    X, y = table()
    frame = pd.DataFrame(X, columns=[f"c{j}" for j in range(40)])
    model = FusedLassoRegressor(l1=0.01).fit(frame, y)
    assert list(model.feature_names_in_) == list(frame)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(frame), model.predict(frame))
