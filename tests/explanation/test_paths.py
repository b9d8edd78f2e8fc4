"""Decision paths: what held, what would flip, files, pictures."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from oracles import approve, loans

from surrogates import TrepanClassifier, TrepanRegressor
from surrogates.exceptions import FileFormatError
from surrogates.explanation import Attribution, DecisionPaths, TreeDisplay, load


@pytest.fixture(scope="module")
def tree():
    return TrepanClassifier(approve, max_leaves=6, random_state=0).fit(loans())


@pytest.fixture(scope="module")
def rows():
    frame = loans(60, 1)
    frame.index = [f"loan {i}" for i in range(60)]
    return frame


@pytest.fixture(scope="module")
def paths(tree, rows):
    return tree.explain(rows)


def test_the_paths_lead_to_the_predictions(tree, rows, paths):
    assert len(paths) == 60
    assert list(paths.index) == list(rows.index)
    assert (paths.predictions == tree.predict(rows)).all()
    assert (paths.leaves == tree.apply(rows)).all()
    rules = tree.rules_.set_index("leaf")
    assert (paths.support == rules.loc[paths.leaves, "support"]).all()
    np.testing.assert_allclose(paths.fidelity, rules.loc[paths.leaves, "fidelity"])


def test_literals_are_counted(paths):
    steps = paths.steps
    counted = steps.groupby(["row", "step"])["held"].sum()
    first = steps.groupby(["row", "step"]).first()
    assert (counted == first["n_held"]).all()
    assert ((first["n_held"] >= first["m"]) == first["passed"]).all()
    assert (steps.groupby(["row", "step"]).size() == first["n"]).all()


def test_the_nearest_change_changes_the_prediction(tree, rows, paths):
    tried = 0
    for row, flip in enumerate(paths.flips.itertuples()):
        if not isinstance(flip.literal, str):
            continue
        changed = rows.iloc[[row]].copy()
        if flip.feature == "since":
            continue
        changed[flip.feature] = changed[flip.feature].astype(object)
        changed.loc[changed.index[0], flip.feature] = flip.change_to
        assert tree.predict(changed)[0] == flip.prediction != paths.predictions[row]
        assert flip.distance > 0
        tried += 1
    assert tried > 20


def test_a_single_threshold_is_the_nearest_change():
    X = np.random.default_rng(0).random((200, 2))
    tree = TrepanClassifier(lambda X: (X[:, 0] > 0.25).astype(int), random_state=0).fit(X)
    flips = tree.explain([[0.75, 0.5], [0.05, 0.5]]).flips
    assert flips["change_to"].tolist() == [0.25, np.nextafter(0.25, 1)]
    np.testing.assert_allclose(flips["distance"], [0.5 / X[:, 0].std(), 0.2 / X[:, 0].std()])


def test_selection_keeps_rows_together(paths):
    for chosen in (paths[3:9], paths[np.arange(3, 9)], paths[np.arange(60) // 3 == 1]):
        assert isinstance(chosen, DecisionPaths)
    some = paths[[9, 2]]
    assert list(some.index) == ["loan 9", "loan 2"]
    one = paths[2]
    assert len(one) == 1
    assert one.rule() == paths.rule(2)
    pd.testing.assert_frame_equal(
        some.steps.query("row == 1").drop(columns="row").reset_index(drop=True),
        one.steps.drop(columns="row"),
    )
    assert [len(own) for own in paths[:3]] == [1, 1, 1]
    with pytest.raises(IndexError):
        _ = paths[60]


def test_words(paths):
    text = str(paths[:2])
    assert "loan 0" in text
    assert "needed" in text
    assert "[x]" in text or "[ ]" in text
    assert repr(paths) == "DecisionPaths(TrepanClassifier, 60 rows)"
    assert "<script" not in paths._repr_html_()
    assert "... 55 more rows" in str(paths)


def test_frames_and_dicts(paths):
    wide = paths.to_frame("wide")
    assert list(wide.index) == list(paths.index)
    assert {"prediction", "leaf", "support", "fidelity", "flip_feature"} <= set(wide)
    assert set(paths.to_frame()["row"]) == set(paths.index)
    assert paths.to_dict()["leaves"] == paths.leaves.tolist()
    with pytest.raises(ValueError, match="kind must be"):
        paths.to_frame("tall")


def test_files(paths, tmp_path):
    back = load(paths.save(tmp_path / "paths"))
    assert isinstance(back, DecisionPaths)
    assert (back.predictions == paths.predictions).all()
    pd.testing.assert_frame_equal(back.to_frame(), paths.to_frame())
    pd.testing.assert_frame_equal(back.flips, paths.flips)
    assert back.rule(5) == paths.rule(5)
    back.plot()
    with pytest.raises(FileFormatError, match="not Attribution"):
        Attribution.load(tmp_path / "paths.npz")
    again = pickle.loads(pickle.dumps(paths))
    assert str(again) == str(paths)
    assert not again.leaves.flags.writeable


def test_fields_are_checked(paths):
    with pytest.raises(ValueError, match="support must have 60 entries"):
        replace(paths, support=paths.support[:5])
    with pytest.raises(TypeError, match="steps must be a DataFrame"):
        replace(paths, steps=[])
    with pytest.raises(ValueError, match="steps must have the columns"):
        replace(paths, steps=paths.flips)
    with pytest.raises(ValueError, match="tree must be a mapping"):
        replace(paths, tree={"texts": []})
    with pytest.raises(ValueError, match="flips must have 60 lines"):
        replace(paths, flips=paths.flips[:3])
    with pytest.raises(AttributeError):
        paths.leaves = None


def test_pictures(tree, paths):
    display = paths[0].plot()
    assert isinstance(display, TreeDisplay)
    assert len(display.boxes_) == tree.tree_.n_nodes
    assert set(display.path) == {*paths[0].steps["node"], paths.leaves[0]}
    whole = tree.plot()
    assert whole.frame()["parent"].tolist()[0] == -1
    assert whole.figure_ is whole.ax_.figure
    whole.figure_.canvas.draw()
    with pytest.raises(ValueError, match="nothing to draw"):
        replace(paths, tree={}).plot()


def test_numbers_and_single_leaves():
    X = np.random.default_rng(0).random((100, 2))
    tree = TrepanRegressor(lambda X: np.full(len(X), 4.0), random_state=0).fit(X)
    paths = tree.explain(X[:3])
    assert paths.predictions.tolist() == [4.0] * 3
    assert len(paths.steps) == 0
    assert len(paths[1:].steps) == 0
    assert paths.flips["literal"].isna().all()
    assert "predict" not in str(paths)
    paths.plot()


def test_names_are_text_and_not_mathematics(tmp_path):
    X = pd.DataFrame(np.random.default_rng(0).random((100, 1)), columns=[r"price_$\frac{$ <b>"])
    tree = TrepanClassifier(lambda X: (X.iloc[:, 0] > 0.5).astype(int), random_state=0).fit(X)
    tree.plot().figure_.savefig(tmp_path / "tree.png")
    assert "<b>" not in tree.explain(X.iloc[:1])._repr_html_()
