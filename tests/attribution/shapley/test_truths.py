"""Values that are known from theory, or by brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truths import as_model, shapley_by_enumeration, shapley_of_model

from surrogates import KernelSHAP


def explain_game(value, n_players, **params):
    explainer = KernelSHAP(as_model(value), random_state=0, **params)
    return explainer.fit(np.zeros((1, n_players))).explain(np.ones((1, n_players)))


def cooking(present):
    worth = {"": 10, "A": 4, "B": 3, "C": 2, "AB": 9, "AC": 8, "BC": 7, "ABC": 15}
    return worth["".join(np.array(list("ABC"))[present])]


def glove(present):
    return float(present[0] and present[1:].any())


def airport(present):
    return np.array([1.0, 2.0, 5.0, 8.0])[present].max(initial=0.0)


def weighted_vote(present):
    return float(np.array([4, 3, 2, 1])[present].sum() >= 6)


def shared_and_pair(present):
    return present.mean() + float(present[1] and present[2])


def discounted(present):
    size = present.sum()
    return size - 0.1 * size * (size - 1) / 2


KNOWN = [
    (cooking, [2.0 + 2 / 3, 1.0 + 2 / 3, 2 / 3]),
    (glove, [2 / 3, 1 / 6, 1 / 6]),
    (airport, [0.25, 0.25 + 1 / 3, 0.25 + 1 / 3 + 1.5, 0.25 + 1 / 3 + 1.5 + 3.0]),
    (weighted_vote, [5 / 12, 1 / 4, 1 / 4, 1 / 12]),
    (shared_and_pair, [1 / 7, 1 / 7 + 0.5, 1 / 7 + 0.5, 1 / 7, 1 / 7, 1 / 7, 1 / 7]),
    (discounted, [0.5] * 11),
]


@pytest.mark.parametrize(
    ("value", "expected"), KNOWN, ids=lambda case: getattr(case, "__name__", "")
)
def test_known_games(value, expected):
    explanation = explain_game(value, len(expected), method="exact")
    np.testing.assert_allclose(explanation.values[0, :, 0], expected, atol=1e-9)
    assert (explanation.std_errors == 0).all()


def test_security_council():
    """Nine of fifteen votes and all five permanent members pass a resolution."""

    def value(present):
        return float(present[:5].all() and present.sum() >= 9)

    exact = explain_game(value, 15, method="exact").values[0, :, 0]
    np.testing.assert_allclose(exact[:5], 421 / 2145, atol=1e-9)
    np.testing.assert_allclose(exact[5:], 4 / 2145, atol=1e-9)
    sampled = explain_game(value, 15, n_coalitions=4000, method="sampling")
    errors = np.abs(sampled.values[0, :, 0] - exact)
    assert errors.max() < 0.02
    assert (errors <= 4 * sampled.std_errors[0, :, 0] + 1e-12).all()


def quadratic(seed, n_players):
    rng = np.random.default_rng(seed)
    pairs, single = rng.normal(size=(n_players, n_players)), rng.normal(size=n_players)
    return lambda present: float(present @ pairs @ present + single @ present + 3.0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 9), st.booleans())
def test_pairs_make_quadratic_games_exact(seed, n_players, tight):
    """Any full-rank paired design is exact for games of order two (arXiv:2601.18608)."""
    value = quadratic(seed, n_players)
    budget = 6 * n_players if tight else 20 * n_players
    explanation = explain_game(value, n_players, n_coalitions=budget, method="sampling")
    expected = shapley_by_enumeration(value, n_players)
    np.testing.assert_allclose(explanation.values[0, :, 0], expected, atol=1e-9)


def cubic(seed, n_players):
    rng = np.random.default_rng(seed)
    triples = rng.normal(size=(n_players,) * 3)
    return lambda present: float(np.einsum("ijk,i,j,k", triples, *[present.astype(float)] * 3))


@pytest.mark.parametrize("seed", range(3))
def test_higher_orders_against_enumeration(seed):
    value, n_players = cubic(seed, 9), 9
    expected = shapley_by_enumeration(value, n_players)
    exact = explain_game(value, n_players, n_coalitions=2**n_players)
    np.testing.assert_allclose(exact.values[0, :, 0], expected, atol=1e-9)
    sampled = explain_game(value, n_players, n_coalitions=300, method="sampling")
    assert 0 < np.abs(sampled.values[0, :, 0] - expected).max() < 0.5 * np.abs(expected).max()


def test_even_games_change_nothing():
    """A game with v(S) = v(complement) that is zero at both ends has no Shapley values."""
    odd = cubic(0, 9)

    def with_even(present):
        size = present.sum()
        return odd(present) + 7.0 * size * (9 - size)

    params = {"n_coalitions": 200, "method": "sampling"}
    np.testing.assert_allclose(
        explain_game(with_even, 9, **params).values,
        explain_game(odd, 9, **params).values,
        atol=1e-10,
    )


def test_linear_model_in_closed_form():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 4))
    coef = np.array([1.0, 2.0, 0.0, -3.0])
    explainer = KernelSHAP(Linear(coef), n_background=None, random_state=0).fit(X)
    explanation = explainer.explain(X[:5])
    np.testing.assert_allclose(
        explanation.values[:, :, 0], (X[:5] - X.mean(axis=0)) * coef, atol=1e-10
    )


class Linear:
    def __init__(self, coef):
        self.coef = coef

    def __call__(self, X):
        return X @ self.coef


@pytest.mark.parametrize("n_columns", [4, 10])
def test_null_model(n_columns):
    explanation = explain_game(lambda present: 0.5, n_columns)
    assert (explanation.values == 0).all()
    assert (explanation.std_errors == 0).all()


def test_constant_columns_get_nothing():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 6))
    X[:, 2] = 4.0

    def model(Z):
        return Z[:, 0] * Z[:, 1] * Z[:, 2] + np.sin(Z[:, 3]) * Z[:, 4]

    explanation = KernelSHAP(model, n_coalitions=24, random_state=0).fit(X).explain(X[:5])
    assert (explanation.values[:, 2] == 0).all()
    assert (explanation.std_errors[:, 2] == 0).all()


def test_large_offsets_are_no_constants():
    """A timestamp varies, however small its range is beside its size."""
    rng = np.random.default_rng(0)
    X = np.column_stack([1.7e9 + rng.uniform(-3000, 3000, 50), rng.normal(size=(50, 2))])

    def model(Z):
        return (Z[:, 0] - 1.7e9) / 1000 + Z[:, 1]

    values = KernelSHAP(model, n_background=None).fit(X).explain(X[:3]).values[:, :, 0]
    np.testing.assert_allclose(values[:, 0], (X[:3, 0] - X[:, 0].mean()) / 1000, atol=1e-9)
    np.testing.assert_allclose(values[:, 1], X[:3, 1] - X[:, 1].mean(), atol=1e-9)
    np.testing.assert_allclose(values[:, 2], 0, atol=1e-12)


def test_tiny_scales_are_no_constants():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 2)) * [1e-12, 1.0]
    explainer = KernelSHAP(lambda Z: 1e12 * Z[:, 0] + Z[:, 1], n_background=None).fit(X)
    values = explainer.explain(X[:2]).values[:, :, 0]
    np.testing.assert_allclose(values, (X[:2] - X.mean(axis=0)) * [1e12, 1.0], atol=1e-9)


def wavy(Z):
    Z = np.asarray(Z, dtype=float)
    return np.tanh(Z[:, 0] * Z[:, 1]) + Z[:, 2] * Z[:, 3] * np.cos(Z[:, 4]) + np.sin(Z[:, 5])


@pytest.mark.parametrize("design", ["crossed", "shared"])
@pytest.mark.parametrize("weighted", [False, True])
def test_enumeration_equals_brute_force(design, weighted):
    rng = np.random.default_rng(1)
    reference, rows = rng.normal(size=(7, 6)), rng.normal(size=(3, 6))
    reference[2, :3] = rows[0, :3]  # players that do not differ
    weights = rng.integers(1, 4, 7).astype(float) if weighted else None
    explainer = KernelSHAP(wavy, design=design, n_background=None).fit(
        reference, sample_weight=weights
    )
    explanation = explainer.explain(rows)
    for row, values in zip(rows, explanation.values[:, :, 0], strict=True):
        np.testing.assert_allclose(
            values, shapley_of_model(wavy, row, reference, weights), atol=1e-10
        )


def probability(Z):
    return 1 / (1 + np.exp(-wavy(Z)))


def logit(p):
    return np.log(p / (1 - p))


def cube_root(p):
    return np.cbrt(p)


@pytest.mark.parametrize(
    ("name", "function"), [("logit", logit), ("log", np.log), (cube_root, cube_root)]
)
def test_link_of_the_mean_equals_brute_force(name, function):
    rng = np.random.default_rng(1)
    reference, rows = rng.normal(size=(7, 6)), rng.normal(size=(3, 6))
    explanation = KernelSHAP(probability, link=name, n_background=None).fit(reference).explain(rows)
    for row, values in zip(rows, explanation.values[:, :, 0], strict=True):
        expected = shapley_of_model(probability, row, reference, link=function)
        np.testing.assert_allclose(values, expected, atol=1e-10)
    np.testing.assert_allclose(explanation.predictions[:, 0], function(probability(rows)))
    assert np.abs(explanation.additivity_gap).max() < 1e-9


def test_logit_of_certain_predictions():
    """Probabilities of 0 and 1 are moved by 1e-7, and the record says so."""

    def certain(Z):
        return (np.asarray(Z)[:, 0] > 0).astype(float)

    X = np.array([[-1.0, 0.0], [1.0, 1.0], [2.0, -1.0]])
    explanation = KernelSHAP(certain, link="logit", n_background=None).fit(X).explain(X)
    total = explanation.base_values + explanation.values.sum(axis=1)
    np.testing.assert_allclose(1 / (1 + np.exp(-total[:, 0])), certain(X), atol=1e-4)
    assert "1e-07" in explanation.params["moved"]


def test_groups_equal_brute_force():
    rng = np.random.default_rng(2)
    reference, rows = rng.normal(size=(5, 6)), rng.normal(size=(2, 6))
    groups = {"first": [0, 3], "last": [4, 5]}
    explanation = KernelSHAP(wavy, groups=groups, n_background=None).fit(reference).explain(rows)
    assert explanation.feature_names == ("first", "x1", "x2", "last")
    for row, values in zip(rows, explanation.values[:, :, 0], strict=True):
        expected = shapley_of_model(wavy, row, reference, players=[0, 1, 2, 0, 3, 3])
        np.testing.assert_allclose(values, expected, atol=1e-10)
