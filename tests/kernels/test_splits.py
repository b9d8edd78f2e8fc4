"""Bit planes against plain counting."""

import numpy as np
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
    planes = np.full(((n_rows + 63) // 64, n_cuts + 3), np.uint64(7))
    splits.pack_cuts(places, planes, 2, n_cuts)
    for cut in range(n_cuts):
        assert (planes[:, 2 + cut] == plane_of(places <= cut)).all()
    assert (planes[:, [0, 1, -1]] == 7).all()


@given(ROWS, st.integers(1, 6), st.integers(1, 4), st.integers(0, 2**32))
def test_counts_equal_those_of_a_loop(n_rows, n_literals, n_sets, seed):
    rng = np.random.default_rng(seed)
    literals, sets = rng.random((n_literals, n_rows)) < 0.4, rng.random((n_sets, n_rows)) < 0.6
    counts = np.empty((n_literals, n_sets), dtype=np.int64)
    packed = [np.array([plane_of(own) for own in flags]) for flags in (literals, sets)]
    splits.count_planes(*packed, counts)
    assert (counts == literals.astype(int) @ sets.T.astype(int)).all()


@given(ROWS, st.integers(1, 40), st.integers(1, 30), st.integers(0, 2**32))
def test_cuts_lie_between_different_numbers(n_rows, n_cuts, n_different, seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, n_different, n_rows) / 7
    cuts = np.empty(n_cuts)
    cuts = cuts[: splits.choose_cuts(np.sort(values), n_cuts, cuts)]
    different = np.unique(values)
    places = np.searchsorted(different, cuts)
    assert (np.diff(cuts) > 0).all()
    assert ((places > 0) & (places < len(different))).all()
    assert (cuts < different[places]).all()
    if len(different) - 1 <= n_cuts:
        assert len(cuts) == len(different) - 1
    else:
        assert 1 <= len(cuts) <= n_cuts


def test_cuts_divide_many_numbers_into_equal_shares():
    cuts = np.empty(9)
    assert splits.choose_cuts.py_func(np.arange(1000.0), 9, cuts) == 9
    np.testing.assert_allclose(cuts, np.linspace(0, 999, 11)[1:-1], atol=1.5)


@given(ROWS, st.integers(1, 40), st.integers(0, 2**32))
def test_columns_are_packed_as_they_compare(n_rows, n_cuts, seed):
    values = np.random.default_rng(seed).normal(size=(3, n_rows)).round(1)
    cuts = np.empty(3 * n_cuts)
    planes = np.empty(((n_rows + 63) // 64, 3 * n_cuts), dtype=np.uint64)
    counts = np.empty(3, dtype=np.int64)
    splits.pack_columns(values, np.sort(values, axis=1), n_cuts, cuts, planes, counts)
    column = np.repeat(np.arange(3), counts)
    for at, cut, plane in zip(column, cuts, planes.T, strict=False):
        assert (plane == plane_of(values[at] <= cut)).all()
