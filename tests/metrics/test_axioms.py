"""Completeness gap and non-sensitivity."""

import numpy as np
import pytest
from removal_by_hand import bent
from truths import shapley_of_model

from surrogates.metrics import completeness_gap, non_sensitivity

RNG = np.random.default_rng(3)
X, BACKGROUND = RNG.normal(size=(5, 5)), RNG.normal(size=(6, 5))
EXACT = np.array([shapley_of_model(bent, row, BACKGROUND) for row in X])


def test_shapley_values_are_complete():
    np.testing.assert_allclose(
        completeness_gap(bent, X, EXACT, background=BACKGROUND), 0.0, atol=1e-12
    )


def test_gap_by_hand():
    values = RNG.normal(size=(5, 5))
    promised = bent(X) - bent(BACKGROUND).mean()
    expected = np.abs(values.sum(axis=1) - promised) / np.abs(promised)
    np.testing.assert_allclose(completeness_gap(bent, X, values, background=BACKGROUND), expected)


def test_permuted_attributions_are_complete_too():
    """Which is why the gap must not be used alone."""
    other = np.roll(EXACT, 1, axis=1)
    np.testing.assert_allclose(
        completeness_gap(bent, X, other, background=BACKGROUND), 0.0, atol=1e-12
    )


def test_the_last_column_does_not_matter():
    assert (non_sensitivity(bent, X, EXACT, background=BACKGROUND) == 0.0).all()
    wrong = EXACT.copy()
    wrong[:, 4], wrong[0, 0] = 1.0, 0.0
    found = non_sensitivity(bent, X, wrong, background=BACKGROUND)
    assert found.tolist() == [2.0, 1.0, 1.0, 1.0, 1.0]


def test_a_player_that_matters_for_one_background_row_matters():
    row, background = np.array([[1.0, 1.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    found = non_sensitivity(lambda X: X[:, 0], row, [[0.5, 0.0]], background=background)
    assert found == [0.0]
    weighted = non_sensitivity(
        lambda X: X[:, 0], row, [[0.5, 0.0]], background=background, sample_weight=[1.0, 0.0]
    )
    assert weighted == [1.0]


def test_constant_models():
    flat = non_sensitivity(lambda X: np.ones(len(X)), X, EXACT, background=BACKGROUND)
    assert flat.tolist() == (np.abs(EXACT) > 1e-9).sum(axis=1).tolist()
    assert (
        non_sensitivity(lambda X: np.ones(len(X)), X, 0.0 * X, background=BACKGROUND) == 0.0
    ).all()


@pytest.mark.parametrize(("metric", "name"), [(completeness_gap, "eps"), (non_sensitivity, "tol")])
def test_parameters_out_of_range(metric, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter of {metric.__name__}"):
        metric(bent, X, EXACT, **{name: 0.0})
