"""Weighted moments and responsibilities against numpy."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from surrogates._kernels.mixture import centered_moments, expectation


@pytest.mark.parametrize("n", [2, 3, 4, 9, 50])
def test_centered_moments(n):
    rng = np.random.default_rng(n)
    X, y, weights = rng.normal(size=(n, 5)) + 100, rng.normal(size=n), rng.random(n)
    weights[0] = 0.0
    gram, moments, x_mean = np.ones((5, 5)), np.ones(5), np.ones(5)
    total, y_mean, y_square = centered_moments(X, y, weights, gram, moments, x_mean)
    mean, share = np.average(X, axis=0, weights=weights), weights / weights.sum()
    assert total == pytest.approx(weights.sum())
    assert y_mean == pytest.approx(np.average(y, weights=weights))
    assert y_square == pytest.approx(share @ (y - y_mean) ** 2, abs=1e-14)
    np.testing.assert_allclose(x_mean, mean)
    np.testing.assert_allclose(gram, (X - mean).T * share @ (X - mean), atol=1e-12)
    np.testing.assert_allclose(moments, (X - mean).T * share @ (y - y_mean), atol=1e-12)


def test_columns_constant_where_the_weight_is_get_exact_zeros():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 3)), rng.normal(size=30)
    weights = (X[:, 2] > 0).astype(float)
    X[:, 1] = np.where(weights > 0, 0.1, rng.normal(size=30))
    gram, moments, x_mean = np.ones((3, 3)), np.ones(3), np.ones(3)
    centered_moments(X, y, weights, gram, moments, x_mean)
    np.testing.assert_array_equal(gram[1], 0)
    np.testing.assert_array_equal(gram[:, 1], 0)
    assert moments[1] == 0
    assert gram[0, 2] == gram[2, 0] != 0


def test_expectation():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(40, 3)), 100 * rng.normal(size=40)  # far tails must not underflow
    weights, intercepts = np.array([0.2, 0.8]), rng.normal(size=2)
    coefs, variances = rng.normal(size=(2, 3)), np.array([0.01, 2.0])
    resp = np.empty((2, 40))
    log_likelihood = expectation(X, y, weights, intercepts, coefs, variances, resp)
    means = X @ coefs.T + intercepts
    joint = np.log(weights) + norm.logpdf(y[:, None], means, np.sqrt(variances))
    assert log_likelihood == pytest.approx(logsumexp(joint, axis=1).sum(), rel=1e-12)
    np.testing.assert_allclose(resp.T, np.exp(joint - logsumexp(joint, axis=1, keepdims=True)))
