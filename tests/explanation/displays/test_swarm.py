import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from surrogates.explanation.displays.swarm import extent, swarm_offsets

POSITIONS = arrays(float, st.integers(0, 60), elements=st.floats(0, 1))


@given(POSITIONS, st.integers(1, 20))
def test_points_of_a_bin_stand_apart(positions, n_bins):
    offsets = swarm_offsets(positions, 0.0, 1.0, n_bins=n_bins, spread=0.4)
    assert offsets.shape == positions.shape
    assert np.abs(offsets).max(initial=0) <= 0.4 + 1e-12
    places = list(zip(np.floor(positions * n_bins), offsets.round(9), strict=True))
    assert len(set(places)) == len(places)


def test_a_lone_point_stands_on_the_line():
    np.testing.assert_array_equal(swarm_offsets(np.array([0.1, 0.5, 0.9]), 0.0, 1.0), 0)


def test_extent_is_that_of_the_finite():
    assert extent(np.array([np.nan, 3.0, -1.0, np.inf])) == (-1.0, 3.0)
    assert extent(np.array([np.nan])) == (0.0, 1.0)
