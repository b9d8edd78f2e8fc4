"""Agreement of two explanations: by sets and loops."""

from itertools import combinations

import numpy as np
import pytest
from attributions import make_attribution
from scipy.stats import spearmanr

from surrogates.metrics import (
    feature_agreement,
    pairwise_rank_agreement,
    rank_agreement,
    rank_correlation,
    sign_agreement,
    signed_rank_agreement,
)

ALL = [
    feature_agreement,
    pairwise_rank_agreement,
    rank_agreement,
    rank_correlation,
    sign_agreement,
    signed_rank_agreement,
]
RNG = np.random.default_rng(6)
A, B = RNG.normal(size=(8, 6)), RNG.normal(size=(8, 6))


@pytest.mark.parametrize("k", [1, 3, 6])
def test_by_hand(k):
    found = {
        metric: metric(A, B, k)
        for metric in ALL
        if metric.__name__.endswith("agreement") and metric is not pairwise_rank_agreement
    }
    for row, (a, b) in enumerate(zip(A, B, strict=True)):
        first, second = np.argsort(-np.abs(a))[:k], np.argsort(-np.abs(b))[:k]
        common = set(first) & set(second)
        same = [x for x, y in zip(first, second, strict=True) if x == y]
        expected = {
            feature_agreement: len(common) / k,
            rank_agreement: len(same) / k,
            sign_agreement: sum(a[j] * b[j] > 0 for j in common) / k,
            signed_rank_agreement: sum(a[j] * b[j] > 0 for j in same) / k,
        }
        for metric, value in expected.items():
            np.testing.assert_allclose(found[metric][row], value)


def test_pairs_by_hand():
    found = pairwise_rank_agreement(A, B)
    for a, b, score in zip(np.abs(A), np.abs(B), found, strict=True):
        alike = [(a[i] > a[j]) == (b[i] > b[j]) for i, j in combinations(range(6), 2)]
        np.testing.assert_allclose(score, np.mean(alike))


def test_rank_correlation_by_scipy():
    tied = np.round(A)
    expected = [spearmanr(np.abs(a), np.abs(b)).statistic for a, b in zip(tied, B, strict=True)]
    np.testing.assert_allclose(rank_correlation(tied, B), expected)


@pytest.mark.parametrize("metric", ALL)
def test_an_explanation_agrees_with_itself(metric):
    np.testing.assert_allclose(metric(A, A), 1.0)
    np.testing.assert_allclose(metric(A, 5.0 * A), 1.0)
    explanation = make_attribution()
    assert metric(explanation, explanation).shape == (4,)


@pytest.mark.parametrize("metric", [sign_agreement, signed_rank_agreement])
def test_opposite_signs_disagree(metric):
    assert (metric(A, -A) == 0.0).all()


def test_ties():
    assert pairwise_rank_agreement([[1.0, 1.0]], [[2.0, 2.0]]) == [1.0]
    assert pairwise_rank_agreement([[1.0, 1.0]], [[2.0, 3.0]]) == [0.0]
    assert np.isnan(rank_correlation([[1.0, 1.0]], [[2.0, 3.0]])).all()
    assert np.isnan(pairwise_rank_agreement([[1.0]], [[2.0]])).all()


def test_outputs_are_averaged():
    first, second = make_attribution(seed=1), make_attribution(seed=2)
    parts = [
        feature_agreement(first.output(name), second.output(name), 2) for name in first.output_names
    ]
    np.testing.assert_allclose(feature_agreement(first, second, 2), np.mean(parts, axis=0))


@pytest.mark.parametrize("metric", ALL)
def test_explanations_of_different_things(metric):
    with pytest.raises(ValueError, match="must have the shape"):
        metric(A, B[:, :3])
    first = make_attribution()
    second = first.features(list(first.feature_names[::-1]))
    with pytest.raises(ValueError, match="about the features"):
        metric(first, second)


def test_k_out_of_range():
    with pytest.raises(ValueError, match="'k' parameter"):
        feature_agreement(A, B, 0)
    np.testing.assert_array_equal(feature_agreement(A, B, 99), feature_agreement(A, B, 6))
