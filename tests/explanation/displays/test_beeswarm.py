import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba

from surrogates.explanation import BeeswarmDisplay
from surrogates.explanation.displays import palette

VALUES = np.array([[0.1, -0.5, 0.0], [0.2, 0.4, 0.0], [-0.1, 0.3, 0.1], [0.0, 0.3, 0.1]])
NAMES = ["age", "amount", "purpose"]
NUMBERS = [[50.0, 20.0, 30.0, 30.0], [1.0, np.nan, 2.0, 3.0], None]


def beeswarm(**others):
    fields = {"values": VALUES, "feature_names": NAMES, "feature_values": NUMBERS}
    return BeeswarmDisplay(**(fields | others))


def labels(display):
    return [text.get_text() for text in display.ax_.get_yticklabels()]


def test_one_point_per_row_and_feature():
    display = beeswarm().plot()
    assert labels(display) == ["amount", "age", "purpose"]
    for points, column in zip(display.points_, [1, 0, 2], strict=True):
        np.testing.assert_allclose(points.get_offsets()[:, 0], VALUES[:, column])


def test_points_stay_near_their_line_and_apart_from_each_other():
    values = np.random.default_rng(0).normal(size=(300, 2)).round(1)
    display = beeswarm(values=values, feature_names=["a", "b"], feature_values=None).plot()
    for line, points in enumerate(display.points_):
        places = np.asarray(points.get_offsets())
        assert np.abs(places[:, 1] - line).max() <= 0.38 + 1e-9
        assert len(np.unique(places, axis=0)) == 300


def test_colors_are_ranks_of_the_values():
    colors = palette.value_colors()
    amount, age, purpose = (points.get_facecolors() for points in beeswarm().plot().points_)
    np.testing.assert_allclose(age, colors([1.0, 0.0, 0.5, 0.5]))
    np.testing.assert_allclose(amount[[0, 2, 3]], colors([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(amount[1], to_rgba(palette.NEUTRAL))
    np.testing.assert_allclose(purpose, np.tile(to_rgba(palette.NEUTRAL), (4, 1)))


def test_constant_values_have_the_color_of_the_middle():
    display = beeswarm(feature_values=[[7.0] * 4, None, None]).plot()
    np.testing.assert_allclose(
        display.points_[1].get_facecolors(), palette.value_colors()(np.full(4, 0.5))
    )


def test_frame():
    frame = beeswarm(row_labels=["p", "q", "r", "s"], std_errors=np.full((4, 3), 0.2)).frame()
    assert list(frame.columns) == ["row", "feature", "attribution", "std_error", "value_rank"]
    assert list(frame["feature"]) == ["amount"] * 4 + ["age"] * 4 + ["purpose"] * 4
    assert list(frame["row"]) == ["p", "q", "r", "s"] * 3
    np.testing.assert_array_equal(frame["attribution"], VALUES[:, [1, 0, 2]].T.ravel())
    np.testing.assert_array_equal(frame["std_error"], 0.2)
    ranks = [0, np.nan, 0.5, 1, 1, 0, 0.5, 0.5, *[np.nan] * 4]
    np.testing.assert_array_equal(frame["value_rank"], ranks)


def test_last_line_sums_up_the_others():
    display = beeswarm().plot(max_display=2)
    assert labels(display) == ["amount", "2 other columns"]
    places = display.points_[1].get_offsets()
    np.testing.assert_allclose(places[:, 0], VALUES[:, [0, 2]].sum(axis=1))


def test_intervals_of_few_rows():
    errors = np.full((4, 3), 0.1)
    display = beeswarm(std_errors=errors).plot()
    segments = np.array(display.intervals_.get_segments())
    assert segments.shape == (12, 2, 2)
    np.testing.assert_allclose(np.diff(segments[:, :, 0]).ravel(), 2 * 1.96 * 0.1)
    many = beeswarm(
        values=np.tile(VALUES, (50, 1)), std_errors=np.tile(errors, (50, 1)), feature_values=None
    )
    assert many.plot().intervals_ is None
    assert beeswarm().plot().intervals_ is None


def test_color_bar_only_where_there_are_numbers():
    assert beeswarm().plot().colorbar_ is not None
    assert beeswarm(feature_values=None).plot().colorbar_ is None
    assert beeswarm(feature_values=[None, [np.nan] * 4, None]).plot().colorbar_ is None


@pytest.mark.parametrize("values", [np.zeros((3, 3)), np.full((3, 3), np.nan), np.full((1, 3), 7)])
def test_odd_numbers_draw(values):
    display = beeswarm(values=values, feature_values=None, std_errors=np.full(values.shape, np.inf))
    display.plot().figure_.canvas.draw()
    assert len(display.points_) == 3


def test_labels_of_several_levels():
    rows = pd.MultiIndex.from_product([["x", "y"], [1, 2]])
    assert list(beeswarm(row_labels=rows).frame()["row"].head(4)) == list(rows)
