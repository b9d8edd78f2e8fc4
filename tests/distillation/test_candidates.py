"""Literals to choose from: none stands twice among them, and so none in a test."""

import numpy as np
import pandas as pd
import pytest

from surrogates import TrepanClassifier
from surrogates.distillation.candidates import given_candidates, make_candidates
from surrogates.distillation.coding import make_coding
from surrogates.distillation.literals import Literal, Operator


def table(seed, n=300):
    rng = np.random.default_rng(seed)
    levels = rng.choice(["a", "b", "c", "d", "e"], p=[0.4, 0.3, 0.15, 0.1, 0.05], size=(n, 3))
    frame = pd.DataFrame(levels, columns=["one", "two", "three"])
    frame["one"] = frame["one"].where(rng.random(n) > 0.1, None)
    return frame.assign(number=rng.normal(size=n).round(1))


def scored(frame):
    """Answer by a sum of scores, which tests can only follow by many literals of a column."""
    scores = {"a": 0.0, "b": 1.0, "c": 1.5, "d": 2.5, "e": -2.0}
    total = sum(frame[name].map(scores).fillna(0.7) for name in ["one", "two", "three"])
    return np.where(total + frame["number"] > 2.0, "yes", "no")


def test_of_equal_literals_the_given_one_is_left():
    frame = table(0)
    coding, coded = make_coding(frame)
    targets = np.column_stack([scored(frame) == "yes", scored(frame) == "no"]).astype(float)
    own = make_candidates(coded, targets, coding, range(4), 8)
    held = [own.literal(number) for number in (0, 3, len(own.columns) - 1)]
    given = given_candidates([held[0], held[1].negation, held[2]], coded, coding)
    both = own.joined(given)
    assert len(both.columns) == len(own.columns)
    assert [both.literal(len(own.columns) - 3 + i) for i in range(3)] == [
        held[0],
        held[1].negation,
        held[2],
    ]
    alone = Literal(3, Operator.AT_MOST, 17.0)  # no row is above it
    assert len(own.joined(given_candidates([alone], coded, coding)).columns) == len(own.columns) + 1


def test_joined_literals_still_hold_where_they_did():
    frame = table(1)
    coding, coded = make_coding(frame)
    own = make_candidates(coded, np.ones((len(frame), 1)), coding, range(4), 8)
    both = own.joined(given_candidates([own.literal(2)], coded, coding))
    numbers = range(2 * len(both.columns))
    again = given_candidates([both.literal(number) for number in numbers], coded, coding)
    assert (again.planes[:, : len(both.columns)] == both.planes).all()
    assert (both.columns == again.columns[: len(both.columns)]).all()


@pytest.mark.parametrize("seed", range(4))
def test_no_test_names_a_literal_twice(seed):
    frame = table(seed)
    tree = TrepanClassifier(scored, max_leaves=6, random_state=seed).fit(frame)
    tests = [test for test in tree.tree_.tests if test is not None]
    assert max(len(test.literals) for test in tests) > 3
    for test in tests:
        assert len(set(test.literals)) == len(test.literals)
