"""Results of counterfactual searches: selections, frames, words, pictures, files."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from surrogates.explanation import ChangesDisplay, CounterfactualSet, load


def make_set(**changed):
    data = pd.DataFrame(
        {
            "months": [24, 12, 36],
            "use": pd.Categorical(["car", "tv", "car"]),
            "rate": [1.5, np.nan, 2.0],
        },
        index=["a", "b", "c"],
    )
    frame = pd.DataFrame(
        {
            "months": [12, 24, 36],
            "use": pd.Categorical(["car", "tv", "car"]),
            "rate": [1.5, 1.5, 1.0],
        },
        index=["a", "a", "c"],
    )
    fields = {
        "data": data,
        "frame": frame,
        "row": [0, 0, 2],
        "rank": [1, 2, 1],
        "cost": [1.0, 1.5, 0.5],
        "lower_bound": [1.0, 1.0, 0.2],
        "predictions": ["good", "good", "good"],
        "status": ["optimal", "not_found", "valid"],
        "responses": [[0.4, 0.6], [0.2, 0.8], [0.5, 0.5]],
        "output_names": ["bad", "good"],
        "before": ["bad", "bad", "bad"],
        "feature_names": ["months", "use", "rate"],
        "column_costs": [[1.0, 0, 0], [0, 1.5, 0], [0, 0, 0.5]],
        "distance": [0.1, 0.2, 0.3],
        "irreducible": [True, False, True],
        "method": "Counterfactuals",
        "params": {"desired_class": "opposite"},
        "n_model_rows": 10,
    }
    return CounterfactualSet(**{**fields, **changed})


def test_changes_list_what_differs():
    changes = make_set().changes
    assert list(changes.columns) == ["row", "rank", "feature", "before", "after"]
    assert changes.values.tolist() == [
        [0, 1, "months", 24, 12],
        [0, 2, "use", "car", "tv"],
        [2, 1, "rate", 2.0, 1.0],
    ]


def test_missing_cells_are_no_changes():
    found = make_set(row=[1], rank=[1], frame=make_set().data.iloc[[1]], cost=[0.0],
                     lower_bound=[0.0], predictions=["bad"], responses=[[1.0, 0.0]],
                     column_costs=np.zeros((1, 3)), distance=None, irreducible=None)  # fmt: skip
    assert len(found.changes) == 0
    assert found.sentences == ["Row b is bad already."]


def test_sentences():
    assert (
        make_set().sentences[1] == "Row a would be good instead of bad with use tv instead of car."
    )


def test_rows_are_selected_with_their_lines():
    found = make_set()
    assert len(found) == 3
    assert list(found[0].rank) == [1, 2]
    assert list(found[[2, 0]].row) == [0, 1, 1]
    assert list(found[[2, 0]].frame.index) == ["c", "a", "a"]
    assert list(found[np.array([False, True, False])].status) == ["not_found"]
    assert len(found[1].frame) == 0
    assert [len(own.row) for own in found] == [2, 0, 1]
    with pytest.raises(IndexError):
        found[3]


def test_frames_hold_what_is_known():
    frame = make_set().to_frame()
    assert frame["row"].tolist() == ["a", "a", "c"]
    assert {"cost", "lower_bound", "prediction", "distance", "irreducible", "months"} <= set(frame)
    assert "robustness" not in frame


def test_arrays_are_read_only():
    found = make_set()
    for name in ("cost", "row", "status", "predictions"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(found, name)[0] = getattr(found, name)[0]


def test_files_keep_everything(tmp_path):
    found = make_set()
    again = load(found.save(tmp_path / "found"))
    assert isinstance(again, CounterfactualSet)
    assert again.frame.equals(found.frame)
    assert list(again.frame.dtypes) == list(found.frame.dtypes)
    for name in ("row", "rank", "cost", "status", "predictions", "responses", "irreducible"):
        assert np.array_equal(getattr(again, name), getattr(found, name))
    assert again.changes.equals(found.changes)
    assert CounterfactualSet.load(tmp_path / "found").params == found.params


def test_views_are_escaped():
    found = make_set(feature_names=["<script>", "use", "rate"])
    assert "<script>" not in found._repr_html_()
    assert repr(make_set()) == (
        "CounterfactualSet(3 counterfactuals of 3 rows: 1 optimal, 1 not_found, 1 valid)"
    )


def test_pictures_are_of_one_row():
    display = make_set()[0].plot()
    assert isinstance(display, ChangesDisplay)
    assert [text.get_text() for text in display.texts_] == ["24 → 12", "car → tv"]
    assert len(display.lines_) == 2
    assert display.frame()["cost"].tolist() == [1.0, 1.5]
    _, ax = plt.subplots()
    assert make_set()[1].plot(ax=ax).ax_ is ax
    plt.close("all")
    with pytest.raises(ValueError, match="select one first"):
        make_set().plot()


def test_hostile_names_are_drawn_as_they_are():
    found = make_set(feature_names=["price_$\\frac{$", "u<b>", "r" * 80])
    found[0].plot().figure_.canvas.draw()
    plt.close("all")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"status": ["optimal", "maybe", "valid"]}, "status must be among"),
        ({"row": [2, 0, 0]}, "ascending"),
        ({"row": [0, 0, 3]}, "ascending"),
        ({"cost": [1.0]}, "cost must have the shape"),
        ({"feature_names": ["months"]}, "feature_names"),
        ({"responses": np.ones((2, 2))}, "responses must have the shape"),
        ({"n_model_rows": -1}, "n_model_rows"),
    ],
)
def test_fields_that_do_not_fit(changed, words):
    with pytest.raises((ValueError, TypeError), match=words):
        make_set(**changed)
