"""scikit-learn's own checks for every public estimator that trains."""

from functools import partial

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from surrogates import (
    LEMNA,
    LIME,
    LRP,
    Counterfactuals,
    DeepLIFT,
    DistilledTreeClassifier,
    DistilledTreeRegressor,
    Gradient,
    GradientTimesInput,
    InfluenceFunctions,
    IntegratedGradients,
    KernelSHAP,
    Occlusion,
    SmoothGrad,
    SoftDecisionTreeClassifier,
    TrepanClassifier,
    TrepanRegressor,
)


def row_means(X):
    """Accept any width, as the checks fit on tables of several widths."""
    return np.asarray(X, dtype=float).mean(axis=1)


MODELS = (row_means, Ridge(), LogisticRegression())
GRADIENTS = (
    Gradient,
    GradientTimesInput,
    IntegratedGradients,
    partial(SmoothGrad, random_state=0),
    LRP,
    DeepLIFT,
)
EXPLAINERS = [
    *(KernelSHAP(model, random_state=0) for model in MODELS),
    *(LEMNA(model, n_samples=64, random_state=0) for model in MODELS),
    *(LIME(model, n_samples=1024, random_state=0) for model in MODELS),
    *(Occlusion(model, random_state=0) for model in MODELS),
    *(explainer(model) for explainer in GRADIENTS for model in MODELS[1:]),
    *(Counterfactuals(model, random_state=0) for model in MODELS),
    *(InfluenceFunctions(model) for model in MODELS[1:]),
    TrepanClassifier(LogisticRegression(), n_queries=300, random_state=0),
    TrepanRegressor(Ridge(), n_queries=300, random_state=0),
    DistilledTreeClassifier(LogisticRegression(), n_queries=300, random_state=0),
    DistilledTreeRegressor(Ridge(), n_queries=300, random_state=0),
    *(SoftDecisionTreeClassifier(own, n_init=1, random_state=0) for own in (None, MODELS[2])),
]


def failing_checks(_):
    """Return the checks that fail whatever is checked, with the reason."""
    if tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 7):
        return {}
    reason = "scikit-learn 1.6 subtracts floats from an array of integers in place"
    return {"check_positive_only_tag_during_fit": reason}


@parametrize_with_checks(EXPLAINERS, expected_failed_checks=failing_checks)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
