"""Drawn rows satisfy all tests, and follow the conditional distributions."""

import numpy as np
import pandas as pd
import pytest
from oracles import loans
from sklearn.mixture import GaussianMixture

from surrogates.distillation.coding import make_coding
from surrogates.distillation.distributions import make_independent
from surrogates.distillation.groups import find_groups
from surrogates.distillation.literals import Literal, MofN, Operator
from surrogates.distillation.samplers import SAMPLERS, draw_passing, make_sampler


def some_tests():
    amount = Literal(0, Operator.AT_MOST, 2500.0, missing=True)
    age = Literal(1, Operator.ABOVE, 35.5)
    purpose = Literal(2, Operator.IN, levels=(0, 2))
    grade = Literal(4, Operator.NOT_IN, levels=(1,), missing=True)
    return [
        MofN((amount, age, purpose), 2),
        MofN((grade, Literal(1, Operator.AT_MOST, 60.5), amount.negation), 2),
        MofN((Literal(1, Operator.ABOVE, 20.5),), 1),
    ]


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_drawn_row_passes_every_test(name):
    coding, coded = make_coding(loans())
    rng = np.random.default_rng(0)
    sampler = make_sampler(name, coded, np.ones(len(coded)), coding, rng)
    tests = some_tests()
    near = np.flatnonzero(np.all([test.passes(coded, coding) for test in tests], axis=0))
    assert len(near) > 10
    rows = draw_passing(sampler, 500, tests, near, coding, rng)
    assert len(rows) == 500
    for test in tests:
        assert test.passes(rows, coding).all()
    again = coding.encode(coding.decode(rows))
    np.testing.assert_array_equal(again, rows)
    for column, values in zip(coding.columns, rows.T, strict=True):
        known = values[~np.isnan(values)]
        assert column.has_missing or len(known) == len(values)
        if not column.is_continuous:
            assert np.isin(known, column.observed).all()
        assert column.observed[0] <= known.min() <= known.max() <= column.observed[-1]


def test_literals_hold_as_often_as_the_poisson_binomial_says():
    rng = np.random.default_rng(0)
    chances = np.array([0.5, 0.15, 0.8, 0.4, 0.3])
    coded = (np.arange(4000)[:, None] / 4000 < chances).astype(float)
    coding, coded = make_coding(coded)
    independent = make_independent(coded, np.ones(len(coded)), coding)
    test = MofN(tuple(Literal(at, Operator.ABOVE, 0.5) for at in range(5)), 3)
    n = 40_000
    drawn = independent.draw(n, [test], rng)
    held = drawn > 0.5
    assert (held.sum(axis=1) >= 3).all()
    outcomes = np.array(np.meshgrid(*[[0, 1]] * 5)).reshape(5, -1).T
    weights = np.where(outcomes, chances, 1 - chances).prod(axis=1)
    weights *= outcomes.sum(axis=1) >= 3
    exact = weights @ outcomes / weights.sum()
    assert independent.probability([test]) == pytest.approx(weights.sum())
    assert (np.abs(held.mean(axis=0) - exact) < 4 * np.sqrt(exact * (1 - exact) / n)).all()


def test_thresholds_inside_the_spread_of_a_value():
    coding, coded = make_coding(np.linspace(0.05, 0.95, 10)[:, None])
    independent = make_independent(coded, np.ones(10), coding)
    test = MofN((Literal(0, Operator.AT_MOST, 0.3251),), 1)
    drawn = independent.draw(5000, [test], np.random.default_rng(0))[:, 0]
    assert drawn.max() <= 0.3251
    inside = independent.draw(50_000, [], np.random.default_rng(1))[:, 0]
    assert (inside <= 0.3251).mean() == pytest.approx(independent.probability([test]), abs=0.01)


def test_what_cannot_hold_draws_nothing():
    coding, coded = make_coding(np.linspace(0.05, 0.95, 10)[:, None])
    independent = make_independent(coded, np.ones(10), coding)
    never = MofN((Literal(0, Operator.ABOVE, 7.0),), 1)
    assert independent.draw(5, [never], np.random.default_rng(0)).shape == (0, 1)


def test_negations_hold_exactly_where_tests_do_not():
    coding, coded = make_coding(loans())
    strange = coded.copy()
    strange[::7, 2], strange[::5, 4], strange[::3, 1] = -1.0, -1.0, np.nan
    for test in some_tests():
        assert (test.negation.passes(strange, coding) == ~test.passes(strange, coding)).all()
        assert test.negation.negation == test


def test_rare_levels_that_a_sample_misses_are_compared():
    """Of many rows only some are compared: a level may be seen among fewer rows alone."""
    rng = np.random.default_rng(0)
    levels = np.array(["a", "b"])[rng.integers(2, size=2501)]
    levels[1] = "z"
    frame = pd.DataFrame({"level": levels, "number": rng.random(2501)})
    coding, coded = make_coding(frame)
    sampler = make_sampler("marginal", coded, np.ones(2501), coding, rng)
    local = sampler.localized(np.arange(1, 500), frozenset({1}))
    rows = draw_passing(local, 50, (), np.arange(500), coding, rng)
    assert len(rows) == 50


def test_groups_are_those_of_a_mixture_of_normal_distributions():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 3)) + 3.0 * rng.integers(0, 3, (400, 1))
    for count in (1, 2, 4):
        groups = find_groups(rows, count, 7)
        mixture = GaussianMixture(
            count, covariance_type="diag", reg_covar=1e-2, max_iter=30, tol=1e-2, random_state=7
        ).fit(rows)
        np.testing.assert_allclose(groups.means, mixture.means_, rtol=1e-6)
        assert groups.information(rows) == pytest.approx(mixture.bic(rows), rel=1e-9)
        assert (groups.of(rows) == mixture.predict(rows)).all()
