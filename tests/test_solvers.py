"""Least squares from second moments, against refits and scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, lars_path

from surrogates._solvers import (
    choose_by_weight,
    choose_forward,
    choose_on_path,
    lasso_by_bic,
    ridge_solutions,
)


def problem(seed, n=60, d=7, *, correlated=True):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, d))
    if correlated:
        Z[:, 1] += 0.8 * Z[:, 0]
    y = Z @ rng.normal(size=d) * rng.integers(0, 2, d).max() + rng.normal(size=n)
    w = rng.uniform(0.1, 1.0, n)
    return Z, y, w


def second_moments(Z, y, w):
    Zc, yc = Z - np.average(Z, axis=0, weights=w), y - np.average(y, weights=w)
    return (Zc * w[:, None]).T @ Zc, (Zc * w[:, None]).T @ yc, float(w @ yc**2), Zc, yc


def refitted_error(Z, y, w, columns):
    model = LinearRegression().fit(Z[:, columns], y, sample_weight=w)
    return w @ (y - model.predict(Z[:, columns])) ** 2


@pytest.mark.parametrize("seed", range(5))
def test_ridge_is_weighted_least_squares(seed):
    Z, y, w = problem(seed)
    gram, cross, *_ = second_moments(Z, y, w)
    expected = LinearRegression().fit(Z, y, sample_weight=w).coef_
    np.testing.assert_allclose(ridge_solutions(gram, cross[None])[0], expected, atol=1e-10)


def test_ridge_shrinks_each_column_relative_to_its_variance():
    gram, cross = np.diag([4.0, 100.0]), np.array([[4.0, 100.0]])
    np.testing.assert_allclose(ridge_solutions(gram, cross, ridge=1.0), [[0.5, 0.5]])


def test_equal_columns_share_and_constant_columns_get_nothing():
    gram = np.array([[2.0, 2.0, 0.0], [2.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    found = ridge_solutions(gram, np.array([[2.0, 2.0, 0.0]]))[0]
    assert found[2] == 0.0
    np.testing.assert_allclose(found[:2], [0.5, 0.5], atol=1e-3)


def test_columns_not_chosen_are_zero():
    Z, y, w = problem(0)
    gram, cross, *_ = second_moments(Z, y, w)
    chosen = np.array([True, False, True, False, False, True, True])
    found = ridge_solutions(gram, cross[None], chosen)[0]
    expected = LinearRegression().fit(Z[:, chosen], y, sample_weight=w).coef_
    np.testing.assert_allclose(found[chosen], expected, atol=1e-10)
    assert (found[~chosen] == 0.0).all()


def test_forward_selection_is_that_of_refits_on_200_problems():
    for seed in range(200):
        Z, y, w = problem(seed, n=30, d=5)
        gram, cross, *_ = second_moments(Z, y, w)
        order = []
        for _ in range(3):
            left = [j for j in range(5) if j not in order]
            order.append(min(left, key=lambda j: refitted_error(Z, y, w, [*order, j])))
        assert choose_forward(gram, cross, 3).tolist() == order


def test_forward_selection_stops_without_varying_columns():
    gram = np.diag([1.0, 0.0, 2.0])
    assert choose_forward(gram, np.array([1.0, 0.0, 1.0]), 3).tolist() == [0, 2]


def test_highest_weights():
    gram, cross = np.diag([1.0, 4.0, 1.0]), np.array([1.0, 2.0, -3.0])
    assert choose_by_weight(gram, cross, 2).tolist() == [2, 0]


@pytest.mark.parametrize("seed", range(20))
def test_path_is_that_of_scikit_learn(seed):
    Z, y, w = problem(seed)
    gram, cross, _, Zc, yc = second_moments(Z, y, w)
    root = np.sqrt(w)[:, None]
    knots = lars_path(Zc * root, yc * root[:, 0], method="lasso")[2]
    last = np.flatnonzero((knots != 0).sum(axis=0) <= 3)[-1]
    expected = np.flatnonzero(knots[:, last])
    assert sorted(choose_on_path(gram, cross, 3)) == expected.tolist()


def test_path_without_signal():
    assert choose_on_path(np.eye(2), np.zeros(2), 1).tolist() == []
    assert lasso_by_bic(np.eye(2), np.zeros(2), 1.0, 10.0).tolist() == [0.0, 0.0]


def test_bic_finds_the_columns_that_matter():
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(500, 8))
    y = 2.0 * Z[:, 1] - Z[:, 4] + 0.1 * rng.normal(size=500)
    gram, cross, total, *_ = second_moments(Z, y, np.ones(500))
    found = lasso_by_bic(gram, cross, total, 500.0)
    np.testing.assert_allclose(found[[1, 4]], [2.0, -1.0], atol=0.05)
    assert np.count_nonzero(lasso_by_bic(gram, cross, total, 500.0, n_chosen=1)) == 1
