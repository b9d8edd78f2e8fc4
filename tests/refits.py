"""Leave-one-out by fitting again, the truth that influence is compared with."""

import numpy as np
from scipy.special import log_softmax, xlogy
from sklearn.base import clone

TIGHT = {"tol": 1e-12, "max_iter": 100_000}


def log_loss(model, X, y):
    margins = model.decision_function(X)
    codes = np.searchsorted(model.classes_, y)
    if margins.ndim == 1:
        return np.logaddexp(0.0, np.where(codes == 1, -margins, margins))
    return -log_softmax(margins, axis=1)[np.arange(len(y)), codes]


def squared_error(model, X, y):
    errors = model.predict(X) - y
    return np.square(errors.reshape(len(errors), -1)).sum(axis=1)


def squared_hinge(model, X, y):
    return np.square(np.maximum(0.0, 1.0 - _signs(model, y) * _columns(model, X))).sum(axis=1)


def margin_error(model, X, y):
    return np.square(_columns(model, X) - _signs(model, y)).sum(axis=1)


def poisson_deviance(model, X, y):
    mean = model.predict(X)
    return 2.0 * (xlogy(y, y / mean) - y + mean)


def gamma_deviance(model, X, y):
    mean = model.predict(X)
    return 2.0 * (np.log(mean / y) + y / mean - 1.0)


def _columns(model, X):
    return model.decision_function(X).reshape(len(X), -1)


def _signs(model, y):
    codes = np.searchsorted(model.classes_, y)[:, None]
    n_classes = len(model.classes_)
    classes = [1] if n_classes == 2 else range(n_classes)
    return np.where(codes == np.asarray(classes), 1.0, -1.0)


def refit(model, X, y, removed, sample_weight=None):
    """Return a clone of the model fitted without some rows."""
    kept = np.setdiff1d(np.arange(len(y)), removed)
    weights = {} if sample_weight is None else {"sample_weight": sample_weight[kept]}
    return clone(model).fit(X[kept], y[kept], **weights)


def leave_out(model, X, y, X_test, y_test, loss, groups=None, sample_weight=None):
    """Return changes of losses, of shape (n_test, n_groups); every row alone by default."""
    groups = [[row] for row in range(len(y))] if groups is None else groups
    everything = refit(model, X, y, [], sample_weight)
    base = loss(everything, X_test, y_test)
    return np.column_stack(
        [loss(refit(model, X, y, rows, sample_weight), X_test, y_test) - base for rows in groups]
    )


def relative_error(found, expected):
    """Return the error in the Frobenius norm, relative to what is expected."""
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)
