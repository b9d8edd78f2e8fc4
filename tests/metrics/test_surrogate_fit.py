"""R2 of attributions: against all sets by hand, and closed forms."""

from math import comb

import numpy as np
import pytest
from removal_by_hand import bent, sets, worth
from truths import shapley_of_model

from surrogates import KernelSHAP
from surrogates.metrics import local_fidelity, shapley_kernel_r2

RNG = np.random.default_rng(1)
X, BACKGROUND = RNG.normal(size=(4, 4)), RNG.normal(size=(6, 4))
VALUES = RNG.normal(size=(4, 4))
EXACT = np.array([shapley_of_model(bent, row, BACKGROUND) for row in X])
BETA = np.array([3.0, -1.0, 0.5, 2.0])


def r2_by_hand(row, values, weights=None):
    masks = sets(4, [1, 2, 3])
    sizes = np.array([mask.sum() for mask in masks])
    kernel = np.array([3 / (comb(4, s) * s * (4 - s)) for s in sizes])
    nobody = worth(bent, row, BACKGROUND, np.zeros(4, dtype=bool), weights)
    gains = np.array([worth(bent, row, BACKGROUND, mask, weights) for mask in masks]) - nobody
    said = np.array([values[mask].sum() for mask in masks])
    missed = (kernel * (gains - said) ** 2).sum()
    return 1 - missed / (kernel * (gains - np.average(gains, weights=kernel)) ** 2).sum()


@pytest.mark.parametrize("weights", [None, RNG.uniform(0.1, 1.0, 6)])
def test_kernel_r2_by_hand(weights):
    found = shapley_kernel_r2(bent, X, VALUES, background=BACKGROUND, sample_weight=weights)
    expected = [r2_by_hand(row, values, weights) for row, values in zip(X, VALUES, strict=True)]
    np.testing.assert_allclose(found, expected)


def test_anchored_kernel_r2_by_hand():
    found = shapley_kernel_r2(bent, X, VALUES, background=BACKGROUND, anchored=True)
    for row, values, score in zip(X, VALUES, found, strict=True):
        masks = sets(4, [1, 2, 3, 4])
        kernel = np.array([3 / (comb(4, s) * s * (4 - s)) for s in (m.sum() for m in masks[:-1])])
        kernel = np.append(kernel, kernel.sum())
        gains = np.array([worth(bent, row, BACKGROUND, mask) for mask in masks])
        gains -= worth(bent, row, BACKGROUND, np.zeros(4, dtype=bool))
        missed = (kernel * (gains - [values[mask].sum() for mask in masks]) ** 2).sum()
        spread = (kernel * (gains - np.average(gains, weights=kernel)) ** 2).sum()
        np.testing.assert_allclose(score, 1 - missed / spread)


def test_shapley_values_are_the_best_that_add_up():
    best = shapley_kernel_r2(bent, X, EXACT, background=BACKGROUND)
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(size=EXACT.shape)
        other = EXACT + 0.1 * (noise - noise.mean(axis=1, keepdims=True))
        assert (shapley_kernel_r2(bent, X, other, background=BACKGROUND) < best).all()


def test_additive_models_are_explained_completely():
    exact = BETA * (X - BACKGROUND.mean(axis=0))
    for n_samples in (None, 6):
        found = shapley_kernel_r2(
            lambda X: X @ BETA, X, exact, background=BACKGROUND, n_samples=n_samples
        )
        np.testing.assert_allclose(found, 1.0)


def test_drawn_sets_estimate_all_sets():
    rows, background = RNG.normal(size=(3, 10)), RNG.normal(size=(5, 10))
    values = RNG.normal(size=(3, 10))

    def model(X):
        return X[:, 0] * X[:, 1] + X[:, 2:].sum(axis=1)

    every = shapley_kernel_r2(model, rows, values, background=background)
    drawn = shapley_kernel_r2(
        model, rows, values, background=background, n_samples=900, random_state=0
    )
    np.testing.assert_allclose(drawn, every, atol=0.35)
    assert not np.array_equal(drawn, every)


def test_more_than_twelve_players_are_sampled():
    rows = RNG.normal(size=(2, 30))
    asked = []

    def model(X):
        asked.append(len(X))
        return X.sum(axis=1)

    found = shapley_kernel_r2(model, rows, rows, background=np.zeros((1, 30)), random_state=0)
    np.testing.assert_allclose(found, 1.0)
    assert sum(asked) == 1 + 2 * 512 + 2


def test_kernel_r2_of_kernel_shap_equals_that_of_enumeration():
    explainer = KernelSHAP(bent, n_background=None, random_state=0).fit(BACKGROUND)
    found = shapley_kernel_r2(bent, X, explainer.explain(X), background=BACKGROUND)
    exact = shapley_kernel_r2(bent, X, EXACT, background=BACKGROUND)
    np.testing.assert_allclose(found, exact, rtol=1e-9)


def test_local_fidelity_by_hand():
    """With one background row the neighbours are 16 rows, each as likely as any other."""
    other, width = BACKGROUND[:1], 1.1
    found = local_fidelity(
        bent, X, VALUES, background=other, kernel_width=width, n_samples=200_000, random_state=0
    )
    masks = sets(4, range(5))
    weights = np.exp([-(~mask).sum() / (2 * width**2) for mask in masks])
    for row, values, score in zip(X, VALUES, found, strict=True):
        truth = np.array([worth(bent, row, other, mask) for mask in masks])
        said = truth[-1] - np.array([values[~mask].sum() for mask in masks])
        spread = np.average((truth - np.average(truth, weights=weights)) ** 2, weights=weights)
        expected = 1 - np.average((truth - said) ** 2, weights=weights) / spread
        np.testing.assert_allclose(score, expected, rtol=0.02)


def test_local_fidelity_starts_from_base_values():
    explainer = KernelSHAP(bent, n_background=None, random_state=0).fit(BACKGROUND)
    explanation = explainer.explain(X)
    with_base = local_fidelity(bent, X, explanation, background=BACKGROUND, random_state=0)
    without = local_fidelity(bent, X, explanation.values, background=BACKGROUND, random_state=0)
    np.testing.assert_allclose(with_base, without)  # they add up to the response
    assert (with_base < 1.0).all()


@pytest.mark.parametrize("metric", [shapley_kernel_r2, local_fidelity])
def test_nothing_to_explain(metric):
    flat = metric(lambda X: np.full(len(X), 0.3), X, VALUES, background=BACKGROUND)
    assert np.isnan(flat).all()
    itself = metric(bent, X[:1], VALUES[:1], background=X[:1])
    assert np.isnan(itself).all()


def test_a_single_player_has_no_proper_set():
    found = shapley_kernel_r2(lambda X: X[:, 0], X[:, :1], VALUES[:, :1])
    assert np.isnan(found).all()


def test_parameters_out_of_range():
    with pytest.raises(ValueError, match="'n_samples' parameter of shapley_kernel_r2"):
        shapley_kernel_r2(bent, X, VALUES, n_samples=1)
    with pytest.raises(ValueError, match="'kernel_width' parameter of local_fidelity"):
        local_fidelity(bent, X, VALUES, kernel_width=0)
