"""A student answers in the place of the oracle, and is never mistaken for it."""

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from surrogates import TrepanClassifier, TrepanRegressor
from surrogates.distillation.coding import make_coding
from surrogates.distillation.oracle import Oracle
from surrogates.distillation.pool import Pool, Task
from surrogates.distillation.student import make_student
from surrogates.distillation.teacher import make_teacher


def halves(X):
    return np.where(np.nan_to_num(X, nan=2.0, posinf=9.0).sum(axis=1) > 1.0, "above", "below")


def taught(X, limit):
    teacher, targets = make_teacher(halves, "auto", "labels", None, X)
    coding, coded = make_coding(X)
    pool = Pool(coded, targets, np.ones(len(X)), len(X))
    oracle = Oracle(teacher, coding, 100)
    task = Task(2, True, np.ones(2), np.zeros(2), np.ones(2))
    return make_student(pool, task, oracle, limit, np.random.default_rng(0)), oracle, targets


@pytest.mark.parametrize("strange", [0.3, np.nan, np.inf, -1e300])
def test_a_student_repeats_what_it_was_told(strange):
    X = np.random.default_rng(0).random((200, 2))
    X[::5, 0] = strange
    student, oracle, targets = taught(X, 150)
    answers = student.ask(student.coding.encode(X))
    np.testing.assert_array_equal(answers.targets, targets[:150])
    assert (student.left, oracle.n_queries) == (0, 0)
    assert student.ask(answers.coded).targets.shape == (0, 2)


def test_a_student_knows_what_lies_between():
    rng = np.random.default_rng(1)
    student, _, _ = taught(rng.random((2000, 2)), 1000)
    fresh = rng.random((1000, 2))
    learned = student.ask(fresh).targets.argmax(axis=1)
    assert (learned == (halves(fresh) == "below")).mean() > 0.97


@pytest.mark.parametrize("n_queries", [50, 700])
def test_only_the_oracle_labels_leaves(n_queries):
    X, y = make_classification(300, 6, n_informative=4, n_redundant=0, random_state=0)
    forest = RandomForestClassifier(20, random_state=0).fit(X, y)
    asked = []

    def oracle(rows):
        asked.append(np.asarray(rows))
        return forest.predict(rows)

    tree = TrepanClassifier(oracle, n_queries=n_queries, random_state=0).fit(X)
    rows = np.concatenate(asked)
    assert len(rows) == tree.n_queries_ + len(X) <= n_queries + len(X)
    leaves = tree.tree_.leaves
    assert tree.tree_.n_samples[leaves].sum() <= tree.n_queries_
    assert tree.tree_.support[leaves].sum() == len(X)


def test_numbers_are_learned_too():
    rng = np.random.default_rng(2)
    X = rng.random((1500, 3))
    targets = np.column_stack([X @ [1.0, 2.0, 0.0], X[:, 2] ** 2])
    coding, coded = make_coding(X)
    task = Task(2, False, np.ones(2), targets.min(axis=0), targets.std(axis=0))
    teacher, _ = make_teacher(lambda rows: rows[:, 0], "auto", "numbers", None, X)
    student = make_student(
        Pool(coded, targets, np.ones(len(X)), len(X)), task, Oracle(teacher, coding, 9), 900, rng
    )
    fresh = rng.random((800, 3))
    found = student.ask(fresh).targets
    expected = np.column_stack([fresh @ [1.0, 2.0, 0.0], fresh[:, 2] ** 2])
    assert found.shape == (800, 2)
    assert (np.abs(found - expected).mean(axis=0) < 0.15 * targets.std(axis=0)).all()


def test_only_the_oracle_values_leaves():
    X, y = make_classification(300, 5, n_informative=4, n_redundant=0, random_state=1)
    forest = RandomForestRegressor(20, random_state=0).fit(X, X[:, 0] + y)
    tree = TrepanRegressor(forest, n_queries=600, real_weight=1.0, random_state=0).fit(X)
    leaves, answers = tree.apply(X), forest.predict(X)
    for leaf in np.unique(leaves):
        held = leaves == leaf
        np.testing.assert_allclose(tree.predict(X[held]), answers[held].mean(), atol=1e-12)
