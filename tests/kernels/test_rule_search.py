"""The search on bit planes against plain counting over all tests."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogates._kernels import gains as gain_kernels
from surrogates._kernels import lookahead, rule_search
from surrogates._kernels.splits import pack_rows
from surrogates._kernels.sweeps import Limits, Planes

NO_TEST = np.zeros(5)


def plane_of(flags):
    plane = np.empty((len(flags) + 63) // 64, dtype=np.uint64)
    pack_rows(np.ascontiguousarray(flags), plane)
    return plane


def problem(flags, masses, kind=gain_kernels.AGREEMENT, most=3, beam=4):
    """Literals (n_literals, n_rows) and integer masses (n_rows, n_masses)."""
    n_literals, n_rows = flags.shape
    units, planes, mass_of = [], [], []
    for at, mass in enumerate(masses.T):
        for bit in range(4):
            planes.append(plane_of((mass.astype(int) >> bit) & 1 == 1))
            units.append(float(2**bit))
            mass_of.append(at)
    return (
        Planes(
            np.array([plane_of(own) for own in flags]).T.copy(),
            np.array(planes),
            np.array(mass_of),
            np.array(units),
            plane_of(np.ones(n_rows, dtype=bool)),
            masses.sum(axis=0).astype(float),
            np.ones(2 * n_literals, dtype=bool),
            n_rows,
        ),
        Limits(kind, most, beam, 0.0, 0.0, 0.0, NO_TEST),
    )


def random_problem(seed, kind, n_literals=4, n_rows=90):
    rng = np.random.default_rng(seed)
    flags = rng.random((n_literals, n_rows)) < 0.5
    masses = np.column_stack([rng.integers(0, 9, (n_rows, 2)), np.ones(n_rows)])
    return flags, masses, problem(flags, masses, kind)


def gain(kind, inside, total):
    first, second = inside, total - inside
    if kind == gain_kernels.AGREEMENT:
        return first[0] - first[1]
    if kind == gain_kernels.VARIANCE:
        return sum(s * own[1] ** 2 / max(own[0], 1e-300) for s, own in
                   ((1, first), (1, second), (-1, total)))  # fmt: skip

    def bits(mass):
        shares = mass[mass > 0] / mass.sum() if mass.sum() else np.ones(1)
        return -mass.sum() * (shares * np.log2(shares)).sum()

    return bits(total) - bits(first) - bits(second)


def gain_of_test(kind, flags, masses, numbers, m):
    held = np.concatenate([flags, ~flags])[list(numbers)].sum(axis=0) >= m
    return gain(kind, masses[held, :2].sum(axis=0), masses[:, :2].sum(axis=0))


KINDS = (gain_kernels.ENTROPY, gain_kernels.VARIANCE, gain_kernels.AGREEMENT)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_gains_are_those_of_a_plain_count(kind, seed):
    flags, masses, given_problem = random_problem(seed, kind)
    for numbers, m in (((0,), 1), ((1, 6), 2), ((4, 1, 3), 2), ((0, 1, 2, 3), 3)):
        found = rule_search.gain_of(*given_problem, np.array(numbers), m)
        assert found == pytest.approx(gain_of_test(kind, flags, masses, numbers, m), abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_what_is_found_gains_what_it_says(kind, seed):
    flags, masses, given_problem = random_problem(seed, kind)
    numbers, m, found = rule_search.best_test(*given_problem)
    if len(numbers):
        assert len(set(numbers % len(flags))) == len(numbers) <= 3
        assert found == pytest.approx(gain_of_test(kind, flags, masses, numbers, m), abs=1e-9)
        singles = [gain_of_test(kind, flags, masses, (at,), 1) for at in range(2 * len(flags))]
        assert found >= max(singles) - 1e-9
    numbers, m, more = rule_search.improved_test(*given_problem, np.array([0, 1]), 1)
    assert more == pytest.approx(gain_of_test(kind, flags, masses, numbers, m), abs=1e-9)
    assert more >= rule_search.gain_of(*given_problem, np.array([0, 1]), 1) - 1e-9


def test_a_rule_is_found():
    rng = np.random.default_rng(0)
    flags = rng.random((12, 1000)) < 0.5
    label = flags[[1, 4, 5, 9, 10]].sum(axis=0) >= 3
    masses = np.column_stack([label, ~label, np.ones(1000)])
    planes, limits = problem(flags, masses, gain_kernels.ENTROPY, most=6)
    numbers, m, found = rule_search.best_test(planes, limits)
    assert found == pytest.approx(gain(gain_kernels.ENTROPY, *(masses[own, :2].sum(axis=0)
                                       for own in (label, label | True))))  # fmt: skip
    assert (sorted(numbers % 12), m) == ([1, 4, 5, 9, 10], 3)


def test_support_and_leave_are_kept():
    flags, _, (planes, limits) = random_problem(3, gain_kernels.ENTROPY)
    planes.allowed[:] = False
    assert len(rule_search.best_test(planes, limits)[0]) == 0
    planes.allowed[2] = True
    assert set(rule_search.best_test(planes, limits)[0]) <= {2}
    rare = limits._replace(min_support=float(flags[2].sum()) + 1.0)
    assert len(rule_search.best_test(planes, rare)[0]) == 0


def test_logarithms():
    values = np.concatenate([np.geomspace(1e-300, 1e300, 999), [0.5, 1.0, 2.0, np.sqrt(0.5)]])
    logs = np.empty_like(values)
    gain_kernels.log2(values, np.empty_like(values), logs)
    np.testing.assert_allclose(logs, np.log2(values), rtol=1e-14, atol=1e-15)
    nothing = np.zeros(1)
    gain_kernels.log2(nothing, np.empty(1), logs[:1])
    assert np.isfinite(logs[0])


def test_the_literal_above_an_exclusive_or_is_found_by_looking_ahead():
    rng = np.random.default_rng(0)
    flags = rng.random((5, 2000)) < 0.5
    label = flags[0] ^ flags[3]
    masses = np.column_stack([label, ~label, np.ones(2000)])
    planes, limits = problem(flags, masses, gain_kernels.ENTROPY)
    number, _ = lookahead.best_first_literal(planes, limits, np.arange(5), 10, 4)
    assert number % 5 in (0, 3)
    best = max(
        gain_of_test(gain_kernels.ENTROPY, flags, masses, pair, m)
        for pair in combinations(range(10), 2)
        for m in (1, 2)
    )
    assert best < 0.5 * 2000  # no test of two literals says it


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), n_classes=st.integers(2, 5))
def test_no_split_that_gains_more_is_left_out(kind, seed, n_classes):
    rng = np.random.default_rng(seed)
    total = np.append(rng.integers(1, 30, n_classes), 40).astype(float)
    inside = np.floor(rng.random((n_classes + 1, 60)) * (total[:, np.newaxis] + 1))
    work, places = np.empty((5, 60)), np.empty(60, dtype=np.int64)
    every, some = np.empty(60), np.empty(60)
    rest = total, 60
    assert gain_kernels.split_gains(kind, inside, *rest, -np.inf, every, work, places) == 60
    above = float(np.quantile(every, 0.8))
    n = gain_kernels.split_gains(kind, inside, *rest, above, some, work, places)
    assert set(np.flatnonzero(every > above)) <= set(places[:n])
    assert (some[places[:n]] == every[places[:n]]).all()
