"""Bit planes against plain counting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogates._kernels import splits

ROWS = st.integers(1, 200)


def plane_of(flags):
    plane = np.empty((len(flags) + 63) // 64, dtype=np.uint64)
    splits.pack_rows(np.asarray(flags, dtype=bool), plane)
    return plane


@given(st.integers(0, 2**64 - 1))
def test_ones_of_a_word(word):
    assert splits.count_ones(np.uint64(word)) == word.bit_count()


def test_ones_without_compiling():
    with np.errstate(over="ignore"):
        assert splits.count_ones.py_func(np.uint64(0xF0F0_0001)) == 9


@given(ROWS, st.integers(0, 2**32))
def test_packed_rows_come_back(n_rows, seed):
    flags = np.random.default_rng(seed).random(n_rows) < 0.5
    back = np.empty(n_rows, dtype=bool)
    splits.unpack_rows(plane_of(flags), back)
    assert (back == flags).all()


@given(ROWS, st.integers(1, 12), st.integers(0, 2**32))
def test_planes_of_cuts_are_nested(n_rows, n_cuts, seed):
    places = np.random.default_rng(seed).integers(0, n_cuts + 1, n_rows).astype(np.int32)
    planes = np.empty((n_cuts, (n_rows + 63) // 64), dtype=np.uint64)
    splits.pack_cuts(places, planes)
    for cut in range(n_cuts):
        assert (planes[cut] == plane_of(places <= cut)).all()


@given(ROWS, st.integers(1, 6), st.integers(1, 4), st.integers(0, 2**32))
def test_counts_equal_those_of_a_loop(n_rows, n_literals, n_sets, seed):
    rng = np.random.default_rng(seed)
    literals, sets = rng.random((n_literals, n_rows)) < 0.4, rng.random((n_sets, n_rows)) < 0.6
    counts = np.empty((n_literals, n_sets), dtype=np.int64)
    packed = [np.array([plane_of(own) for own in flags]) for flags in (literals, sets)]
    splits.count_planes(*packed, counts)
    assert (counts == literals.astype(int) @ sets.T.astype(int)).all()


@pytest.mark.parametrize("kernel", [splits.subset_rows, splits.subset_rows.py_func])
def test_subsets_keep_the_rows_on_the_edge(kernel):
    rng = np.random.default_rng(0)
    held, flags = rng.integers(0, 5, 130).astype(np.uint8), rng.random((3, 130)) < 0.5
    planes = np.array([plane_of(own) for own in flags])
    edges = np.empty_like(planes)
    kernel(held, 2, planes, edges)
    for own, edge in zip(flags, edges, strict=True):
        assert (edge == plane_of(own & (held == 2))).all()


@pytest.mark.parametrize("kernel", [splits.tally, splits.tally.py_func])
def test_tallies_are_sums_by_count(kernel):
    rng = np.random.default_rng(0)
    held, mass = rng.integers(0, 4, 90).astype(np.uint8), rng.random((90, 2))
    tallies = np.empty((4, 2))
    kernel(held, mass, tallies)
    for count in range(4):
        np.testing.assert_allclose(tallies[count], mass[held == count].sum(axis=0))
