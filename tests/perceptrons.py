"""Networks of the gradient tests, and their derivatives by hand."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

ACTIVATIONS = ("relu", "tanh", "logistic", "identity")


def table(n_rows=80, n_columns=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n_rows, n_columns))


def regressor(X, hidden=(9, 7), activation="relu", seed=0):
    """Return a network of random weights with biases."""
    y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2]
    return trained(MLPRegressor(hidden_layer_sizes=hidden, activation=activation), X, y, seed)


def classifier(X, n_classes=2, hidden=(9, 7), activation="relu", seed=0, labels=None):
    score = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2]
    codes = np.digitize(score, np.quantile(score, np.arange(1, n_classes) / n_classes))
    y = codes if labels is None else np.asarray(labels)[codes]
    return trained(MLPClassifier(hidden_layer_sizes=hidden, activation=activation), X, y, seed)


def trained(model, X, y, seed=0, max_iter=40):
    model.set_params(max_iter=max_iter, random_state=seed, learning_rate_init=0.03)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


def without_biases(model):
    """Set the biases of a fitted network to zero."""
    for intercept in model.intercepts_:
        intercept[:] = 0.0
    return model


def difference_quotients(function, X, step=1e-6):
    """Return central differences of a function of rows: (n_rows, n_columns, n_outputs)."""
    columns = []
    for shift in step * np.eye(X.shape[1]):
        rise = function(X + shift) - function(X - shift)
        columns.append(np.reshape(rise, (len(X), -1)) / (2 * step))
    return np.stack(columns, axis=1)
