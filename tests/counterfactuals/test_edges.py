"""Nothing hangs, nothing is faked, every row gets an honest status."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from surrogates import Counterfactuals
from surrogates.exceptions import ModelOutputError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
FOREST = RandomForestClassifier(10, max_depth=5, random_state=0).fit(X, Y)
LOGISTIC = LogisticRegression().fit(X, Y)


class Counter:
    """A black box that counts the rows it is asked about."""

    def __init__(self, model):
        self.model, self.rows, self.calls = model, 0, 0

    def __call__(self, table):
        self.rows += len(table)
        self.calls += 1
        return self.model.predict_proba(table)


def test_constant_models():
    found = Counterfactuals(DummyClassifier().fit(X, Y)).fit(X).explain(X[:3])
    assert list(found.status) == ["not_found"] * 3
    assert len(found.frame) == len(found.row) == len(found.changes) == 0
    assert found.frame.dtype == X.dtype
    constant = DummyRegressor().fit(X, X[:, 0])
    found = Counterfactuals(constant, desired_range=(5, 6)).fit(X).explain(X[:3])
    assert list(found.status) == ["not_found"] * 3


@pytest.mark.parametrize("model", [FOREST, LOGISTIC], ids=["forest", "logistic"])
def test_everything_frozen(model):
    for method, status in (("auto", "infeasible"), ("beam", "not_found")):
        search = Counterfactuals(model, immutable=range(4), method=method).fit(X)
        assert list(search.explain(X[:3]).status) == [status] * 3


def test_unreachable_under_ranges():
    ranges = dict.fromkeys(range(4), (-0.01, 0.01))
    rows = X[np.argsort(X[:, 0] + X[:, 1])[:4]]
    search = Counterfactuals(LOGISTIC, ranges=ranges, max_changes=1).fit(X)
    assert list(search.explain(rows).status) == ["infeasible"] * 4


def test_rows_at_the_target_stay():
    found = Counterfactuals(FOREST, desired_class=1).fit(X).explain(X[:20])
    reached = FOREST.predict(X[:20]) == 1
    assert ((found.status == "already_target") == reached).all()
    same = reached[found.row]
    assert (found.cost[same] == 0).all()
    assert np.array_equal(found.frame[same], X[found.row[same]])
    assert not set(found.changes.row) & set(np.flatnonzero(reached))


@pytest.mark.parametrize("budget", [1, 2, 3, 5, 10, 40, 200])
@pytest.mark.parametrize("count", [1, 3])
def test_budgets_are_kept_by_every_row(budget, count):
    for row in X[:4]:
        model = Counter(FOREST)
        search = Counterfactuals(model, max_model_rows=budget, n_counterfactuals=count).fit(X)
        model.rows = 0
        found = search.explain(row[None])
        assert model.rows <= max(budget, 1)
        assert found.n_model_rows == model.rows


def test_budgets_with_labels_noise_and_rules():
    model = SVC().fit(X, Y)
    for limits in (
        {"robustness": {"noise": 0.1, "draws": 20}},
        {"rules": [lambda before, after: after[:, 0] > -1.0]},
        {"plausibility": 0.9, "n_counterfactuals": 2},
    ):
        found = Counterfactuals(model, max_model_rows=150, **limits).fit(X).explain(X[:10])
        assert found.n_model_rows <= 150 * 10
        assert (model.predict(found.frame) != model.predict(X[:10])[found.row]).all()


def test_labels_alone_are_enough():
    def model(table):
        return np.where(table[:, 0] + table[:, 1] > 0, "yes", "no")

    found = Counterfactuals(model).fit(X).explain(X[:10])
    assert set(found.status) == {"valid"}
    assert (model(found.frame) != model(X[:10])[found.row]).all()
    assert found.irreducible.all()


def test_coarse_probabilities():
    model = KNeighborsClassifier(5).fit(X, Y)
    found = Counterfactuals(model).fit(X).explain(X[:10])
    assert set(found.status) == {"valid"}
    assert (model.predict(found.frame) != model.predict(X[:10])[found.row]).all()


def test_answers_do_not_depend_on_company_or_jobs():
    rows = X[:12]
    for model in (FOREST, Counter(FOREST), LOGISTIC):
        search = Counterfactuals(model, n_counterfactuals=2, max_model_rows=300).fit(X)
        together = search.explain(rows)
        for at in (0, 7, 11):
            alone = search.explain(rows[at : at + 1])
            own = together[at]
            assert np.array_equal(alone.frame, own.frame)
            assert np.array_equal(alone.cost, own.cost)
        parallel = Counterfactuals(model, n_counterfactuals=2, max_model_rows=300, n_jobs=2)
        if not isinstance(model, Counter):
            other = parallel.fit(X).explain(rows)
            assert np.array_equal(other.frame, together.frame)
        backwards = search.explain(rows[::-1])
        assert np.array_equal(backwards[11].frame, together[0].frame)


def test_blocks_and_batches_give_the_same_answers():
    search = Counterfactuals(FOREST).fit(X)
    rows = X[:150]
    whole = search.explain(rows)
    parts = list(search.explain_batches(rows, size=64))
    assert np.array_equal(np.concatenate([part.frame for part in parts]), whole.frame)
    assert sum(len(part) for part in parts) == len(whole)


def test_columns_may_come_in_any_order():
    order = [2, 0, 3, 1]
    frame = pd.DataFrame(X, columns=list("abcd"))
    moved = frame.iloc[:, order]

    def model(table):
        return FOREST.predict_proba(np.asarray(table[list("abcd")]))

    first = Counterfactuals(model).fit(frame).explain(frame.head(5))
    second = Counterfactuals(model).fit(moved).explain(moved.head(5))
    assert first.cost == pytest.approx(second.cost)
    assert list(second.frame.columns) == list(moved.columns)


def test_regression_intervals():
    model = LinearRegression().fit(X, X @ [1.0, 2.0, 0.0, -1.0])
    for interval in ((2, 3), (None, -2), (4, None)):
        found = Counterfactuals(model, desired_range=interval).fit(X).explain(X[:10])
        low, high = (-np.inf if interval[0] is None else interval[0]), interval[1]
        high = np.inf if high is None else high
        said = model.predict(found.frame)
        assert ((said >= low) & (said <= high)).all()
        assert set(found.status) <= {"optimal", "already_target", "not_found", "valid"}


def test_a_regressor_needs_a_range():
    search = Counterfactuals(LinearRegression().fit(X, X[:, 0])).fit(X)
    with pytest.raises(ValueError, match="'desired_range' parameter"):
        search.explain(X[:1])


def test_exact_is_an_error_for_black_boxes():
    with pytest.raises(ValueError, match=r"'method' parameter .* no exact engine"):
        Counterfactuals(SVC().fit(X, Y), method="exact").fit(X)
    with pytest.raises(ValueError, match="'method' parameter"):
        Counterfactuals(FOREST, method="exact", derived={0: lambda own: own[:, 1]}).fit(X)
    found = Counterfactuals(FOREST, method="exact").fit(X).explain(X[:3])
    assert set(found.status) == {"optimal"}


def test_models_that_fail_are_named():
    def broken(table):
        return np.full((len(table), 2), np.nan)

    with pytest.raises(ModelOutputError, match="NaN"):
        Counterfactuals(broken).fit(X)


def test_constant_columns_and_single_reference_rows():
    flat = np.column_stack([X[:, 0], np.ones(200)])
    model = LogisticRegression().fit(flat, Y)
    found = Counterfactuals(model, method="beam").fit(flat).explain(flat[:4])
    assert set(found.status) == {"valid"}
    found = Counterfactuals(LOGISTIC, method="beam").fit(X[:1]).explain(X[:2])
    assert set(found.status) <= {"valid", "not_found"}
    one = LogisticRegression().fit(X[:, :1], Y)
    assert set(Counterfactuals(one).fit(X[:, :1]).explain(X[:3, :1]).status) == {"optimal"}


def test_answers_stand_whatever_else_is_in_the_call():
    """Single precision rounds rows of a large batch differently; no answer is lost by that."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 12))
    weights = rng.normal(size=(12, 40)).astype(np.float32)

    def single(rows):
        hidden = np.tanh(rows.astype(np.float32) @ weights)
        wobble = np.float32(1e-6) * (len(rows) % 7 - 3)
        return (hidden.sum(axis=1) + wobble).astype(np.float64)

    search = Counterfactuals(single, desired_range=(5.0, 9.0), max_model_rows=400).fit(X)
    assert search.task_.oracle.guard > 1e-6
    found = search.explain(X[:30])
    assert not (found.status == "not_found").any()
    exact = Counterfactuals(
        lambda rows: np.floor(rows[:, 0]), desired_range=(1, 1), steps={0: 0.5}
    ).fit(X)
    assert exact.task_.oracle.guard == -np.inf
    assert set(exact.explain(X[:5]).status) <= {"valid", "already_target"}
