"""The exact search for trees against every cell of small forests."""

import numpy as np
import pandas as pd
import pytest
from counterfactuals.truths import all_rows, costs_of, first_costs
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from surrogates import Counterfactuals


def make_table(seed, n=250):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "income": rng.normal(size=n),
            "months": rng.integers(0, 20, n),
            "purpose": rng.choice(["car", "house", "tv"], n),
        }
    )
    score = X.income + 0.1 * X.months + (X.purpose == "car") + rng.normal(size=n) / 2
    return X, score


def make_model(estimator, X, y):
    columns = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["purpose"]),
        (StandardScaler(), ["income"]),
        remainder="passthrough",
    )
    return make_pipeline(columns, estimator).fit(X, y)


def optimum(model, row, search, X, wanted, most_changes=3):
    """Return the least cost over all cells of the model."""
    task = search.task_
    part = int(task.parts.of_column[0])
    cuts = task.prover.cells.cuts[part].cuts
    grid = {
        "income": [*cuts, *np.nextafter(cuts, np.inf)],
        "months": range(-2, 24),
        "purpose": ["car", "house", "tv"],
    }
    rows = all_rows(row, grid)
    changes = sum((rows[name] != row[name]).astype(int) for name in rows)
    costs = costs_of(rows, row, X)
    fine = wanted(model.predict(rows)) & (changes <= most_changes)
    return costs[fine].min() if fine.any() else np.inf


CLASSIFIERS = [
    DecisionTreeClassifier(max_depth=5, random_state=0),
    RandomForestClassifier(7, max_depth=4, random_state=0),
    ExtraTreesClassifier(5, max_depth=4, random_state=0),
    GradientBoostingClassifier(n_estimators=6, max_depth=2, random_state=0),
    HistGradientBoostingClassifier(max_iter=6, max_leaf_nodes=5, random_state=0),
]


@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=lambda estimator: type(estimator).__name__)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_optimum_of_classifiers(estimator, n_classes):
    X, score = make_table(n_classes)
    y = np.digitize(score, [1.2] if n_classes == 2 else [0.5, 1.6])
    model = make_model(estimator, X, np.array(["low", "mid", "high"])[y])
    search = Counterfactuals(model).fit(X)
    rows = X.head(6)
    found = search.explain(rows)
    costs = first_costs(found)
    for at, own in enumerate(model.predict(rows)):
        best = optimum(model, rows.iloc[at], search, X, lambda said, own=own: said != own)
        assert costs[at] == pytest.approx(best, rel=1e-9)
        assert found.status[at] == "optimal"
    assert (found.lower_bound <= found.cost).all()
    assert (model.predict(found.frame) == found.predictions).all()


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestRegressor(6, max_depth=4, random_state=0),
        HistGradientBoostingRegressor(max_iter=5, max_leaf_nodes=5),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.parametrize("quantiles", [(0.6, 0.75), (0.2, 0.3)])
def test_optimum_of_regressors(estimator, quantiles):
    X, score = make_table(7)
    model = make_model(estimator, X, score)
    low, high = np.quantile(score, quantiles)
    search = Counterfactuals(model, desired_range=(low, high)).fit(X)
    rows = X.head(8)
    found = search.explain(rows)
    costs = first_costs(found)
    for at in range(len(rows)):
        best = optimum(model, rows.iloc[at], search, X, lambda said: (said >= low) & (said <= high))
        assert costs[at] == pytest.approx(best, rel=1e-9, abs=1e-12)
        assert found.status[at] in {"optimal", "already_target", "infeasible"}
        assert (found.status[at] == "infeasible") == np.isinf(best)


def test_optimum_under_most_changes():
    X, score = make_table(3)
    model = make_model(CLASSIFIERS[1], X, score > 1.2)
    search = Counterfactuals(model, max_changes=1).fit(X)
    rows = X.head(10)
    found = search.explain(rows)
    costs = first_costs(found)
    for at, own in enumerate(model.predict(rows)):
        best = optimum(model, rows.iloc[at], search, X, lambda said, own=own: said != own, 1)
        assert costs[at] == pytest.approx(best, rel=1e-9)
        assert found.status[at] == ("infeasible" if np.isinf(best) else "optimal")


def test_optimum_at_a_probability():
    X, score = make_table(4)
    model = make_model(CLASSIFIERS[1], X, np.where(score > 1.2, "good", "bad"))
    search = Counterfactuals(model, desired_class="good", min_probability=0.8).fit(X)
    found = search.explain(X.head(10))
    assert (found.responses[:, list(found.output_names).index("good")] >= 0.8).all()
    assert set(found.status) <= {"optimal", "already_target", "infeasible"}


def test_coupled_columns_take_seen_combinations_only():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"school": rng.choice(["a", "b", "c"], 300), "wage": rng.normal(size=300)})
    X["years"] = X.school.map({"a": 9, "b": 12, "c": 16}) + rng.integers(0, 2, 300)
    y = (X.years + X.wage > 13).to_numpy()
    columns = make_column_transformer((OneHotEncoder(), ["school"]), remainder="passthrough")
    model = make_pipeline(columns, RandomForestClassifier(10, max_depth=5, random_state=0))
    model.fit(X, y)
    seen = set(zip(X.school, X.years, strict=True))
    for method in ("auto", "beam"):
        search = Counterfactuals(model, coupled=[("school", "years")], method=method).fit(X)
        found = search.explain(X.head(30))
        assert set(zip(found.frame.school, found.frame.years, strict=True)) <= seen
        assert (found.status == ("optimal" if method == "auto" else "valid")).all()
    exact = Counterfactuals(model, coupled=[("school", "years")]).fit(X).explain(X.head(30))
    assert (exact.cost <= found.cost + 1e-12).all()


def test_ties_are_decided_by_the_model():
    """Shares of one half are decided for the first class, and answers never rest on a tie."""
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    forest = RandomForestClassifier(10, bootstrap=True, max_features=1, random_state=3)
    X, y = np.tile(X, (5, 1)), np.tile([0, 1, 1, 0], 5)
    forest.fit(X, y)
    found = Counterfactuals(forest, steps={0: 0, 1: 0}).fit(X).explain(X[:4])
    assert (forest.predict(found.frame) != forest.predict(X[:4])[found.row]).all()
    assert (forest.predict(found.frame) == found.predictions).all()


def test_a_class_that_no_leaf_wins_is_infeasible():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = (rng.random(200) < 0.05).astype(int)
    forest = RandomForestClassifier(5, min_samples_leaf=60, random_state=0).fit(X, y)
    found = Counterfactuals(forest, desired_class=1).fit(X).explain(X[:3])
    assert list(found.status) == ["infeasible"] * 3
    assert len(found.row) == 0


def test_a_time_limit_leaves_a_bound():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 12))
    forest = RandomForestRegressor(40, random_state=0).fit(X, np.sin(X).sum(axis=1))
    search = Counterfactuals(forest, desired_range=(3.0, None), time_limit=0.05).fit(X)
    found = search.explain(X[np.argsort(forest.predict(X))[:2]])
    assert set(found.status) <= {"valid", "optimal", "not_found"}
    assert (found.lower_bound > 0).all()
    assert (found.lower_bound <= found.cost).all()
