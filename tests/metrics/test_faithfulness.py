"""Faithfulness correlation, sensitivity-n and infidelity: brute force and closed forms."""

import numpy as np
import pytest
from removal_by_hand import bent, cost, sets

from surrogates.metrics import faithfulness_correlation, infidelity, sensitivity_n

RNG = np.random.default_rng(0)
X, BACKGROUND = RNG.normal(size=(5, 4)), RNG.normal(size=(7, 4))
VALUES = RNG.normal(size=(5, 4))
WEIGHTS = RNG.uniform(0.5, 2.0, 7)
BETA = np.array([3.0, -1.0, 0.5, 2.0])
EXACT = BETA * (X - BACKGROUND.mean(axis=0))


def linear(X):
    return np.asarray(X) @ BETA


@pytest.mark.parametrize("size", [1, 2, 3])
def test_faithfulness_by_hand(size):
    found = faithfulness_correlation(
        bent, X, VALUES, background=BACKGROUND, sample_weight=WEIGHTS, subset_size=size
    )
    for row, values, score in zip(X, VALUES, found, strict=True):
        removed = sets(4, [size])
        sums = [values[mask].sum() for mask in removed]
        costs = [cost(bent, row, BACKGROUND, mask, WEIGHTS) for mask in removed]
        np.testing.assert_allclose(score, np.corrcoef(sums, costs)[0, 1])


def test_sensitivity_n_by_hand():
    found = sensitivity_n(bent, X, VALUES, background=BACKGROUND)
    for row, values, score in zip(X, VALUES, found, strict=True):
        of_size = []
        for size in (1, 2, 3):
            removed = sets(4, [size])
            sums = [values[mask].sum() for mask in removed]
            costs = [cost(bent, row, BACKGROUND, mask) for mask in removed]
            of_size.append(np.corrcoef(sums, costs)[0, 1])
        np.testing.assert_allclose(score, np.mean(of_size))


@pytest.mark.parametrize("scaled", [False, True])
def test_infidelity_by_hand(scaled):
    found, scale = infidelity(
        bent, X, VALUES, background=BACKGROUND, scaled=scaled, return_scale=True
    )
    for row, values, score, factor in zip(X, VALUES, found, scale, strict=True):
        removed = sets(4, [1, 2, 3])
        sums = np.array([values[mask].sum() for mask in removed])
        costs = np.array([cost(bent, row, BACKGROUND, mask) for mask in removed])
        best = np.linalg.lstsq(sums[:, None], costs, rcond=None)[0][0]
        np.testing.assert_allclose(factor, best)
        used = best if scaled else 1.0
        np.testing.assert_allclose(score, np.mean((used * sums - costs) ** 2))


@pytest.mark.parametrize("metric", [faithfulness_correlation, sensitivity_n])
def test_exact_attributions_of_additive_models_correlate_perfectly(metric):
    np.testing.assert_allclose(metric(linear, X, EXACT, background=BACKGROUND), 1.0)
    np.testing.assert_allclose(metric(linear, X, -2.0 * EXACT, background=BACKGROUND), -1.0)


def test_infidelity_of_an_additive_model():
    """A multiple m of the exact values misses (1 - m) times every cost."""
    exact = infidelity(linear, X, EXACT, background=BACKGROUND)
    np.testing.assert_allclose(exact, 0.0, atol=1e-20)
    missed, scale = infidelity(linear, X, 0.25 * EXACT, background=BACKGROUND, return_scale=True)
    np.testing.assert_allclose(scale, 4.0)
    costs = np.array([EXACT[:, mask].sum(axis=1) for mask in sets(4, [1, 2, 3])])
    np.testing.assert_allclose(missed, 0.75**2 * (costs**2).mean(axis=0))
    right = infidelity(linear, X, 0.25 * EXACT, background=BACKGROUND, scaled=True)
    np.testing.assert_allclose(right, 0.0, atol=1e-20)


def test_many_players_draw_distinct_sets_that_all_rows_share():
    rows, background = RNG.normal(size=(3, 20)), RNG.normal(size=(4, 20))
    beta = RNG.normal(size=20)
    exact = beta * (rows - background.mean(axis=0))
    noisy = exact + RNG.normal(size=exact.shape)
    together = faithfulness_correlation(
        lambda X: X @ beta, rows, noisy, background=background, random_state=1
    )
    alone = faithfulness_correlation(
        lambda X: X @ beta, rows[1:2], noisy[1:2], background=background, random_state=1
    )
    np.testing.assert_allclose(alone, together[1:2], rtol=1e-12)
    assert (together < 1.0).all()
    for metric in (faithfulness_correlation, sensitivity_n):
        score = metric(lambda X: X @ beta, rows, exact, background=background, random_state=2)
        np.testing.assert_allclose(score, 1.0)


@pytest.mark.parametrize("metric", [faithfulness_correlation, sensitivity_n])
def test_no_correlation_without_variation(metric):
    nothing = np.full(5, np.nan)
    flat = metric(lambda X: np.full(len(X), 0.1), X, VALUES, background=BACKGROUND)
    np.testing.assert_array_equal(flat, nothing)
    even = metric(bent, X, np.ones((5, 4)), background=BACKGROUND)
    np.testing.assert_array_equal(even, nothing)
    single = metric(lambda X: X[:, 0], X[:, :1], VALUES[:, :1], background=BACKGROUND[:, :1])
    np.testing.assert_array_equal(single, nothing)


def test_a_large_constant_does_not_hide_that_nothing_varies():
    """1e6 + rounding is no variation."""
    found = faithfulness_correlation(
        lambda X: 1e6 + 1e-11 * X[:, 0], X, VALUES, background=BACKGROUND
    )
    assert np.isnan(found).all()


@pytest.mark.parametrize("sizes", [[], [0], [5], [1.5], [True]])
def test_sizes_out_of_range(sizes):
    with pytest.raises(ValueError, match="sizes must hold ints"):
        sensitivity_n(bent, X, VALUES, background=BACKGROUND, sizes=sizes)


@pytest.mark.parametrize("name", ["subset_size", "n_samples"])
@pytest.mark.parametrize("value", [0, -1, 2.5, "many"])
def test_parameters_out_of_range(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        faithfulness_correlation(bent, X, VALUES, background=BACKGROUND, **{name: value})
