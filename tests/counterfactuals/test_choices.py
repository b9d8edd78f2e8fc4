"""Several answers, answers close to real rows, answers that hold, answers without idle changes."""

from itertools import combinations

import numpy as np
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from surrogates import Counterfactuals
from surrogates.counterfactuals.diversity import greedy_determinant
from surrogates.counterfactuals.plausibility import Crowd
from surrogates.datasets import load_german_credit

X, Y = load_german_credit(return_X_y=True)
COLUMNS = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    remainder="passthrough",
)
FOREST = make_pipeline(COLUMNS, RandomForestClassifier(30, min_samples_leaf=3, random_state=0))
FOREST.fit(X, Y)
DENIED = X[FOREST.predict(X) == "bad"].head(8)


@pytest.mark.parametrize("method", ["auto", "beam"])
def test_several_answers_differ(method):
    search = Counterfactuals(FOREST, n_counterfactuals=4, method=method).fit(X)
    found = search.explain(DENIED)
    single = Counterfactuals(FOREST, method=method).fit(X).explain(DENIED)
    assert (FOREST.predict(found.frame) == "good").all()
    for row in range(len(DENIED)):
        own = found[row]
        assert list(own.rank) == list(range(1, len(own.row) + 1))
        assert (np.diff(own.cost) >= 0).all()
        assert len(own.frame.drop_duplicates()) == len(own.frame)
        assert own.cost[0] == pytest.approx(single[row].cost[0])
    assert len(found.row) >= 2.5 * len(DENIED)


def test_greedy_selection_follows_the_determinant():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(12, 3))
    kernel = 1 / (1 + np.abs(points[:, None] - points[None]).sum(axis=2)) + 1e-4 * np.eye(12)
    taken = greedy_determinant(kernel, 4)
    for size in range(1, 4):
        last = [
            np.linalg.det(kernel[np.ix_([*taken[:size], own], [*taken[:size], own])])
            for own in range(12)
        ]
        assert taken[size] == int(np.argmax(last))


def test_no_part_of_the_changes_is_idle():
    """Brute force over all proper subsets of the changes."""
    for method in ("auto", "beam"):
        search = Counterfactuals(FOREST, n_counterfactuals=3, method=method).fit(X)
        found = search.explain(DENIED)
        lighter, lines = [], []
        for line, row in enumerate(found.row):
            before, after = DENIED.iloc[row], found.frame.iloc[line]
            names = [name for name in X if before[name] != after[name]]
            for size in range(1, len(names)):
                for kept in combinations(names, size):
                    one = DENIED.iloc[[row]].copy()
                    for name in kept:
                        one[name] = after[name]
                    lighter.append(one)
                    lines.append(line)
        said = [FOREST.predict(one)[0] for one in lighter]
        idle = {line for line, own in zip(lines, said, strict=True) if own == "good"}
        assert not idle & set(np.flatnonzero(found.irreducible).tolist())
        assert found.irreducible.all()


def gower(first, second):
    """Return distances, (n_first, n_second), the slow way."""
    total = np.zeros((len(first), len(second)))
    for name in X:
        a, b = first[name].to_numpy()[:, None], second[name].to_numpy()[None]
        if X[name].dtype.kind in "if":
            total += np.minimum(np.abs(a - b) / np.ptp(X[name]), 1.0)
        else:
            total += a != b
    return total / X.shape[1]


def test_distances_and_outlier_factors_are_those_of_real_rows():
    found = Counterfactuals(FOREST, n_counterfactuals=2).fit(X).explain(DENIED)
    good = X[FOREST.predict(X) == "good"]
    to_good = gower(found.frame, good)
    assert found.distance == pytest.approx(to_good.min(axis=1))
    among = gower(good, good)
    truth = LocalOutlierFactor(20, metric="precomputed", novelty=True).fit(among)
    assert found.outlier_factor == pytest.approx(-truth.score_samples(to_good), rel=1e-6)


@pytest.mark.parametrize("measure", ["distance", "lof"])
def test_a_limit_of_plausibility_holds(measure):
    asked = {"limit": 0.5, "measure": measure}
    free = Counterfactuals(FOREST).fit(X).explain(DENIED)
    found = Counterfactuals(FOREST, plausibility=asked).fit(X).explain(DENIED)
    good = X[FOREST.predict(X) == "good"]
    if measure == "distance":
        among = gower(good, good) + np.eye(len(good))
        bound = np.quantile(among.min(axis=1), 0.5)
        assert (found.distance <= bound * (1 + 1e-9)).all()
        assert len(found.row) == len(DENIED)
    else:
        truth = LocalOutlierFactor(20, metric="precomputed").fit(gower(good, good))
        bound = np.quantile(-truth.negative_outlier_factor_, 0.5)
        assert (found.outlier_factor <= bound * (1 + 1e-9)).all()
    costs = dict(zip(free.row, free.cost, strict=True))
    assert all(cost >= costs[row] - 1e-9 for row, cost in zip(found.row, found.cost, strict=True))


def test_a_penalty_of_plausibility_leads_closer():
    free = Counterfactuals(FOREST).fit(X).explain(DENIED)
    asked = {"penalty": 40.0}
    found = Counterfactuals(FOREST, plausibility=asked, max_model_rows=600).fit(X).explain(DENIED)
    assert found.distance.mean() < free.distance.mean()
    worth = found.column_costs.sum(axis=1) + 40.0 * found.distance
    assert found.cost == pytest.approx(worth)
    assert (found.cost <= free.cost + 40.0 * free.distance + 1e-9).all()


def test_crowds_of_few():
    lonely = Crowd.of(np.zeros((1, 2)), np.ones(2))
    assert lonely.distances(np.ones((1, 2))) == pytest.approx([1.0])
    assert np.isnan(lonely.outlier_factors(np.ones((1, 2)))).all()
    assert np.isinf(Crowd.of(np.zeros((0, 2)), np.ones(2)).distances(np.ones((1, 2)))).all()
    rng = np.random.default_rng(0)
    points = rng.random((50, 3))
    crowd = Crowd.of(points, np.ones(3))
    near = NearestNeighbors(n_neighbors=1, metric="manhattan").fit(points)
    query = rng.random((9, 3))
    assert crowd.distances(query) == pytest.approx(near.kneighbors(query)[0][:, 0] / 3)


def test_robust_answers_hold_on_fresh_noise():
    numbers = X.select_dtypes("number")
    net = make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=300, random_state=0))
    net.fit(numbers, Y)
    denied = numbers[net.predict(numbers) == "bad"].head(6)
    asked = {"noise": 0.2, "draws": 60, "level": 0.9}
    search = Counterfactuals(net, robustness=asked, random_state=0).fit(numbers)
    found = search.explain(denied)
    assert (found.robustness >= 0.9).all()
    rng = np.random.default_rng(1)
    for line in range(len(found.row)):
        center = found.frame.iloc[[line] * 300]
        scale = [np.median(np.abs(numbers[n] - numbers[n].median())) or numbers[n].std(ddof=0)
                 for n in numbers]  # fmt: skip
        noisy = center + np.rint(0.2 * rng.normal(size=center.shape) * scale)
        assert (net.predict(noisy) == "good").mean() >= 0.9 - 4 * np.sqrt(0.09 / 60)
    free = Counterfactuals(net, robustness={"noise": 0.2}).fit(numbers).explain(denied)
    assert free.robustness.min() < 0.9


def test_refits_are_reported():
    search = Counterfactuals(FOREST, robustness={"refits": 3}, random_state=0).fit(X, Y)
    found = search.explain(DENIED.head(3))
    assert np.allclose(found.robustness * 3, np.rint(found.robustness * 3))
    again = Counterfactuals(FOREST, robustness={"refits": 3}, random_state=0).fit(X, Y)
    assert np.array_equal(again.explain(DENIED.head(3)).robustness, found.robustness)
    with pytest.raises(ValueError, match="pass an estimator"):
        Counterfactuals(FOREST, robustness={"refits": 3}).fit(X)


def test_the_beam_comes_close_to_the_optimum():
    exact = Counterfactuals(FOREST).fit(X).explain(DENIED)
    found = Counterfactuals(FOREST, method="beam", max_model_rows=500).fit(X).explain(DENIED)
    assert set(exact.status) == {"optimal"}
    assert (found.cost >= exact.cost - 1e-9).all()
    assert (found.cost / exact.cost).mean() < 1.05
    assert found.n_model_rows <= 500 * len(DENIED)
