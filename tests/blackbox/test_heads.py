"""Mean slopes of heads between two outputs, against fine quadrature and completeness."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogates.blackbox.heads import binary_head, plain_head

HEADS = {
    "identity": plain_head("identity", 3),
    "logistic": plain_head("logistic", 3),
    "softmax": plain_head("softmax", 3),
    "two": plain_head("softmax", 2),
    "binary": binary_head("logistic"),
}


@pytest.mark.parametrize("name", HEADS)
def test_mean_slopes_equal_a_fine_quadrature(name):
    head, rng = HEADS[name], np.random.default_rng(0)
    outputs, others = 3.0 * rng.normal(size=(2, 20, head.matrix.shape[0]))
    at = (np.arange(4000) + 0.5) / 4000
    expected = np.mean([head.slopes(others + t * (outputs - others)) for t in at], axis=0)
    np.testing.assert_allclose(head.mean_slopes(outputs, others), expected, atol=1e-7)


@pytest.mark.parametrize("name", HEADS)
@given(seed=st.integers(0, 2**31), exponent=st.floats(-9.0, 3.0))
def test_mean_slopes_are_complete(name, seed, exponent):
    head, rng = HEADS[name], np.random.default_rng(seed)
    outputs, others = rng.normal(size=(2, 5, head.matrix.shape[0])) * 10.0**exponent
    change = np.einsum("nk,nko->no", outputs - others, head.mean_slopes(outputs, others))
    expected = head.responses(outputs) - head.responses(others)
    np.testing.assert_allclose(change, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", HEADS)
def test_slopes_are_derivatives(name):
    head, rng = HEADS[name], np.random.default_rng(1)
    outputs = rng.normal(size=(6, head.matrix.shape[0]))
    slopes = head.slopes(outputs)
    for k, shift in enumerate(1e-6 * np.eye(outputs.shape[1])):
        expected = (head.responses(outputs + shift) - head.responses(outputs - shift)) / 2e-6
        np.testing.assert_allclose(slopes[:, k], expected, atol=1e-8)
    np.testing.assert_allclose(head.mean_slopes(outputs, outputs), slopes, atol=1e-12)
