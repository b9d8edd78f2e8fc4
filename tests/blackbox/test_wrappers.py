"""What is looked through answers the same as the wrapper does."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.ensemble import BaggingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from surrogates.blackbox.wrappers import unwrap

X, Y = make_classification(n_samples=120, random_state=0)
GRID = {"C": [0.1, 1.0]}


@pytest.mark.parametrize("method", ["predict_proba", "decision_function", "predict"])
@pytest.mark.parametrize(
    "wrapper",
    [
        GridSearchCV(LogisticRegression(), GRID, cv=2),
        RandomizedSearchCV(LogisticRegression(), GRID, n_iter=2, cv=2, random_state=0),
        HalvingGridSearchCV(LogisticRegression(), GRID, cv=2, random_state=0),
        FrozenEstimator(LogisticRegression().fit(X, Y)),
        GridSearchCV(make_pipeline(LogisticRegression()), {"logisticregression__C": [1.0]}, cv=2),
        FrozenEstimator(GridSearchCV(LogisticRegression(), GRID, cv=2).fit(X, Y)),
    ],
)
def test_searches_and_frozen_estimators_hand_on_every_method(wrapper, method):
    fitted = wrapper.fit(X, Y)
    inner = unwrap(fitted, method)
    assert type(inner).__name__ in {"LogisticRegression", "Pipeline"}
    np.testing.assert_array_equal(getattr(inner, method)(X), getattr(fitted, method)(X))


@pytest.mark.parametrize(
    "wrapper",
    [
        FixedThresholdClassifier(LogisticRegression(), threshold=0.8),
        TunedThresholdClassifierCV(LogisticRegression(), cv=2, random_state=0),
        FixedThresholdClassifier(FrozenEstimator(LogisticRegression().fit(X, Y)), threshold=0.8),
        GridSearchCV(FixedThresholdClassifier(LogisticRegression()), {"threshold": [0.8]}, cv=2),
    ],
)
def test_thresholds_hand_on_scores_and_decide_themselves(wrapper):
    fitted = wrapper.fit(X, Y)
    for method in ("predict_proba", "decision_function", "predict_log_proba"):
        inner = unwrap(fitted, method)
        assert type(inner) is LogisticRegression
        if hasattr(fitted, method):
            np.testing.assert_array_equal(getattr(inner, method)(X), getattr(fitted, method)(X))
    decider = unwrap(fitted, "predict")
    assert "Threshold" in type(decider).__name__
    np.testing.assert_array_equal(decider.predict(X), fitted.predict(X))


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        CalibratedClassifierCV(LogisticRegression(), cv=2),
        BaggingClassifier(n_estimators=2, random_state=0),
    ],
)
def test_models_are_themselves(model):
    fitted = model.fit(X, Y)
    assert unwrap(fitted, "predict_proba") is fitted


def test_a_response_function_sees_the_wrapper_itself():
    fitted = GridSearchCV(LogisticRegression(), GRID, cv=2).fit(X, Y)
    assert unwrap(fitted, lambda search, rows: search.best_estimator_.predict(rows)) is fitted


def test_a_plain_function_is_itself():
    assert unwrap(np.sum, "__call__") is np.sum
