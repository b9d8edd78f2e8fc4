"""Results of influence: selections, frames, files, pictures."""

import pickle

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from polars_frames import to_polars

from surrogates.explanation import Influence, load

VALUES = np.array([[0.1, -0.3, 0.0], [0.2, 0.4, -0.1]])
TRAIN = pd.DataFrame(
    {"amount": [1, 2, 3], "purpose": ["car", "tv", None], "rank": [0.5, np.nan, 1.0]},
    index=["a", "b", "c"],
)


def make(**others):
    fields = {
        "values": VALUES,
        "self_influence": np.array([0.5, 0.6, 0.7]),
        "data": TRAIN.iloc[:2].set_axis([10, 20]),
        "train_data": TRAIN,
        "targets": np.array(["good", "bad"]),
        "train_targets": np.array(["good", "bad", "good"], dtype=object),
        "method": "auto",
        "params": {"tol": None},
        "details": {"sign": "positive: helpful", "unit": "log loss", "leverage": np.ones(3) / 3},
    }
    return Influence(**{**fields, **others})


def test_selections_keep_the_training_rows():
    influence = make()
    assert len(influence) == 2
    assert [len(row) for row in influence] == [1, 1]
    second = influence[1]
    assert list(second.index) == [20]
    assert list(second.targets) == ["bad"]
    assert list(second.train_index) == ["a", "b", "c"]
    np.testing.assert_array_equal(second.values, VALUES[1:])
    np.testing.assert_array_equal(influence[[True, False]].values, VALUES[:1])
    assert repr(influence) == "Influence(auto, 2 test rows x 3 training rows)"
    assert repr(second).startswith("Influence(auto, 1 test row x")


def test_top_shows_the_raw_rows():
    top = make().top(2)
    assert list(top.columns) == [
        "index", "rank", "train", "influence", "target", "amount", "purpose", "train_rank",
    ]  # fmt: skip
    assert list(top["train"]) == ["b", "a", "b", "a"]
    assert list(top["index"]) == [10, 10, 20, 20]
    assert list(top["influence"]) == [-0.3, 0.1, 0.4, 0.2]
    assert list(top["target"]) == ["bad", "good", "bad", "good"]
    assert list(make()[0].top(5, "positive")["train"]) == ["a"]
    assert list(make().top(1, "negative")["train"]) == ["b", "c"]
    with pytest.raises(ValueError, match="k must be"):
        make().top(0)


def test_frames():
    long = make().to_frame()
    assert list(long.columns) == ["row", "train", "influence"]
    assert len(long) == 6
    wide = make().to_frame("wide")
    assert wide.loc[20, "b"] == 0.4
    with pytest.raises(ValueError, match="kind"):
        make().to_frame("square")
    worth = make().valuation()
    assert list(worth["train"]) == ["c", "b", "a"]
    np.testing.assert_allclose(worth["value"], [-0.05, 0.05, 0.15])
    assert list(worth["self_influence"]) == [0.7, 0.6, 0.5]


@pytest.mark.parametrize("kind", ["pandas", "polars", "array"])
def test_files_and_pickles(tmp_path, kind):
    tables = {
        "pandas": TRAIN,
        "polars": to_polars(TRAIN[["amount", "rank"]].fillna(0.0)),
        "array": np.arange(6.0).reshape(3, 2),
    }
    data = tables[kind][:2]
    influence = make(data=data, train_data=tables[kind])
    path = influence.save(tmp_path / "influence")
    for copy in (load(path), Influence.load(path), pickle.loads(pickle.dumps(influence))):
        assert repr(copy) == repr(influence)
        np.testing.assert_array_equal(copy.values, VALUES)
        pd.testing.assert_frame_equal(copy.top(2), influence.top(2))
        np.testing.assert_array_equal(copy.details["leverage"], np.ones(3) / 3)
        assert not copy.values.flags.writeable


def test_arrays_are_read_only():
    influence = make()
    for array in (influence.values, influence.self_influence, influence.details["leverage"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


def test_html_is_escaped():
    html = make(train_data=TRAIN.set_axis(["<b>", "$x$", "a"], axis=1))._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;" in html


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"values": np.zeros(3)}, "2 dimensions"),
        ({"self_influence": np.zeros(2)}, "self_influence must hold 3"),
        ({"train_targets": np.zeros(2)}, "train_targets must hold 3"),
        ({"targets": np.zeros(5)}, "targets must hold 2"),
        ({"details": {"leverage": np.zeros(2)}}, "leverage"),
        ({"data": TRAIN}, "data must have 2 rows"),
    ],
)
def test_shapes_that_do_not_fit(change, words):
    with pytest.raises(ValueError, match=words):
        make(**change)


def test_numbers_are_needed():
    with pytest.raises(TypeError, match="real numbers"):
        make(values=np.array([["a", "b", "c"]]))


def test_pictures():
    one = make()[0].plot()
    assert list(one.frame()["row"]) == ["b", "a", "c"]
    assert one.figure_ is one.ax_.figure
    assert [bar.get_width() for bar in one.bars_] == [-0.3, 0.1, 0.0]
    headings = [column[0].get_text() for column in one.cells_]
    assert headings == ["target", "amount", "purpose", "train_rank"]
    several = make().plot("cases", max_display=1, max_columns=1)
    assert len(several.bars_) == 1
    points = make().plot("leverage", max_display=2)
    assert [text.get_text() for text in points.texts_] == ["a", "b"]
    assert list(points.frame().columns) == ["row", "leverage", "influence"]
    axes = plt.figure().subplots()
    assert make().plot("leverage", ax=axes).ax_ is axes
    for figure in (one.figure_, several.figure_, points.figure_):
        figure.canvas.draw()
    plt.close("all")
    with pytest.raises(ValueError, match="needs leverages"):
        make(details={}).plot("leverage")
    with pytest.raises(ValueError, match="kind must be"):
        make().plot("pie")
    with pytest.raises(ValueError, match="no test rows"):
        make()[:0].plot()
