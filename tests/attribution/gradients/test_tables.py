"""The contract: tables, Pipelines, wrappers, outputs, blocks of rows, files, and bad input."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from perceptrons import classifier, regressor, table, trained
from polars_frames import to_polars
from sklearn.base import clone, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC, LinearSVR

from surrogates import (
    LRP,
    DeepLIFT,
    Gradient,
    GradientTimesInput,
    IntegratedGradients,
    SmoothGrad,
)
from surrogates.blackbox.find_differentiable import find_differentiable
from surrogates.blackbox.model import make_model
from surrogates.exceptions import ModelOutputError
from surrogates.explanation import load

X = table()
SUMMED = (GradientTimesInput, IntegratedGradients, DeepLIFT, LRP)
ALL = (*SUMMED, Gradient, SmoothGrad)


def loans(n_rows=90):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "amount": rng.lognormal(size=n_rows),
            "age": rng.integers(18, 80, size=n_rows),
            "city": rng.choice(["Rome", "Oslo", "Lima"], size=n_rows),
            "grade": pd.Categorical(rng.choice(["a", "b"], size=n_rows), categories=["b", "a"]),
            "owner": rng.random(n_rows) < 0.5,
        }
    )
    frame.loc[::7, "amount"] = np.nan
    frame.loc[::11, "city"] = None
    return frame


@pytest.fixture(scope="module")
def frame():
    return loans()


@pytest.fixture(scope="module", params=[2, 3])
def model(request, frame):
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["amount", "age"]),
        (OneHotEncoder(handle_unknown="ignore"), ["city", "grade", "owner"]),
    )
    y = np.digitize(frame["age"].to_numpy() + 40 * (frame["city"] == "Rome"), [50, 80])
    labels = np.array(["bad", "fair", "good"])[y if request.param == 3 else (y > 0) * 2]
    encoded = columns.fit_transform(frame)
    net = trained(MLPClassifier(hidden_layer_sizes=(12, 8)), encoded, labels)
    return make_pipeline(columns, net)


@pytest.mark.parametrize("explainer", SUMMED)
def test_one_attribution_per_raw_column(explainer, model, frame, tmp_path):
    explained = explainer(model).fit(frame).explain(frame.head(9))
    assert explained.feature_names == tuple(frame.columns)
    n_outputs = 1 if len(model.classes_) == 2 else 3
    assert explained.values.shape == (9, 5, n_outputs)
    if explainer is not LRP:
        expected = model.predict_proba(frame.head(9))
        expected = expected[:, 1:] if n_outputs == 1 else expected
        np.testing.assert_allclose(explained.predictions, expected, atol=1e-12)
    if explainer is not GradientTimesInput:
        np.testing.assert_allclose(explained.additivity_gap, 0.0, atol=1e-7)
    explained.save(tmp_path / "one.npz")
    np.testing.assert_array_equal(load(tmp_path / "one.npz").values, explained.values)
    explained[0].plot()


@pytest.mark.parametrize("explainer", SUMMED)
def test_inputs_of_a_column_are_summed(explainer, model, frame):
    inner = explainer(model[-1]).fit(model[0].transform(frame))
    by_input = inner.explain(model[0].transform(frame.head(5))).values
    found = explainer(model).fit(frame).explain(frame.head(5)).values
    owners = [0, 1, 0, 2, 2, 2, 2, 3, 3, 4, 4]  # the indicator of a missing amount is the third
    expected = np.zeros_like(found)
    np.add.at(expected, (slice(None), owners), by_input)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_baseline_of_levels_are_their_frequencies(model, frame):
    explainer = IntegratedGradients(model).fit(frame)
    baseline = explainer.baselines_.inputs[0]
    np.testing.assert_allclose(baseline, model[0].transform(frame).mean(axis=0), atol=1e-15)
    explained = explainer.explain(frame.head(3))
    expected = model[-1].predict_proba(baseline[None])[:, -explained.values.shape[2] :]
    np.testing.assert_allclose(explained.base_values[0], expected[0], atol=1e-14)


@pytest.mark.parametrize("explainer", SUMMED)
def test_groups_of_columns(explainer, model, frame):
    groups = {"person": ["age", "city"], "loan": ["amount", "grade"]}
    grouped = explainer(model, groups=groups).fit(frame).explain(frame.head(4))
    single = explainer(model).fit(frame).explain(frame.head(4))
    assert grouped.feature_names == ("loan", "person", "owner")
    expected = single.values[:, [0, 1]] + single.values[:, [3, 2]]
    np.testing.assert_allclose(grouped.values[:, :2], expected, atol=1e-13)


@pytest.mark.parametrize("explainer", ALL)
def test_rows_do_not_depend_on_their_company(explainer):
    model = classifier(X, 3, activation="tanh")
    fitted = explainer(model, random_state=0).fit(X)
    whole = fitted.explain(X).values
    scale = np.abs(whole).max()
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_allclose(fitted.explain(X[order]).values, whole[order], atol=1e-12 * scale)
    alone = np.concatenate([fitted.explain(row[None]).values for row in X[:5]])
    np.testing.assert_allclose(alone, whole[:5], atol=1e-12 * scale)
    batches = [part.values for part in fitted.explain_batches(X, 33)]
    np.testing.assert_allclose(np.concatenate(batches), whole, atol=1e-12 * scale)
    parallel = explainer(model, random_state=0, n_jobs=2).fit(X).explain(X).values
    np.testing.assert_array_equal(parallel, whole)


@pytest.mark.parametrize("explainer", ALL)
def test_copies(explainer):
    fitted = explainer(regressor(X), random_state=0).fit(X)
    expected = fitted.explain(X[:3]).values
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(fitted)).explain(X[:3]).values, expected
    )
    again = clone(fitted)
    assert again.estimator is fitted.estimator
    np.testing.assert_array_equal(again.fit(X).explain(X[:3]).values, expected)
    np.testing.assert_array_equal(copy.deepcopy(fitted).explain(X[:3]).values, expected)
    assert fitted.transform(X[:3]).shape == (3, 5)


@pytest.mark.parametrize("explainer", ALL)
def test_unfitted_models_and_weights(explainer):
    y = X[:, 0] + X[:, 1]
    network = MLPRegressor(hidden_layer_sizes=(6,), solver="lbfgs", alpha=10.0, max_iter=5000)
    fitted = explainer(network, random_state=0).fit(X, y)
    assert fitted.estimator_ is not network
    assert fitted.explain(X[:2]).values.shape == (2, 5, 1)
    with pytest.raises(ValueError, match="requires y to be passed"):
        explainer(network).fit(X)
    model, weights = regressor(X), np.r_[np.ones(40), np.zeros(40)]
    options = {"random_state": 0}
    weighted = explainer(model, **options).fit(X, sample_weight=weights).explain(X[:2])
    some = explainer(model, **options).fit(X[:40]).explain(X[:2])
    np.testing.assert_allclose(weighted.values, some.values, atol=1e-12)
    np.testing.assert_allclose(weighted.base_values, some.base_values, atol=1e-12)


def test_networks_that_are_trained_on_after_fit():
    X = table(60, 3)
    net = MLPRegressor(hidden_layer_sizes=(5,), learning_rate_init=0.1, random_state=0)
    net.partial_fit(X, X[:, 0])
    explainer = IntegratedGradients(net).fit(X)
    explainer.explain(X)
    net.partial_fit(X, X[:, 0])
    with pytest.raises(ValueError, match="MLPRegressor answers otherwise than when this"):
        explainer.explain(X)
    gap = explainer.fit(X).explain(X).additivity_gap
    np.testing.assert_allclose(gap, 0.0, atol=1e-12)


def test_frames_of_polars_and_pandas_agree():
    names = list("abcde")
    frame = pd.DataFrame(X, columns=names)
    scaled = StandardScaler().fit(frame)
    model = make_pipeline(scaled, regressor(scaled.transform(frame)))
    for explainer in ALL:
        pandas = explainer(model, random_state=0).fit(frame).explain(frame.head(4))
        polars = (
            explainer(model, random_state=0).fit(to_polars(frame)).explain(to_polars(frame[:4]))
        )
        np.testing.assert_allclose(polars.values, pandas.values, atol=1e-12)
        assert polars.feature_names == tuple(names)


def test_models_fitted_on_arrays_explain_frames():
    frame = pd.DataFrame(X, columns=list("abcde"))
    scaler = StandardScaler().fit(X)
    for model in (regressor(X), make_pipeline(scaler, regressor(scaler.transform(X)))):
        for explainer in ALL:
            array = explainer(model, random_state=0).fit(X).explain(X[:3])
            named = explainer(model, random_state=0).fit(frame).explain(frame.head(3))
            np.testing.assert_allclose(named.values, array.values, atol=1e-12)


@pytest.mark.parametrize(
    "model",
    [
        Ridge(),
        LinearSVR(max_iter=100_000),
        LinearSVC(),
        RidgeClassifier(),
        LinearDiscriminantAnalysis(),
        SVC(),
    ],
)
def test_the_linear_family(model):
    """From a baseline, contributions are the slopes times the differences."""
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    if isinstance(model, SVC):
        model.set_params(kernel="linear")
    method = "predict" if is_regressor(model) else "decision_function"
    model.fit(X, y)
    for explainer in (IntegratedGradients, DeepLIFT):
        explained = explainer(model, response_method=method).fit(X).explain(X[:3])
        expected = (X[:3] - X.mean(axis=0)) * model.coef_.ravel()
        np.testing.assert_allclose(explained.values[..., 0], expected, atol=1e-12)


def test_one_row_one_column_and_integers():
    for explainer in ALL:
        model = regressor(X)
        assert len(explainer(model, random_state=0).fit(X[:1]).explain(X[:1])) == 1
        line = Ridge().fit(X[:, :1], X[:, 0])
        found = explainer(line, random_state=0).fit(X[:, :1]).explain(X[:2, :1])
        assert found.values.shape == (2, 1, 1)
        whole = np.rint(3 * X).astype(int)
        counts = Ridge().fit(whole, X[:, 0])
        first = explainer(counts, random_state=0).fit(whole).explain(whole[:2])
        objects = whole.astype(object)
        second = explainer(counts, random_state=0).fit(objects).explain(objects[:2])
        np.testing.assert_allclose(second.values, first.values, atol=1e-12)


def test_wrappers_are_looked_through():
    y = (X[:, 0] > 0).astype(int)
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2).fit(X, y)
    expected = DeepLIFT(search.best_estimator_).fit(X).explain(X[:3]).values
    for wrapper in (
        search,
        FrozenEstimator(search),
        FixedThresholdClassifier(FrozenEstimator(search.best_estimator_), threshold=0.3).fit(X, y),
        make_pipeline("passthrough", search.best_estimator_),
    ):
        found = DeepLIFT(wrapper, response_method="predict_proba").fit(X).explain(X[:3]).values
        np.testing.assert_allclose(found, expected, atol=1e-14)


def test_labels_of_any_type_and_targets():
    for labels in (["no", "yes", "maybe"], [7, 3, 5]):
        model = classifier(X, 3, labels=labels)
        explained = DeepLIFT(model).fit(X).explain(X[:2])
        assert explained.output_names == tuple(str(one) for one in model.classes_)
        one = DeepLIFT(model, target=labels[0]).fit(X).explain(X[:2])
        np.testing.assert_allclose(one.values, explained.output(str(labels[0])).values)
        two = DeepLIFT(model, target=[labels[2], labels[1]]).fit(X).explain(X[:2])
        np.testing.assert_allclose(two.values[..., 1:], explained.output(str(labels[1])).values)


def test_single_precision_networks():
    single = X.astype(np.float32)
    model = trained(MLPRegressor(hidden_layer_sizes=(8, 8)), single, single[:, 0])
    explained = IntegratedGradients(model).fit(single).explain(single[:5])
    assert explained.values.dtype == np.float64
    np.testing.assert_allclose(explained.additivity_gap, 0.0, atol=1e-12)
    np.testing.assert_allclose(explained.predictions[:, 0], model.predict(single[:5]), atol=1e-5)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda y: RandomForestClassifier(3).fit(X, y), "RandomForestClassifier cannot be diff"),
        (lambda y: SVC().fit(X, y), "SVC cannot be differentiated"),
        (lambda y: PoissonRegressor().fit(X, y), "predict of PoissonRegressor cannot be diff"),
        (lambda y: make_pipeline(PCA(), LogisticRegression()).fit(X, y), "its step PCA mixes"),
        (lambda y: CalibratedClassifierCV(LogisticRegression()).fit(X, y), "CalibratedClassif"),
        (lambda y: SGDClassifier(loss="modified_huber").fit(X, y), "no softmax of its margins"),
        (lambda y: SGDClassifier(loss="log_loss").fit(X, y + (X[:, 1] > 0)), "no softmax"),
    ],
)
def test_closed_models_are_named(make, match):
    model = make((X[:, 0] > 0).astype(int))
    method = "decision_function" if isinstance(model, SVC) else "auto"
    with pytest.raises(ValueError, match=match):
        IntegratedGradients(model, response_method=method).fit(X)


def test_functions_and_labels_are_refused():
    with pytest.raises(ValueError, match="A function cannot be differentiated"):
        Gradient(row_sums).fit(X)
    with pytest.raises(ValueError, match="labels have no derivatives"):
        Gradient(classifier(X), response_method="predict").fit(X)
    with pytest.raises(ValueError, match="no method decision_function"):
        Gradient(regressor(X), response_method="decision_function").fit(X)


def row_sums(table):
    return np.asarray(table).sum(axis=1)


def test_rows_that_the_network_cannot_read():
    explainer = DeepLIFT(regressor(X)).fit(X)
    rows = X[:2].copy()
    rows[1, 2] = np.nan
    with pytest.raises(ModelOutputError, match="contain NaN or infinite"):
        explainer.explain(rows)
    with pytest.raises(ValueError, match="X has 4 features"):
        explainer.explain(X[:, :4])


@pytest.mark.parametrize(
    ("explainer", "params", "match"),
    [
        (IntegratedGradients, {"baseline": "median"}, "'baseline' parameter of IntegratedGrad"),
        (IntegratedGradients, {"tol": 0}, "'tol' parameter"),
        (IntegratedGradients, {"max_steps": 3}, "'max_steps' parameter"),
        (IntegratedGradients, {"smoothing": -1}, "'smoothing' parameter"),
        (DeepLIFT, {"baseline": None}, "'baseline' parameter of DeepLIFT"),
        (LRP, {"rule": "alpha"}, "'rule' parameter of LRP"),
        (LRP, {"rule": 1}, "'rule' parameter of LRP"),
        (LRP, {"epsilon": -1.0}, "'epsilon' parameter"),
        (LRP, {"gamma": "much"}, "'gamma' parameter"),
        (SmoothGrad, {"noise": 0}, "'noise' parameter"),
        (SmoothGrad, {"statistic": "median"}, "'statistic' parameter"),
        (SmoothGrad, {"n_draws": 1}, "'n_draws' parameter"),
        (GradientTimesInput, {"groups": {"g": [9]}}, "groups"),
    ],
)
def test_bad_parameters(explainer, params, match):
    with pytest.raises(ValueError, match=match):
        explainer(regressor(X), **params).fit(X)


def test_the_inside_of_a_model_for_other_uses():
    model, _ = make_model(classifier(X, 3), "auto", None, X)
    opened = find_differentiable(model, X)
    inputs = opened.encode(X[:4])
    responses, gradients = opened.gradients(inputs)
    np.testing.assert_allclose(responses, model(X[:4]), atol=1e-14)
    assert gradients.shape == (4, 5, 3)
    assert opened.owners.tolist() == [0, 1, 2, 3, 4]
