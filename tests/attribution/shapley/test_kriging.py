"""Kriging: the prior against its definition, the estimates against the posterior they stand for."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogates import KernelSHAP
from surrogates.attribution.shapley import kriging
from surrogates.attribution.shapley.design import draw_designs
from surrogates.attribution.shapley.field import odd_field
from surrogates.attribution.shapley.games import Games, Sums
from surrogates.attribution.shapley.kriging import krige_freely, krige_shrunk, signs_of
from surrogates.attribution.shapley.relevance import Relevances
from surrogates.attribution.shapley.seating import Seating
from surrogates.attribution.shapley.single import krige_alone
from surrogates.attribution.shapley.solve import Answers, solve

NUGGET = 0.005


def odd_sets(n_players):
    return [t for n in range(3, n_players + 1, 2) for t in combinations(range(n_players), n)]


def monomials(signs):
    sets = odd_sets(signs.shape[1])
    return sets, np.stack([signs[:, list(t)].prod(axis=1) for t in sets], axis=1)


@pytest.mark.parametrize("n_players", [3, 4, 6, 7])
def test_field_is_a_sum_over_odd_sets(n_players):
    generator = np.random.default_rng(n_players)
    reach = generator.uniform(0.05, 0.6, n_players)
    signs = generator.choice([-1.0, 1.0], (9, n_players))
    sets, columns = monomials(signs)
    variances = np.array([reach[list(t)].prod() for t in sets])
    covariance, of_values = odd_field(signs, reach)
    total = variances.sum()
    expected = (columns * variances) @ columns.T / total + NUGGET * np.eye(9)
    np.testing.assert_allclose(covariance, expected, atol=1e-12)
    # the Shapley value of a member of T is 2 b_T / |T|
    shares = np.array([[2.0 / len(t) * (i in t) for t in sets] for i in range(n_players)])
    np.testing.assert_allclose(of_values, shares * variances @ columns.T / total, atol=1e-12)


def odd_game(coefficients, sets, signs):
    return sum(b * signs[:, list(t)].prod(axis=1) for b, t in zip(coefficients, sets, strict=True))


@settings(max_examples=30, deadline=None)
@given(st.integers(4, 12), st.integers(0, 10**6))
def test_free_trends_are_exact(n_players, seed):
    """Games of pairwise interactions have a linear odd part: no interval, no error."""
    generator = np.random.default_rng(seed)
    n_pairs = min(2 * n_players, 2 ** (n_players - 1) - 1)
    designs = draw_designs(n_players, [2 * n_pairs + 2], [seed], np.full(n_players, 0.2))
    signs = signs_of(designs.coalitions[0])
    slopes = generator.normal(size=n_players)
    maps = krige_freely(signs, generator.uniform(0.05, 0.4, n_players))
    np.testing.assert_allclose(maps.matrix @ (signs @ slopes), 2.0 * slopes, atol=1e-9)
    np.testing.assert_allclose(maps.errors @ (signs @ slopes), 0.0, atol=1e-7)


@pytest.mark.parametrize("shrunk", [False, True])
def test_estimates_add_up_to_the_gap(shrunk):
    generator = np.random.default_rng(0)
    signs = signs_of(generator.integers(0, 2, (14, 8)).astype(np.uint8))
    reach = generator.uniform(0.05, 0.4, 8)
    maps = krige_shrunk(signs, reach, reach / reach.sum()) if shrunk else krige_freely(signs, reach)
    odd = generator.normal(size=15)
    assert (maps.matrix @ odd).sum() == pytest.approx(2.0 * odd[-1], abs=1e-12)


def test_shrunk_estimates_are_the_posterior_mean():
    """Against the Gaussian conditional of coefficients that are written out."""
    n_players, generator = 5, np.random.default_rng(3)
    reach, prior = generator.uniform(0.1, 0.4, n_players), np.full(n_players, 1 / n_players)
    signs = signs_of(generator.integers(0, 2, (6, n_players)).astype(np.uint8))
    sets, columns = monomials(signs)
    variances = np.array([reach[list(t)].prod() for t in sets])
    share = kriging._FIELD_SHARE
    joined = np.hstack([signs, columns])
    prior_of_all = np.concatenate([prior, share * variances / variances.sum()])
    covariance = (joined * prior_of_all) @ joined.T + share * NUGGET * np.eye(7)
    odd = generator.normal(size=7)
    posterior = prior_of_all * (joined.T @ np.linalg.solve(covariance, odd))
    everyone = [(i,) for i in range(n_players)] + sets
    values = np.array(
        [
            sum(2 * b / len(t) for b, t in zip(posterior, everyone, strict=True) if i in t)
            for i in range(n_players)
        ]
    )
    values += (2 * odd[-1] - values.sum()) / n_players
    found = krige_shrunk(signs, reach, prior).matrix @ odd
    np.testing.assert_allclose(found, values, atol=1e-10)
    np.testing.assert_allclose(
        kriging.shrunk_values(signs, reach, prior, odd[:, None])[:, 0], values, atol=1e-10
    )


def answers_of(designs, responses, gaps, weights):
    n_games, n_players = len(weights), designs.n_players
    seating = Seating(
        references=np.arange(n_games),
        players=np.tile(np.arange(n_players), (n_games, 1)),
        design_of=np.arange(n_games) % len(designs),
        cohort=np.arange(n_games),
    )
    games = Games(0, designs, seating, responses)
    return Answers(games, 0, responses, gaps, weights)


@pytest.mark.parametrize("budget", [14, 60])
def test_kernel_equals_the_formulas(budget):
    """Games with free trends, and with slopes shrunk to common ones, in plain numpy."""
    n_players, n_games, generator = 9, 6, np.random.default_rng(5)
    reach = np.sort(generator.uniform(0.05, 0.4, n_players))[::-1]
    designs = draw_designs(n_players, [budget], [1, 2, 3], reach)
    n_pairs = designs.stages[0].n_pairs
    responses = generator.normal(size=(n_games, 2, n_pairs, 1))
    gaps, weights = generator.normal(size=(n_games, 1)), generator.dirichlet(np.ones(n_games))
    sums = Sums(n_players, 1)
    solve([answers_of(designs, responses, gaps, weights)], sums)
    odd = [
        np.append((responses[b, 0, :, 0] - responses[b, 1, :, 0]) / 2, gaps[b, 0] / 2)
        for b in range(n_games)
    ]
    signs = [signs_of(designs.coalitions[b % 3]) for b in range(n_games)]
    assert designs.shrinks(0) == (budget == 14)
    if budget == 60:
        values = [krige_freely(x, reach).matrix @ y for x, y in zip(signs, odd, strict=True)]
    else:
        prior = kriging.slope_variances(reach)
        maps = [krige_shrunk(x, reach, prior) for x in signs]
        gram = sum(m.trend @ x for m, x in zip(maps, signs, strict=True))
        moments = sum(m.trend @ y for m, y in zip(maps, odd, strict=True))
        common = np.linalg.solve(gram + np.diag(1 / (10 * prior)), moments)
        values = [
            m.matrix @ (y - x @ common) + 2 * common
            for m, x, y in zip(maps, signs, odd, strict=True)
        ]
    np.testing.assert_allclose(sums.values[:, 0], weights @ np.array(values), atol=1e-10)
    np.testing.assert_allclose(sums.squares[:, 0], weights @ np.array(values) ** 2, atol=1e-10)
    assert (sums.variances > 0.0).all()


@pytest.mark.parametrize("budget", [40, 90])
def test_variances_tell_the_error(budget):
    """Random games of three players each, estimated again and again with other designs."""
    n_players, n_games, generator = 10, 12, np.random.default_rng(11)
    sets = list(combinations(range(n_players), 3))
    reach = np.full(n_players, 0.3)
    errors, claimed = [], []
    for repeat in range(60):
        coefficients = generator.normal(size=(n_games, len(sets))) / len(sets)
        designs = draw_designs(
            n_players, [budget], [100 * repeat + i for i in range(n_games)], reach
        )
        exact, responses = np.zeros(n_players), []
        for b, coefficient in enumerate(coefficients):
            signs = signs_of(designs.coalitions[b])
            odd = odd_game(coefficient, sets, signs)
            responses.append(np.stack([odd[:-1], -odd[:-1]])[:, :, None])
            for c, t in zip(coefficient, sets, strict=True):
                exact[list(t)] += 2 * c / 3 / n_games
        gaps = np.array([[2 * coefficient.sum()] for coefficient in coefficients])
        sums = Sums(n_players, 1)
        weights = np.full(n_games, 1 / n_games)
        solve([answers_of(designs, np.array(responses), gaps, weights)], sums)
        errors.append(sums.values[:, 0] - exact)
        claimed.append(sums.variances[:, 0])
    ratio = np.sqrt(np.square(errors).sum() / np.sum(claimed))
    assert 0.7 < ratio < 1.25
    covered = (np.abs(errors) <= 1.96 * np.sqrt(claimed)).mean()
    assert 0.9 < covered < 0.995


def test_alone_is_exact_for_pairs_and_sparse_games_are_learnt():
    n_players, generator = 12, np.random.default_rng(2)
    designs = draw_designs(n_players, [160], [4], np.full(n_players, 0.25))
    drawn, stage = designs.coalitions[0], designs.stages[0]
    signs = signs_of(drawn)
    slopes = generator.normal(size=n_players)
    linear = (signs @ slopes)[:, None]
    values, variances = krige_alone(drawn, stage, linear[:-1], 2 * linear[-1])
    np.testing.assert_allclose(values[:, 0], 2 * slopes, atol=1e-9)
    np.testing.assert_allclose(variances, 0.0, atol=1e-12)
    # one interaction of three players among twelve: least squares has to average it out
    cubic = (signs[:, 0] * signs[:, 1] * signs[:, 2] + 0.3 * signs[:, 3])[:, None]
    exact = np.zeros(n_players)
    exact[:3], exact[3] = 2 / 3, 0.6
    values, variances = krige_alone(drawn, stage, cubic[:-1], 2 * cubic[-1])
    by_squares = designs.regression(0).values(drawn, 0, cubic[:-1], 2 * cubic[-1])
    error = np.linalg.norm(values[:, 0] - exact)
    assert error < 0.3 * np.linalg.norm(by_squares[:, 0] - exact)
    assert (variances > 0.0).all()


def test_weights_of_pairs_are_those_of_the_shapley_value():
    """Over all pairs they give the Shapley values of any odd game."""
    n_players, generator = 6, np.random.default_rng(8)
    designs = draw_designs(n_players, [2**n_players], [0], np.full(n_players, 0.2))
    drawn, stage = designs.coalitions[0], designs.stages[0]
    sets = [(i,) for i in range(n_players)] + odd_sets(n_players)
    coefficients = generator.normal(size=len(sets))
    signs = signs_of(drawn)
    odd = odd_game(coefficients, sets, signs)
    weights = np.where(drawn, stage.weights_inside[:, None], stage.weights_outside[:, None])
    whole = 2 / n_players * odd[-1]  # the pair of all players and none: 2 (d - 1)! 0! / d!
    exact = [
        sum(2 * c / len(t) for c, t in zip(coefficients, sets, strict=True) if i in t)
        for i in range(n_players)
    ]
    np.testing.assert_allclose(weights.T @ odd[:-1] + whole, exact, atol=1e-12)
    assert not stage.unseen.any()
    part = draw_designs(n_players, [30], [0], np.full(n_players, 0.2)).stages[0]
    missing = (weights**2).sum(axis=0).mean() - sum(
        (s / n_players * i**2 + (1 - s / n_players) * o**2)
        for s, i, o in zip(part.size, part.weights_inside, part.weights_outside, strict=True)
    )
    assert part.unseen.sum() == pytest.approx(missing)
    assert sum(comb(n_players, s) for s in range(1, n_players)) == 2 * len(drawn)


def test_scouting_finds_sparse_interactions_within_the_budget():
    """A single reference row and many coalitions: the first ones rank the players."""
    generator = np.random.default_rng(1)
    row, reference = generator.normal(size=(1, 14)) + 3.0, np.zeros((1, 14))

    def model(Z):
        return Z[:, 2] * Z[:, 5] * Z[:, 11] + Z[:, 2] * Z[:, 5] * Z[:, 7] + 0.1 * Z.sum(axis=1)

    exact = np.zeros(14) + 0.1 * row[0]
    for triple in ([2, 5, 11], [2, 5, 7]):
        exact[triple] += row[0, triple].prod() / 3
    errors = {}
    for budget in (1400, 4000):  # the second one is left to least squares
        explained = (
            KernelSHAP(model, n_coalitions=budget, random_state=0).fit(reference).explain(row)
        )
        errors[budget] = np.abs(explained.values[0, :, 0] - exact).max()
        assert explained.n_model_rows <= budget + 1
        assert explained.additivity_gap == pytest.approx(0.0, abs=1e-9)
    assert errors[1400] < 0.3 * errors[4000]
    again = KernelSHAP(model, n_coalitions=1400, random_state=0).fit(reference)
    both = again.explain(np.vstack([row + 1.0, row]))
    assert np.abs(both.values[1, :, 0] - exact).max() == pytest.approx(errors[1400], rel=1e-9)


@pytest.mark.parametrize("n_players", [700, 1500])
def test_very_many_players(n_players):
    """More subsets than a float can count, and more relevance than a field can have."""
    generator = np.random.default_rng(0)
    table = generator.normal(size=(12, n_players))
    weights = generator.uniform(0.9, 1.1, n_players) / n_players
    params = {"n_coalitions": 64, "n_background": 8, "random_state": 0}
    explained = KernelSHAP(lambda Z: np.tanh(Z @ weights), **params).fit(table).explain(table[:1])
    assert np.isfinite(explained.values).all()
    assert np.isfinite(explained.std_errors).all()
    np.testing.assert_allclose(explained.additivity_gap, 0.0, atol=1e-9)
    reach = Relevances.of_sizes(weights, 0).reach(n_players)
    assert reach.sum() <= 8.0 + 1e-9
    covariance, of_values = odd_field(signs_of(np.eye(n_players, dtype=np.uint8)[:5]), reach)
    assert np.isfinite(covariance).all()
    assert np.isfinite(of_values).all()
