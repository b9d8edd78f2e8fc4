"""Designs: coalitions without repetition, in pairs, nested over stages."""

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogates.attribution.shapley.book import DesignBook
from surrogates.attribution.shapley.design import draw_designs, n_pairs_of


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
    assert designs.stages[0].spread.size == 0


@pytest.mark.parametrize("n_players", [5, 12, 30, 70])
def test_stages_begin_with_those_before(n_players):
    budgets = [40, 100, 300]
    together = draw_designs(n_players, budgets, [3])
    for budget, projection in zip(budgets, together.stages, strict=True):
        alone = draw_designs(n_players, [budget], [3])
        n_pairs = alone.stages[0].n_pairs
        assert projection.n_pairs == n_pairs
        first = {row.tobytes() for row in together.coalitions[0, :n_pairs]}
        assert first == {row.tobytes() for row in alone.coalitions[0]}
        np.testing.assert_allclose(np.sort(projection.weights), np.sort(alone.stages[0].weights))


def test_sizes_share_the_budget_evenly():
    """Leverage is the same for every size, up to the number of coalitions of the size."""
    designs = draw_designs(20, [1002], [0])
    counts = np.bincount(designs.coalitions[0].sum(axis=1), minlength=11)[1:]
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
        projection = designs.stages[0]
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
    np.testing.assert_allclose(designs.stages[0].weights, kernel, rtol=1e-12)


def test_dealt_pairs_are_distinct_and_balanced():
    designs = draw_designs(10, [12], [0], n_dealt=9)
    pairs = np.column_stack([designs.coalitions[0], designs.dealt])
    assert len(pairs) == 9 * 5
    assert len(np.unique(pairs, axis=0)) == len(pairs)
    assert np.ptp(np.bincount(designs.dealt, minlength=9)) <= 4


def test_book_gives_the_same_design_whatever_was_asked_before():
    first = DesignBook((64, 200), 11)
    alone = first.designs(12, 1).coalitions[0].copy()
    many = first.designs(12, 50)
    np.testing.assert_array_equal(many.coalitions[0], alone)
    assert len(many) >= 50
    assert not np.array_equal(many.coalitions[1], alone)
    assert len(first.designs(6, 50)) == 1  # enumerated: one is enough
    assert not np.array_equal(DesignBook((64, 200), 12).designs(12, 1).coalitions[0], alone)


def test_book_bounds_its_memory():
    book = DesignBook((20_000,), 1)
    designs = book.designs(60, 1000)
    assert sum(stage.spread.nbytes for stage in designs.stages) < 64 * 2**20
