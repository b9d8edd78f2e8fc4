"""Breaks of piecewise-linear networks along segments, against a fine grid."""

import numpy as np
import pytest
from perceptrons import regressor, table

from surrogates.blackbox.find_differentiable import find_differentiable
from surrogates.blackbox.model import make_model

X = table()


def opened(**options):
    return find_differentiable(make_model(regressor(X, **options), "auto", None, X)[0], X)


@pytest.mark.parametrize("hidden", [(9,), (9, 7), (8, 6, 5)])
def test_the_response_is_linear_between_breaks(hidden):
    model = opened(hidden=hidden)
    starts, stops = X[:10], X[10:20]
    rows, first, last = model.breaks(starts, stops, 500).pieces()
    for share in (0.2, 0.5, 0.9):
        at = first + share * (last - first)
        ends = [
            model.responses(starts[rows] + t[:, None] * (stops - starts)[rows])
            for t in (first, at, last)
        ]
        expected = ends[0] + share * (ends[2] - ends[0])
        np.testing.assert_allclose(ends[1], expected, atol=1e-12)
    lengths = np.bincount(rows, weights=last - first)
    np.testing.assert_allclose(lengths, 1.0, atol=1e-12)


def test_every_bend_is_found():
    model = opened(hidden=(9, 7))
    starts, stops = X[:4], X[20:24]
    breaks = model.breaks(starts, stops, 500)
    at = np.linspace(0.0, 1.0, 20_001)
    for row in range(4):
        points = starts[row] + at[:, None] * (stops[row] - starts[row])
        slopes = model.gradients(points)[1][:, :, 0] @ (stops[row] - starts[row])
        jumps = at[:-1][np.abs(np.diff(slopes)) > 1e-9]
        own = breaks.positions[breaks.rows == row]
        assert all(np.abs(own - jump).min() < 2e-4 for jump in jumps)


def test_smooth_and_linear_networks():
    assert opened(activation="tanh").breaks(X[:2], X[2:4], 10) is None
    linear = opened(activation="identity").breaks(X[:2], X[2:4], 10)
    assert linear.positions.tolist() == [0.0, 1.0, 0.0, 1.0]
    assert opened(activation="identity").n_stages == 0
    assert opened(activation="tanh").n_stages == 2


def test_rows_with_too_many_breaks_are_given_up():
    model = opened(hidden=(40, 40))
    everything = model.breaks(X[:10], X[10:20], 10_000)
    counts = np.bincount(everything.rows) - 2
    some = model.breaks(X[:10], X[10:20], int(np.median(counts)))
    assert set(some.rows) == set(np.flatnonzero(counts <= np.median(counts)))
