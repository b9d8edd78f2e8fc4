"""What pictures say of an attribution: rows, reference group, order of levels, groups."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from attributions import bare_attribution, make_attribution

from surrogates.explanation import ScatterDisplay


def title(display):
    return display.ax_.get_title(loc="left")


def labels(display):
    return [text.get_text() for text in display.ax_.get_yticklabels()]


def test_waterfall_tells_the_row_and_the_reference():
    e = make_attribution(2, 2, 1)
    display = e[1].plot()
    assert title(display) == "KernelSHAP, row row 1"
    notes = [text.get_text() for text in display.ax_.texts]
    assert "against 100 reference rows of population; whiskers: 95 % intervals" in notes
    assert labels(display)[0] == "reference mean"
    np.testing.assert_allclose(display.frame()["end"].iloc[-1], e.predictions[1, 0])


def test_bar_of_several_rows_is_the_importance():
    e = make_attribution(5, 3, 1)
    importance = e.importance()
    frame = e.plot("bar").frame()
    assert list(frame["feature"]) == list(importance["feature"])
    np.testing.assert_allclose(frame.iloc[:, 1], importance["importance"])
    np.testing.assert_allclose(frame["std_error"], importance["std_error"])


def test_scatter_of_a_feature():
    e = make_attribution(4, 3, 1)
    display = e.plot("scatter", feature="column 1", error_bars=False)
    assert isinstance(display, ScatterDisplay)
    places = np.asarray(display.points_.get_offsets())
    np.testing.assert_allclose(places[:, 0], e.data["column 1"])
    np.testing.assert_allclose(places[:, 1], e.values[:, 1, 0])
    assert list(display.frame()["row"]) == list(e.index)
    assert isinstance(e.features("column 1").plot("scatter"), ScatterDisplay)
    with pytest.raises(ValueError, match="one feature"):
        e.plot("scatter")
    with pytest.raises(KeyError, match="No feature is called"):
        e.plot("scatter", feature="column 9")


def test_scatter_keeps_the_order_of_categories():
    column = pd.Categorical(["low", "high", "mid"], categories=["low", "mid", "high", "none"])
    e = bare_attribution(np.ones((3, 1, 1)), data=pd.DataFrame({"x0": column}))
    ticks = e.plot("scatter").ax_.get_xticklabels()
    assert [text.get_text() for text in ticks] == ["low", "mid", "high"]


def test_groups_and_columns_of_all_kinds_draw():
    data = pd.DataFrame(
        {
            "time": pd.date_range("2024-01-01", periods=4, tz="UTC"),
            "nothing": [None] * 4,
            "period": pd.period_range("2024", periods=4),
            "interval": pd.cut([1, 2, 3, 4], 2),
            "flag": [True, False, True, True],
            "count": pd.array([1, None, 3, 4], dtype="Int64"),
            "duration": pd.to_timedelta(range(4), unit="h"),
            "text": list("abca"),
        }
    )
    names = [*data.columns[:-2], "both"]
    e = bare_attribution(
        np.random.default_rng(0).normal(size=(4, len(names), 1)),
        data=data,
        feature_names=names,
        params={"groups": {"both": ["duration", "text"]}},
    )
    for name in names:
        e.plot("scatter", feature=name).figure_.canvas.draw()
    e.plot().figure_.canvas.draw()
    display = e[1].plot()
    display.figure_.canvas.draw()
    assert "count = missing" in labels(display)


@pytest.mark.parametrize("number", [0.0, np.nan, np.inf, 1e-12, 1e12])
def test_numbers_of_any_size_draw(number):
    e = bare_attribution(np.full((2, 2, 1), number))
    e = replace(e, std_errors=np.abs(e.values))
    for kind in ("bar", "beeswarm", "scatter"):
        given = {"feature": "x0"} if kind == "scatter" else {}
        e.plot(kind, **given).figure_.canvas.draw()
    e[0].plot().figure_.canvas.draw()
