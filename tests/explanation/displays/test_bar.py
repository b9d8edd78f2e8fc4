import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from surrogates.explanation import BarDisplay
from surrogates.explanation.displays import palette

VALUES = np.array([0.1, -0.4, 0.0, 0.25])
NAMES = ["age", "amount", "housing", "duration"]
ERRORS = np.array([0.01, 0.02, 0.03, 0.04])


def labels(display):
    return [text.get_text() for text in display.ax_.get_yticklabels()]


def colors(display):
    return [to_hex(bar.get_facecolor()).upper() for bar in display.bars_]


def test_largest_magnitude_at_the_top():
    display = BarDisplay(values=VALUES, feature_names=NAMES).plot()
    assert labels(display) == ["amount", "duration", "age", "housing"]
    assert [bar.get_width() for bar in display.bars_] == [-0.4, 0.25, 0.1, 0.0]
    assert display.ax_.yaxis_inverted()
    assert [text.get_text() for text in display.texts_] == [
        "\N{MINUS SIGN}0.400",
        "+0.250",
        "+0.100",
        "+0.000",
    ]


def test_frame():
    display = BarDisplay(values=VALUES, feature_names=NAMES, std_errors=ERRORS, quantity="effect")
    expected = pd.DataFrame(
        {
            "feature": ["amount", "duration", "age", "housing"],
            "effect": [-0.4, 0.25, 0.1, 0.0],
            "std_error": [0.02, 0.04, 0.01, 0.03],
        }
    )
    pd.testing.assert_frame_equal(display.frame(), expected)


def test_last_bar_sums_up_the_others():
    display = BarDisplay(values=VALUES, feature_names=NAMES, std_errors=ERRORS).plot(max_display=2)
    assert labels(display) == ["amount", "3 other columns"]
    assert display.bars_[1].get_width() == pytest.approx(0.35)
    assert colors(display)[1] == palette.NEUTRAL
    assert len(display.intervals_.lines[2][0].get_segments()) == 1


def test_all_in_one_bar():
    display = BarDisplay(values=VALUES, feature_names=NAMES).plot(max_display=1)
    assert labels(display) == ["4 other columns"]


def test_intervals_cover_95_percent():
    display = BarDisplay(values=VALUES, feature_names=NAMES, std_errors=ERRORS).plot()
    segments = display.intervals_.lines[2][0].get_segments()
    ends = np.array([segment[:, 0] for segment in segments])
    order = [1, 3, 0, 2]
    np.testing.assert_allclose(ends.mean(axis=1), VALUES[order], atol=1e-12)
    np.testing.assert_allclose(np.diff(ends).ravel(), 2 * 1.96 * ERRORS[order])
    assert "95 %" in "".join(text.get_text() for text in display.ax_.texts)


def test_no_intervals_without_errors():
    assert BarDisplay(values=VALUES, feature_names=NAMES).plot().intervals_ is None


def test_colors_tell_directions_only_where_there_are_any():
    signed = BarDisplay(values=VALUES, feature_names=NAMES).plot()
    assert colors(signed)[:2] == [palette.NEGATIVE, palette.POSITIVE]
    unsigned = BarDisplay(values=np.abs(VALUES), feature_names=NAMES, signed=False).plot()
    assert set(colors(unsigned)) == {palette.UNSIGNED}
    assert unsigned.texts_[0].get_text() == "0.400"


def test_given_axes():
    figure, ax = plt.subplots()
    display = BarDisplay(values=VALUES, feature_names=NAMES, title="title", note="note").plot(ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert ax.get_title(loc="left") == "title"


def test_numbers_stay_inside_the_axes():
    display = BarDisplay(values=VALUES, feature_names=NAMES, std_errors=ERRORS).plot()
    display.figure_.canvas.draw()
    frame = display.ax_.get_window_extent()
    for text in display.texts_:
        box = text.get_window_extent()
        assert frame.x0 <= box.x0
        assert box.x1 <= frame.x1


@pytest.mark.parametrize("values", [[np.nan, 1.0], [np.inf, -1.0], [0.0, 0.0], [1e-300, 1e300]])
def test_odd_numbers_draw(values):
    display = BarDisplay(values=values, feature_names=["a", "b"], std_errors=[np.nan, np.inf])
    display.plot().figure_.canvas.draw()
    assert len(display.bars_) == 2


@pytest.mark.parametrize("max_display", [0, -1, 2.0, True, None, "3"])
def test_bad_max_display(max_display):
    with pytest.raises(ValueError, match=r"max_display must be an int in the range \[1, inf\)"):
        BarDisplay(values=VALUES, feature_names=NAMES).plot(max_display=max_display)
