"""Designs: coalitions without repetition, in pairs, nested over stages."""

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogates.attribution.shapley import arranged, design
from surrogates.attribution.shapley.book import DesignBook
from surrogates.attribution.shapley.design import Designs, n_pairs_of
from surrogates.attribution.shapley.relevance import Relevances, even_reach


def draw_designs(n_players: int, budgets: list[int], seeds: list[int]) -> Designs:
    return design.draw_designs(n_players, budgets, seeds, even_reach(n_players))


def a_book(budgets: tuple[int, ...], seed: int) -> DesignBook:
    return DesignBook(budgets, seed, Relevances.even(12, 0))


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 14), st.integers(4, 400), st.integers(0, 2**40))
def test_pairs_are_distinct_and_within_budget(n_players, budget, seed):
    designs = draw_designs(n_players, [budget], [seed, seed + 1])
    for coalitions in designs.coalitions:
        both = np.vstack([coalitions, 1 - coalitions])
        assert len(np.unique(both, axis=0)) == len(both)
        assert not (both.sum(axis=1) % n_players == 0).any()
    assert designs.stages[0].n_pairs == n_pairs_of(n_players, budget)
    assert 2 * designs.stages[0].n_pairs + 2 <= budget or 1 << n_players <= budget


@pytest.mark.parametrize("n_players", [6, 7])
def test_full_budget_has_every_coalition(n_players):
    designs = draw_designs(n_players, [2**n_players], [5])
    both = np.vstack([designs.coalitions[0], 1 - designs.coalitions[0]])
    assert len(np.unique(both, axis=0)) == 2**n_players - 2
    assert not designs.stages[0].is_sample
    assert not designs.is_kriged(0)
    assert designs.regression(0).spread.size == 0


@pytest.mark.parametrize("n_players", [5, 12, 30, 70])
def test_stages_begin_with_those_before(n_players):
    budgets = [40, 100, 300]
    together = draw_designs(n_players, budgets, [3])
    for stage, budget in enumerate(budgets):
        alone = draw_designs(n_players, [budget], [3])
        n_pairs = alone.stages[0].n_pairs
        assert together.stages[stage].n_pairs == n_pairs
        first = {row.tobytes() for row in together.coalitions[0, :n_pairs]}
        assert first == {row.tobytes() for row in alone.coalitions[0]}
        weights = together.regression(stage).weights
        np.testing.assert_allclose(np.sort(weights), np.sort(alone.regression(0).weights))


def test_sizes_share_the_budget_evenly():
    """Leverage is the same for every size, up to the number of coalitions of the size."""
    designs = draw_designs(20, [1002], [0])
    counts = np.bincount(designs.coalitions[0].sum(axis=1, dtype=np.int64), minlength=11)[1:]
    limits = [comb(20, size) for size in range(1, 11)]
    assert counts.sum() == 500
    assert counts[0] == limits[0]  # enumerated
    large = counts[1:9]
    assert np.ptp(large) <= 1
    assert abs(2 * counts[9] - large[0]) <= 2  # both members of a middle pair have this size


def test_projection_gives_back_linear_games():
    rng = np.random.default_rng(0)
    for n_players, budget in ((5, 10), (7, 14), (12, 24), (12, 60), (40, 400)):
        designs = draw_designs(n_players, [budget], [7])
        projection = designs.regression(0)
        centred = designs.coalitions[0] - projection.fractions[:, None]
        slopes = rng.normal(size=n_players)
        slopes -= slopes.mean()
        moments = centred.T @ (projection.weights * (centred @ slopes))
        np.testing.assert_allclose(projection.inverse[0] @ moments, slopes, atol=1e-9)


def test_kernel_weights_of_all_coalitions():
    """Enumerated, the weights are the Shapley kernel: (d-1) / (C(d,s) s (d-s))."""
    designs = draw_designs(7, [128], [0])
    size = designs.coalitions[0].sum(axis=1)
    kernel = [6 / (comb(7, s) * s * (7 - s)) for s in size]
    np.testing.assert_allclose(designs.regression(0).weights, kernel, rtol=1e-12)


def test_book_gives_the_same_design_to_everyone():
    first, second = a_book((64, 200), 11).designs(12), a_book((64, 200), 11).designs(12)
    np.testing.assert_array_equal(first.coalitions, second.coalitions)
    assert not np.array_equal(first.coalitions[1], first.coalitions[0])
    assert not np.array_equal(a_book((64, 200), 12).designs(12).coalitions, first.coalitions)
    assert len(a_book((64, 200), 11).designs(6)) == 1  # enumerated: one is enough


def test_book_bounds_its_memory():
    designs = a_book((1_000_000,), 1).designs(60)
    designs.regression(0)
    assert designs.n_bytes < 400 * 2**20


def test_arranged_coalitions_belong_to_the_players():
    designs = draw_designs(5, [20], [0, 1])
    players = np.array([[4, 2, 0, 1, 3], [0, 1, 2, 3, 4], [3, 4, 1, 0, 2]])
    design_of = np.array([1, 0, 1])
    for asked in ([0], [1, 2], [0, 1, 2]):
        arranged, position = designs.arranged.of_games(players[asked], design_of[asked])
        for game, at in zip(asked, position, strict=True):
            for place, player in enumerate(players[game]):
                expected = designs.coalitions[design_of[game]][:, place]
                np.testing.assert_array_equal(arranged[at][:, player], expected)


def test_arranged_coalitions_are_bounded(monkeypatch):
    designs = draw_designs(5, [20], [0])
    monkeypatch.setattr(arranged, "_MOST_BYTES", 2 * designs.coalitions.nbytes)
    orders = np.array([np.roll(np.arange(5), shift) for shift in range(5)])
    for order in orders:
        some, position = designs.arranged.of_games(order[None], np.zeros(1, dtype=np.int64))
        np.testing.assert_array_equal(some[position[0]][:, order], designs.coalitions[0])
    assert designs.arranged.n_bytes <= 2 * designs.coalitions.nbytes
    assert not designs.arranged.fits(3)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 15), st.integers(0, 10**6))
def test_players_are_seated_by_tiers(n_players, seed):
    generator = np.random.default_rng(seed)
    relevances = Relevances.of_sizes(generator.random(15) ** 3, seed)
    players = np.sort(generator.permutation(15)[:n_players])
    seated = relevances.arrange(np.tile(players, (20, 1)), np.arange(20))
    np.testing.assert_array_equal(np.sort(seated, axis=1), np.tile(players, (20, 1)))
    reach = relevances.reach(n_players)
    assert (np.diff(reach) <= 0.0).all()
    assert ((reach > 0.0) & (reach <= 0.4)).all()
    known = np.array(relevances.of_player)
    for level in np.unique(reach):
        tier = reach == level
        members = {tuple(sorted(row[tier].tolist())) for row in seated}
        assert len(members) == 1  # whoever is in a tier stays in it
    first, last = known[seated[:, 0]], known[seated[:, -1]]
    assert (first >= last).all() or len(np.unique(reach)) == 1


def test_even_relevances_leave_every_order_open():
    seated = Relevances.even(6, 0).arrange(np.tile(np.arange(6), (64, 1)), np.arange(64))
    assert len(np.unique(seated, axis=0)) > 40
