"""Layer-wise relevance propagation: conservation, rules by hand, propositions, refusals."""

import numpy as np
import pytest
from perceptrons import ACTIVATIONS, classifier, regressor, table, without_biases
from sklearn.linear_model import LinearRegression, LogisticRegression

from surrogates import LRP, GradientTimesInput

X = table()
ROWS = X[:7]
RULES = ("zero", "epsilon", "gamma", "zB", "w2", "composite")


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_columns_bias_and_stabilizer_are_the_prediction(rule, activation):
    model = classifier(X, 3, activation=activation)
    explained = LRP(model, rule=rule, epsilon=0.01).fit(X).explain(ROWS)
    scale = np.abs(explained.values).sum(axis=1) + np.abs(explained.base_values)
    assert (np.abs(explained.additivity_gap) / scale).max() < 1e-12
    shares = explained.details["bias_share"] + explained.details["stabilizer_share"]
    np.testing.assert_array_equal(shares, explained.base_values)
    assert explained.output_names == ("0", "1", "2")


@pytest.mark.parametrize("rule", RULES)
def test_networks_without_biases_conserve(rule):
    model = without_biases(regressor(X, hidden=(12, 9)))
    explained = LRP(model, rule=rule, epsilon=0.0).fit(X).explain(ROWS)
    assert not explained.details["bias_share"].any()
    scale = np.abs(explained.values).sum(axis=1)
    gap = explained.predictions - explained.values.sum(axis=1)
    assert (np.abs(gap) / scale).max() < 1e-12


@pytest.mark.parametrize("hidden", [(9,), (9, 7, 5)])
def test_the_rule_zero_is_gradient_times_input(hidden):
    """Proposition 3: for networks of rectifiers, with or without biases."""
    model = regressor(X, hidden=hidden)
    product = GradientTimesInput(model).fit(X).explain(ROWS)
    for rule in ("zero", 0):
        explained = LRP(model, rule=rule).fit(X).explain(ROWS)
        np.testing.assert_allclose(explained.values, product.values, atol=1e-12)
        assert explained.params["rule"] == "zero"


def step_by_hand(values, weights, bias, relevance, share):
    """Return relevances of the units below a layer, and of its bias, one unit at a time."""
    below, lost = np.zeros(len(weights)), 0.0
    for unit in range(weights.shape[1]):
        parts, own = share(values, weights[:, unit], bias[unit])
        whole = parts.sum() + own
        below += parts / whole * relevance[unit]
        lost += own / whole * relevance[unit]
    return below, lost


def gamma_share(gamma):
    def share(values, weights, bias):
        up = weights + gamma * np.maximum(weights, 0.0)
        return values * up, bias + gamma * max(bias, 0.0)

    return share


def box_share(low, high):
    def share(values, weights, bias):
        up, down = np.maximum(weights, 0.0), np.minimum(weights, 0.0)
        return values * weights - low * up - high * down, 0.0

    return share


def square_share(values, weights, bias):
    return weights**2, 0.0


@pytest.mark.parametrize("rule", ["zero", "gamma", "zB", "w2", "composite"])
def test_rules_by_hand(rule):
    """Equation (2) of Samek et al. (2021), in which the bias is one more input of value 1."""
    model = regressor(X, hidden=(6, 4))
    explained = LRP(model, rule=rule, gamma=0.3, epsilon=0.0).fit(X).explain(ROWS[:1])
    plain, gamma = gamma_share(0.0), gamma_share(0.3)
    first = {"zB": box_share(X.min(axis=0), X.max(axis=0)), "w2": square_share}
    rules = {
        "zero": (plain, plain, plain),
        "gamma": (gamma, gamma, gamma),
        "zB": (first["zB"], plain, plain),
        "w2": (first["w2"], plain, plain),
        "composite": (first["zB"], gamma, plain),
    }[rule]
    values = [ROWS[0]]
    for coef, intercept in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        values.append(np.maximum(values[-1] @ coef + intercept, 0.0))
    relevance, bias = model.predict(ROWS[:1]), 0.0
    for layer in (2, 1, 0):
        weights = model.coefs_[layer], model.intercepts_[layer]
        relevance, lost = step_by_hand(values[layer], *weights, relevance, rules[layer])
        bias += lost
    np.testing.assert_allclose(explained.values[0, :, 0], relevance, rtol=1e-9, atol=1e-12)
    assert explained.details["bias_share"][0, 0] == pytest.approx(bias, rel=1e-9, abs=1e-12)


def test_a_large_gamma_is_the_rule_of_positive_weights():
    """Proposition 4: in the limit only positive weights count."""
    model = without_biases(regressor(np.abs(X), hidden=(6,)))
    rows = np.abs(ROWS)
    model.coefs_[1][:] = np.abs(model.coefs_[1])
    explained = LRP(model, rule="gamma", gamma=1e9).fit(np.abs(X)).explain(rows)
    up = np.maximum(model.coefs_[0], 0.0)
    hidden = np.maximum(rows @ model.coefs_[0], 0.0)
    relevance = hidden * model.coefs_[1][:, 0]
    expected = rows * ((relevance / (rows @ up)) @ up.T)
    np.testing.assert_allclose(explained.values[..., 0], expected, rtol=1e-6, atol=1e-9)


def test_gamma_messages_are_proportional_to_raised_weights():
    """Proposition 4: a unit's relevance is divided as a_j (w_jk + gamma w_jk+)."""
    model = without_biases(regressor(X, hidden=(1,)))
    explained = LRP(model, rule="gamma", gamma=0.5, epsilon=0.0).fit(X).explain(X)
    shares = X * (model.coefs_[0][:, 0] + 0.5 * np.maximum(model.coefs_[0][:, 0], 0.0))
    expected = shares / shares.sum(axis=1, keepdims=True) * model.predict(X)[:, None]
    np.testing.assert_allclose(explained.values[..., 0], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rule", ["zero", "epsilon", "composite"])
def test_linear_models(rule):
    """The relevance of a column is its weight times its value, that of the bias the intercept."""
    weights = np.array([1.0, -2.0, 0.5, 3.0, 0.0])
    model = LinearRegression().fit(X, X @ weights + 4.0)
    explained = LRP(model, rule=rule).fit(X).explain(ROWS)
    np.testing.assert_allclose(explained.values[..., 0], ROWS * weights, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(explained.details["bias_share"], 4.0, rtol=1e-6)


def test_the_stabilizer_absorbs():
    model = regressor(X)
    little = LRP(model, epsilon=1e-9).fit(X).explain(ROWS)
    much = LRP(model, epsilon=1.0).fit(X).explain(ROWS)
    assert np.abs(much.values).sum() < np.abs(little.values).sum()
    assert np.abs(little.details["stabilizer_share"]).max() < 1e-6
    assert np.abs(much.details["stabilizer_share"]).max() > 1e-3


def test_probabilities_are_refused():
    for model in (classifier(X), LogisticRegression().fit(X, X[:, 0] > 0)):
        with pytest.raises(ValueError, match="LRP explains logits, and predict_proba returns"):
            LRP(model, response_method="predict_proba").fit(X)
        explained = LRP(model).fit(X).explain(ROWS)
        assert explained.params["response_method"] == "decision_function"


def test_signs_of_the_first_class():
    model = classifier(X, 2, labels=["no", "yes"])
    both = LRP(model, target=["no", "yes"], rule="composite").fit(X).explain(ROWS)
    np.testing.assert_allclose(both.values[..., 0], -both.values[..., 1], rtol=1e-12)
    assert both.output_names == ("no", "yes")
    np.testing.assert_allclose(both.additivity_gap, 0.0, atol=1e-10)
