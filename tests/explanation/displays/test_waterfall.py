import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex

from surrogates.explanation import WaterfallDisplay
from surrogates.explanation.displays import palette

VALUES = np.array([0.05, 0.25, -0.1])


def waterfall(**others):
    fields = {
        "values": VALUES,
        "base_value": 0.3,
        "prediction": 0.5,
        "feature_names": ["age", "duration", "purpose"],
        "feature_values": [33, 24, "car"],
    }
    return WaterfallDisplay(**(fields | others))


def labels(display):
    return [text.get_text() for text in display.ax_.get_yticklabels()]


def test_lines_name_the_values():
    display = waterfall(base_label="reference mean").plot()
    assert labels(display) == [
        "reference mean",
        "duration = 24",
        "purpose = car",
        "age = 33",
        "prediction",
    ]
    assert [text.get_text() for text in display.texts_] == [
        "0.300",
        "+0.250",
        "\N{MINUS SIGN}0.100",
        "+0.050",
        "0.500",
    ]
    bare = waterfall(feature_values=None).plot()
    assert labels(bare)[1:-1] == ["duration", "purpose", "age"]


def test_steps_lead_from_the_base_value_to_the_prediction():
    display = waterfall().plot()
    starts = [bar.get_x() for bar in display.bars_]
    ends = [bar.get_x() + bar.get_width() for bar in display.bars_]
    np.testing.assert_allclose(starts, [0.3, 0.55, 0.45])
    np.testing.assert_allclose(ends, [0.55, 0.45, 0.5])
    shades = [to_hex(bar.get_facecolor()).upper() for bar in display.bars_]
    assert shades == [palette.POSITIVE, palette.NEGATIVE, palette.POSITIVE]


@settings(max_examples=10)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=9), st.integers(1, 10))
def test_steps_end_at_the_prediction_however_many_are_shown(values, max_display):
    prediction = 1.0 + sum(values)
    names = [str(number) for number in range(len(values))]
    display = WaterfallDisplay(
        values=values, base_value=1.0, prediction=prediction, feature_names=names
    )
    display.plot(max_display=max_display)
    assert len(display.bars_) == min(len(values), max_display)
    assert 1.0 + sum(bar.get_width() for bar in display.bars_) == pytest.approx(prediction)
    plt.close("all")


def test_frame():
    expected = pd.DataFrame(
        {
            "feature": ["duration", "purpose", "age"],
            "value": pd.Series([24, "car", 33], dtype=object),
            "attribution": [0.25, -0.1, 0.05],
            "std_error": [0.02, 0.03, 0.01],
            "start": [0.3, 0.55, 0.45],
            "end": [0.55, 0.45, 0.5],
        }
    )
    pd.testing.assert_frame_equal(waterfall(std_errors=[0.01, 0.02, 0.03]).frame(), expected)


def test_intervals_stand_at_the_ends_of_the_steps():
    display = waterfall(std_errors=[0.01, 0.02, 0.03]).plot(max_display=2)
    segments = display.intervals_.lines[2][0].get_segments()
    assert len(segments) == 1  # the errors of a sum depend on covariances
    np.testing.assert_allclose(segments[0][:, 0], [0.55 - 1.96 * 0.02, 0.55 + 1.96 * 0.02])
    assert labels(display)[2] == "2 other columns"
    assert waterfall().plot().intervals_ is None


def test_what_is_not_attributed_has_a_step():
    display = waterfall(prediction=0.6).plot()
    assert labels(display)[-2:] == ["not attributed", "prediction"]
    assert display.bars_[-1].get_width() == pytest.approx(0.1)
    rounding = waterfall(prediction=0.5 + 1e-12).plot()
    assert "not attributed" not in labels(rounding)


def test_reference_group_and_whiskers_are_named():
    display = waterfall(
        title="KernelSHAP", note="against 100 reference rows", std_errors=[0.1] * 3
    ).plot()
    assert display.ax_.get_title(loc="left") == "KernelSHAP"
    written = [text.get_text() for text in display.ax_.texts]
    assert "against 100 reference rows; whiskers: 95 % intervals" in written


def test_numbers_stay_inside_the_axes_and_apart_from_the_labels():
    display = waterfall(prediction=0.1, values=[-0.05, -0.25, 0.1]).plot()
    display.figure_.canvas.draw()
    frame = display.ax_.get_window_extent()
    for text in display.texts_:
        box = text.get_window_extent()
        assert frame.x0 <= box.x0
        assert box.x1 <= frame.x1


def test_labels_stay_inside_the_figure():
    display = waterfall(feature_names=["n" * 80, "m " * 40, "k"], feature_values=["v" * 99] * 3)
    display.plot().figure_.canvas.draw()
    figure = display.figure_.bbox
    for text in display.ax_.get_yticklabels():
        box = text.get_window_extent()
        assert figure.x0 <= box.x0


def test_no_steps_of_any_size():
    display = waterfall(values=[0.0, 0.0, 0.0], prediction=0.3).plot()
    display.figure_.canvas.draw()
    assert [bar.get_width() for bar in display.bars_] == [0, 0, 0]


@pytest.mark.parametrize(
    "fields",
    [
        {"base_value": np.nan},
        {"prediction": np.inf},
        {"values": [0.1, np.nan, 0.0]},
    ],
)
def test_what_has_no_end_is_refused(fields):
    with pytest.raises(ValueError, match="draw a bar instead"):
        waterfall(**fields)
