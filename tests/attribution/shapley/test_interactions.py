"""Pairwise Shapley interactions against their definition."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression

from surrogates import KernelSHAP


def indices_by_enumeration(value, n_players):
    """Compute the interaction index from its definition (Grabisch and Roubens, 1999)."""
    indices = np.zeros((n_players, n_players))
    for i, j in combinations(range(n_players), 2):
        others = [player for player in range(n_players) if player not in (i, j)]
        for size in range(n_players - 1):
            weight = factorial(size) * factorial(n_players - size - 2) / factorial(n_players - 1)
            for coalition in combinations(others, size):
                worth = [
                    value(np.isin(np.arange(n_players), [*coalition, *added]))
                    for added in ((i, j), (i,), (j,), ())
                ]
                indices[i, j] += weight * (worth[0] - worth[1] - worth[2] + worth[3])
    return indices + indices.T


def wavy(Z):
    return np.tanh(Z[:, 0] * Z[:, 1]) + Z[:, 2] * Z[:, 3] * np.cos(Z[:, 4]) + np.sin(Z[:, 5])


def logit(p):
    return np.log(p / (1 - p))


def probability(Z):
    return 1 / (1 + np.exp(-wavy(Z)))


rng = np.random.default_rng(0)
reference, rows = rng.normal(size=(6, 6)), rng.normal(size=(2, 6))
reference[1, :3] = rows[0, :3]  # players that do not differ


@pytest.mark.parametrize("design", ["crossed", "shared"])
@pytest.mark.parametrize("link", ["identity", "logit"])
def test_enumeration_equals_the_definition(design, link):
    if link == "logit":
        design = "shared"
    model = probability if link == "logit" else wavy
    explainer = KernelSHAP(model, link=link, design=design, interactions=True, n_background=None)
    explanation = explainer.fit(reference).explain(rows)
    for row, found in zip(rows, explanation.interactions[..., 0], strict=True):

        def value(present, row=row):
            mean = model(np.where(present, row, reference)).mean()
            return logit(mean) if link == "logit" else mean

        expected = indices_by_enumeration(value, 6)
        off = ~np.eye(6, dtype=bool)
        np.testing.assert_allclose(2 * found[off], expected[off], atol=1e-10)
    np.testing.assert_allclose(explanation.interactions.sum(axis=2), explanation.values, atol=1e-10)
    np.testing.assert_allclose(
        explanation.interactions, explanation.interactions.swapaxes(1, 2), atol=1e-12
    )


def test_trees_equal_enumeration():
    X = rng.normal(size=(60, 6))
    model = GradientBoostingRegressor(n_estimators=10, random_state=0).fit(X, wavy(X))
    params = {"interactions": True, "n_background": None}
    tree = KernelSHAP(model, **params).fit(reference).explain(rows)
    assert tree.params["method"] == "tree"
    enumerated = KernelSHAP(model, method="exact", **params).fit(reference).explain(rows)
    np.testing.assert_allclose(tree.interactions, enumerated.interactions, atol=1e-10)


def test_linear_models_have_none():
    model = LinearRegression().fit(reference, reference[:, 0])
    explanation = KernelSHAP(model, interactions=True).fit(reference).explain(rows)
    assert explanation.params["method"] == "linear"
    for row, values in zip(explanation.interactions, explanation.values, strict=True):
        np.testing.assert_allclose(row[..., 0], np.diag(values[:, 0]))


@pytest.mark.parametrize("budget", [16, 120, 300])
def test_sampled_interactions_are_nearly_unbiased(budget):
    """Ten players; the smallest budget pools pairs over the reference rows.

    What the additive fit takes off is fitted to the same few pairs, which costs a little bias.
    """
    X, row = rng.normal(size=(8, 10)), rng.normal(size=(1, 10))

    def model(Z):
        return wavy(Z) + Z[:, 6] * Z[:, 7] * Z[:, 8] + Z[:, 9] * Z[:, 0]

    params = {"interactions": True, "n_background": None}
    exact = KernelSHAP(model, method="exact", **params).fit(X).explain(row).interactions
    estimates = np.stack(
        [
            KernelSHAP(model, n_coalitions=budget, random_state=seed, **params)
            .fit(X)
            .explain(row)
            .interactions
            for seed in range(40)
        ]
    )
    error = np.abs(estimates.mean(axis=0) - exact)
    assert (error <= 5 * estimates.std(axis=0) / np.sqrt(40) + 0.02).all()
    if budget == 300:
        assert np.linalg.norm(estimates[0] - exact) < 0.5 * np.linalg.norm(exact)
