"""Gower distances against the definition."""

import numpy as np
import pytest

from surrogates._kernels.distances import gower_nearest


def slowly(rows, real, scales):
    """Return all distances, (n, n_real)."""
    out = np.zeros((len(rows), len(real)))
    for column, scale in enumerate(scales):
        a, b = rows[:, column][:, None], real[:, column][None]
        gap = np.where(a == b, 0.0, 1.0) if scale == 0 else np.minimum(np.abs(a - b) / scale, 1.0)
        missing = np.isnan(a) | np.isnan(b)
        gap = np.where(missing, np.where(np.isnan(a) & np.isnan(b), 0.0, 1.0), gap)
        out += gap
    return out / len(scales)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("skip_own", [False, True])
def test_nearest_rows(count, skip_own):
    rng = np.random.default_rng(0)
    real = np.column_stack([rng.normal(size=30), rng.integers(0, 3, 30), rng.normal(size=30)])
    real[::6, 0] = np.nan
    scales = np.array([2.0, 0.0, 0.5])
    rows = real if skip_own else np.vstack([real[:4], rng.normal(size=(5, 3))])
    truth = slowly(rows, real, scales)
    if skip_own:
        np.fill_diagonal(truth, np.inf)
    distances, places = gower_nearest(rows, real, scales, count, skip_own)
    assert distances == pytest.approx(np.sort(truth, axis=1)[:, :count])
    found = np.take_along_axis(truth, places, axis=1)
    assert found == pytest.approx(distances)
