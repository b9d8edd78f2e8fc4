"""The exact search for linear models against closed forms and scipy."""

import itertools

import numpy as np
import pandas as pd
import pytest
from counterfactuals.truths import deviation, first_costs
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from surrogates import Counterfactuals
from surrogates._kernels.cover import Cover, cheapest_cover

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 5)) * [1, 10, 0.1, 3, 1]
Y = (X @ [1, 0.2, 5, -0.3, 0.1] + RNG.normal(size=300) > 0.5).astype(int)
SCALES = np.array([deviation(column) for column in X.T])


@pytest.mark.parametrize("scaled", [False, True])
def test_one_column_closes_the_gap(scaled):
    """Without bounds the column with the largest |w| s moves alone, whatever is scaled."""
    model = LogisticRegression().fit(X, Y)
    if scaled:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=2.0)).fit(X, Y)
    slope = model.decision_function(np.eye(5)) - model.decision_function(np.zeros((1, 5)))
    rate = np.abs(slope) * SCALES
    rows = X[:40]
    found = Counterfactuals(model).fit(X).explain(rows)
    gaps = np.abs(model.decision_function(rows))
    assert first_costs(found) == pytest.approx(gaps / rate.max(), rel=1e-6)
    assert set(found.changes.feature) == {f"x{rate.argmax()}"}
    assert set(found.status) == {"optimal"}


def test_probabilities_move_the_border():
    model = LogisticRegression().fit(X, Y)
    search = Counterfactuals(model, desired_class=1, min_probability=0.8).fit(X)
    found = search.explain(X[:40])
    rate = (np.abs(model.coef_[0]) * SCALES).max()
    need = np.log(4.0) - model.decision_function(X[:40])
    assert first_costs(found) == pytest.approx(np.maximum(need, 0.0) / rate, rel=1e-6, abs=1e-8)
    assert (model.predict_proba(found.frame)[:, 1] >= 0.8).all()


@pytest.mark.parametrize("seed", range(3))
def test_bounds_make_a_knapsack(seed):
    rng = np.random.default_rng(seed)
    model = LinearSVC(random_state=0).fit(X, Y)
    half = SCALES * rng.uniform(0.2, 0.8, 5)
    limits = {column: (-half[column], half[column]) for column in range(5)}
    found = Counterfactuals(model, relative_ranges=limits).fit(X).explain(X[:40])
    weights, costs = model.coef_[0], first_costs(found)
    for row, gap in enumerate(model.decision_function(X[:40])):
        side = -np.sign(gap)
        gains = np.concatenate([weights, -weights]) * side
        program = linprog(
            np.tile(1 / SCALES, 2), A_ub=-gains[None], b_ub=[-abs(gap)],
            bounds=[(0, most) for most in np.tile(half, 2)],
        )  # fmt: skip
        if program.success:
            assert found.status[row] == "optimal"
            assert costs[row] == pytest.approx(program.fun, rel=1e-6, abs=1e-9)
        else:
            assert found.status[row] == "infeasible"


@pytest.mark.parametrize("n_classes", [2, 3])
def test_integers_and_levels(n_classes):
    rng = np.random.default_rng(n_classes)
    table = pd.DataFrame({"n": rng.integers(0, 12, 200), "c": rng.choice(list("xyz"), 200),
                          "m": rng.integers(0, 5, 200)})  # fmt: skip
    value = table.n / 4 + (table.c == "x") - table.m / 2 + rng.normal(size=200) / 3
    y = np.digitize(value, [0.8, 2.0][: n_classes - 1])
    columns = make_column_transformer((OneHotEncoder(), ["c"]), remainder="passthrough")
    model = make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(table, y)
    search = Counterfactuals(model, ranges={"n": (0, 12), "m": (0, 5)}).fit(table)
    rows = table.head(12)
    found = search.explain(rows)
    costs = first_costs(found)
    grid = pd.DataFrame(itertools.product(range(13), "xyz", range(6)), columns=list("ncm"))
    said = model.predict(grid)
    for row, own in enumerate(model.predict(rows)):
        cell = rows.iloc[row]
        price = (
            (grid.n - cell.n).abs() / deviation(table.n)
            + (grid.m - cell.m).abs() / deviation(table.m)
            + (grid.c != cell.c)
        )
        assert costs[row] == pytest.approx(price[said != own].min(), rel=1e-9)
    assert set(found.status) == {"optimal"}


def test_two_sided_intervals():
    model = make_pipeline(StandardScaler(), Ridge()).fit(X, X @ [1, 0.2, 5, -0.3, 0.1])
    found = Counterfactuals(model, desired_range=(1.0, 1.1)).fit(X).explain(X[:20])
    said = model.predict(found.frame)
    assert ((said >= 1.0) & (said <= 1.1)).all()
    slope = model.predict(np.eye(5)) - model.predict(np.zeros((1, 5)))
    rate = (np.abs(slope) * SCALES).max()
    own = model.predict(X[:20])
    gap = np.maximum(np.maximum(1.0 - own, own - 1.1), 0.0)
    assert first_costs(found) == pytest.approx(gap / rate, rel=1e-5, abs=1e-9)


def test_a_scale_changes_nothing():
    wide = X * [1000, 1, 1, 1, 1]
    first = Counterfactuals(LinearRegression().fit(X, X[:, 0] + X[:, 1]), desired_range=(2, None))
    second = Counterfactuals(
        LinearRegression().fit(wide, X[:, 0] + X[:, 1]), desired_range=(2, None)
    )
    one, two = first.fit(X).explain(X[:10]), second.fit(wide).explain(wide[:10])
    assert one.cost == pytest.approx(two.cost, rel=1e-6, abs=1e-9)
    assert list(one.changes.feature) == list(two.changes.feature)


@settings(max_examples=60, deadline=None)
@given(
    gains=st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=3), min_size=1, max_size=4),
    need=st.integers(1, 20),
    most=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_covers_are_cheapest(gains, need, most, seed):
    """The kernel against every combination of options."""
    rng = np.random.default_rng(seed)
    costs = [rng.integers(1, 9, len(own)).astype(float) for own in gains]
    ratio = [max(np.array(g) / c) for g, c in zip(gains, costs, strict=True)]
    order = np.argsort(-np.array(ratio), kind="stable")
    gains, costs = [np.array(gains[i], dtype=float) for i in order], [costs[i] for i in order]
    n = len(gains)
    cover = Cover(
        kind=np.zeros(n, dtype=np.int64),
        ratio=np.array(ratio)[order],
        most=np.array([own.max() for own in gains]),
        first=np.zeros(n),
        step=np.zeros(n),
        start=np.concatenate([[0], np.cumsum([len(own) for own in gains])]),
        gains=np.concatenate(gains),
        costs=np.concatenate(costs),
        changes=np.ones(sum(map(len, gains)), dtype=np.int64),
    )
    found = cheapest_cover(cover, float(need), most, np.inf)[0]
    best = np.inf
    for chosen in itertools.product(*[range(-1, len(own)) for own in gains]):
        taken = [(part, option) for part, option in enumerate(chosen) if option >= 0]
        gain = sum(gains[part][option] for part, option in taken)
        if len(taken) <= most and gain >= need:
            best = min(best, sum(costs[part][option] for part, option in taken))
    assert found == pytest.approx(best)


def test_a_number_out_of_its_range_moves_into_it_or_stays():
    model = LogisticRegression().fit(X, Y)
    ranges = dict.fromkeys(range(5), (-0.05, 0.05))
    found = Counterfactuals(model, ranges=ranges).fit(X).explain(X[:60])
    after, before = np.asarray(found.frame), X[:60][found.row]
    assert len(after) > 10
    moved = after != before
    assert (np.abs(after[moved]) <= 0.05).all()
    assert "optimal" not in set(found.status)  # numbers between those that were seen are left out
