"""Gradients propose: slopes of margins, and what they bring to the search."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from surrogates import Counterfactuals
from surrogates.counterfactuals.batch import Judge
from surrogates.counterfactuals.columns import Composer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 8))
LABELS = np.where(X[:, 0] + np.sin(2 * X[:, 1]) + X[:, 2] * X[:, 3] > 0, "yes", "no")


def network(**parameters):
    return MLPClassifier(
        (16,), max_iter=61, tol=100.0, n_iter_no_change=59, random_state=0, **parameters
    )


def mixed_frame():
    purpose = RNG.choice(["car", "house", "tv"], 300)
    frame = pd.DataFrame({"amount": np.round(1000 * np.abs(X[:, 0])), "purpose": purpose})
    frame["age"] = np.round(40 + 10 * X[:, 1])
    y = np.where(frame["amount"] / 500 - (purpose == "car") + X[:, 1] > 1, "bad", "good")
    encoder = make_column_transformer(
        (OneHotEncoder(), make_column_selector(dtype_exclude="number")),
        (StandardScaler(), make_column_selector(dtype_include="number")),
    )
    return frame, make_pipeline(encoder, network(alpha=0.1)).fit(frame, y)


def read_slopes(search, rows):
    task = search.task_
    composer = Composer(task.constraints.columns, task.reference.rows, rows)
    responses, predicted = task.oracle(rows)
    judge = Judge(composer, task.constraints, task.cost, task.oracle, predicted, None)
    at = np.arange(len(predicted))
    margins = task.oracle.goal.margins(responses, predicted)
    return task.descent.reader(judge, at, composer.codes), margins, judge


def margin_of(search, rows, start):
    responses, _ = search.task_.oracle(rows)
    return search.task_.oracle.goal.margins(responses, start)


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic"])
def test_slopes_are_derivatives_of_margins(activation):
    model = make_pipeline(StandardScaler(), network(activation=activation)).fit(X, LABELS)
    search = Counterfactuals(model).fit(X)
    rows = X[:20]
    slopes, margins, judge = read_slopes(search, rows)
    np.testing.assert_allclose([own.margin for own in slopes], margins, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(judge.spent, 1)
    for column in range(X.shape[1]):
        shift = np.zeros(X.shape[1])
        shift[column] = 1e-6
        rise = margin_of(search, rows + shift, judge.start) - margin_of(
            search, rows - shift, judge.start
        )
        found = [own.of_numbers[column] for own in slopes]
        np.testing.assert_allclose(found, rise / 2e-6, rtol=1e-4, atol=1e-5)


def test_levels_gain_by_the_first_order_of_their_inputs():
    frame, model = mixed_frame()
    search = Counterfactuals(model).fit(frame)
    slopes, _, judge = read_slopes(search, frame.head(6))
    levels = search.task_.constraints.columns[1].levels.values
    opened = search.task_.descent.reader.opened
    for row, own in enumerate(slopes):
        here = frame.iloc[[row]]
        for code, level in enumerate(levels):
            there = here.assign(purpose=level)
            step = 1e-6 * (opened.encode(there) - opened.encode(here))
            start = search.task_.oracle.goal
            logits = [opened.responses(opened.encode(here) + side * step) for side in (-1, 1)]
            rise = (logits[1] - logits[0])[0, 0] * (-1.0 if judge.start[row] else 1.0)
            assert start.is_probability
            # the margin of two classes is twice the logit: own log odds less those of the other
            np.testing.assert_allclose(own.of_levels[1][code], 2 * rise / 2e-6, atol=1e-5)


def test_a_linear_network_is_solved_at_once():
    linear = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, LABELS)
    net = make_pipeline(StandardScaler(), network(activation="identity")).fit(X, LABELS)
    logistic = linear[-1]
    first, last = net[-1].coefs_
    logistic.coef_ = (first @ last).T
    logistic.intercept_ = net[-1].intercepts_[0] @ last + net[-1].intercepts_[1]
    limits = {"max_changes": 3, "ranges": {0: (-1, 1)}, "immutable": [4]}
    exact = Counterfactuals(linear, **limits).fit(X).explain(X[:30])
    search = Counterfactuals(net, max_model_rows=40, **limits).fit(X)
    found = search.explain(X[:30])
    np.testing.assert_array_equal(found.row, exact.row)
    np.testing.assert_allclose(found.cost, exact.cost, rtol=1e-5)


def test_saturated_probabilities_are_no_plateau():
    model = make_pipeline(StandardScaler(), network()).fit(X, LABELS)
    model[-1].coefs_[-1] *= 400
    model[-1].intercepts_[-1] *= 400
    assert np.median(model.predict_proba(X).max(axis=1)) == 1.0
    found = Counterfactuals(model, max_model_rows=100).fit(X).explain(X[:30])
    assert (found.status == "valid").all()
    plain = make_pipeline(StandardScaler(), network()).fit(X, LABELS)
    cost = Counterfactuals(plain, max_model_rows=100).fit(X).explain(X[:30]).cost
    np.testing.assert_allclose(np.median(found.cost / cost), 1.0, rtol=0.05)


def test_steps_of_a_black_box_are_crossed_by_real_rows():
    def hard(rows):
        sure = (rows.sum(axis=1) > 0).astype(float)
        return np.column_stack([1 - sure, sure])

    search = Counterfactuals(hard, ranges=dict.fromkeys(range(8), (-1.0, 1.0))).fit(X)
    assert search.task_.descent is None
    low = X[(X.sum(axis=1) < -3)][:5]
    assert (search.explain(low).status == "valid").all()


def test_never_worse_than_the_search_alone_and_within_its_budget():
    model = make_pipeline(StandardScaler(), network(alpha=0.01)).fit(X, LABELS)
    search = Counterfactuals(model, max_model_rows=80, immutable=[0]).fit(X)
    found = search.explain(X[:20])
    assert found.n_model_rows <= 20 * 80
    assert (model.predict(found.frame) != model.predict(X[found.row])).all()
    np.testing.assert_array_equal(found.frame[:, 0], X[found.row, 0])


def test_regression_into_an_interval_on_a_mixed_frame():
    frame, _ = mixed_frame()
    encoder = make_column_transformer(
        (OneHotEncoder(), make_column_selector(dtype_exclude="number")),
        (StandardScaler(), make_column_selector(dtype_include="number")),
    )
    net = MLPRegressor(
        hidden_layer_sizes=(16,), max_iter=61, tol=100.0, n_iter_no_change=59, random_state=0
    )
    y = frame["amount"] / 500 - frame["purpose"].eq("car") + X[:, 1]
    model = make_pipeline(encoder, net).fit(frame, y)
    search = Counterfactuals(model, desired_range=(2.0, 2.2), immutable=["age"]).fit(frame)
    assert search.task_.descent is not None
    found = search.explain(frame.head(20))
    answers = model.predict(found.frame)
    assert ((answers >= 2.0) & (answers <= 2.2)).all()
    assert (found.frame["age"].to_numpy() == frame["age"].to_numpy()[found.row]).all()
    assert set(found.frame["purpose"]) <= {"car", "house", "tv"}


@pytest.mark.parametrize("model", [LogisticRegression(), RandomForestClassifier(5)])
def test_where_a_proof_follows_gradients_are_not_asked(model):
    assert Counterfactuals(model.fit(X, LABELS)).fit(X).task_.descent is None
