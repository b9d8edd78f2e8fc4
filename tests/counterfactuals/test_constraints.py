"""Constraints hold in every answer, whatever they are and whatever searches."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from surrogates import Counterfactuals

RNG = np.random.default_rng(0)
N = 300
X = pd.DataFrame(
    {
        "age": RNG.integers(18, 75, N),
        "amount": RNG.integers(5, 150, N) * 100,
        "rate": RNG.normal(3, 1, N),
        "job": RNG.choice(["none", "clerk", "boss"], N),
        "owner": RNG.random(N) < 0.4,
    }
)
SCORE = X.age / 20 - X.amount / 4000 + X.rate / 2 + (X.job == "boss") + X.owner
Y = np.where(SCORE + RNG.normal(size=N) / 2 > SCORE.median(), "good", "bad")
LEVELS = {"none", "clerk", "boss"}


def pipeline(estimator):
    columns = make_column_transformer(
        (OneHotEncoder(), ["job", "owner"]), (StandardScaler(), ["age", "amount", "rate"])
    )
    return make_pipeline(columns, estimator).fit(X, Y)


MODELS = {
    "forest": pipeline(RandomForestClassifier(10, max_depth=6, random_state=0)),
    "logistic": pipeline(LogisticRegression()),
    "network": pipeline(MLPClassifier((8,), max_iter=150, tol=1e-2, random_state=0)),
}
COLUMNS = list(X.columns)
NUMBERS = ["age", "amount", "rate"]


@st.composite
def constraints(draw):
    """Draw some constraints at once."""
    subsets = st.lists(st.sampled_from(COLUMNS), unique=True, max_size=2)
    found = {
        "immutable": draw(subsets),
        "increasing": draw(st.lists(st.sampled_from([*NUMBERS, "owner"]), unique=True, max_size=2)),
        "decreasing": draw(st.lists(st.sampled_from(NUMBERS), unique=True, max_size=1)),
        "max_changes": draw(st.sampled_from([None, 1, 2, 3])),
    }
    if draw(st.booleans()):
        found["ranges"] = {"age": (25, 60), "rate": (None, 4.0)}
    if draw(st.booleans()):
        found["relative_ranges"] = {"amount": (-3000, 2000)}
    if draw(st.booleans()):
        found["steps"] = {"amount": 250, "rate": 0.5}
    if draw(st.booleans()):
        found["allowed"] = {"job": {"none": ["clerk"], "clerk": ["boss"]}, "age": [30, 40, 50]}
    if draw(st.booleans()):
        found["rules"] = [no_boss_below_thirty, sum_is_bounded]
    return found


def no_boss_below_thirty(before, after):
    """An implication."""
    return (before["job"] == after["job"]) | (after["age"] >= 30)


def sum_is_bounded(before, after):
    """An inequality between columns."""
    return after["rate"] * 1000 <= after["amount"] + 4000


def violations(found, rows, given):
    """Return what is wrong with an answer, in words."""
    before = rows.iloc[found.row].reset_index(drop=True)
    after = found.frame.reset_index(drop=True)
    changed = before.to_numpy() != after.to_numpy()
    changed = pd.DataFrame(changed, columns=COLUMNS)
    wrong = []
    wrong += [name for name in given["immutable"] if changed[name].any()]
    wrong += [f"{name} fell" for name in given["increasing"] if (after[name] < before[name]).any()]
    wrong += [f"{name} rose" for name in given["decreasing"] if (after[name] > before[name]).any()]
    most = given["max_changes"] or len(COLUMNS)
    wrong += ["many changes"] * int((changed.sum(axis=1) > most).any())
    for name, (low, high) in given.get("ranges", {}).items():
        own = after[name][changed[name]]
        outside = (own < (-np.inf if low is None else low)).any()
        outside |= (own > (np.inf if high is None else high)).any()
        wrong += [f"{name} out of range"] * int(outside)
    for name, (low, high) in given.get("relative_ranges", {}).items():
        shift = (after[name] - before[name])[changed[name]]
        wrong += [f"{name} moved far"] * int(((shift < low) | (shift > high)).any())
    for name, step in given.get("steps", {}).items():
        ratio = after[name][changed[name]] / step
        wrong += [f"{name} off its steps"] * int((np.abs(ratio - ratio.round()) > 1e-9).any())
    if "allowed" in given:
        pairs = set(zip(before.job[changed.job], after.job[changed.job], strict=True))
        wrong += [f"job {pair}" for pair in pairs - {("none", "clerk"), ("clerk", "boss")}]
        wrong += ["age not allowed"] * int(not set(after.age[changed.age]) <= {30, 40, 50})
    for rule in given.get("rules", []):
        wrong += ["rule"] * int((~rule(before, after) & changed.any(axis=1)).any())
    wrong += ["unseen level"] * int(not set(after.job) <= LEVELS)
    return wrong


@pytest.mark.parametrize("name", list(MODELS))
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(limits=constraints(), first=st.integers(0, N - 9))
def test_no_violations(name, limits, first):
    model, rows = MODELS[name], X.iloc[first : first + 8]
    search = Counterfactuals(model, max_model_rows=300, n_counterfactuals=2, **limits).fit(X)
    found = search.explain(rows)
    assert violations(found, rows, limits) == []
    if len(found.row):
        assert (model.predict(found.frame) != model.predict(rows)[found.row]).all()
        assert (model.predict(found.frame) == found.predictions).all()
    assert found.n_model_rows <= 300 * len(rows)
    assert (found.lower_bound <= found.cost * (1 + 1e-9)).all()


def test_relaxing_a_constraint_never_costs():
    rows = X.head(12)
    tight = Counterfactuals(MODELS["forest"], immutable=["age", "job"]).fit(X).explain(rows)
    loose = Counterfactuals(MODELS["forest"], immutable=["age"]).fit(X).explain(rows)
    free = Counterfactuals(MODELS["forest"]).fit(X).explain(rows)
    by_row = [dict(zip(found.row, found.cost, strict=True)) for found in (tight, loose, free)]
    for row in range(len(rows)):
        costs = [found.get(row, np.inf) for found in by_row]
        assert costs[0] >= costs[1] - 1e-12
        assert costs[1] >= costs[2] - 1e-12


def test_weights_make_a_column_dear():
    rows = X.head(12)
    plain = Counterfactuals(MODELS["forest"]).fit(X).explain(rows)
    dear = Counterfactuals(MODELS["forest"], weights={"age": 10.0}).fit(X).explain(rows)
    never = Counterfactuals(MODELS["forest"], weights={"age": np.inf}).fit(X).explain(rows)
    used = [found.changes.feature.tolist().count("age") for found in (plain, dear, never)]
    assert used[0] >= used[1] >= used[2] == 0


def test_derived_columns_are_recomputed():
    table = X[["amount", "age"]].assign(ratio=lambda own: own.amount / own.age)
    forest = RandomForestClassifier(20, random_state=0).fit(table, table.ratio < 150)
    search = Counterfactuals(forest, derived={"ratio": lambda own: own["amount"] / own["age"]}).fit(
        table
    )
    found = search.explain(table.head(8))
    assert len(found.row) == 8
    assert np.array_equal(found.frame.ratio, found.frame.amount / found.frame.age)
    assert (forest.predict(found.frame) != forest.predict(table.head(8))[found.row]).all()


def test_a_cost_of_ones_own():
    def squares(before, after):
        return ((after["amount"] - before["amount"]) / 1000.0) ** 2 + 5.0 * (
            before["job"] != after["job"]
        ).to_numpy()

    search = Counterfactuals(MODELS["network"], cost=squares, immutable=["age", "rate", "owner"])
    rows = X.head(8)
    found = search.fit(X).explain(rows)
    before = rows.iloc[found.row].reset_index(drop=True)
    own = squares(before, found.frame.reset_index(drop=True))
    assert found.cost == pytest.approx(own)
    assert found.column_costs is None


def test_ordered_categories_have_directions():
    degrees = ["school", "bachelor", "master"]
    table = X.assign(
        degree=pd.Categorical(RNG.choice(degrees, N), categories=degrees, ordered=True)
    )
    score = table.degree.cat.codes + X.rate / 4
    columns = make_column_transformer((OneHotEncoder(), ["degree"]), ("passthrough", ["rate"]))
    model = make_pipeline(columns, LogisticRegression(C=100)).fit(table, score > 2)
    found = Counterfactuals(model, increasing=["degree"], immutable=["rate"]).fit(table)
    found = found.explain(table.head(20))
    after = found.frame.degree.cat.codes.to_numpy()
    assert (after >= table.degree.head(20).cat.codes.to_numpy()[found.row]).all()
    assert set(found.status) == {"optimal", "infeasible"}
    assert found.frame.degree.dtype == table.degree.dtype


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"immutable": ["shoe"]}, "'immutable' parameter of Counterfactuals names no column"),
        ({"increasing": ["job"]}, "'increasing' parameter .* numeric columns; 'job' holds levels"),
        ({"ranges": {"job": (1, 2)}}, "'ranges' parameter .* 'job' holds levels"),
        ({"ranges": {"age": (2, 1)}}, "'ranges' parameter .* pairs"),
        ({"ranges": {"age": 3}}, "'ranges' parameter .* pairs"),
        ({"steps": {"age": -1}}, "'steps' parameter .* positive"),
        ({"allowed": {"job": ["king"]}}, "'allowed' parameter .* 'king'"),
        ({"allowed": {"age": {1: [2]}}}, "'allowed' parameter .* transitions"),
        ({"coupled": [("age",)]}, "'coupled' parameter"),
        ({"coupled": [("age", "job"), ("job", "rate")]}, "no column twice"),
        ({"weights": {"age": 0}}, "'weights' parameter"),
        ({"rules": [3]}, "'rules' parameter .* callables"),
        ({"max_changes": 0}, "'max_changes' parameter"),
        ({"desired_class": "great"}, "'desired_class' parameter"),
        ({"desired_range": (0, 1)}, "'desired_range' parameter .* predict a number"),
        ({"cost": "euros"}, "'cost' parameter"),
        ({"plausibility": 2.0}, "'plausibility' parameter"),
        ({"robustness": {"wind": 1}}, "'robustness' parameter"),
        ({"method": "magic"}, "'method' parameter"),
    ],
)
def test_bad_parameters_are_named(limits, words):
    with pytest.raises(ValueError, match=words):
        Counterfactuals(MODELS["forest"], **limits).fit(X)


def test_a_rule_that_returns_nonsense():
    search = Counterfactuals(MODELS["forest"], rules=[lambda before, after: True]).fit(X)
    with pytest.raises(ValueError, match="one bool for each"):
        search.explain(X.head(2))
