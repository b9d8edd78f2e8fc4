"""Networks: exact curvature, and influence that agrees with training on."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from surrogates import InfluenceFunctions
from surrogates.influence.engine import Training
from surrogates.influence.networks import read_network

CANCER, LABELS = (part[::5] for part in load_breast_cancer(return_X_y=True))
CANCER = StandardScaler().fit_transform(CANCER)[:, :8]
WINE, KINDS = (part[::2] for part in load_wine(return_X_y=True))
WINE = StandardScaler().fit_transform(WINE)[:, :5]
AMOUNT = CANCER[:, 0] ** 2 + CANCER[:, 1]
LONG = {"solver": "lbfgs", "alpha": 1.0, "max_iter": 5000, "tol": 1e-10, "random_state": 0}


def read(model, X, y, weights=None):
    weights = np.ones(len(y)) if weights is None else weights
    return read_network(Training(model, X, np.asarray(y), weights, True))


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("kind", ["binary", "classes", "numbers"])
def test_curvature_equals_differences_of_gradients(activation, kind):
    X, y = {"binary": (CANCER, LABELS), "classes": (WINE, KINDS), "numbers": (CANCER, AMOUNT)}[kind]
    cls = MLPRegressor if kind == "numbers" else MLPClassifier
    model = cls(hidden_layer_sizes=(4, 3), activation=activation, solver="lbfgs", max_iter=30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.set_params(random_state=0, alpha=0.3).fit(X, y)
    network = read(model, X, y, np.linspace(0.5, 2.0, len(y)))
    theta, step = network.theta, 1e-6
    shifts = step * np.eye(len(theta))
    gradients = [network.objective(theta + s)[1] - network.objective(theta - s)[1] for s in shifts]
    curvature = network.curvature()
    scale = np.abs(curvature).max()
    tolerance = 1e-3 if activation == "relu" else 1e-6  # a step may cross a kink
    np.testing.assert_allclose(curvature, np.array(gradients) / (2 * step), atol=tolerance * scale)
    values = [network.objective(theta + s)[0] - network.objective(theta - s)[0] for s in shifts]
    gradient = network.objective(theta)[1]
    np.testing.assert_allclose(gradient, np.array(values) / (2 * step), atol=1e-4)
    jacobian = network.jacobian(X[:3]).reshape(-1, len(theta))
    moved = np.array(
        [
            (network.at(theta + s).margins(X[:3]) - network.at(theta - s).margins(X[:3])).ravel()
            for s in shifts
        ]
    )
    np.testing.assert_allclose(jacobian.T, moved / (2 * step), atol=1e-5)


def test_a_network_without_hidden_units_is_a_linear_model():
    """An identity layer of full width: influence equals that of logistic regression."""
    model = LogisticRegression(tol=1e-12, max_iter=1000).fit(CANCER, LABELS)
    expected = InfluenceFunctions(model, method="first_order").fit(CANCER, LABELS)
    network = MLPClassifier((8,), activation="identity", **LONG).fit(CANCER, LABELS)
    found = InfluenceFunctions(network, method="first_order").fit(CANCER, LABELS)
    first, second = (e.explain(CANCER, LABELS).values.ravel() for e in (expected, found))
    assert np.corrcoef(first, second)[0, 1] > 0.95


@pytest.mark.parametrize("kind", ["binary", "classes", "numbers"])
def test_influence_agrees_with_training_on(kind, capsys):
    X, y = {"binary": (CANCER, LABELS), "classes": (WINE, KINDS), "numbers": (CANCER, AMOUNT)}[kind]
    X, y = X[:60], y[:60]
    cls = MLPRegressor if kind == "numbers" else MLPClassifier
    model = cls(hidden_layer_sizes=(3,), activation="tanh", **LONG).fit(X, y)
    methods = ("first_order", "newton", "auto", "exact")
    frames = {}
    for method in methods if kind == "binary" else methods[:-1]:
        explainer = InfluenceFunctions(model, method=method, random_state=0).fit(X, y)
        frames[method] = explainer.validate(4).loc["trained on without the row"]
    assert "4 rows left out one at a time" in capsys.readouterr().out
    if kind == "binary":
        assert frames["exact"]["pearson"] > 0.999
    assert frames["auto"]["pearson"] > 0.85


def test_auto_takes_the_step_that_its_objective_likes_best():
    model = MLPRegressor(hidden_layer_sizes=(3,), activation="tanh", **LONG).fit(CANCER, AMOUNT)
    engines = {
        method: InfluenceFunctions(model, method=method).fit(CANCER, AMOUNT).engine_
        for method in ("first_order", "newton", "auto")
    }
    theta = engines["auto"].network.theta
    for row in range(0, 110, 10):
        reduced = engines["auto"].network.without(np.array([row]))
        values = {
            method: reduced.objective(theta + engine.changes.changes[row])[0]
            for method, engine in engines.items()
        }
        assert values["auto"] <= min(values["first_order"], values["newton"]) + 1e-9


def test_groups_and_predictions():
    model = MLPClassifier((3,), activation="tanh", **LONG).fit(CANCER, LABELS)
    for method in ("first_order", "newton", "exact"):
        explainer = InfluenceFunctions(model, method=method).fit(CANCER, LABELS)
        rows = explainer.explain(CANCER[:4], LABELS[:4]).values[:, :2]
        groups = explainer.remove([[0], [1]], CANCER[:4], LABELS[:4]).values
        np.testing.assert_allclose(groups, rows, rtol=1e-5, atol=1e-9)
    prediction = InfluenceFunctions(model, method="newton", of="prediction").fit(CANCER, LABELS)
    moved = prediction.explain(CANCER[:4]).values + model.predict_proba(CANCER[:4])[:, [1]]
    loss = InfluenceFunctions(model, method="newton").fit(CANCER, LABELS)
    values = loss.explain(CANCER[:4], np.ones(4, dtype=int)).values
    before = np.log(model.predict_proba(CANCER[:4])[:, [1]])
    np.testing.assert_allclose(values, before - np.log(moved), atol=1e-9)


def test_damping_and_negative_curvature():
    model = MLPClassifier((4,), activation="relu", solver="lbfgs", alpha=1e-3, max_iter=3000)
    model.set_params(random_state=1).fit(CANCER, LABELS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = [
            InfluenceFunctions(model, damping=damping).fit(CANCER, LABELS)
            for damping in ("auto", 0.1)
        ]
    assert found[0].details_["damping"] in (0.0, 1e-3)
    assert found[1].details_["damping"] == 0.1
    sizes = [np.abs(explainer.explain(CANCER, LABELS).values).sum() for explainer in found]
    assert sizes[1] < sizes[0]


def test_refusals_and_warnings():
    early = MLPClassifier((3,), max_iter=5, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        early.fit(CANCER, LABELS)
        large = MLPClassifier((200, 50), max_iter=2).fit(CANCER, LABELS)
    with pytest.warns(ConvergenceWarning, match="norm of the gradient"):
        InfluenceFunctions(early).fit(CANCER, LABELS)
    with pytest.raises(ValueError, match="parameters, but its exact curvature"):
        InfluenceFunctions(large).fit(CANCER, LABELS)
