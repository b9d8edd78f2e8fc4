"""Sanity checks: what depends on the model passes, what does not is found out."""

import numpy as np
import pytest
from attributions import bare_attribution
from joblib import parallel_config
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from surrogates import KernelSHAP
from surrogates.base import AttributionExplainer
from surrogates.blackbox.model import make_model
from surrogates.metrics import label_randomization, model_randomization, permute_parameters

X, Y = load_diabetes(return_X_y=True)
ROWS = X[:40]


class Blind(AttributionExplainer):
    """Explains by the size of the values, whatever the model."""

    def __init__(self, estimator, *, n_jobs=None, verbose=False, random_state=None):
        self.estimator = estimator
        self.n_jobs, self.verbose, self.random_state = n_jobs, verbose, random_state

    def fit(self, X, y=None):
        X = self._check_reference(X)
        self.estimator_ = self._fit_estimator(X, y, None)
        self.model_, _ = make_model(self.estimator_, "auto", None, X)
        self.reference_ = type("Reference", (), {"rows": X, "weights": np.ones(len(X))})()
        return self

    def _explain(self, X):
        return bare_attribution(np.asarray(X)[:, :, None], output_names=self.model_.output_names)


@pytest.mark.parametrize("model", [Ridge(), make_pipeline(StandardScaler(), Ridge())])
def test_labels(model):
    honest = label_randomization(KernelSHAP(model, random_state=0), X, Y, ROWS, random_state=0)
    assert honest.shape == (40,)
    assert honest.mean() > 0.4
    blind = label_randomization(Blind(model), X, Y, ROWS, random_state=0)
    np.testing.assert_allclose(blind, 0.0, atol=1e-12)


def test_fitted_explainers_are_left_as_they_are():
    model = Ridge().fit(X, Y)
    explainer = KernelSHAP(model, random_state=0).fit(X)
    before, coefficients = explainer.explain(ROWS).values.copy(), model.coef_.copy()
    label_randomization(explainer, X, Y, ROWS, random_state=0)
    model_randomization(explainer, X, Y, ROWS, random_state=0)
    np.testing.assert_array_equal(explainer.explain(ROWS).values, before)
    np.testing.assert_array_equal(model.coef_, coefficients)
    assert explainer.estimator is model


def test_frozen_models_are_fitted_again():
    frozen = FrozenEstimator(Ridge().fit(X, Y))
    assert label_randomization(KernelSHAP(frozen), X, Y, ROWS, random_state=0).mean() > 0.3


def test_callables_cannot_be_fitted_again():
    with pytest.raises(TypeError, match="must wrap a scikit-learn estimator"):
        label_randomization(KernelSHAP(lambda X: X[:, 0]), X, Y)


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(max_iter=5000),
        make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=50, random_state=0)),
        DecisionTreeClassifier(random_state=0),
        RandomForestClassifier(5, random_state=0),
        GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [3, 4]}, cv=2),
    ],
)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_parameters_of_many_models_are_permuted(model):
    data, labels = load_breast_cancer(return_X_y=True)
    model = clone(model).fit(data, labels)
    before = model.predict_proba(data)
    other = permute_parameters(model, np.random.default_rng(0))
    assert not np.allclose(other.predict_proba(data), before)
    np.testing.assert_array_equal(model.predict_proba(data), before)


def test_model_randomization():
    model = GradientBoostingRegressor(n_estimators=20, random_state=0).fit(X, Y)
    explainer = KernelSHAP(model, n_background=20, random_state=0).fit(X)
    honest = model_randomization(explainer, X, Y, ROWS, random_state=0, n_repeats=3)
    assert honest.shape == (40,)
    assert honest.mean() > 0.2
    blind = model_randomization(Blind(model).fit(X), X, Y, ROWS, random_state=0)
    np.testing.assert_allclose(blind, 0.0, atol=1e-12)


def test_a_model_of_ones_own():
    model = KNeighborsClassifier().fit(X, Y > 100)
    explainer = KernelSHAP(model, n_background=10, random_state=0).fit(X)
    with pytest.raises(TypeError, match="parameters of KNeighborsClassifier are not known"):
        model_randomization(explainer, X, Y, ROWS)

    def reverse(model, rng):
        return KNeighborsClassifier().fit(X[:, ::-1], rng.permutation(Y) > 100)

    found = model_randomization(explainer, X, Y, ROWS[:5], randomize=reverse, n_repeats=1)
    assert (found > 0.0).all()


def test_seeds_and_workers():
    explainer = KernelSHAP(Ridge(), random_state=0)
    first = label_randomization(explainer, X, Y, ROWS, random_state=5)
    with parallel_config(backend="threading"):
        second = label_randomization(explainer, X, Y, ROWS, random_state=5, n_jobs=2)
    np.testing.assert_array_equal(second, first)
    assert not np.array_equal(label_randomization(explainer, X, Y, ROWS, random_state=6), first)


def test_bad_input():
    with pytest.raises(ValueError, match="'n_repeats' parameter"):
        label_randomization(KernelSHAP(Ridge()), X, Y, n_repeats=0)
    with pytest.raises(ValueError, match="y must have one value for each"):
        label_randomization(KernelSHAP(Ridge()), X, Y[:-1])
    with pytest.raises(ValueError, match="y must have one value for each"):
        label_randomization(KernelSHAP(Ridge()), X, None)
