"""Changes of losses equal differences, and keep their digits where these lose them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogates._kernels import loss_changes
from surrogates.influence.losses import Deviance, LogLoss, SoftmaxLoss, SquaredError, SquaredHinge

RNG = np.random.default_rng(0)
LOSSES = {
    "log": (LogLoss(), RNG.integers(0, 2, 40).astype(float)),
    "squared": (SquaredError(), RNG.normal(size=40)),
    "hinge": (SquaredHinge(), RNG.choice([-1.0, 1.0], 40)),
    "poisson": (Deviance(1.0), RNG.poisson(2.0, 40).astype(float)),
    "gamma": (Deviance(2.0), RNG.gamma(2.0, size=40)),
    "tweedie": (Deviance(1.5), RNG.gamma(2.0, size=40)),
    "inverse normal": (Deviance(3.0), RNG.gamma(2.0, size=40)),
}


@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(-4.0, 0.7))
def test_changes_equal_differences(name, seed, exponent):
    loss, y = LOSSES[name]
    rng = np.random.default_rng(seed)
    margins = 2.0 * rng.normal(size=40)
    steps = rng.normal(size=(40, 5)) * 10.0**exponent
    expected = loss.value(y[:, None], margins[:, None] + steps) - loss.value(y, margins)[:, None]
    found = loss.change(y, margins, steps.copy())
    scale = np.abs(loss.value(y[:, None], margins[:, None] + steps)) + np.abs(
        loss.value(y, margins)[:, None]
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-13 * scale.max())


@pytest.mark.parametrize("name", LOSSES)
def test_slopes_and_curvatures_are_derivatives(name):
    loss, y = LOSSES[name]
    margins, step = RNG.normal(size=40), 1e-6
    margins += 0.1 * (np.abs(1.0 - y * margins) < 1e-3)
    slope = (loss.value(y, margins + step) - loss.value(y, margins - step)) / (2 * step)
    np.testing.assert_allclose(loss.scale * loss.slope(y, margins), slope, rtol=1e-5, atol=1e-6)
    bend = (loss.slope(y, margins + step) - loss.slope(y, margins - step)) / (2 * step)
    np.testing.assert_allclose(loss.curvature(y, margins), bend, rtol=1e-5, atol=1e-6)
    rise = (loss.response(margins + step) - loss.response(margins - step)) / (2 * step)
    np.testing.assert_allclose(loss.response_slope(margins), rise, rtol=1e-5, atol=1e-8)


def test_softmax():
    loss, y = SoftmaxLoss(), RNG.integers(0, 4, 30).astype(float)
    margins = 3.0 * RNG.normal(size=(30, 4))
    for size in (1e-6, 1.0, 60.0):
        steps = size * RNG.normal(size=(4, 30, 6))
        after = loss.value(
            np.repeat(y[:, None], 6, axis=1), margins[:, None] + steps.transpose(1, 2, 0)
        )
        expected = after - loss.value(y, margins)[:, None]
        found = loss.change(y, margins, steps)
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-13)
    shares = loss.response(margins)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    np.testing.assert_allclose(loss.slope(y, margins).sum(axis=1), 0.0, atol=1e-14)


def test_tiny_changes_of_confident_rows_keep_their_digits():
    """A probability of 1 - 1e-13 and a step of 1e-9: differences would be all noise."""
    loss, y = LogLoss(), np.array([1.0])
    for margin, step in ((30.0, 1e-9), (30.0, 1e-3), (-40.0, 1e-12), (0.0, 1e-10)):
        found = loss.change(y, np.array([margin]), np.array([[step]]))[0, 0]
        assert found == pytest.approx(loss.slope(y, np.array([margin]))[0] * step, rel=1e-3)


def test_steps_around_the_end_of_the_series_agree():
    for wrong in (0.999999, 0.5, 1e-9):
        for step in (0.0312499, -0.0312499):
            below = loss_changes._log_loss_change(step, wrong, 1.0 - wrong)
            exact = np.log1p(wrong * np.expm1(step))
            assert below == pytest.approx(exact, rel=1e-13)


def test_compiled_and_interpreted_agree():
    y, margins, steps = np.array([1.0, 0.0]), np.array([0.3, -2.0]), np.array([[0.1], [3.0]])
    compiled, plain = steps.copy(), steps.copy()
    loss_changes.change_of_log_loss(y, margins, compiled)
    function = getattr(loss_changes.change_of_log_loss, "py_func", loss_changes.change_of_log_loss)
    function(y, margins, plain)
    np.testing.assert_allclose(compiled, plain, rtol=1e-14)
