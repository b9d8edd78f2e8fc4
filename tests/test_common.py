"""scikit-learn's own checks for every public estimator that trains."""

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from surrogates import KernelSHAP


def row_means(X):
    """Accept any width, as the checks fit on tables of several widths."""
    return np.asarray(X, dtype=float).mean(axis=1)


EXPLAINERS = [
    KernelSHAP(model, random_state=0) for model in (row_means, Ridge(), LogisticRegression())
]


@parametrize_with_checks(EXPLAINERS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
