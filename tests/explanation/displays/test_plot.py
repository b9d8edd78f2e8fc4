"""`Attribution.plot`: which display, which output, which axes; and names of any kind."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from attributions import bare_attribution, make_attribution

from surrogates.explanation import (
    BarDisplay,
    BeeswarmDisplay,
    Reference,
    ScatterDisplay,
    WaterfallDisplay,
)

DISPLAYS = {
    "bar": BarDisplay,
    "waterfall": WaterfallDisplay,
    "beeswarm": BeeswarmDisplay,
    "scatter": ScatterDisplay,
}
NAMES = {
    "formula": r"price_$\frac{$",
    "markup": "</script><img onerror=1>",
    "long": "a name of very many words " * 12,
    "one word": "x" * 300,
    "lines": "first\nsecond\tthird\x00",
    "nothing": "",
    "percent": "100 % {braces} \\ backslash ^ _ & #",
}


def options(kind):
    return {"feature": "column 0"} if kind == "scatter" else {}


def rows_for(e, kind):
    return e[0] if kind == "waterfall" else e


def test_default_kind():
    e = make_attribution(3, 2, 1)
    assert isinstance(e.plot(), BeeswarmDisplay)
    assert isinstance(e[0].plot(), WaterfallDisplay)
    unknown = make_attribution(1, 2, 1, predictions=[[np.nan]])
    assert isinstance(unknown.plot(), BarDisplay)
    values = np.array([[[1.0], [np.nan]]])
    assert isinstance(make_attribution(1, 2, 1, values=values).plot(), BarDisplay)


def test_default_output():
    values = np.array([[[0.1, 5.0]], [[0.2, -5.0]]])
    e = bare_attribution(values, predictions=[[0.9, 0.1], [0.2, 0.8]])
    assert "output y1" in e.plot().ax_.get_title(loc="left")  # the largest mean magnitude
    assert "output y0" in e[0].plot().ax_.get_title(loc="left")  # the highest prediction
    assert "output y1" in e[1].plot().ax_.get_title(loc="left")
    assert "output y0" in e.plot(output="y0").ax_.get_title(loc="left")
    assert "output" not in e.output("y0").plot().ax_.get_title(loc="left")
    lost = bare_attribution(values * np.nan, predictions=np.full((2, 2), np.nan))
    assert "output y0" in lost.plot("bar").ax_.get_title(loc="left")


def test_unknown_kind_and_output():
    e = make_attribution()
    with pytest.raises(ValueError, match=r"kind must be one of \['bar', .*Got 'pie'"):
        e.plot("pie")
    with pytest.raises(KeyError, match="No output is called"):
        e.plot(output="good")
    with pytest.raises(TypeError):
        e.plot("bar", colour="red")


@pytest.mark.parametrize("kind", DISPLAYS)
def test_axes_given_are_used(kind):
    e = rows_for(make_attribution(3, 2, 1), kind)
    figure, axes = plt.subplots(1, 2)
    display = e.plot(kind, ax=axes[1], **options(kind))
    assert isinstance(display, DISPLAYS[kind])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert not axes[0].has_data()
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize("kind", DISPLAYS)
def test_a_new_figure_is_made_and_can_be_closed(kind):
    e = rows_for(make_attribution(3, 2, 1), kind)
    display = e.plot(kind, **options(kind))
    assert plt.get_fignums() == [display.figure_.number]
    plt.close(display.figure_)
    assert plt.get_fignums() == []
    assert display.plot().ax_ is not None  # draws again, in another figure


@pytest.mark.parametrize("kind", DISPLAYS)
@pytest.mark.parametrize("name", NAMES)
def test_names_of_any_kind(kind, name):
    """Names are text, not formulas, and stay inside the figure."""
    display = plot_named(kind, NAMES[name])
    display.figure_.canvas.draw()
    width = display.figure_.bbox.x1
    for text in texts_on(display.ax_):
        box = text.get_window_extent()
        assert box.x0 >= -1
        assert box.x1 <= width + 1
    assert NAMES[name] in {*display.frame().get("feature", [NAMES[name]])}


@pytest.mark.parametrize("kind", DISPLAYS)
def test_names_are_no_formulas(kind):
    with mpl.rc_context({"text.usetex": True}):
        texts = texts_on(plot_named(kind, NAMES["formula"]).ax_)
    formulas = [text for text in texts if "frac{$" in text.get_text()]
    assert len(formulas) >= 3
    assert not any(text.get_parse_math() or text.get_usetex() for text in formulas)


def plot_named(kind, name):
    """Draw an attribution in which everything has the name."""
    data = pd.DataFrame({name: [name, "b", "c"], "other": [1.0, 2.0, 3.0]})
    fields = {
        "data": data,
        "feature_names": [name, "other"],
        "output_names": [name],
        "method": name,
        "index": [name] * 3,
        "reference": Reference(name, 3, ()),
    }
    e = rows_for(make_attribution(3, 2, 1, **fields), kind)
    return e.plot(kind, **({"feature": name} if kind == "scatter" else {}))


def texts_on(ax):
    titles = [ax.xaxis.label, ax.yaxis.label, ax._left_title]
    texts = [*ax.get_xticklabels(), *ax.get_yticklabels(), *titles, *ax.texts]
    return [text for text in texts if any(letter.isalpha() for letter in text.get_text())]


@pytest.mark.parametrize("kind", DISPLAYS)
def test_single_feature(kind):
    e = rows_for(make_attribution(3, 1, 1), kind)
    e.plot(kind, **options(kind)).figure_.canvas.draw()


@pytest.mark.parametrize("kind", DISPLAYS)
def test_all_zero(kind):
    e = make_attribution(3, 2, 1)
    zero = make_attribution(3, 2, 1, values=np.zeros((3, 2, 1)), predictions=e.base_values)
    rows_for(zero, kind).plot(kind, **options(kind)).figure_.canvas.draw()


@pytest.mark.parametrize("kind", ["bar", "beeswarm", "scatter"])
def test_missing_attributions(kind):
    values = np.random.default_rng(0).normal(size=(3, 2, 1))
    values[0, 0] = np.nan
    e = make_attribution(3, 2, 1, values=values)
    e.plot(kind, **options(kind)).figure_.canvas.draw()


@pytest.mark.parametrize("kind", DISPLAYS)
def test_pictures_can_be_saved(kind, tmp_path):
    display = rows_for(make_attribution(3, 2, 1), kind).plot(kind, **options(kind))
    display.figure_.savefig(tmp_path / "picture.png", dpi=30)
    assert (tmp_path / "picture.png").stat().st_size > 0
