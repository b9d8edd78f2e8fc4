"""The recommended metrics prefer exact attributions to degraded ones."""

from functools import partial

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor

from surrogates import KernelSHAP
from surrogates.metrics import (
    abpc,
    completeness_gap,
    faithfulness_correlation,
    infidelity,
    shapley_kernel_r2,
)

RECOMMENDED = [faithfulness_correlation, shapley_kernel_r2, abpc]
ANCHORED = partial(shapley_kernel_r2, anchored=True)


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    covariance = np.full((6, 6), 0.4) + 0.6 * np.eye(6)
    X = rng.normal(size=(600, 6)) @ np.linalg.cholesky(covariance).T
    y = 2 * X[:, 0] * X[:, 1] + 1.5 * (X[:, 2] > 0.3) + 2 * np.sin(2 * X[:, 3]) + X[:, 4]
    model = GradientBoostingRegressor(n_estimators=50, random_state=0).fit(X, y)
    background, rows = X[:32], X[-40:]
    explainer = KernelSHAP(model, method="exact", n_background=None).fit(background)
    exact = explainer.explain(rows).values[:, :, 0]

    def score(metric, values):
        return metric(model, rows, values, background=background, random_state=0)

    return exact, score, rng


@pytest.mark.parametrize(
    ("metric", "share"), [(faithfulness_correlation, 0.85), (ANCHORED, 0.88), (abpc, 0.6)]
)
def test_noise_of_a_quarter_deviation_is_told_in_single_rows(metric, share, case):
    exact, score, rng = case
    best = score(metric, exact)
    wins = [
        best > score(metric, exact + 0.25 * exact.std() * rng.normal(size=exact.shape))
        for _ in range(5)
    ]
    assert np.mean(wins) > share


@pytest.mark.parametrize("metric", RECOMMENDED)
def test_noise_of_a_quarter_deviation_is_told_by_the_mean_of_ten_rows(metric, case):
    exact, score, rng = case
    best = score(metric, exact)
    wins = []
    for _ in range(5):
        noisy = score(metric, exact + 0.25 * exact.std() * rng.normal(size=exact.shape))
        wins.append((best - noisy).reshape(4, 10).mean(axis=1) > 0.0)
    assert np.mean(wins) >= 0.95


@pytest.mark.parametrize("metric", RECOMMENDED)
def test_permuted_explanations_are_never_ranked_above_the_exact_one(metric, case):
    exact, score, rng = case
    best = score(metric, exact)
    for _ in range(5):
        other = score(metric, rng.permuted(exact, axis=1))
        assert best.mean() > other.mean()
        assert np.median(best - other) > 0.0
        if metric is shapley_kernel_r2:  # which is a theorem: permuted values add up too
            assert (best >= other).all()


def test_completeness_cannot_tell_permuted_explanations(case):
    exact, score, rng = case
    other = rng.permuted(exact, axis=1)
    np.testing.assert_allclose(score(completeness_gap, exact), 0.0, atol=1e-9)
    np.testing.assert_allclose(score(completeness_gap, other), 0.0, atol=1e-9)
    assert (score(infidelity, exact) <= score(infidelity, other)).mean() > 0.9
