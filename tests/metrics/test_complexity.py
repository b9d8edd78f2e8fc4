"""Entropy, Gini index and effective size."""

import numpy as np
import pytest
from attributions import make_attribution
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from surrogates.metrics import effective_size, entropy, gini

MEASURES = [entropy, gini, effective_size]
TABLES = arrays(float, (3, 6), elements=st.floats(-1e3, 1e3, allow_subnormal=False))


def test_one_player_has_all():
    values = [[0.0, -3.0, 0.0, 0.0]]
    assert entropy(None, None, values) == [0.0]
    assert gini(None, None, values) == [0.75]
    assert effective_size(None, None, values) == [1.0]


def test_equal_shares():
    values = [[2.0, -2.0, 2.0, -2.0]]
    np.testing.assert_allclose(entropy(None, None, values), np.log(4))
    np.testing.assert_allclose(gini(None, None, values), 0.0, atol=1e-15)
    assert effective_size(None, None, values) == [4.0]
    assert effective_size(None, None, values, share=0.5) == [2.0]


@given(TABLES)
def test_by_hand(values):
    sizes = np.abs(values)
    for row, *found in zip(
        sizes, entropy(None, None, values), gini(None, None, values), strict=True
    ):
        total = row.sum()
        if total == 0.0:
            assert np.isnan(found).all()
            continue
        shares = row / total
        expected = -sum(share * np.log(share) for share in shares if share > 0)
        np.testing.assert_allclose(found[0], expected, atol=1e-9)
        apart = np.abs(row[:, None] - row).sum() / (2 * 6 * total)  # mean absolute difference
        np.testing.assert_allclose(found[1], apart, atol=1e-9)


@pytest.mark.parametrize("metric", MEASURES)
def test_scale_sign_and_order_do_not_matter(metric):
    values = np.random.default_rng(0).normal(size=(6, 5))
    expected = metric(None, None, values)
    np.testing.assert_allclose(metric(None, None, -7.0 * values[:, ::-1]), expected)
    assert (values == np.random.default_rng(0).normal(size=(6, 5))).all()  # left as it was


@pytest.mark.parametrize("metric", MEASURES)
def test_outputs_are_averaged(metric):
    explanation = make_attribution()
    parts = [metric(None, None, explanation.output(name)) for name in explanation.output_names]
    np.testing.assert_allclose(metric(None, None, explanation), np.mean(parts, axis=0))


@pytest.mark.parametrize("metric", MEASURES)
def test_bad_input(metric):
    with pytest.raises(ValueError, match="must have the shape"):
        metric(None, np.zeros((3, 2)), np.ones((2, 2)))
    with pytest.raises(ValueError, match="must be finite"):
        metric(None, None, [[np.nan, 1.0]])
    with pytest.raises(ValueError, match="must be an Attribution"):
        metric(None, None, [["a", "b"]])
    assert np.isnan(metric(None, None, np.zeros((2, 3)))).all()
