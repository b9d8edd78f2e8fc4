"""Relevance pooling, and clusters of ways to decide with a planted leak."""

import numpy as np
import pandas as pd
import pytest
from attributions import bare_attribution, make_attribution
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import Ridge
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from surrogates import KernelSHAP
from surrogates.metrics.clustering import make_spray, pool, spray


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_pooling_conserves_the_total(seed, n_rows):
    rng = np.random.default_rng(seed)
    explanation = bare_attribution(rng.normal(size=(n_rows, 5, 2)))
    labels = rng.choice(["a", "b", None], n_rows)
    pooled = pool(explanation, labels, {"pair": ["x1", "x4"]})
    assert list(pooled) == ["x0", "pair", "x2", "x3"]
    by_output = pooled.groupby(level="output").sum().sum(axis=1)
    np.testing.assert_allclose(by_output, explanation.values.sum(axis=(0, 1)), atol=1e-12)


def test_pooling_by_hand():
    explanation = make_attribution(n_rows=4)
    pooled = pool(explanation, [2, 1, 2, 1], {"both": ["column 0", "column 2"]})
    expected = explanation.values[[0, 2]][:, [0, 2], 1].sum()
    np.testing.assert_allclose(pooled.loc[(2, "class 1"), "both"], expected)
    assert pooled.index.get_level_values("rows").tolist() == [1, 1, 2, 2]
    alone = pool(explanation)
    assert alone.index.get_level_values("rows").unique().tolist() == ["all"]
    np.testing.assert_allclose(alone.loc["all"].to_numpy(), explanation.values.sum(axis=0).T)


def test_categories_keep_their_order():
    explanation = bare_attribution(np.ones((4, 2, 1)))
    labels = pd.Series(pd.Categorical(["low", "high", "low", "mid"], ["low", "mid", "high"]))
    pooled = pool(explanation, labels)
    assert pooled.index.get_level_values("rows").tolist() == ["low", "mid", "high"]
    assert pooled["x0"].tolist() == [2.0, 1.0, 1.0]
    mixed = pool(explanation, ["a", 1, "a", 2.5])
    assert len(mixed) == 3


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"rows": [1, 2]}, "one label for each of the 3 rows"),
        ({"features": {"a": ["unknown"]}}, "map names to lists"),
        ({"features": {"a": ["x0"], "b": ["x0"]}}, "each in one group"),
        ({"features": {"a": "x0"}}, "map names to lists"),
        ({"features": {"x1": ["x0"]}}, "name of a feature outside"),
    ],
)
def test_groups_that_make_no_sense(keywords, words):
    with pytest.raises(ValueError, match=words):
        pool(bare_attribution(np.ones((3, 2, 1))), **keywords)


def leaking(n=600, seed=0):
    """Make rows of which a sixth bear a stamp that gives the label away."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 4)), columns=["a", "b", "c", "d"])
    y = np.array(frame["a"] * frame["b"] + frame["c"] + 0.7 * rng.normal(size=n) > 0)
    stamped = rng.random(n) < 1 / 6
    y[stamped] = True
    frame["stamp"] = np.where(stamped, "clinic 7", "none")
    return frame, y, stamped


@pytest.mark.parametrize("seed", [0, 1])
def test_a_planted_leak_is_found_and_named(seed):
    frame, y, stamped = leaking(seed=seed)
    encode = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["stamp"]), remainder="passthrough"
    )
    model = make_pipeline(encode, HistGradientBoostingClassifier(max_iter=60, random_state=0))
    explainer = KernelSHAP(
        model.fit(frame, y), response_method="decision_function", random_state=0
    ).fit(frame)
    found = spray(explainer.explain(frame[:300]), random_state=0)
    flags = found.flags
    assert flags["feature"].tolist() == ["stamp"]
    cluster = found.labels == flags.index[0]
    assert stamped[:300][cluster].mean() > 0.95
    assert cluster[stamped[:300]].mean() > 0.95


def test_separate_groups_are_counted():
    rng = np.random.default_rng(0)
    centers = np.eye(5)[:3]
    truth = rng.integers(0, 3, 240)
    values = centers[truth] * rng.uniform(1, 5, (240, 1)) + 0.02 * rng.normal(size=(240, 5))
    found = spray(values, random_state=0)
    assert adjusted_rand_score(found.labels, truth) == 1.0
    assert len(found.clusters) == 3
    assert found.clusters["size"].is_monotonic_decreasing
    assert (found.eigenvalues[:3] < 1e-3).all()
    assert found.clusters["flagged"].all()
    asked = spray(values, n_clusters=5, random_state=0)
    assert len(asked.clusters) == 5


def test_one_way_to_decide_is_one_cluster():
    rng = np.random.default_rng(0)
    values = np.ones((80, 4)) + 0.3 * rng.normal(size=(80, 4))
    found = spray(values, n_neighbors=30, random_state=0)
    assert len(found.clusters) == 1
    assert not found.clusters["flagged"].any()
    assert found.clusters["elsewhere"].isna().all()


def test_explainers_explain_the_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    explainer = KernelSHAP(Ridge().fit(X, X[:, 0]), random_state=0).fit(X)
    given, explained = spray(explainer, X, random_state=0), explainer.explain(X)
    np.testing.assert_array_equal(given.labels, spray(explained, random_state=0).labels)
    assert given.clusters["feature"][0] == "x0"


def test_repeatable():
    values = np.random.default_rng(0).normal(size=(300, 4))
    first, second = spray(values, random_state=0), spray(values, random_state=0)
    np.testing.assert_array_equal(first.labels, second.labels)
    np.testing.assert_array_equal(first.embedding, second.embedding)


def test_picture_of_names_with_mathematics():
    names = ["price_$\\frac{$", "b", "c"]
    rng = np.random.default_rng(0)
    values = np.eye(3)[rng.integers(0, 2, 60)] + 0.05 * rng.normal(size=(60, 3))
    found = spray(bare_attribution(values[:, :, None], feature_names=names), random_state=0)
    display = found.plot()
    assert len(display.points_) == 2
    assert len(display.frame()) == 60
    display.figure_.canvas.draw()


def test_pipeline_of_explainer_normalizer_and_clustering():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    explainer = KernelSHAP(Ridge().fit(X, X[:, 0]), random_state=0)
    pipeline = make_spray(explainer, 2, n_neighbors=40, random_state=0)
    assert list(pipeline.named_steps) == ["explain", "normalize", "cluster"]
    assert set(clone(pipeline).fit_predict(X)) == {0, 1}


def test_small_and_degenerate():
    assert spray(np.eye(3), random_state=0).labels.shape == (3,)
    assert spray(np.zeros((6, 3)), random_state=0).embedding.shape == (6, 2)
    with pytest.raises(ValueError, match="at least 3 rows"):
        spray(np.eye(2))
    with pytest.raises(ValueError, match="'n_clusters' parameter of spray"):
        spray(np.eye(4), n_clusters=4)
    with pytest.raises(ValueError, match="'dominance' parameter of spray"):
        spray(np.eye(4), dominance=0.0)
