"""What metrics take: tables, models and attributions of every kind, and what they refuse."""

import numpy as np
import pandas as pd
import pytest
from polars_frames import to_polars
from scipy.special import logit
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from surrogates import LIME, KernelSHAP
from surrogates.metrics import (
    abpc,
    aopc,
    completeness_gap,
    comprehensiveness,
    faithfulness_correlation,
    infidelity,
    local_fidelity,
    local_lipschitz,
    max_sensitivity,
    non_sensitivity,
    relative_input_stability,
    sensitivity_n,
    shapley_kernel_r2,
    sufficiency,
)

METRICS = [
    abpc,
    aopc,
    completeness_gap,
    comprehensiveness,
    faithfulness_correlation,
    infidelity,
    local_fidelity,
    local_lipschitz,
    max_sensitivity,
    non_sensitivity,
    relative_input_stability,
    sensitivity_n,
    shapley_kernel_r2,
    sufficiency,
]
AMONG_ROWS = [local_lipschitz, max_sensitivity, relative_input_stability]
REMOVING = [faithfulness_correlation, shapley_kernel_r2, abpc, completeness_gap]


def loans(n=60):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "amount": rng.normal(1000.0, 300.0, n),
            "age": rng.integers(20, 70, n),
            "purpose": rng.choice(["car", "tv", "school"], n),
            "owner": rng.random(n) < 0.5,
            "job": pd.Categorical(rng.choice(["a", "b"], n)),
            "income": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
        },
        index=[f"row {i}" for i in range(n)],
    )
    y = np.where(frame["amount"] + 300 * (frame["purpose"] == "car") > 1100, "good", "bad")
    return frame, y


def on_raw_frames(frame, y):
    encode = make_column_transformer(
        (SimpleImputer(), ["amount", "age", "income"]),
        (OneHotEncoder(handle_unknown="ignore"), ["purpose", "owner", "job"]),
    )
    return make_pipeline(encode, LogisticRegression(max_iter=2000)).fit(frame, y)


@pytest.fixture(scope="module")
def loan_case():
    frame, y = loans()
    model = on_raw_frames(frame, y)
    explainer = KernelSHAP(model, n_background=20, random_state=0).fit(frame)
    return frame, model, explainer, explainer.explain(frame[:4])


@pytest.mark.parametrize("metric", METRICS)
def test_raw_frames_with_texts_and_missing_values(metric, loan_case):
    frame, model, _, explanation = loan_case
    scores = metric(model, frame[:4], explanation, background=frame[:15], random_state=0)
    assert scores.shape == (4,)
    assert scores.dtype == float
    alone = [2]  # the only one of its decision
    known = np.isfinite(scores)
    assert np.delete(known, alone).all()
    assert known[alone] == (metric not in AMONG_ROWS)


@pytest.mark.parametrize("metric", METRICS)
def test_a_row_scores_the_same_alone(metric, loan_case):
    frame, model, explainer, explanation = loan_case
    if metric in AMONG_ROWS:
        keywords = {"explainer": explainer, "background": frame[:15], "n_samples": 3}
    else:
        keywords = {"background": frame[:15]}
    if metric not in (
        abpc,
        aopc,
        completeness_gap,
        comprehensiveness,
        non_sensitivity,
        sufficiency,
    ):
        keywords["random_state"] = 3
    together = metric(model, frame[:4], explanation, **keywords)
    reversed_ = metric(model, frame[:4][::-1], explanation[[3, 2, 1, 0]], **keywords)
    alone = metric(model, frame[1:2], explanation[1], **keywords)
    np.testing.assert_allclose(alone, together[1:2], rtol=1e-12)
    np.testing.assert_allclose(reversed_[::-1], together, rtol=1e-12)


@pytest.mark.parametrize("metric", REMOVING)
def test_polars_frames_score_as_pandas_frames(metric):
    frame, _ = loans()
    numbers = frame[["amount", "age"]]

    def model(table):
        amounts, ages = (np.asarray(table[name], dtype=float) for name in ("amount", "age"))
        return amounts * ages / 1e4

    values = np.random.default_rng(1).normal(size=(5, 2))
    expected = metric(model, numbers[:5], values, background=numbers[:9])
    polars = to_polars(numbers)
    np.testing.assert_allclose(metric(model, polars[:5], values, background=polars[:9]), expected)
    mixed = to_polars(frame[["amount", "age", "purpose"]])

    def with_text(table):
        return model(table) + (np.asarray(table["purpose"]) == "car")

    scores = metric(with_text, mixed[:5], np.ones((5, 3)) * [1, 2, 3], background=mixed[:9])
    assert scores.shape == (5,)


def test_explanations_bring_what_they_are_about(loan_case):
    """The class, the method, the groups and the link of an Attribution are used."""
    frame, model, _, _ = loan_case
    settings = {"n_background": None, "random_state": 0}
    for keywords in (
        {"target": "bad"},
        {"response_method": "decision_function"},
        {"link": "logit"},
        {"groups": {"person": ["age", "job", "owner"]}},
    ):
        explainer = KernelSHAP(model, **settings, **keywords).fit(frame[:15])
        explanation = explainer.explain(frame[:4])
        gap = completeness_gap(model, frame[:4], explanation, background=frame[:15])
        np.testing.assert_allclose(gap, 0.0, atol=1e-7)
        assert (completeness_gap(model, frame[:4], explainer) < 1e-7).all()


def test_the_link_is_that_of_the_attributions(loan_case):
    frame, model, _, _ = loan_case
    explainer = KernelSHAP(model, link="logit", n_background=None).fit(frame[:15])
    explanation = explainer.explain(frame[:2])
    curve = aopc(model, frame[:2], explanation, background=frame[:15])
    last = logit(model.predict_proba(frame[:15])[:, 1].mean())
    first = logit(model.predict_proba(frame[:2])[:, 1])
    assert (np.abs(curve) < np.abs(first - last).max() * 3).all()
    gap = completeness_gap(model, frame[:2], explanation.values, background=frame[:15])
    assert (gap > 0.1).all()  # plain arrays are taken to be about probabilities


def test_target_of_several_classes():
    X, y = load_iris(return_X_y=True)
    model = RandomForestClassifier(10, random_state=0).fit(X, y)
    explanation = KernelSHAP(model, n_background=10, random_state=0).fit(X).explain(X[:6])
    every = faithfulness_correlation(model, X[:6], explanation, background=X[::15])
    each = [
        faithfulness_correlation(model, X[:6], explanation, background=X[::15], target=label)
        for label in (0, 1, 2)
    ]
    np.testing.assert_allclose(every, np.nanmean(each, axis=0))
    array = explanation.values[:, :, 1]
    named = faithfulness_correlation(model, X[:6], array, background=X[::15], target=1)
    np.testing.assert_array_equal(named, each[1])
    with pytest.raises(ValueError, match="Choose one output by 'target'"):
        faithfulness_correlation(model, X[:6], array, background=X[::15])


def test_margins_are_judged_as_margins():
    X, y = load_iris(return_X_y=True)
    X, y = X[:100], y[:100]
    model = GradientBoostingClassifier(n_estimators=5, random_state=0).fit(X, y)
    explainer = KernelSHAP(model, response_method="decision_function", n_background=None).fit(
        X[::9]
    )
    explanation = explainer.explain(X[:5])
    gap = completeness_gap(model, X[:5], explanation, background=X[::9])
    np.testing.assert_allclose(gap, 0.0, atol=1e-9)


def test_responses_of_ones_own_are_asked_for():
    X, y = load_iris(return_X_y=True)
    model = LinearRegression().fit(X, y)

    def doubled(model, X):
        return 2.0 * model.predict(X)

    explainer = KernelSHAP(model, response_method=doubled, n_background=None).fit(X[::9])
    explanation = explainer.explain(X[:5])
    with pytest.raises(ValueError, match="pass the same response_method"):
        completeness_gap(model, X[:5], explanation, background=X[::9])
    gap = completeness_gap(model, X[:5], explanation, background=X[::9], response_method=doubled)
    np.testing.assert_allclose(gap, 0.0, atol=1e-9)
    np.testing.assert_allclose(completeness_gap(model, X[:5], explainer), 0.0, atol=1e-9)


def test_an_explainer_may_be_judged_by_another_model():
    X, y = load_iris(return_X_y=True)
    model, other = LinearRegression().fit(X, y), LinearRegression().fit(X, -y)
    explainer = KernelSHAP(model, n_background=None, random_state=0).fit(X)
    own = [faithfulness_correlation(given, X[:5], explainer) for given in (model, None)]
    np.testing.assert_allclose(own, 1.0)
    np.testing.assert_allclose(faithfulness_correlation(other, X[:5], explainer), -1.0)


def test_links_of_ones_own_are_refused():
    X, y = load_iris(return_X_y=True)
    model = LinearRegression().fit(X, y)
    explainer = KernelSHAP(model, link=np.exp, n_background=5).fit(X)
    with pytest.raises(ValueError, match="known by its name only"):
        abpc(model, X[:5], explainer)


def test_plain_values_of_any_form():
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = LinearRegression().fit(X, y)
    values = model.coef_ * (X[:5] - X.mean())

    class WithValues:
        def __init__(self, values):
            self.values = values

    for given in (values, values.to_numpy(), values.to_numpy().tolist(), WithValues(values)):
        found = faithfulness_correlation(model, X[:5], given, background=X)
        np.testing.assert_allclose(found, 1.0)


def test_weights_are_repetitions():
    X, y = load_iris(return_X_y=True)
    model = RandomForestClassifier(5, random_state=0).fit(X, y == 1)
    values = np.random.default_rng(0).normal(size=(3, 4))
    rows, weights = X[[0, 60, 120]], [1, 3, 2]
    for metric in REMOVING:
        weighted = metric(model, X[:3], values, background=rows, sample_weight=weights)
        repeated = metric(model, X[:3], values, background=np.repeat(rows, weights, axis=0))
        np.testing.assert_allclose(weighted, repeated)


@pytest.mark.parametrize("metric", REMOVING)
def test_attributions_of_other_columns_are_refused(metric, loan_case):
    frame, model, _, explanation = loan_case
    with pytest.raises(ValueError, match="must have the shape"):
        metric(model, frame[:3], explanation, background=frame)
    with pytest.raises(ValueError, match=r"must have the shape|about the features"):
        metric(model, frame[:4], explanation.features(["age", "amount"]), background=frame)
    renamed = pd.DataFrame(explanation.values[:, :, 0], columns=list("abcdef"))
    with pytest.raises(ValueError, match="about the features"):
        metric(model, frame[:4], renamed, background=frame)
    swapped = explanation.features(list(explanation.feature_names[::-1]))
    with pytest.raises(ValueError, match="about the features"):
        metric(model, frame[:4], swapped, background=frame)


def test_attributions_of_other_rows_are_refused(loan_case):
    frame, model, _, explanation = loan_case
    with pytest.raises(ValueError, match="explain other rows"):
        abpc(model, frame[4:8], explanation, background=frame)


def test_attributions_of_other_outputs_are_refused(loan_case):
    frame, model, _, explanation = loan_case
    with pytest.raises(ValueError, match="about the outputs"):
        abpc(model, frame[:4], explanation, background=frame, target="bad")
    iris = load_iris()
    other = LogisticRegression(max_iter=1000).fit(iris.data, iris.target)
    of_iris = LIME(other, target=2).fit(iris.data).explain(iris.data[:3])
    binary = LogisticRegression().fit(iris.data[:100], iris.target[:100])
    with pytest.raises(ValueError, match="'target' parameter names no output"):
        abpc(binary, iris.data[:3], of_iris, background=iris.data)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"sample_weight": [1.0, 2.0]}, "one number for each of the 10 background rows"),
        ({"sample_weight": [-1.0] * 10}, "not negative"),
        ({"background": np.zeros((3, 5))}, "X has 4 columns, but the background has 5"),
        ({"background": np.zeros((0, 4))}, "minimum of 1 is required"),
        ({"target": "nothing"}, "names no output"),
        ({"response_method": "predict_nothing"}, "has no method predict_nothing"),
    ],
)
def test_bad_background(keywords, words):
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=1000).fit(X[:100], y[:100])
    asked = {"background": X[:10], **keywords}
    with pytest.raises(ValueError, match=words):
        abpc(model, X[:2], np.ones((2, 4)), **asked)


def test_columns_of_one_name_are_refused():
    frame = pd.DataFrame(np.ones((3, 2)), columns=["a", "a"])
    with pytest.raises(ValueError, match=r"Found several \['a'\]"):
        abpc(lambda X: X.to_numpy()[:, 0], frame, np.ones((3, 2)))


def test_one_class_and_constant_predictions_have_no_score():
    X, _ = load_iris(return_X_y=True)
    one_class = RandomForestClassifier(3, random_state=0).fit(X, np.repeat("only", len(X)))
    for metric in (faithfulness_correlation, shapley_kernel_r2, sensitivity_n, local_fidelity):
        scores = metric(one_class, X[:3], np.random.default_rng(0).normal(size=(3, 4)))
        assert np.isnan(scores).all()
