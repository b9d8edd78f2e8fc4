"""Subsets of players: enumerated, drawn, shuffled."""

from collections import Counter
from contextlib import ExitStack, contextmanager
from itertools import combinations, permutations
from math import comb
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogates._kernels import coalitions, rng
from surrogates._kernels.coalitions import draw_subsets, enumerate_subsets, shuffle_rows


@contextmanager
def interpreted():
    """Let kernels run as Python: callees too, which would get big integers from each other."""
    with ExitStack() as stack, np.errstate(over="ignore"):
        for module in (coalitions, rng):
            for name, kernel in list(vars(module).items()):
                if hasattr(kernel, "py_func"):
                    stack.enter_context(patch.object(module, name, kernel.py_func))
        yield


def as_sets(rows):
    return [tuple(np.flatnonzero(row).tolist()) for row in rows]


def drawn(n_subsets, n_players, size, halved=False, seed=0, stream=0, draw=draw_subsets):
    out = np.full((n_subsets, n_players), 9, dtype=np.uint8)
    draw(out, size, halved, seed, stream)
    return out


@given(st.integers(1, 9), st.data())
def test_enumeration_is_lexicographic(n_players, data):
    size = data.draw(st.integers(0, n_players))
    n_subsets = data.draw(st.integers(1, comb(n_players, size)))
    out = np.full((n_subsets, n_players), 9, dtype=np.uint8)
    enumerate_subsets(out, size)
    assert as_sets(out) == list(combinations(range(n_players), size))[:n_subsets]
    twin = np.full_like(out, 9)
    enumerate_subsets.py_func(twin, size)
    np.testing.assert_array_equal(out, twin)


def test_half_of_the_middle_size_comes_first():
    out = np.empty((comb(6, 3) // 2, 6), dtype=np.uint8)
    enumerate_subsets(out, 3)
    assert out[:, 0].all()
    both = np.concatenate([out, 1 - out])
    assert sorted(as_sets(both)) == sorted(combinations(range(6), 3))


@settings(max_examples=30)
@given(st.integers(2, 80), st.booleans(), st.integers(0, 2**31), st.data())
def test_draws_are_distinct_subsets_of_the_size(n_players, halved, seed, data):
    size = n_players // 2 if halved else data.draw(st.integers(1, n_players - 1))
    n_players = 2 * size if halved else n_players
    population = comb(n_players, size) // (2 if halved else 1)
    n_subsets = data.draw(st.integers(0, min(50, (population + 1) // 2)))
    out = drawn(n_subsets, n_players, size, halved, seed)
    assert out.max(initial=0) <= 1
    assert (out.sum(axis=1) == size).all()
    assert len(set(as_sets(out))) == n_subsets
    if halved:
        assert out[:, 0].all()
        assert not set(as_sets(out)) & set(as_sets(1 - out))
    with interpreted():
        twin = drawn(n_subsets, n_players, size, halved, seed, draw=draw_subsets.py_func)
    np.testing.assert_array_equal(out, twin)


@pytest.mark.parametrize(("size", "halved"), [(2, False), (3, False), (3, True)])
def test_every_subset_is_as_likely(size, halved):
    counts = Counter(
        subset for seed in range(4000) for subset in as_sets(drawn(2, 6, size, halved, seed))
    )
    n_subsets = comb(6, size) // (2 if halved else 1)
    expected = 8000 / n_subsets
    assert len(counts) == n_subsets
    statistic = sum((count - expected) ** 2 / expected for count in counts.values())
    assert statistic < n_subsets + 4 * np.sqrt(2 * n_subsets)


def test_all_subsets_can_be_drawn():
    assert sorted(as_sets(drawn(20, 6, 3))) == sorted(combinations(range(6), 3))


def test_seeds_and_streams_give_other_draws():
    first = drawn(20, 12, 5)
    np.testing.assert_array_equal(first, drawn(20, 12, 5))
    assert (first != drawn(20, 12, 5, seed=1)).any()
    assert (first != drawn(20, 12, 5, stream=1)).any()


def test_a_longer_draw_begins_with_the_shorter_one():
    np.testing.assert_array_equal(drawn(40, 15, 6)[:10], drawn(10, 15, 6))


@given(st.integers(0, 12), st.integers(1, 5), st.integers(0, 2**31))
def test_shuffling_permutes_whole_rows(n_rows, n_columns, seed):
    rows = np.arange(n_rows * n_columns, dtype=np.uint8).reshape(n_rows, n_columns)
    shuffled, twin = rows.copy(), rows.copy()
    shuffle_rows(shuffled, seed, 3)
    assert sorted(shuffled.tolist()) == rows.tolist()
    with interpreted():
        shuffle_rows.py_func(twin, seed, 3)
    np.testing.assert_array_equal(shuffled, twin)


def test_every_permutation_is_as_likely():
    counts = Counter()
    for seed in range(6000):
        rows = np.arange(3, dtype=np.uint8)[:, None]
        shuffle_rows(rows, seed, 0)
        counts[tuple(rows.ravel().tolist())] += 1
    assert set(counts) == set(permutations(range(3)))
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 25
