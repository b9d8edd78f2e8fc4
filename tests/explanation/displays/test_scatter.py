import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.dates import DateLocator

from surrogates.explanation import ScatterDisplay
from surrogates.explanation.displays import palette

VALUES = np.array([0.1, -0.2, 0.3, 0.0])


def scatter(feature_values, **others):
    fields = {"feature_values": feature_values, "values": VALUES, "feature_name": "column"}
    return ScatterDisplay(**(fields | others))


def places(display):
    return np.asarray(display.points_.get_offsets())


def levels(display):
    return [text.get_text() for text in display.ax_.get_xticklabels()]


def test_numbers_stand_where_they_are():
    display = scatter([3.0, 1.0, 2.0, 7.0]).plot()
    np.testing.assert_allclose(places(display), np.column_stack([[3, 1, 2, 7], VALUES]))
    assert display.ax_.get_xlabel() == "column"


def test_missing_numbers_have_a_place_of_their_own():
    display = scatter([3.0, np.nan, 2.0, 7.0]).plot()
    assert len(places(display)) == 4
    assert places(display)[1, 0] < 2.0
    assert places(display)[1, 1] == -0.2
    colors = display.points_.get_facecolors()
    np.testing.assert_allclose(colors[1], to_rgba(palette.NEUTRAL))
    np.testing.assert_allclose(colors[0], to_rgba(palette.NEGATIVE))
    assert "missing" in [text.get_text() for text in display.ax_.texts]


def test_text_has_a_place_per_level():
    display = scatter(np.array(["rent", "own", None, "rent"], dtype=object)).plot()
    assert levels(display) == ["own", "rent", "missing"]
    np.testing.assert_array_equal(places(display)[:, 0].round(), [1, 0, 2, 1])
    np.testing.assert_array_equal(places(display)[:, 1], VALUES)


def test_levels_keep_their_order():
    cells = np.array(["low", "high", "middle", "low"], dtype=object)
    display = scatter(cells, levels=["low", "middle", "high", "never"]).plot()
    assert levels(display) == ["low", "middle", "high"]


def test_many_levels_are_turned_and_thinned():
    n = 60
    display = scatter([f"level {i:02}" for i in range(n)], values=np.zeros(n)).plot()
    assert len(levels(display)) == 20
    np.testing.assert_array_equal(places(display)[:, 0].round(), range(n))


def test_booleans_are_levels():
    assert levels(scatter([True, False, True, True]).plot()) == ["False", "True"]


def test_times_have_dates_on_the_axis():
    days = np.array(pd.date_range("2024-01-01", periods=4, freq="30D").astype(object))
    display = scatter(days).plot()
    display.figure_.canvas.draw()
    assert isinstance(display.ax_.xaxis.get_major_locator(), DateLocator)
    np.testing.assert_allclose(np.diff(places(display)[:, 0]), 30)


def test_error_bars():
    errors = np.array([0.1, 0.2, 0.3, 0.4])
    display = scatter([1.0, 2.0, 3.0, 4.0], std_errors=errors).plot()
    segments = np.array(display.intervals_.lines[2][0].get_segments())
    np.testing.assert_allclose(np.diff(segments[:, :, 1]).ravel(), 2 * 1.96 * errors)
    assert scatter([1.0, 2, 3, 4], std_errors=errors).plot(error_bars=False).intervals_ is None
    assert scatter([1.0, 2, 3, 4]).plot().intervals_ is None


def test_frame():
    display = scatter(["a", "b", "c", "d"], row_labels=[7, 8, 9, 10], std_errors=VALUES**2)
    expected = pd.DataFrame(
        {
            "row": [7, 8, 9, 10],
            "value": pd.Series(["a", "b", "c", "d"], dtype=object),
            "attribution": VALUES,
            "std_error": VALUES**2,
        }
    )
    pd.testing.assert_frame_equal(display.frame(), expected)


@pytest.mark.parametrize(
    "cells",
    [
        [np.nan] * 4,
        np.array([None] * 4, dtype=object),
        [5.0] * 4,
        [np.inf, -np.inf, 1.0, 2.0],
        np.array([1, "a", None, 2.5], dtype=object),
        np.array([pd.NA, 1, 2, 3], dtype=object),
    ],
)
def test_odd_cells_draw(cells):
    display = scatter(cells, std_errors=VALUES**2).plot()
    display.figure_.canvas.draw()
    assert len(places(display)) == 4
    assert np.isfinite(places(display)).all()
