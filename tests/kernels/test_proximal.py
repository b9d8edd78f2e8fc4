"""Proximal steps against closed forms, an active-set solver of the dual and their properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import lsq_linear

from surrogates._kernels.proximal import fused_lasso_prox, soft_threshold, total_variation_prox

signals = arrays(np.float64, st.integers(1, 30), elements=st.floats(-10, 10, width=16))
# the solver of the dual loses penalties that are tiny beside the signal
penalties = st.floats(0, 20, width=16).map(lambda penalty: penalty if penalty > 1e-3 else 0.0)


def by_dual(signal, penalty):
    """Solve the dual, a least-squares problem in a box, by the exact active-set method."""
    if signal.size == 1 or penalty == 0:
        return signal
    difference = np.diff(np.eye(signal.size), axis=0)
    dual = lsq_linear(difference.T, signal, (-penalty, penalty), method="bvls", tol=1e-15)
    return signal - difference.T @ dual.x


def test_soft_threshold():
    assert [soft_threshold(v, 1.0) for v in (3.0, 1.0, 0.5, -1.0, -3.0)] == [2, 0, 0, 0, -2]


@pytest.mark.parametrize("penalty", [0.0, 0.5, 1.0, 2.9])
def test_two_plateaus_approach_each_other(penalty):
    expected = [penalty / 2, penalty / 2, 3 - penalty / 2, 3 - penalty / 2]
    found = total_variation_prox(np.array([0.0, 0.0, 3.0, 3.0]), penalty)
    np.testing.assert_allclose(found, expected, atol=1e-14)


def test_a_peak_is_cut_and_an_end_moves_twice_as_easily():
    np.testing.assert_allclose(
        total_variation_prox(np.array([0.0, 9.0, 0.0, 0.0]), 1.0), [1, 7, 0.5, 0.5], atol=1e-14
    )


@given(signals, penalties)
def test_equals_the_dual_solution(signal, penalty):
    signal = signal[:12]
    np.testing.assert_allclose(
        total_variation_prox(signal, penalty), by_dual(signal, penalty), atol=1e-10
    )


@given(signals)
def test_extremes_are_the_signal_and_its_mean(signal):
    np.testing.assert_array_equal(total_variation_prox(signal, 0.0), signal)
    np.testing.assert_allclose(total_variation_prox(signal, 1e4), signal.mean(), atol=1e-9)


@given(signals, penalties, st.floats(-100, 100))
def test_symmetries(signal, penalty, shift):
    denoised = total_variation_prox(signal, penalty)
    same = {"atol": 1e-10}
    np.testing.assert_allclose(
        total_variation_prox(signal + shift, penalty), denoised + shift, **same
    )
    np.testing.assert_allclose(total_variation_prox(-signal, penalty), -denoised, **same)
    np.testing.assert_allclose(total_variation_prox(signal[::-1], penalty), denoised[::-1], **same)
    np.testing.assert_allclose(total_variation_prox(3 * signal, 3 * penalty), 3 * denoised, **same)
    np.testing.assert_allclose(denoised.sum(), signal.sum(), atol=1e-9)


@given(signals, penalties, st.integers(0, 2**32 - 1))
def test_is_nonexpansive(signal, penalty, seed):
    other = signal + np.random.default_rng(seed).normal(size=signal.size)
    moved = total_variation_prox(signal, penalty) - total_variation_prox(other, penalty)
    assert np.linalg.norm(moved) <= np.linalg.norm(signal - other) * (1 + 1e-12)


@given(signals, penalties, penalties)
def test_fused_prox_is_a_minimum(signal, l1, fusion):
    def objective(b):
        size = l1 * np.abs(b).sum() + fusion * np.abs(np.diff(b)).sum()
        return 0.5 * ((b - signal) ** 2).sum() + size

    found = fused_lasso_prox(signal, l1, fusion)
    lowest = objective(found)
    rng = np.random.default_rng(0)
    for scale in (1e-6, 1e-2, 1.0):
        for _ in range(20):
            step = scale * rng.normal(size=signal.size)
            # strong convexity: a minimum is below every other point by half the squared distance
            assert objective(found + step) >= lowest + 0.5 * (step @ step) - 1e-9 * (1 + lowest)


def test_linear_time():
    signal = np.random.default_rng(0).normal(size=200_000).cumsum()
    denoised = total_variation_prox(signal, 50.0)
    assert np.abs(np.diff(denoised)).sum() < np.abs(np.diff(signal)).sum() / 10


def test_interpreted_twin():
    signal = np.random.default_rng(1).normal(size=40)
    interpreted = getattr(total_variation_prox, "py_func", total_variation_prox)
    np.testing.assert_array_equal(interpreted(signal, 0.3), total_variation_prox(signal, 0.3))
