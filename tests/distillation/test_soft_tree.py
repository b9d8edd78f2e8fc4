"""Soft decision trees: gradients, forms that are known, probabilities, tables, errors."""

import pickle

import numpy as np
import pandas as pd
import pytest
from oracles import Counting, approve, loans
from polars_frames import to_polars
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from surrogates import SoftDecisionTreeClassifier
from surrogates.distillation.soft_gates import SoftGates, leaf_chances, loss_and_slope


def some_gates(depth=3, n_inputs=4, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    n = 2**depth - 1
    return SoftGates(
        rng.normal(size=(n, n_inputs)), rng.normal(size=n), rng.normal(size=(n + 1, n_classes))
    )


def quick(estimator=None, **keywords):
    return SoftDecisionTreeClassifier(
        estimator, **{"n_init": 1, "max_iter": 150, "random_state": 0, **keywords}
    )


@pytest.mark.parametrize("penalty", [0.0, 0.7])
def test_slopes_are_those_of_finite_differences(penalty):
    rng = np.random.default_rng(1)
    gates, inputs = some_gates(), rng.normal(size=(20, 4))
    targets = rng.dirichlet(np.ones(3), 20)
    _, slope = loss_and_slope(gates, inputs, targets, penalty)
    step = 1e-6
    for part, own in zip(gates.parts, slope.parts, strict=True):
        for at in np.ndindex(part.shape):
            kept, ends = part[at], []
            for sign in (1, -1):
                part[at] = kept + sign * step
                ends.append(loss_and_slope(gates, inputs, targets, penalty)[0])
            part[at] = kept
            assert own[at] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-7)


def test_the_loss_is_the_expected_cross_entropy():
    rng = np.random.default_rng(1)
    gates, inputs = some_gates(depth=2), rng.normal(size=(7, 4))
    targets = rng.dirichlet(np.ones(3), 7)
    right = expit(inputs @ gates.weights.T + gates.biases)
    paths = np.column_stack(
        [
            (1 - right[:, 0]) * (1 - right[:, 1]),
            (1 - right[:, 0]) * right[:, 1],
            right[:, 0] * (1 - right[:, 2]),
            right[:, 0] * right[:, 2],
        ]
    )
    np.testing.assert_allclose(leaf_chances(gates, inputs), paths)
    entropy = -(targets @ np.log(gates.shares).T)
    expected = (paths * entropy).sum(axis=1).mean()
    assert loss_and_slope(gates, inputs, targets, 0.0)[0] == pytest.approx(expected)
    means = (
        right[:, 0].mean(),
        *(
            (own * right[:, at]).sum() / own.sum()
            for at, own in ((1, 1 - right[:, 0]), (2, right[:, 0]))
        ),
    )
    penalty = -sum(
        share * (np.log(a) + np.log(1 - a)) / 2
        for share, a in zip((1, 0.5, 0.5), means, strict=True)
    )
    whole = loss_and_slope(gates, inputs, targets, 0.3)[0]
    assert whole == pytest.approx(expected + 0.3 * penalty)


def test_saturated_gates_lose_a_finite_amount():
    gates = some_gates()
    wide = SoftGates(1e4 * gates.weights, gates.biases, 1e4 * gates.leaves)
    rng = np.random.default_rng(0)
    loss, slope = loss_and_slope(wide, rng.normal(size=(30, 4)), rng.dirichlet(np.ones(3), 30), 0.5)
    assert np.isfinite(loss)
    assert all(np.isfinite(part).all() for part in slope.parts)


def test_one_filter_has_the_form_of_logistic_regression():
    X, y = load_iris(return_X_y=True)
    X, y = X[y > 0], y[y > 0]
    tree = quick(max_depth=1, path="mixture").fit(X, y)
    scaled = StandardScaler().fit_transform(X)
    right = expit(scaled @ tree.filters_[0] + tree.biases_[0])
    left_share, right_share = tree.leaf_probabilities_[:, 1]
    expected = left_share + right * (right_share - left_share)
    np.testing.assert_allclose(tree.predict_proba(X)[:, 1], expected)
    assert tree.score(X, y) >= LogisticRegression().fit(scaled, y).score(scaled, y) - 0.03


@pytest.mark.parametrize("path", ["max", "mixture"])
def test_probabilities_sum_to_one(path):
    X, y = load_iris(return_X_y=True)
    tree = quick(path=path).fit(X, y)
    shares = tree.predict_proba(X)
    assert shares.shape == (150, 3)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert (tree.classes_[shares.argmax(axis=1)] == tree.predict(X)).all()
    np.testing.assert_allclose(tree.leaf_probabilities_.sum(axis=1), 1.0)
    assert tree.score(X, y) > 0.85
    assert tree.loss_ < tree.loss_curve_[0]


def test_the_same_seed_gives_the_same_tree():
    X, y = load_iris(return_X_y=True)
    first, again, other = (quick(random_state=seed).fit(X, y) for seed in (3, 3, 4))
    assert (first.filters_ == again.filters_).all()
    assert not np.allclose(first.filters_, other.filters_)
    assert (pickle.loads(pickle.dumps(first)).predict(X) == first.predict(X)).all()
    model = LogisticRegression(max_iter=500).fit(X, y)
    assert clone(quick(model)).estimator is model


def test_scales_and_shifts_of_columns_do_not_matter():
    X, y = load_iris(return_X_y=True)
    moved = X * np.array([1e3, 1e-3, 7.0, 1.0]) + np.array([5.0, 0.0, -3.0, 100.0])
    shares = [quick().fit(rows, y).predict_proba(rows) for rows in (X, moved)]
    np.testing.assert_allclose(*shares, atol=1e-6)


def test_digits():
    X, y = load_digits(return_X_y=True)
    train, test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
    net = MLPClassifier((64, 64), max_iter=300, random_state=0).fit(train / 16, y_train)
    teacher = Counting(lambda rows: net.predict_proba(np.asarray(rows) / 16))
    tree = SoftDecisionTreeClassifier(teacher, random_state=0).fit(train)
    assert teacher.n_rows == len(train)
    assert tree.score(test, y_test) >= 0.92
    assert tree.fidelity(test) >= 0.92


def test_explanations_add_up_to_the_logits():
    X, y = load_iris(return_X_y=True, as_frame=True)
    tree = quick(max_depth=3).fit(X, y)
    found = tree.explain(X.iloc[[5, 80]])
    assert found["row"].unique().tolist() == [5, 80]
    assert found["input"].unique().tolist() == [*X.columns, "(bias)"]
    assert len(found) == 2 * 3 * 5
    for _, lines in found.groupby(["row", "node"]):
        chance = expit(lines["contribution"].sum())
        right = lines["goes"].iloc[0] == "right"
        assert lines["probability"].iloc[0] == pytest.approx(chance if right else 1 - chance)
    reached = found.groupby("row")["node"].max()
    assert (reached >= 3).all()


def test_raw_frames():
    frame = loans()
    tree = quick(approve, targets="labels", max_iter=300).fit(frame)
    assert tree.fidelity(frame) > 0.7
    levels = {f'purpose "new" = {level}' for level in frame['purpose "new"'].dropna()}
    assert levels <= set(tree.input_names_)
    assert "amount" in tree.input_names_
    assert (tree.predict(to_polars(frame)) == tree.predict(frame)).all()
    with pytest.raises(ValueError, match="NaN"):
        quick().fit(frame, approve(frame))


@pytest.mark.parametrize("labels", [["no", "yes"], [False, True], [7, 3]])
def test_labels_of_any_type(labels):
    X = np.random.default_rng(0).normal(size=(80, 3))
    y = np.array(labels)[(X[:, 0] > 0).astype(int)]
    tree = quick().fit(X, y)
    assert set(tree.classes_) == set(labels)
    assert tree.score(X, y) > 0.9
    forest = RandomForestClassifier(10, random_state=0).fit(X, y)
    assert quick(forest).fit(X).fidelity(X) > 0.8
    assert quick(LinearSVC(), targets="labels").fit(X, y).fidelity(X) > 0.8


def test_one_row_one_class_and_constants():
    assert quick().fit([[1.0, 2.0]], ["a"]).predict([[9.0, 9.0]]).tolist() == ["a"]
    X = np.column_stack([np.ones(40), np.arange(40.0)])
    assert np.isfinite(quick().fit(X, np.arange(40) > 20).predict_proba(X)).all()


def test_errors():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="target y is None"):
        quick().fit(X)
    with pytest.raises(ValueError, match="target y is None"):
        quick(LogisticRegression()).fit(X)
    with pytest.raises(ValueError, match="use score"):
        quick().fit(X, y).fidelity(X)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        quick().fit(X, y[:-1])
    for name, value in (("max_depth", 0), ("path", "best"), ("penalty", -1), ("n_init", 0)):
        with pytest.raises(ValueError, match=f"'{name}' parameter of SoftDecisionTreeClassifier"):
            quick(**{name: value}).fit(X, y)
    with pytest.raises(ValueError, match="3 features"):
        quick().fit(pd.DataFrame(X), y).predict(pd.DataFrame(X[:, :3]))
