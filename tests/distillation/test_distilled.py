"""The contract: tables of every kind, labels of every type, parameters, clones, pickles."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from oracles import Counting, approve, loans
from polars_frames import to_polars
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from surrogates import (
    DistilledTreeClassifier,
    DistilledTreeRegressor,
    TrepanClassifier,
    TrepanRegressor,
)
from surrogates.exceptions import ModelOutputError

CLASSIFIERS = (TrepanClassifier, DistilledTreeClassifier)
REGRESSORS = (TrepanRegressor, DistilledTreeRegressor)
EVERY = (*CLASSIFIERS, *REGRESSORS)


def blobs(n=200, seed=0):
    X = np.random.default_rng(seed).normal(size=(n, 4))
    return X, np.where(X[:, 0] + X[:, 1] ** 2 > 0.5, "high", "low")


def quick(model, estimator, **keywords):
    return model(estimator, **{"n_queries": 400, "random_state": 0, **keywords})


# tables


@pytest.mark.parametrize("model", EVERY)
def test_a_frame_with_every_kind_of_column(model):
    frame = loans()

    def oracle(X):
        assert isinstance(X, pd.DataFrame)
        assert (X.dtypes == frame.dtypes).all()
        assert set(X['purpose "new"']) <= set(frame['purpose "new"'])
        assert set(X["age"]) <= set(frame["age"])
        assert set(X["since"]) <= set(frame["since"])
        assert X["grade"].cat.categories.equals(frame["grade"].cat.categories)
        answers = approve(X)
        return answers if model in CLASSIFIERS else (answers == "yes").astype(float)

    tree = quick(model, oracle).fit(frame)
    assert tree.fidelity(frame) > 0.75
    assert list(tree.feature_names_in_) == list(frame.columns)
    shown = tree.export_text()
    assert any(name in shown for name in frame.columns)


def test_polars_frames():
    frame = to_polars(loans())
    tree = quick(TrepanClassifier, approve).fit(frame)
    assert tree.fidelity(to_polars(loans(200, 3))) > 0.8
    paths = tree.explain(frame[:3])
    assert isinstance(paths.data, pl.DataFrame)
    assert (tree.predict(loans(50, 4)) == tree.predict(to_polars(loans(50, 4)))).all()


def test_one_row_one_column_and_constants():
    for model in CLASSIFIERS:
        one = quick(model, lambda X: np.full(len(X), 3)).fit(np.array([[1.5, 2.0]]))
        assert one.predict([[9.0, 9.0]]).tolist() == [3]
        X = np.linspace(0, 1, 60)[:, None]
        assert quick(model, lambda X: (X[:, 0] > 0.35).astype(int)).fit(X).fidelity(X) == 1.0
        X = np.column_stack([np.ones(60), np.linspace(0, 1, 60)])
        tree = quick(model, lambda X: (X[:, 1] > 0.35).astype(int)).fit(X)
        assert tree.feature_importances_.tolist() == [0.0, 1.0]


def test_missing_values_are_routed_as_the_oracle_says():
    rng = np.random.default_rng(0)
    X = rng.random((300, 3))
    X[rng.random(300) < 0.3, 0] = np.nan

    def oracle(X):
        return np.where(np.isnan(X[:, 0]), "gone", np.where(X[:, 0] > 0.4, "high", "low"))

    for model in CLASSIFIERS:
        tree = quick(model, oracle).fit(X)
        assert tree.predict([[np.nan, 0.5, 0.5], [0.9, 0.5, 0.5], [0.1, 0.5, 0.5]]).tolist() == [
            "gone",
            "high",
            "low",
        ]
        assert tree.fidelity(X) == 1.0


def test_nothing_is_asked_about_that_cannot_be():
    """Whole numbers stay observed ones, and no missing value is invented."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 9, 200), rng.random(200)]).astype(float)

    def oracle(X):
        assert np.isin(X[:, 0], np.arange(9.0)).all()
        assert not np.isnan(X).any()
        assert ((X[:, 1] >= X_low) & (X[:, 1] <= X_high)).all()
        return (X[:, 0] + 9 * X[:, 1] > 8).astype(int)

    X_low, X_high = X[:, 1].min(), X[:, 1].max()
    for sampler in ("marginal", "kde", "gmm", "smote"):
        quick(TrepanClassifier, oracle, sampler=sampler).fit(X)


def test_columns_are_checked():
    frame = loans()
    tree = quick(TrepanClassifier, approve).fit(frame)
    with pytest.raises(ValueError, match="feature names"):
        tree.predict(frame[frame.columns[::-1]])
    twice = frame.copy()
    twice.columns = ["a", "a", "b", "c", "d", "e"]
    with pytest.raises(ValueError, match="unique"):
        quick(TrepanClassifier, approve).fit(twice)
    with pytest.raises(NotFittedError):
        quick(TrepanClassifier, approve).predict(frame)


# models


@pytest.mark.parametrize(
    "labels", [["b", "a"], [True, False], [7, -3], [2.0, 1.0], ["x", "y", "z"], [10, 20, 5]]
)
def test_labels_of_any_type(labels):
    X, _ = blobs()
    y = np.asarray(labels)[np.digitize(X[:, 0], [-0.5, 0.5])[:, None] % len(labels)].ravel()
    model = RandomForestClassifier(20, random_state=0).fit(X, y)
    for trees in CLASSIFIERS:
        tree = quick(trees, model).fit(X)
        assert (tree.classes_ == model.classes_).all()
        predicted = tree.predict(X)
        assert predicted.dtype == model.predict(X).dtype
        assert (predicted == model.predict(X)).mean() == tree.fidelity(X) > 0.8
        shares = tree.predict_proba(X)
        np.testing.assert_allclose(shares.sum(axis=1), 1.0)
        assert (tree.classes_[shares.argmax(axis=1)] == predicted).all()


def test_pipelines_on_raw_frames():
    frame = loans(missing=False)
    y = approve(frame)
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ['purpose "new"', "grade"]),
        (StandardScaler(), ["amount", "age"]),
    )
    model = make_pipeline(columns, LogisticRegression()).fit(frame, y)
    tree = quick(TrepanClassifier, model).fit(frame)
    fresh = loans(300, 5, missing=False)
    assert tree.fidelity(fresh) > 0.85
    assert tree.score(fresh, approve(fresh)) > 0.6


def test_unfitted_models_are_cloned_and_fitted():
    X, y = blobs()
    teacher = RandomForestClassifier(10, random_state=0)
    tree = quick(TrepanClassifier, teacher)
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        tree.fit(X)
    tree.fit(X, y)
    assert not hasattr(teacher, "classes_")
    assert tree.estimator_.score(X, y) > 0.9
    assert cross_val_score(clone(tree), X, y, cv=3).mean() > 0.7
    search = GridSearchCV(clone(tree), {"max_leaves": [2, 4]}, cv=2).fit(X, y)
    assert search.best_params_["max_leaves"] in (2, 4)
    tree.set_params(estimator__n_estimators=5)
    assert tree.estimator.n_estimators == 5


def test_fitted_models_stay_as_they_are():
    X, y = blobs()
    model = RandomForestClassifier(10, random_state=0).fit(X, y)
    tree = quick(TrepanClassifier, model)
    assert clone(tree).estimator is model
    with pytest.raises(ValueError, match="fitted model"):
        tree.set_params(estimator__n_estimators=3)
    before = model.predict_proba(X)
    tree.fit(X)
    assert (model.predict_proba(X) == before).all()


@pytest.mark.parametrize("model", EVERY)
def test_pickles(model):
    X, y = blobs()
    target = (y == "high") if model in CLASSIFIERS else X[:, 0]
    inner = RandomForestClassifier if model in CLASSIFIERS else RandomForestRegressor
    tree = quick(model, inner(5, random_state=0).fit(X, target)).fit(X)
    again = pickle.loads(pickle.dumps(tree))
    assert (again.predict(X) == tree.predict(X)).all()
    assert again.export_text() == tree.export_text()
    assert len(again.explain(X[:2])) == 2


def test_probabilities_as_targets():
    X, y = blobs()
    model = RandomForestClassifier(20, random_state=0).fit(X, y)
    for trees in CLASSIFIERS:
        tree = quick(trees, model, targets="proba", max_leaves=6).fit(X)
        gaps = np.abs(tree.predict_proba(X) - model.predict_proba(X)).mean()
        hard = quick(trees, model, max_leaves=6).fit(X)
        assert gaps < 0.25
        assert tree.fidelity(X) > 0.8
        assert gaps <= np.abs(hard.predict_proba(X) - model.predict_proba(X)).mean() + 0.02
    with pytest.raises(ValueError, match="predict_proba"):
        quick(TrepanClassifier, Labeler(), targets="proba").fit(X)


class Labeler:
    """A model that knows labels only."""

    classes_ = np.array(["no", "yes"])

    def predict(self, X):
        return self.classes_[(np.asarray(X)[:, 0] > 0).astype(int)]


def test_callables_with_probabilities():
    X, _ = blobs()

    def one(X):
        return 1.0 / (1.0 + np.exp(-3.0 * X[:, 0]))

    def several(X):
        return np.column_stack([1.0 - one(X), one(X)])

    for oracle in (one, several):
        tree = quick(TrepanClassifier, oracle).fit(X)
        assert tree.classes_.tolist() == [0, 1]
        assert tree.fidelity(X) == 1.0
    with pytest.raises(ValueError, match=r"outside of \[0, 1\]"):
        quick(TrepanClassifier, lambda X: 5.0 * X[:, 0]).fit(X)


def test_labels_never_seen_on_reference_rows_are_no_agreement():
    X = np.random.default_rng(0).random((50, 2))
    oracle = Counting(lambda X: np.where(X[:, 0] > 5, "odd", np.where(X[:, 1] > 0.5, "b", "a")))
    tree = quick(TrepanClassifier, oracle).fit(X)
    assert tree.classes_.tolist() == ["a", "b"]
    assert tree.fidelity(np.array([[9.0, 0.2], [0.1, 0.2]])) == 0.5


def test_regressors_and_scores():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    model = RandomForestRegressor(30, random_state=0).fit(X, y)
    for trees in REGRESSORS:
        tree = quick(trees, model, max_leaves=8).fit(X)
        assert tree.predict(X).shape == (len(X),)
        assert tree.fidelity(X) > 0.5
        report = tree.fidelity_report(X, y).set_index("measure")["value"]
        assert report["R2"] == pytest.approx(tree.fidelity(X))
        assert report["R2 of the model"] == pytest.approx(model.score(X, y))
        assert report["R2 of the tree"] == pytest.approx(tree.score(X, y))
    X, y = load_iris(return_X_y=True)
    classifier = LogisticRegression(max_iter=500).fit(X, y)
    tree = quick(TrepanRegressor, classifier, target=2).fit(X)
    assert tree.fidelity(X) > 0.9
    both = quick(TrepanRegressor, classifier).fit(X)
    assert both.predict(X).shape == (150, 3)
    with pytest.raises(ValueError, match="several outputs"):
        both.export_c()


def test_a_constant_regressor():
    X, _ = blobs(50)
    for trees in REGRESSORS:
        tree = quick(trees, LinearRegression().fit(X, np.full(50, 2.5))).fit(X)
        assert tree.n_leaves_ == 1
        np.testing.assert_allclose(tree.predict(X), 2.5)


def test_answers_that_are_no_answers():
    X, _ = blobs(30)
    for oracle in (lambda X: np.full(len(X), np.nan), lambda X: np.zeros(3)):
        with pytest.raises(ModelOutputError):
            quick(TrepanRegressor, oracle).fit(X)


# parameters


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_leaves", 0),
        ("n_queries", -1),
        ("sampler", "best"),
        ("real_weight", 1.5),
        ("min_support", 0),
        ("validation_fraction", 1.0),
        ("splits", "oblique"),
        ("targets", "logits"),
        ("beam_width", 0),
        ("max_literals", 0),
        ("monotone", [1]),
        ("class_weight", "even"),
    ],
)
def test_parameters_are_checked(name, value):
    X, _ = blobs(20)
    with pytest.raises(ValueError, match=f"The '{name}' parameter of TrepanClassifier must be"):
        TrepanClassifier(Labeler(), **{name: value}).fit(X)


def test_forbidden_features_and_limits():
    X, _ = blobs(300)

    def oracle(X):
        return (X[:, 0] + X[:, 1] > 0).astype(int)

    for trees in CLASSIFIERS:
        tree = quick(trees, oracle, forbidden_features=[0]).fit(X)
        assert tree.feature_importances_[0] == 0.0
        with pytest.raises(ValueError, match="does not exist"):
            quick(trees, oracle, forbidden_features=["age"]).fit(X)
    tree = quick(TrepanClassifier, oracle, max_literals=4, max_leaves=16).fit(X)
    assert tree.n_literals_ <= 4
    single = quick(TrepanClassifier, oracle, splits="single", max_leaves=5).fit(X)
    assert single.n_literals_ == single.n_leaves_ - 1 <= 4
    for trees in CLASSIFIERS:
        tree = quick(trees, oracle, min_support=30).fit(X)
        assert tree.rules_["support"].min() >= 30
        tree = quick(trees, oracle, min_support=0.2).fit(X)
        assert tree.rules_["support"].min() >= 60


@pytest.mark.parametrize("model", EVERY)
@pytest.mark.parametrize("sign", [1, -1])
def test_monotone_columns(model, sign):
    frame = pd.DataFrame(np.random.default_rng(0).random((400, 3)), columns=["a", "b", "c"])

    def score(X):
        return sign * (X["a"] + 0.8 * np.sin(12 * X["a"])) + X["b"] - X["c"] ** 2

    def oracle(X):
        return (score(X) > 0.2).to_numpy().astype(int if model in CLASSIFIERS else float)

    tree = quick(model, oracle, monotone={"a": sign}, max_leaves=12).fit(frame)
    assert tree.n_leaves_ >= 3
    assert tree.feature_importances_[0] > 0.0
    for row in range(40):
        line = pd.concat([frame.iloc[[row]]] * 200, ignore_index=True)
        line["a"] = np.linspace(0, 1, 200)
        for size in range(1, tree.n_leaves_ + 1):
            pruned = tree.prune(size)
            values = pruned.predict(line).astype(float)
            assert (sign * np.diff(values) >= 0).all()
    with pytest.raises(ValueError, match="must map columns to 1 or -1"):
        quick(model, oracle, monotone={"a": 2}).fit(frame)
    with pytest.raises(ValueError, match="no order"):
        quick(model, oracle, monotone={"d": 1}).fit(frame.assign(d="level"))


def test_class_weights_move_the_labels():
    rng = np.random.default_rng(0)
    X = rng.random((600, 2))

    def noisy(X):
        return (np.sin(997 * X[:, 0] + 661 * X[:, 1]) > 0.6).astype(int)

    plain = quick(TrepanClassifier, noisy, max_leaves=4).fit(X).predict(X).mean()
    heavy = quick(TrepanClassifier, noisy, max_leaves=4, class_weight={1: 50.0}).fit(X)
    assert heavy.predict(X).mean() > plain + 0.3
    balanced = quick(TrepanClassifier, noisy, class_weight="balanced").fit(X)
    assert balanced.predict(X).mean() > plain
    with pytest.raises(ValueError, match="does not"):
        quick(TrepanClassifier, noisy, class_weight={"x": 2.0}).fit(X)


def test_rows_held_out_choose_the_size():
    X, y = blobs(600)
    flipped = np.random.default_rng(1).random(600) < 0.25
    noise = np.where(flipped, np.where(y == "high", "low", "high"), y)
    model = RandomForestClassifier(1, bootstrap=False, random_state=0).fit(X, noise)
    tree = quick(TrepanClassifier, model, max_leaves=20, validation_fraction=0.4, n_queries=0)
    path = tree.fit(X).fidelity_path_
    assert path["held_out"].notna().all()
    assert tree.n_leaves_ == path["n_leaves"][path["held_out"].idxmax()]
    assert tree.prune(len(path)).n_leaves_ == len(path)
    with pytest.raises(ValueError, match="'n_leaves' parameter of prune"):
        tree.prune(len(path) + 1)


# fidelity


def test_the_report_counts_what_it_says():
    X, y = blobs(300)
    model = RandomForestClassifier(20, random_state=0).fit(X[:150], y[:150])
    tree = quick(TrepanClassifier, model, max_leaves=3).fit(X[:150])
    rows, truth = X[150:], y[150:]
    report = tree.fidelity_report(rows, truth)
    same = tree.predict(rows) == model.predict(rows)
    whole = report.query("measure == 'fidelity' and group == 'all'").iloc[0]
    assert whole["value"] == same.mean() == tree.fidelity(rows)
    assert whole["low"] < whole["value"] < whole["high"]
    for label in ("high", "low"):
        line = report.query("measure == 'fidelity' and group == @label").iloc[0]
        assert line["value"] == same[model.predict(rows) == label].mean()
    scores = report.set_index("measure")["value"]
    assert scores["accuracy of the model"] == model.score(rows, truth)
    assert scores["accuracy of the tree"] == tree.score(rows, truth)
    assert -1 <= scores["kappa"] <= 1
    with pytest.raises(ValueError, match="y must have 150 entries"):
        tree.fidelity_report(rows, truth[:5])


def test_the_interval_covers():
    from surrogates.explanation.intervals import wilson_interval

    rng = np.random.default_rng(0)
    for n, share in ((40, 0.9), (200, 0.97), (100, 0.5)):
        inside = [
            low <= share <= high
            for low, high in (
                wilson_interval(hits, n, 0.95) for hits in rng.binomial(n, share, 2000).tolist()
            )
        ]
        assert 0.92 <= np.mean(inside) <= 0.985


def test_a_model_is_imitated_on_real_tables():
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = RandomForestClassifier(50, random_state=0).fit(X.iloc[::2], y.iloc[::2])
    for trees in CLASSIFIERS:
        tree = trees(model, max_leaves=4, random_state=0).fit(X.iloc[::2])
        assert tree.fidelity(X.iloc[1::2]) >= 0.93
        assert tree.n_queries_ <= 3000
