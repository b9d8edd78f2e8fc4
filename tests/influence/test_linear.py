"""Least squares: leave-one-out has a closed form, and influence is exact."""

import numpy as np
import pytest
from refits import leave_out, margin_error, relative_error, squared_error
from sklearn.linear_model import LinearRegression, Ridge, RidgeClassifier, RidgeCV, TweedieRegressor

from surrogates import InfluenceFunctions

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)) * [1.0, 10.0, 0.1, 1.0, 1.0] + [0.0, 1e3, 0.0, 0.0, 0.0]
Y = X @ [1.0, 0.2, 5.0, 0.0, -1.0] + RNG.normal(size=60)
X_TEST, Y_TEST = X[:7] + 0.1, Y[:7]
WEIGHTS = RNG.uniform(0.5, 3.0, size=60)
MODELS = [
    LinearRegression(),
    LinearRegression(fit_intercept=False),
    Ridge(alpha=2.0),
    Ridge(alpha=2.0, fit_intercept=False),
]


@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_rows_equal_refits(model, weights):
    model.fit(X, Y, sample_weight=weights)
    expected = leave_out(model, X, Y, X_TEST, Y_TEST, squared_error, sample_weight=weights)
    explainer = InfluenceFunctions(model).fit(X, Y, sample_weight=weights)
    assert relative_error(explainer.explain(X_TEST, Y_TEST).values, expected) < 1e-9
    assert explainer.details_["polished_rows"] == 0


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_groups_equal_refits(model):
    groups = [range(30), [1, 5, 7], np.arange(60) % 4 == 0]
    model.fit(X, Y, sample_weight=WEIGHTS)
    sets = [list(groups[0]), groups[1], np.flatnonzero(groups[2])]
    expected = leave_out(model, X, Y, X_TEST, Y_TEST, squared_error, sets, WEIGHTS)
    explainer = InfluenceFunctions(model).fit(X, Y, sample_weight=WEIGHTS)
    assert relative_error(explainer.remove(groups, X_TEST, Y_TEST).values, expected) < 1e-9


def test_normal_distribution_with_a_relative_penalty():
    columns = (X - X.mean(axis=0)) / X.std(axis=0)
    model = TweedieRegressor(power=0, alpha=0.3, solver="newton-cholesky", tol=1e-10)
    model.fit(columns, Y, sample_weight=WEIGHTS)
    args = (columns, Y, columns[:7], Y[:7])
    expected = leave_out(model, *args, squared_error, sample_weight=WEIGHTS)
    explainer = InfluenceFunctions(model).fit(columns, Y, sample_weight=WEIGHTS)
    assert relative_error(explainer.explain(columns[:7], Y[:7]).values, expected) < 1e-9


def test_left_out_residual_is_the_residual_over_one_minus_leverage():
    model = LinearRegression().fit(X, Y)
    explainer = InfluenceFunctions(model).fit(X, Y)
    design = np.column_stack([X - X.mean(axis=0), np.ones(60)])
    hat = np.einsum("ij,ji->i", design, np.linalg.pinv(design))
    residuals = Y - model.predict(X)
    expected = np.square(residuals / (1.0 - hat)) - np.square(residuals)
    np.testing.assert_allclose(explainer.self_influence_, expected, rtol=1e-9, atol=1e-10)
    leverage = explainer.details_["leverage"]
    np.testing.assert_allclose(leverage, hat, rtol=1e-9)
    assert leverage.min() >= 0.0
    assert leverage.max() < 1.0
    assert leverage.sum() == pytest.approx(6.0)


def test_several_targets_add_their_squared_errors():
    targets = np.column_stack([Y, -Y + X[:, 0], RNG.normal(size=60)])
    for model in (Ridge(alpha=np.array([1.0, 2.0, 3.0])), LinearRegression()):
        model.fit(X, targets)
        expected = leave_out(model, X, targets, X_TEST, targets[:7], squared_error)
        found = InfluenceFunctions(model).fit(X, targets).explain(X_TEST, targets[:7]).values
        assert relative_error(found, expected) < 1e-9


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("class_weight", [None, "balanced", {"a": 2.0, "b": 0.5}])
def test_ridge_classifier(n_classes, class_weight):
    labels = np.array(list("abc"))[np.clip((Y - Y.mean()) / 2.0 + 1, 0, n_classes - 1).astype(int)]
    model = RidgeClassifier(class_weight=class_weight).fit(X, labels)
    args = (X, labels, X_TEST, labels[:7])
    expected = leave_out(model, *args, margin_error)
    found = InfluenceFunctions(model).fit(X, labels).explain(X_TEST, labels[:7]).values
    assert relative_error(found, expected) < 1e-9


def test_chosen_penalties_are_kept():
    model = RidgeCV(alphas=[0.1, 1.0, 10.0]).fit(X, Y)
    same = Ridge(alpha=model.alpha_).fit(X, Y)
    first, second = (
        InfluenceFunctions(m).fit(X, Y).explain(X_TEST, Y_TEST).values for m in (model, same)
    )
    np.testing.assert_allclose(first, second, rtol=1e-7, atol=1e-12)


def test_dependent_columns():
    doubled = np.column_stack([X, X[:, 0] + X[:, 2], np.ones(60)])
    test = np.column_stack([X_TEST, X_TEST[:, 0] + X_TEST[:, 2], np.ones(7)])
    model = LinearRegression().fit(doubled, Y)
    expected = leave_out(LinearRegression().fit(X, Y), X, Y, X_TEST, Y_TEST, squared_error)
    found = InfluenceFunctions(model).fit(doubled, Y).explain(test, Y_TEST).values
    assert relative_error(found, expected) < 1e-8


def test_a_row_that_alone_determines_a_coefficient():
    alone = np.column_stack([X, np.arange(60) == 3])
    model = LinearRegression().fit(alone, Y)
    explainer = InfluenceFunctions(model).fit(alone, Y)
    test = alone[:5]
    expected = leave_out(model, alone, Y, test, Y[:5], squared_error)
    assert relative_error(explainer.explain(test, Y[:5]).values, expected) < 1e-7


def test_more_columns_than_rows():
    """Both the model and its refits interpolate, with coefficients of least norm."""
    wide, y = RNG.normal(size=(12, 30)), RNG.normal(size=12)
    test = RNG.normal(size=(5, 30))
    for model in (LinearRegression(), LinearRegression(fit_intercept=False), Ridge(alpha=0.5)):
        model.fit(wide, y)
        expected = leave_out(model, wide, y, test, Y[:5], squared_error)
        found = InfluenceFunctions(model).fit(wide, y).explain(test, Y[:5]).values
        assert relative_error(found, expected) < 1e-8


def test_scaling_weights_and_penalty_together_changes_nothing():
    first = Ridge(alpha=2.0).fit(X, Y, sample_weight=WEIGHTS)
    second = Ridge(alpha=6.0).fit(X, Y, sample_weight=3.0 * WEIGHTS)
    values = [
        InfluenceFunctions(model).fit(X, Y, sample_weight=w).explain(X_TEST, Y_TEST).values
        for model, w in ((first, WEIGHTS), (second, 3.0 * WEIGHTS))
    ]
    np.testing.assert_allclose(*values, rtol=1e-8, atol=1e-12)
