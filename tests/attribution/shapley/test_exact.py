"""Closed forms of linear models and sums over leaves, alone and behind a Pipeline."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from truths import shapley_of_model

from surrogates import KernelSHAP
from surrogates.datasets import load_german_credit, make_additive

rng = np.random.default_rng(0)
X = rng.normal(size=(80, 6)).round(2)
y = X[:, 0] * X[:, 1] + np.where(X[:, 2] > 0, 2 * X[:, 3], X[:, 4])
label = np.where(y > 0.3, "yes", "no")
three = np.digitize(y, [-0.5, 0.8])
rows, reference = X[:3], X[40:52]


def method_of(explainer):
    return explainer.record_["method"]


def check_against_brute_force(explainer, response):
    explanation = explainer.fit(reference).explain(rows)
    assert np.abs(explanation.additivity_gap).max() < 1e-9
    for output in range(explanation.values.shape[2]):
        for row, values in zip(rows, explanation.values[:, :, output], strict=True):
            expected = shapley_of_model(lambda Z, o=output: response(Z)[:, o], row, reference)
            np.testing.assert_allclose(values, expected, atol=1e-10)
    np.testing.assert_allclose(explanation.predictions, response(rows), atol=1e-9)


TREES = [
    (DecisionTreeRegressor(max_depth=4, random_state=0), y, "predict"),
    (DecisionTreeClassifier(max_depth=4, random_state=0), three, "predict_proba"),
    (RandomForestClassifier(12, max_depth=5, random_state=0), label, "predict_proba"),
    (ExtraTreesRegressor(10, random_state=0), y, "predict"),
    (GradientBoostingRegressor(n_estimators=15, random_state=0), y, "predict"),
    (GradientBoostingClassifier(n_estimators=10, random_state=0), label, "decision_function"),
    (GradientBoostingClassifier(n_estimators=6, random_state=0), three, "decision_function"),
    (HistGradientBoostingRegressor(max_iter=15, min_samples_leaf=5), y, "predict"),
    (HistGradientBoostingClassifier(max_iter=10, min_samples_leaf=5), label, "decision_function"),
    (HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=5), three, "decision_function"),
]


@pytest.mark.parametrize(("model", "target", "method"), TREES, ids=str)
def test_trees_equal_brute_force(model, target, method):
    model = model.fit(X, target)
    outputs = slice(1, 2) if method == "predict_proba" and len(model.classes_) == 2 else slice(None)

    def response(Z):
        raw = getattr(model, method)(Z)
        return raw[:, None] if raw.ndim == 1 else raw[:, outputs]

    explainer = KernelSHAP(model, response_method=method, n_background=None)
    check_against_brute_force(explainer, response)
    assert method_of(explainer) == "tree"


LINEAR = [
    (LinearRegression(), y, "predict"),
    (Ridge(), np.column_stack([y, X[:, 0]]), "predict"),
    (ElasticNet(alpha=0.01), y, "predict"),
    (LogisticRegression(), label, "decision_function"),
    (LogisticRegression(), three, "decision_function"),
    (RidgeClassifier(), label, "decision_function"),
    (LinearSVC(), label, "decision_function"),
    (SVC(kernel="linear"), label, "decision_function"),
]


@pytest.mark.parametrize(("model", "target", "method"), LINEAR, ids=str)
def test_linear_models_equal_brute_force(model, target, method):
    model = make_pipeline(StandardScaler(), model).fit(X, target)

    def response(Z):
        raw = getattr(model, method)(Z)
        return raw[:, None] if raw.ndim == 1 else raw

    explainer = KernelSHAP(model, response_method=method)
    check_against_brute_force(explainer, response)
    assert method_of(explainer) == "linear"


def test_linear_models_are_compared_with_the_whole_table():
    model = LinearRegression().fit(X, y)
    weights = rng.uniform(0.5, 2.0, len(X))
    explanation = KernelSHAP(model, n_background=5).fit(X, sample_weight=weights).explain(rows)
    expected = (rows - np.average(X, axis=0, weights=weights)) * model.coef_
    np.testing.assert_allclose(explanation.values[:, :, 0], expected, atol=1e-10)
    assert (explanation.std_errors == 0).all()
    assert explanation.reference.n_rows == len(X)


@pytest.mark.parametrize(
    ("model", "params"),
    [
        (LogisticRegression(), {}),  # probabilities are not linear
        (
            make_pipeline(PolynomialFeatures(2), LogisticRegression()),
            {"response_method": "decision_function"},
        ),
        (HistGradientBoostingClassifier(max_iter=3), {}),
        (RandomForestClassifier(3), {"link": "logit"}),
    ],
    ids=str,
)
def test_what_has_no_shortcut_is_asked(model, params):
    explainer = KernelSHAP(model.fit(X, label), **params).fit(reference)
    assert method_of(explainer) == "exact"  # by enumeration: six players
    explanation = explainer.explain(rows)
    assert np.abs(explanation.additivity_gap).max() < 1e-9


def test_generalized_linear_model_is_linear_before_its_link_only():
    counts = np.exp(X[:, 0]).round()
    explainer = KernelSHAP(PoissonRegressor().fit(X, counts)).fit(reference)
    assert method_of(explainer) == "exact"


def test_methods_that_do_not_apply_say_what_does():
    boosting = HistGradientBoostingClassifier(max_iter=3).fit(X, label)
    with pytest.raises(ValueError, match="response_method='decision_function'"):
        KernelSHAP(boosting, method="tree").fit(reference)
    with pytest.raises(ValueError, match=r"'method' parameter .* is 'linear'"):
        KernelSHAP(boosting, method="linear").fit(reference)
    forest = RandomForestClassifier(3).fit(X, label)
    with pytest.raises(ValueError, match="link='logit' asks for coalitions"):
        KernelSHAP(forest, method="tree", link="logit").fit(reference)


@pytest.mark.parametrize(
    "model", [HistGradientBoostingClassifier(max_iter=3), LogisticRegression()], ids=str
)
def test_sampled_probabilities_name_their_exact_alternative(model):
    explainer = KernelSHAP(model.fit(X, label)).fit(reference)
    alternative = "response_method='decision_function'"
    assert explainer.explain(rows).params["exact_alternative"] == alternative


def test_first_class_of_a_margin_is_the_other_way_round():
    model = LogisticRegression().fit(X, label)
    boosting = GradientBoostingClassifier(n_estimators=5).fit(X, label)
    for estimator in (model, boosting):
        params = {"response_method": "decision_function"}
        yes = KernelSHAP(estimator, **params).fit(reference).explain(rows)
        no = KernelSHAP(estimator, target="no", **params).fit(reference).explain(rows)
        both = KernelSHAP(estimator, target=["no", "yes"], **params).fit(reference).explain(rows)
        np.testing.assert_allclose(no.values, -yes.values, atol=1e-12)
        np.testing.assert_allclose(both.values[:, :, :1], no.values, atol=1e-12)
        np.testing.assert_allclose(both.values[:, :, 1:], yes.values, atol=1e-12)
        np.testing.assert_allclose(both.predictions[:, 1:], yes.predictions)


def test_wrapped_models_are_looked_through():
    search = GridSearchCV(RandomForestClassifier(5, random_state=0), {"max_depth": [2]}, cv=2)
    for wrapped in (search, FrozenEstimator(RandomForestClassifier(5).fit(X, label))):
        explainer = KernelSHAP(wrapped.fit(X, label), n_background=None).fit(reference)
        assert method_of(explainer) == "tree"
        explanation = explainer.explain(rows)
        np.testing.assert_allclose(
            explanation.predictions[:, 0], wrapped.predict_proba(rows)[:, 1], atol=1e-12
        )


@pytest.mark.parametrize("final", ["forest", "boosting", "linear"])
def test_one_player_per_original_column_of_a_pipeline(final):
    """Exact paths and the Pipeline asked directly agree, one-hot columns and all."""
    credit, good = load_german_credit(return_X_y=True)
    credit = credit[["checking_status", "duration", "purpose", "amount", "age", "housing"]].copy()
    credit.loc[::7, "amount"] = np.nan
    model, method = {
        "forest": (RandomForestClassifier(10, max_depth=6, random_state=0), "predict_proba"),
        "boosting": (HistGradientBoostingClassifier(max_iter=20), "decision_function"),
        "linear": (LogisticRegression(max_iter=1000), "decision_function"),
    }[final]
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
        (
            make_pipeline(SimpleImputer(), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
        sparse_threshold=0.0,
    )
    pipeline = make_pipeline(columns, model).fit(credit, good)
    table, asked = credit.head(30), credit.tail(3)
    params = {"response_method": method, "target": "bad", "n_background": None}
    short = KernelSHAP(pipeline, **params).fit(table)
    assert method_of(short) == ("linear" if final == "linear" else "tree")
    direct = KernelSHAP(pipeline, method="exact", **params).fit(table)
    assert direct.record_["preprocessing"] == "once per row"
    hidden = KernelSHAP(Hidden(pipeline, method), target="bad", n_background=None).fit(table)
    assert hidden.record_["preprocessing"] == "for every mixture"
    expected = hidden.explain(asked)
    for explainer in (short, direct):
        found = explainer.explain(asked)
        np.testing.assert_allclose(found.values, expected.values, atol=1e-9)
        np.testing.assert_allclose(found.base_values, expected.base_values, atol=1e-9)


class Hidden:
    """A Pipeline that nothing can be seen of."""

    def __init__(self, pipeline, method):
        self.pipeline, self.method = pipeline, method

    def __call__(self, X):
        raw = getattr(self.pipeline, self.method)(X)
        if raw.ndim == 1:
            return pd.DataFrame({"bad": -raw, "good": raw})
        return pd.DataFrame(raw, columns=["bad", "good"])


def test_error_of_the_reference_draw_of_trees():
    model = GradientBoostingRegressor(n_estimators=10, random_state=0).fit(X, y)
    params = {"n_background": 15, "random_state": 0}
    tree = KernelSHAP(model, **params).fit(X).explain(rows)
    enumerated = KernelSHAP(model, method="exact", **params).fit(X).explain(rows)
    np.testing.assert_allclose(tree.values, enumerated.values, atol=1e-10)
    np.testing.assert_allclose(tree.std_errors, enumerated.std_errors, rtol=1e-6, atol=1e-12)
    assert tree.std_errors.max() > 0


def test_scorecard_at_the_threshold_gives_points_below_the_group():
    """For an additive score: points of the row less the mean points of those who just pass."""
    bunch = make_additive(n_samples=300, n_features=5, random_state=0)
    score = bunch.function
    line = float(np.median(score(bunch.data)))
    explainer = KernelSHAP(
        score, background="at_threshold", threshold=line, passing="above", n_background=40
    ).fit(bunch.data)
    group = explainer.reference_.rows
    responses = score(group)
    assert len(group) == 40
    assert responses.min() >= line
    passing = np.sort(score(bunch.data))
    passing = passing[passing >= line]
    np.testing.assert_allclose(np.sort(responses), passing[:40])
    record = explainer.record_
    assert record["n_at_threshold"] == 40
    np.testing.assert_allclose(record["band"], [passing[0], passing[39]])
    explained = bunch.data.head(4)
    explanation = explainer.explain(explained)
    expected = bunch.attributions(explained, group)
    np.testing.assert_allclose(explanation.values[:, :, 0], expected, atol=1e-9)
    assert (explanation.std_errors == 0).all()


def test_threshold_of_a_probability_is_a_half():
    model = LogisticRegression().fit(X, label)
    explainer = KernelSHAP(
        model, background="at_threshold", target="no", passing="below", n_background=10
    ).fit(X)
    responses = model.predict_proba(explainer.reference_.rows)[:, 0]
    assert responses.max() <= 0.5
    assert explainer.explain(rows).reference.name == "at_threshold"


@pytest.mark.parametrize(
    ("model", "params", "message"),
    [
        (LinearRegression(), {}, "'threshold' parameter"),
        (LinearRegression(), {"threshold": 1e6}, "No reference row"),
        (LogisticRegression(), {"target": ["yes", "no"]}, "single output"),
        (LogisticRegression(), {"passing": "left"}, "'passing'"),
    ],
    ids=str,
)
def test_threshold_errors(model, params, message):
    model = model.fit(X, y if isinstance(model, LinearRegression) else label)
    with pytest.raises(ValueError, match=message):
        KernelSHAP(model, background="at_threshold", **params).fit(X)
