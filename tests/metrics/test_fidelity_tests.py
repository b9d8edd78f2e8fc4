"""Deduction, augmentation and synthetic tests against answers known in closed form."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression

from surrogates import LEMNA
from surrogates.metrics import augmentation_test, deduction_test, synthetic_test

WEIGHTS = np.array([5.0, 4.0, 3.0, 2.0, 1.0, 0.5])
ONES, ZEROS = np.ones((1, 6)), np.zeros((1, 6))
LINE = 8.0
TESTS = [deduction_test, augmentation_test, synthetic_test]


def additive(X):
    return np.asarray(X) @ WEIGHTS


def shares_of_random_sets(size, passes):
    """Return how many of all sets of players make the additive score pass."""
    sets = [list(players) for players in combinations(range(6), size)]
    return np.mean([passes(WEIGHTS[players].sum()) for players in sets])


@pytest.mark.parametrize("n_features", range(1, 7))
def test_deduction_in_an_additive_game(n_features):
    found = deduction_test(
        additive,
        ONES,
        WEIGHTS[None],
        background=ZEROS,
        threshold=LINE,
        n_features=n_features,
        n_samples=4000,
        random_state=0,
    )
    total = WEIGHTS.sum()
    assert found.selected.tolist() == [float(total - WEIGHTS[:n_features].sum() > LINE)]
    expected = shares_of_random_sets(n_features, lambda gone: total - gone > LINE)
    np.testing.assert_allclose(found.random, expected, atol=0.03)


@pytest.mark.parametrize("test", [augmentation_test, synthetic_test])
@pytest.mark.parametrize("n_features", range(1, 7))
def test_augmentation_and_synthesis_in_an_additive_game(test, n_features):
    """With a background of zeros they ask the same question."""
    found = test(
        additive,
        ONES,
        WEIGHTS[None],
        background=ZEROS,
        threshold=LINE,
        n_features=n_features,
        n_samples=4000,
        random_state=0,
    )
    assert found.selected.tolist() == [float(WEIGHTS[:n_features].sum() > LINE)]
    expected = shares_of_random_sets(n_features, lambda kept: kept > LINE)
    np.testing.assert_allclose(found.random, expected, atol=0.03)


def test_rows_below_the_threshold_are_explained_by_negative_attributions():
    found = deduction_test(
        additive, -ONES, -WEIGHTS[None], background=ONES, threshold=0.0, n_features=2
    )
    assert found.selected.tolist() == [0.0]  # 5 + 4 become positive: 18 more than -15.5
    opposite = deduction_test(
        additive, -ONES, WEIGHTS[None], background=ONES, threshold=0.0, n_features=2
    )
    assert opposite.selected.tolist() == [1.0]


def test_synthetic_rows_keep_the_marginals_and_not_the_dependence():
    """Of two exclusive columns a row has one; recombined, it has both with probability 1/4."""
    rng = np.random.default_rng(0)
    first = rng.permutation(np.repeat([0.0, 1.0], 2000))
    background = np.column_stack([first, 1.0 - first, np.zeros(4000)])

    def both(X):
        return X[:, 0] * X[:, 1]

    row = np.array([[1.0, 1.0, 1.0]])
    params = {"background": background, "threshold": 0.5, "n_features": 1, "random_state": 0}
    found = synthetic_test(both, row, [[0.0, 0.0, 1.0]], **params)
    np.testing.assert_allclose(found.selected, 0.25, atol=0.02)
    kept = augmentation_test(both, row, [[0.0, 0.0, 1.0]], **params)
    assert kept.selected.tolist() == [0.0]


def test_every_row_decided_otherwise_receives_the_features():
    background = np.array([[0.0, 0.0], [0.0, 9.0], [0.0, 3.0], [9.0, 9.0]])

    def model(X):
        return X.sum(axis=1)

    found = augmentation_test(
        model, [[4.0, 9.0]], [[1.0, 0.0]], background=background, threshold=6.0, n_features=1
    )
    assert found.selected.tolist() == [0.5]  # of the first and the third, the third passes
    none = augmentation_test(
        model,
        [[4.0, 9.0]],
        [[1.0, 0.0]],
        background=background[[1, 3]],
        threshold=6.0,
        n_features=1,
    )
    assert np.isnan(none.selected).all()
    assert np.isnan(none.random).all()


@pytest.mark.parametrize("test", TESTS)
def test_classes_and_frames(test):
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=1000).fit(X, y.map(dict(enumerate("abc"))))
    rows = X.iloc[::10]
    contrasts = model.coef_[None] * (rows.to_numpy() - X.to_numpy().mean(axis=0))[:, None]
    values = contrasts.transpose(0, 2, 1)
    params = {"background": X.iloc[::3], "n_features": 2, "n_samples": 40, "random_state": 0}
    found = test(model, rows, values, **params)
    better = found.selected - found.random
    assert np.nanmean(-better if test is deduction_test else better) > 0.1
    again = test(model, rows[::-1], values[::-1], **params)
    np.testing.assert_array_equal(again.selected[::-1], found.selected)
    array = LogisticRegression(max_iter=1000).fit(X.to_numpy(), model.predict(X))
    array.coef_, array.intercept_ = model.coef_, model.intercept_
    same = test(array, rows.to_numpy(), values, **{**params, "background": X.to_numpy()[::3]})
    np.testing.assert_array_equal(same.random, found.random)


def test_explanations_with_groups_on_a_mixed_frame():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "city": rng.choice(["Oslo", "Rome"], 60, p=[0.7, 0.3]),
            "zip": rng.choice([0, 1], 60, p=[0.6, 0.4]),
            "age": rng.normal(size=60),
        }
    )

    def model(Z):
        return (Z["city"] == "Rome").to_numpy() * (Z["zip"] == 1).to_numpy() * 2.0 + Z["age"] * 0.1

    lemna = LEMNA(model, groups={"home": ["city", "zip"]}, random_state=0).fit(X)
    rows = X[model(X) > 1.0]
    explanation = lemna.explain(rows)
    found = deduction_test(model, rows, explanation, background=X, threshold=1.0, n_features=1)
    np.testing.assert_allclose(found.selected, np.mean(model(X) > 1.0), atol=0.06)


def test_defaults_and_repetition():
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=1000).fit(X[:100], y[:100])
    values = (X[:100:9] - X[:100].mean(axis=0)) * model.coef_
    first = deduction_test(model, X[:100:9], values, n_features=1, random_state=1)
    second = deduction_test(model, X[:100:9], values, n_features=1, random_state=1)
    np.testing.assert_array_equal(first.random, second.random)
    margin = deduction_test(
        model,
        X[:100:9],
        values,
        response_method="decision_function",
        n_features=1,
        random_state=1,
    )
    np.testing.assert_array_equal(first.selected, margin.selected)
    labels = deduction_test(
        model.predict, X[:100:9], np.stack([-values, values], axis=2), n_features=1, random_state=1
    )
    np.testing.assert_array_equal(first.selected, labels.selected)


@pytest.mark.parametrize("test", TESTS)
def test_bad_input(test):
    def ask(model=additive, values=WEIGHTS[None], **params):
        return test(model, ONES, values, **{"background": ZEROS, "threshold": LINE, **params})

    with pytest.raises(ValueError, match="attributions must have the shape"):
        ask(values=WEIGHTS[None, :4])
    with pytest.raises(ValueError, match="n_features must be at most 6"):
        ask(n_features=7)
    with pytest.raises(ValueError, match="'n_samples' parameter"):
        ask(n_samples=0)
    with pytest.raises(ValueError, match="Pass 'threshold'"):
        ask(threshold=None)
    with pytest.raises(ValueError, match="choose one by 'target'"):
        ask(model=lambda X: np.column_stack([additive(X), additive(X)]))
    several = LinearRegression().fit(np.eye(6), np.eye(6))
    with pytest.raises(ValueError, match="choose one by 'target'"):
        ask(model=several, threshold=None)
