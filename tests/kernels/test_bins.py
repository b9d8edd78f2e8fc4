"""Bins of sorted columns beside their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogates._kernels.bins import bin_moments, quantiles

VALUES = st.lists(st.integers(-5, 5), min_size=1, max_size=40)


@given(VALUES, st.integers(2, 12))
def test_a_quantile_is_the_smallest_value_that_reaches_its_share(values, n_bins):
    ordered = np.sort(np.array(values, dtype=float))
    weights = np.ones(len(ordered))
    out = np.empty(n_bins - 1)
    found = out[: quantiles(ordered, weights, out)]
    expected = {float(ordered[-(-b * len(ordered) // n_bins) - 1]) for b in range(1, n_bins)} - {
        float(ordered[-1])
    }
    assert found.tolist() == sorted(expected)
    twice = np.empty(n_bins - 1)
    n_twice = quantiles(np.repeat(ordered, 2), np.ones(2 * len(ordered)), twice)
    assert twice[:n_twice].tolist() == found.tolist()


@given(VALUES, st.lists(st.integers(-5, 4), max_size=4, unique=True))
def test_moments_are_those_of_the_values_in_each_bin(values, borders):
    ordered, limits = np.sort(np.array(values, dtype=float)), np.sort(np.array(borders, float))
    limits = limits[limits < ordered[-1]]
    weights = np.linspace(1.0, 2.0, len(ordered))
    table = np.empty((6, len(limits) + 1))
    table = table[:, : bin_moments(ordered, weights, limits, table)]
    bins = np.searchsorted(limits, ordered)
    assert table[5].tolist() == np.unique(bins).tolist()
    ends = np.concatenate([[ordered[0]], limits, [ordered[-1]]])
    for mass, mean, scale, low, high, b in table.T:
        own, w = ordered[bins == b], weights[bins == b]
        expected = np.average(own, weights=w)
        assert mass == pytest.approx(w.sum())
        assert mean == pytest.approx(expected, abs=1e-12)
        spread = np.sqrt(np.average((own - expected) ** 2, weights=w))
        assert scale == pytest.approx(spread, abs=1e-11)
        assert (low, high) == (ends[int(b)], ends[int(b) + 1])
        if own[0] == own[-1]:
            assert (mean, scale) == (own[0], 0.0)
