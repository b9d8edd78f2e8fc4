"""Suspects, validation, diagnostics of regression, groups, refits of any model."""

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from refits import TIGHT, leave_out, log_loss, refit, relative_error, squared_error
from sklearn.base import BaseEstimator
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from surrogates import InfluenceFunctions

RNG = np.random.default_rng(0)
X, Y = (part[:150] for part in load_breast_cancer(return_X_y=True))
X = X[:, :5]
AMOUNT = X[:, 0] + RNG.normal(size=150)
NAMES = list("abcde")
MODEL = make_pipeline(StandardScaler(), LogisticRegression(**TIGHT)).fit(X, Y)


def test_wrong_labels_are_found_again():
    table, labels = load_breast_cancer(return_X_y=True)
    flipped = np.random.default_rng(3).permutation(len(labels))[: len(labels) // 10]
    noisy = labels.copy()
    noisy[flipped] = 1 - noisy[flipped]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(table, noisy)
    explainer = InfluenceFunctions(model).fit(table, noisy)
    recall = {
        order: np.isin(explainer.label_suspects(2 * len(flipped), order).index, flipped).sum()
        / len(flipped)
        for order in ("rank", "loss", "self_influence", "knn_shapley")
    }
    assert min(recall.values()) > 0.9
    frame = explainer.label_suspects(len(flipped))
    assert list(frame.columns) == ["label", "loss", "self_influence", "knn_shapley", "rank"]
    assert frame["rank"].is_monotonic_increasing
    assert np.isin(frame.index, flipped).mean() > 0.8
    by_loss = explainer.label_suspects(5, "loss")
    assert by_loss["loss"].is_monotonic_decreasing
    first = by_loss.index[0]
    assert by_loss["label"].iloc[0] == noisy[first]
    assert by_loss["loss"].iloc[0] == pytest.approx(
        -np.log(model.predict_proba(table[[first]])[0, noisy[first]]), rel=1e-3
    )


def test_suspects_of_a_regressor_and_of_text():
    model = Ridge().fit(X, AMOUNT)
    frame = InfluenceFunctions(model).fit(X, AMOUNT).label_suspects(3)
    assert frame["knn_shapley"].isna().all()
    order = np.argsort(-np.square(model.predict(X) - AMOUNT))[:3]
    assert list(frame.index) == list(order)
    with pytest.raises(ValueError, match="sort_by"):
        InfluenceFunctions(model).fit(X, AMOUNT).label_suspects(3, "knn_shapley")
    with pytest.raises(ValueError, match="'k' parameter"):
        InfluenceFunctions(model).fit(X, AMOUNT).label_suspects(0)


def test_dfbetas_of_least_squares_are_those_of_the_definition():
    """Belsley, Kuh and Welsch: s_(i) without the row, (X'X)^-1 with it."""
    model = LinearRegression().fit(X, AMOUNT)
    frame = pd.DataFrame(X, columns=NAMES, index=np.arange(150) + 7)
    explainer = InfluenceFunctions(LinearRegression().fit(frame, AMOUNT)).fit(frame, AMOUNT)
    found = explainer.dfbetas()
    assert list(found.columns) == [*NAMES, "intercept"]
    assert list(found.index[:2]) == [7, 8]
    design = np.column_stack([X, np.ones(150)])
    root = np.sqrt(np.diag(np.linalg.inv(design.T @ design)))
    full = np.append(model.coef_, model.intercept_)
    for row in (0, 40, 149):
        other = refit(model, X, AMOUNT, [row])
        kept = np.arange(150) != row
        residuals = AMOUNT[kept] - other.predict(X[kept])
        sigma = np.sqrt(np.square(residuals).sum() / (149 - 6))
        expected = (full - np.append(other.coef_, other.intercept_)) / (sigma * root)
        np.testing.assert_allclose(found.iloc[row], expected, rtol=1e-6)


@pytest.mark.parametrize("case", ["logistic", "poisson", "classes"])
def test_dfbetas_of_unpenalised_models_equal_refits(case):
    scaled = StandardScaler().fit_transform(X)[:, :3]
    rng = np.random.default_rng(5)
    score = scaled @ [1.0, -0.5, 0.3] + rng.logistic(size=150)
    model, y = {
        "logistic": (LogisticRegression(C=np.inf, **TIGHT), (score > 0).astype(int)),
        "poisson": (PoissonRegressor(alpha=0.0, **TIGHT), rng.poisson(np.exp(0.2 * score))),
        "classes": (LogisticRegression(C=np.inf, solver="newton-cholesky", **TIGHT),
                    np.digitize(score, [-1.0, 1.0])),
    }[case]  # fmt: skip
    model.fit(scaled, y)
    found = InfluenceFunctions(model, method="exact").fit(scaled, y).dfbetas().to_numpy()

    def parameters(fitted):
        coef, constant = np.atleast_2d(fitted.coef_), np.ravel(fitted.intercept_)
        coef, constant = (
            coef - coef.mean(axis=0) * (len(coef) > 1),
            constant - constant.mean() * (len(coef) > 1),
        )
        return np.column_stack([coef, constant]).ravel()

    changes = np.array(
        [parameters(model) - parameters(refit(model, scaled, y, [i])) for i in range(9)]
    )
    ratio = changes / found[:9]
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[0], ratio.shape), rtol=2e-3)
    if case == "logistic":
        design = np.column_stack([scaled, np.ones(150)])
        share = model.predict_proba(scaled)[:, 1]
        covariance = np.linalg.inv(design.T @ ((share * (1 - share))[:, None] * design))
        np.testing.assert_allclose(ratio[0], np.sqrt(np.diag(covariance)), rtol=1e-3)


def test_dfbetas_names_and_refusals():
    table = pd.DataFrame(X, columns=NAMES)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(table, Y)
    frame = InfluenceFunctions(model).fit(table, Y).dfbetas()
    assert list(frame.columns) == [*NAMES, "intercept"]
    for other in (LinearSVC(), RandomForestClassifier(3)):
        with pytest.raises(ValueError, match="dfbetas"):
            InfluenceFunctions(other.fit(X, Y)).fit(X, Y).dfbetas()
    with pytest.raises(ValueError, match="similarity belongs to forests"):
        InfluenceFunctions(MODEL).fit(X, Y).similarity(X)


def test_validate_prints_what_it_measures(capsys):
    explainer = InfluenceFunctions(MODEL, random_state=0).fit(X, Y)
    frame = explainer.validate(n=6)
    printed = capsys.readouterr().out
    assert "6 rows left out one at a time, 150 rows judged" in printed
    assert list(frame.index) == ["last step fitted again", "whole Pipeline fitted again"]
    assert frame.loc["last step fitted again", "pearson"] > 0.9999
    assert frame.loc["last step fitted again", "relative_error"] < 1e-2
    assert frame.loc["whole Pipeline fitted again", "pearson"] > 0.9
    forest = RandomForestClassifier(10, random_state=0).fit(X, Y)
    frame = InfluenceFunctions(forest, random_state=0).fit(X, Y).validate(4, X[:50], Y[:50])
    assert "refits of two seeds with each other" in frame.index
    with pytest.raises(ValueError, match="'n' parameter"):
        explainer.validate(0)


def test_groups_have_names_and_default_rows():
    explainer = InfluenceFunctions(MODEL).fit(X, Y)
    groups = {"first": range(10), "harmful": Y == 0}
    influence = explainer.remove(groups)
    assert influence.values.shape == (150, 2)
    assert list(influence.train_index) == ["first", "harmful"]
    assert list(influence.train_data["n_rows"]) == [10, int((Y == 0).sum())]
    top = influence[0].top(2)
    assert set(top["train"]) == {"first", "harmful"}


@pytest.mark.parametrize("kind", ["classifier", "regressor", "labels"])
def test_retraining_any_model(kind):
    model, y = {
        "classifier": (AdaBoostClassifier(n_estimators=3, random_state=0), Y[:40]),
        "regressor": (KNeighborsRegressor(3), AMOUNT[:40]),
        "labels": (Voter(), np.where(Y[:40] == 1, "good", "bad")),
    }[kind]
    model.fit(X[:40], y)
    explainer = InfluenceFunctions(model, method="retrain").fit(X[:40], y)
    influence = explainer.explain(X[40:50], y[:10])

    def loss(fitted, rows, labels):
        if kind == "regressor":
            return squared_error(fitted, rows, labels)
        if kind == "labels":
            return (fitted.predict(rows) != labels).astype(float)
        shares = fitted.predict_proba(rows)
        return -np.log(shares[np.arange(len(rows)), labels])

    expected = leave_out(model, X[:40], y, X[40:50], y[:10], loss)
    np.testing.assert_allclose(influence.values, expected, atol=1e-12)
    own = leave_out(model, X[:40], y, X[:40], y, loss)
    np.testing.assert_allclose(explainer.self_influence_, np.diag(own), atol=1e-12)
    groups = explainer.remove([[0, 1, 2]], X[40:50], y[:10])
    together = leave_out(model, X[:40], y, X[40:50], y[:10], loss, [[0, 1, 2]])
    np.testing.assert_allclose(groups.values, together, atol=1e-12)


def test_retraining_includes_the_preprocessing():
    args = (X[:40], Y[:40], X[40:44], Y[40:44])
    expected = leave_out(MODEL, *args, log_loss)
    explainer = InfluenceFunctions(clone_fitted(), method="retrain", n_jobs=2).fit(X[:40], Y[:40])
    with parallel_config(backend="threading"):
        influence = explainer.explain(X[40:44], Y[40:44])
    assert influence.details["preprocessing"] == "refitted"
    assert relative_error(influence.values, expected) < 1e-6


def clone_fitted():
    return make_pipeline(StandardScaler(), LogisticRegression(**TIGHT)).fit(X[:40], Y[:40])


class Voter(BaseEstimator):
    """Predicts the most common label, alone among classifiers without probabilities."""

    def fit(self, X, y):
        self.classes_, counts = np.unique(y, return_counts=True)
        self.winner_ = self.classes_[np.argmax(counts)]
        return self

    def predict(self, X):
        return np.full(len(X), self.winner_)
