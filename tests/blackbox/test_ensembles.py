"""Trees read from scikit-learn models: the same responses, bit for bit routes."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    AdaBoostRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import get_tags

from surrogates.blackbox.ensembles import matches, read_ensemble

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 5))
GAPS = np.where(RNG.random(X.shape) < 0.2, np.nan, X)
SCORE = X[:, 0] * X[:, 1] + X[:, 2] + 0.1 * RNG.normal(size=200)
TARGETS = {
    "two": SCORE > 0,
    "three": np.array(["c", "a", "b"])[np.digitize(SCORE, [-0.5, 0.5])],
    "number": SCORE,
    "numbers": np.column_stack([SCORE, SCORE**2]),
    "labels": np.column_stack([SCORE > 0, np.digitize(SCORE, [-0.5, 0.5])]),
}
FOREST = {"n_estimators": 5, "random_state": 0}
BOOSTING = {"n_estimators": 8, "random_state": 0}
HISTOGRAM = {"max_iter": 8, "random_state": 0}

WITH_GAPS = [
    (DecisionTreeClassifier(random_state=0), "two", "predict_proba"),
    (DecisionTreeClassifier(random_state=0, max_leaf_nodes=9), "three", "predict_proba"),
    (DecisionTreeRegressor(random_state=0), "numbers", "predict"),
    (RandomForestClassifier(**FOREST), "three", "predict_proba"),
    (RandomForestClassifier(**FOREST), "labels", "predict_proba"),
    (RandomForestRegressor(**FOREST), "numbers", "predict"),
    (ExtraTreesClassifier(**FOREST), "two", "predict_proba"),
    (ExtraTreesRegressor(**FOREST, criterion="absolute_error"), "number", "predict"),
    (HistGradientBoostingClassifier(**HISTOGRAM), "two", "decision_function"),
    (HistGradientBoostingClassifier(**HISTOGRAM), "three", "decision_function"),
    (HistGradientBoostingRegressor(**HISTOGRAM), "number", "predict"),
    (
        HistGradientBoostingRegressor(**HISTOGRAM, loss="quantile", quantile=0.7),
        "number",
        "predict",
    ),
]
WITHOUT_GAPS = [
    (GradientBoostingClassifier(**BOOSTING), "two", "decision_function"),
    (GradientBoostingClassifier(**BOOSTING, loss="exponential"), "two", "decision_function"),
    (GradientBoostingClassifier(**BOOSTING, init="zero"), "three", "decision_function"),
    (GradientBoostingClassifier(**BOOSTING), "three", "decision_function"),
    (GradientBoostingRegressor(**BOOSTING, loss="huber"), "number", "predict"),
    (GradientBoostingRegressor(**BOOSTING, init=DummyRegressor(strategy="median")), "number",
     "predict"),
]  # fmt: skip


def response_of(model, method, rows):
    raw = getattr(model, method)(rows)
    return np.hstack(raw) if isinstance(raw, list) else raw.reshape(len(rows), -1)


def identify(case):
    return f"{type(case).__name__}" if not isinstance(case, str) else case


@pytest.mark.parametrize(("model", "target", "method"), WITH_GAPS + WITHOUT_GAPS, ids=identify)
def test_prediction_equals_the_models_own(model, target, method):
    model.fit(X, TARGETS[target])
    ensemble = read_ensemble(model, method)
    expected = response_of(model, method, X)
    np.testing.assert_allclose(ensemble.predict(X), expected, rtol=1e-12, atol=1e-14)
    assert ensemble.n_outputs == expected.shape[1]
    assert ensemble.n_columns == X.shape[1]
    assert matches(ensemble, expected, X)


@pytest.mark.parametrize(("model", "target", "method"), WITH_GAPS, ids=identify)
def test_missing_values_take_the_models_own_direction(model, target, method):
    if not get_tags(model).input_tags.allow_nan:
        pytest.skip("this version of scikit-learn fits the model on complete rows only")
    model.fit(GAPS, TARGETS[target])
    ensemble = read_ensemble(model, method)
    expected = response_of(model, method, GAPS)
    np.testing.assert_allclose(ensemble.predict(GAPS), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("trained_on", ["array", "frame"])
def test_frames_and_sparse_rows_are_read_like_arrays(trained_on):
    frame = pd.DataFrame(X, columns=list("abcde"))
    model = GradientBoostingRegressor(**BOOSTING)
    model.fit(frame if trained_on == "frame" else X, SCORE)
    ensemble = read_ensemble(model, "predict")
    expected = ensemble.predict(X)
    np.testing.assert_array_equal(ensemble.predict(frame), expected)
    np.testing.assert_array_equal(ensemble.predict(csr_array(X)), expected)
    np.testing.assert_array_equal(ensemble.predict(frame.convert_dtypes()), expected)
    pl = pytest.importorskip("polars")
    np.testing.assert_array_equal(ensemble.predict(pl.DataFrame(X, list("abcde"))), expected)


@pytest.mark.parametrize(
    ("model", "rounds"),
    [
        (DecisionTreeRegressor(), True),
        (RandomForestRegressor(n_estimators=1, bootstrap=False), True),
        (GradientBoostingRegressor(n_estimators=1, learning_rate=1.0), True),
        (HistGradientBoostingRegressor(max_iter=1, min_samples_leaf=1, learning_rate=1.0), False),
    ],
    ids=identify,
)
def test_values_that_single_precision_moves_across_a_threshold(model, rounds):
    low, high = 16777216.0, 16777219.0  # beyond 2**24, float32 has even integers only
    model.fit(np.repeat([[low], [high]], 10, axis=0), np.repeat([0.0, 1.0], 10))
    ensemble = read_ensemble(model, "predict")
    rows = np.arange(low - 2, high + 3, 0.25)[:, None]
    expected = model.predict(rows)
    np.testing.assert_allclose(ensemble.predict(rows).ravel(), expected, atol=1e-12)
    threshold = ensemble.trees.threshold[0]
    exact = np.where(rows.ravel() <= threshold, expected[0], expected[-1])
    assert (exact != expected).any() == rounds


def test_categories_of_histogram_boosting_in_frames():
    frame = pd.DataFrame(X, columns=list("abcde"))
    frame["b"] = pd.Categorical(RNG.choice(["x", "y", "z", "long"], 200))
    frame["d"] = pd.Categorical(RNG.integers(0, 90, 200) * 10)
    frame.loc[::7, ["b", "d"]] = np.nan
    target = SCORE + 2 * frame["b"].isin(["x", "long"]) + (frame["d"].astype(float) > 400)
    model = HistGradientBoostingRegressor(max_iter=20, min_samples_leaf=2).fit(frame, target)
    ensemble = read_ensemble(model, "predict")
    assert (ensemble.trees.set_start >= 0).any()
    np.testing.assert_allclose(ensemble.predict(frame).ravel(), model.predict(frame), rtol=1e-12)
    unseen = frame.assign(b=pd.Categorical(["other"] * 200), d=pd.Categorical([3] * 200))
    np.testing.assert_allclose(ensemble.predict(unseen).ravel(), model.predict(unseen), rtol=1e-12)
    names = HistGradientBoostingRegressor(max_iter=20, categorical_features=["d", "b"])
    ensemble = read_ensemble(names.fit(frame, target), "predict")
    np.testing.assert_allclose(ensemble.predict(frame).ravel(), names.predict(frame), rtol=1e-12)
    np.testing.assert_array_equal(ensemble.encode(frame)[:, 0], X[:, 0])  # columns keep their place


def test_categories_of_histogram_boosting_in_arrays():
    rows = X.copy()
    rows[:, 3] = RNG.integers(0, 9, 200) * 3
    rows[::9, 3] = np.nan
    target = np.where(rows[:, 3] % 2, 0.5, -0.5) < SCORE
    model = HistGradientBoostingClassifier(
        max_iter=20, categorical_features=[3], min_samples_leaf=2, max_bins=255
    ).fit(rows, target)
    ensemble = read_ensemble(model, "decision_function")
    assert (ensemble.trees.set_start >= 0).any()
    others = rows.copy()
    others[:, 3] = np.resize([-1.0, 1.0, 1e6, 3.5, 0.0], 200)
    for some in (rows, others):
        expected = model.decision_function(some)
        np.testing.assert_allclose(ensemble.predict(some).ravel(), expected, rtol=1e-12)


def test_early_stopping_counts_the_trees_that_were_kept():
    model = GradientBoostingRegressor(n_estimators=50, n_iter_no_change=2, random_state=0)
    ensemble = read_ensemble(model.fit(X, SCORE), "predict")
    assert len(ensemble.trees.roots) - 1 == model.n_estimators_ < 50
    assert matches(ensemble, model.predict(X), X)


@pytest.mark.parametrize(
    ("model", "method"),
    [
        (DecisionTreeClassifier(), "predict"),
        (RandomForestClassifier(n_estimators=2), "decision_function"),
        (GradientBoostingClassifier(n_estimators=2), "predict_proba"),
        (HistGradientBoostingClassifier(max_iter=2), "predict_proba"),
        (HistGradientBoostingClassifier(max_iter=2), "predict"),
        (DecisionTreeRegressor(), "predict_proba"),
        (AdaBoostRegressor(n_estimators=2), "predict"),
        (LinearRegression(), "predict"),
        (GradientBoostingRegressor(n_estimators=2, init=LinearRegression()), "predict"),
    ],
    ids=identify,
)
def test_responses_that_are_no_sum_of_trees_are_not_read(model, method):
    model.fit(X, TARGETS["two"])
    assert read_ensemble(model, method) is None


def test_a_log_link_is_not_additive():
    model = HistGradientBoostingRegressor(loss="poisson", max_iter=2).fit(X, np.exp(SCORE))
    assert read_ensemble(model, "predict") is None


def test_histogram_boosting_of_another_make_is_not_read():
    model = HistGradientBoostingRegressor(max_iter=2).fit(X, SCORE)
    del model._predictors
    assert read_ensemble(model, "predict") is None


@pytest.mark.parametrize(("model", "target", "method"), WITH_GAPS + WITHOUT_GAPS, ids=identify)
def test_select_keeps_outputs_in_the_order_given(model, target, method):
    ensemble = read_ensemble(model.fit(X, TARGETS[target]), method)
    everything = ensemble.predict(X)
    for chosen in ([ensemble.n_outputs - 1], list(range(ensemble.n_outputs))[::-1]):
        part = ensemble.select(chosen)
        assert part.n_outputs == len(chosen)
        np.testing.assert_array_equal(part.predict(X), everything[:, chosen])


def test_select_drops_the_trees_of_other_outputs():
    model = GradientBoostingClassifier(**BOOSTING).fit(X, TARGETS["three"])
    ensemble = read_ensemble(model, "decision_function")
    assert len(ensemble.trees.roots) - 1 == 3 * 8
    assert len(ensemble.select([1]).trees.roots) - 1 == 8


def test_matches_refuses_other_responses():
    model = RandomForestClassifier(**FOREST).fit(X, TARGETS["two"])
    ensemble, response = read_ensemble(model, "predict_proba"), model.predict_proba(X)
    assert matches(ensemble, response, X)
    assert not matches(ensemble, response[:, 1], X)
    assert not matches(ensemble, response + 1e-6, X)
    assert not matches(ensemble, np.full_like(response, np.nan), X)


def test_a_model_that_overrides_its_prediction_does_not_match():
    class Doubled(DecisionTreeRegressor):
        def predict(self, X, check_input=True):
            return 2 * super().predict(X, check_input)

    model = Doubled().fit(X, SCORE)
    assert not matches(read_ensemble(model, "predict"), model.predict(X), X)


def test_pickled_ensembles_predict_the_same_and_stay_writable():
    model = HistGradientBoostingRegressor(max_iter=5).fit(GAPS, SCORE)
    ensemble = read_ensemble(model, "predict")
    expected = ensemble.predict(GAPS)
    ensemble.trees.values.flags.writeable = False
    copy = pickle.loads(pickle.dumps(ensemble))
    np.testing.assert_array_equal(copy.predict(GAPS), expected)
    assert all(array.flags.writeable for array in copy.trees)
