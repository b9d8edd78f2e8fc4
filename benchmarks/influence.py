"""Influence functions against fitting again: accuracy, time, groups, wrong labels, large tables.

Times are CPU times; those of influence include `fit` and `explain`, those of refits are the sum
over all training rows, by the fastest solver for the model, at a tolerance of 1e-12 (1e-10 for
LinearSVC); both are taken by turns. liblinear stops short of the optimum of a LinearSVC by 1e-6 of
the influence: its refits are brought there by Newton's method on the active rows, outside of the
time measured.

    OMP_NUM_THREADS=1 python benchmarks/influence.py [--seeds 10]
"""

import argparse
import json
import resource
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import log_softmax, xlogy
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import (
    GammaRegressor,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from surrogates import InfluenceFunctions
from surrogates.influence.neighbors import shapley_of_neighbors

Table = dict[str, Any]
Split = tuple[Any, Any, Any, Any]

NEWTON = {"solver": "newton-cholesky", "tol": 1e-12, "max_iter": 1000}
METHODS = ("first_order", "newton", "auto", "exact")


def cpu(run: Callable[[], Any], repeats: int = 5) -> float:
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return float(np.median(times))


def split(X: Any, y: Any, share: float = 0.7) -> Split:
    order = np.random.default_rng(0).permutation(len(y))
    cut = int(share * len(y))
    train, test = order[:cut], order[cut:]
    return X[train], y[train], X[test], y[test]


def data_sets() -> dict[str, Split]:
    scale = StandardScaler().fit_transform
    cancer, wine = load_breast_cancer(return_X_y=True), load_wine(return_X_y=True)
    digits, names = load_digits(return_X_y=True)
    pair = (names == 3) | (names == 8)
    first_two = wine[1] < 2
    return {
        "breast cancer": split(scale(cancer[0]), cancer[1]),
        "wine, 2 classes": split(scale(wine[0][first_two]), wine[1][first_two]),
        "digits 3 v 8": split(digits[pair] / 16.0, (names[pair] == 8).astype(int)),
        "wine, 3 classes": split(scale(wine[0]), wine[1]),
    }


def log_loss(model: Any, X: Any, y: Any) -> Any:
    margins = model.decision_function(X)
    if margins.ndim == 1:
        return np.logaddexp(0.0, np.where(y == 1, -margins, margins))
    return -log_softmax(margins, axis=1)[np.arange(len(y)), y]


def squared_hinge(model: Any, X: Any, y: Any) -> Any:
    return np.square(np.maximum(0.0, 1.0 - np.where(y == 1, 1, -1) * model.decision_function(X)))


def squared_error(model: Any, X: Any, y: Any) -> Any:
    return np.square(model.predict(X) - y)


def poisson_deviance(model: Any, X: Any, y: Any) -> Any:
    mean = model.predict(X)
    return 2.0 * (xlogy(y, y / mean) - y + mean)


def gamma_deviance(model: Any, X: Any, y: Any) -> Any:
    mean = model.predict(X)
    return 2.0 * (np.log(mean / y) + y / mean - 1.0)


def refits(model: Any, data: Split, loss: Any, groups: Any = None, weights: Any = None) -> Any:
    X, y, X_test, y_test = data
    groups = np.arange(len(y))[:, None] if groups is None else groups
    base, columns = loss(model, X_test, y_test), []
    for rows in groups:
        kept = np.delete(np.arange(len(y)), rows)
        more = {} if weights is None else {"sample_weight": weights[kept]}
        columns.append(loss(clone(model).fit(X[kept], y[kept], **more), X_test, y_test) - base)
    return np.column_stack(columns)


class OptimalSVC(LinearSVC):
    """A LinearSVC at the minimum of its piecewise quadratic objective."""

    def fit(self, X: Any, y: Any) -> Any:
        """Fit, and go on to the optimum."""
        super().fit(X, y)
        design, sign = np.column_stack([X, np.ones(len(X))]), np.where(y == 1, 1.0, -1.0)
        theta, before = np.append(self.coef_, self.intercept_), None
        while True:
            active = sign * (design @ theta) < 1.0
            if before is not None and np.array_equal(active, before):
                break
            matrix = np.eye(len(theta)) + 2.0 * self.C * design[active].T @ design[active]
            theta = np.linalg.solve(matrix, 2.0 * self.C * design[active].T @ sign[active])
            before = active
        self.coef_, self.intercept_ = theta[None, :-1], theta[-1:]
        return self


def true_changes(model: Any, data: Split, loss: Any) -> Any:
    best = OptimalSVC(**model.get_params()).fit(*data[:2])
    return refits(best, data, loss)


def compare(found: Any, truth: Any) -> Table:
    return {
        "relative_error": float(np.linalg.norm(found - truth) / np.linalg.norm(truth)),
        "pearson": float(np.corrcoef(found.ravel(), truth.ravel())[0, 1]),
    }


def leave_one_out(name: str, model: Any, data: Split, loss: Any) -> Iterator[Table]:
    X, y, X_test, y_test = data
    model.fit(X, y)

    def run(method: str) -> Any:
        return InfluenceFunctions(model, method=method).fit(X, y).explain(X_test, y_test)

    found = {method: run(method) for method in METHODS}
    times = {method: [] for method in METHODS}
    seconds, parts = 0.0, []
    for rows in np.array_split(np.arange(len(y)), 5):  # by turns, as the speed of machines varies
        start = time.process_time()
        parts.append(refits(model, data, loss, rows[:, None]))
        seconds += time.process_time() - start
        for method in METHODS:
            times[method].append(cpu(lambda method=method: run(method), 3))
    is_svc = isinstance(model, LinearSVC)
    truth = true_changes(model, data, loss) if is_svc else np.column_stack(parts)
    for method, influence in found.items():
        own = float(np.median(times[method]))
        yield {
            "data": name,
            "rows": len(y),
            "method": method,
            **compare(influence.values, truth),
            "polished": influence.details["polished_rows"],
            "ms": 1e3 * own,
            "times_faster": seconds / own,
        }


def smooth_models() -> list[Table]:
    sets, rows = data_sets(), []
    for name, data in sets.items():
        for C in (0.01, 1.0, 100.0):
            model = LogisticRegression(C=C, **NEWTON)
            rows += leave_one_out(f"{name}, C={C:g}", model, data, log_loss)
    X, amount = load_diabetes(return_X_y=True)
    X, amount = 20.0 * X, amount / 100.0
    counts = np.round(amount)
    for name, model, y, loss in (
        ("Poisson, diabetes", PoissonRegressor(alpha=0.1, **NEWTON), counts, poisson_deviance),
        ("Gamma, diabetes", GammaRegressor(alpha=0.1, **NEWTON), amount, gamma_deviance),
    ):
        rows += leave_one_out(name, model, split(X, y), loss)
    for name in ("breast cancer", "digits 3 v 8"):
        model = LinearSVC(tol=1e-10, max_iter=10_000, dual=False)
        rows += leave_one_out(f"LinearSVC, {name}", model, sets[name], squared_hinge)
    return rows


def least_squares() -> list[Table]:
    X, y = load_diabetes(return_X_y=True)
    data = split(X, y)
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.5, 2.0, len(data[1]))
    groups = [rng.permutation(len(data[1]))[:30] for _ in range(10)]
    table = []
    for model in (LinearRegression(), Ridge(alpha=0.1)):
        for name, given in (("plain", None), ("weighted", weights)):
            model.fit(data[0], data[1], sample_weight=given)
            explainer = InfluenceFunctions(model).fit(data[0], data[1], sample_weight=given)
            rows = explainer.explain(data[2], data[3]).values
            sets = explainer.remove(groups, data[2], data[3]).values
            alone = refits(model, data, squared_error, weights=given)
            together = refits(model, data, squared_error, groups, given)
            table.append(
                {
                    "model": f"{model}, {name}",
                    "rows": compare(rows, alone)["relative_error"],
                    "groups": compare(sets, together)["relative_error"],
                }
            )
    return table


def groups_of_rows() -> list[Table]:
    data = data_sets()["breast cancer"]
    X, y, X_test, y_test = data
    model = LogisticRegression(**NEWTON).fit(X, y)
    explainer = InfluenceFunctions(model).fit(X, y)
    linear = InfluenceFunctions(model, method="first_order").fit(X, y)
    worth = explainer.explain(X_test, y_test).values.mean(axis=0)
    order, rng = np.argsort(worth), np.random.default_rng(0)
    nearest = np.argsort(np.linalg.norm(X - X[0], axis=1))
    groups = {
        "random 5 %": rng.permutation(len(y))[:20],
        "random 10 %": rng.permutation(len(y))[:40],
        "most helpful 5 %": order[-20:],
        "most harmful 10 %": order[:40],
        "one cluster, 10 %": nearest[:40],
    }
    truth = refits(model, data, log_loss, list(groups.values()))
    found = explainer.remove(groups, X_test, y_test).values
    sums = linear.remove(groups, X_test, y_test).values
    return [
        {
            "removed": name,
            "first_order": compare(sums[:, at], truth[:, at])["relative_error"],
            "group_newton": compare(found[:, at], truth[:, at])["relative_error"],
        }
        for at, name in enumerate(groups)
    ]


def large_table() -> Table:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(22_000, 30))
    y = (0.5 * X @ rng.normal(size=30) + rng.logistic(size=22_000) > 0).astype(int)
    train, test = slice(0, 20_000), slice(20_000, None)
    model = LogisticRegression(tol=1e-8, max_iter=1000).fit(X[train], y[train])
    one = cpu(lambda: clone(model).fit(X[train], y[train]), 3)
    seconds = {}
    for method in ("first_order", "newton", "auto"):

        def run(method: str = method) -> Any:
            explainer = InfluenceFunctions(model, method=method).fit(X[train], y[train])
            return explainer.explain(X[test], y[test])

        run()
        seconds[method] = cpu(run)
    explainer = InfluenceFunctions(model).fit(X[train], y[train])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in explainer.explain_batches(X[test], y[test], 200):
        pass
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": seconds,
        "all_refits_seconds": 20_000 * one,
        "megabytes_in_all": after / 1024,
        "megabytes_more_by_batches": (after - before) / 1024,
    }


def neighbors() -> Table:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2300, 20)), rng.integers(0, 2, 2300)
    distances = rng.uniform(size=(300, 2000))
    shapley_of_neighbors(distances, y[:2000], y[2000:], 5)
    model = KNeighborsClassifier(5).fit(X[:2000], y[:2000])
    explainer = InfluenceFunctions(model).fit(X[:2000], y[:2000])
    return {
        "seconds_from_distances": cpu(
            lambda: shapley_of_neighbors(distances, y[:2000], y[2000:], 5)
        ),
        "seconds_explain": cpu(lambda: explainer.explain(X[2000:], y[2000:])),
    }


def trees() -> list[Table]:
    data, table = data_sets()["breast cancer"], []
    X, y, X_test, y_test = data
    for model in (
        GradientBoostingClassifier(n_estimators=50, random_state=0),
        HistGradientBoostingClassifier(max_iter=50, random_state=0),
    ):
        model.fit(X, y)
        found, seconds = {}, {}
        for method in ("first_order", "newton"):

            def run(model: Any = model, method: str = method) -> Any:
                return InfluenceFunctions(model, method=method).fit(X, y).explain(X_test, y_test)

            found[method] = run()
            seconds[method] = cpu(run)
        replay = found["newton"].details["stationarity_residual"]
        boostin, refit = found["first_order"].values, found["newton"].values
        chosen = np.random.default_rng(0).permutation(len(y))[:40]
        start = time.process_time()
        truth = refits(model, data, log_loss, chosen[:, None])
        refit_seconds = (time.process_time() - start) / len(chosen) * len(y)
        table.append(
            {
                "model": type(model).__name__,
                "replay_error": replay,
                "boostin_seconds": seconds["first_order"],
                "leaf_refit_seconds": seconds["newton"],
                "refits_seconds": refit_seconds,
                "boostin_with_leaf_refit": compare(boostin, refit)["pearson"],
                "leaf_refit_with_refits": compare(refit[:, chosen], truth)["pearson"],
                "boostin_with_refits": compare(boostin[:, chosen], truth)["pearson"],
            }
        )
    return table


def networks() -> list[Table]:
    X, y, X_test, y_test = data_sets()["breast cancer"]
    table = []
    for activation in ("tanh", "relu"):
        options = {"solver": "lbfgs", "alpha": 1.0, "max_iter": 5000, "tol": 1e-10}
        model = MLPClassifier((32,), activation=activation, random_state=0, **options).fit(X, y)
        for method in ("first_order", "newton", "auto"):
            explainer = InfluenceFunctions(model, method=method, random_state=0)
            seconds = cpu(lambda explainer=explainer: explainer.fit(X, y), 1)
            frame = explainer.validate(20, X_test, y_test)
            for truth, line in frame.iterrows():
                table.append(
                    {
                        "activation": activation,
                        "method": method,
                        "truth": truth,
                        "seconds": seconds,
                        **line.to_dict(),
                    }
                )
    return table


def wrong_labels(n_seeds: int) -> list[Table]:
    sets, table = data_sets(), []
    for name in ("breast cancer", "wine, 2 classes", "digits 3 v 8"):
        for C in (0.01, 1.0):
            recalls = {key: [] for key in ("rank", "loss", "self_influence", "knn_shapley")}
            for seed in range(n_seeds):
                X, y = np.vstack(sets[name][::2]), np.concatenate(sets[name][1::2])
                flipped = np.random.default_rng(seed).permutation(len(y))[: len(y) // 10]
                noisy = y.copy()
                noisy[flipped] = 1 - noisy[flipped]
                model = LogisticRegression(C=C, max_iter=1000).fit(X, noisy)
                explainer = InfluenceFunctions(model).fit(X, noisy)
                for key, found in recalls.items():
                    suspects = explainer.label_suspects(2 * len(flipped), key).index
                    found.append(
                        [
                            np.isin(flipped, suspects[: len(flipped)]).mean(),
                            np.isin(flipped, suspects).mean(),
                        ]
                    )
            for key, found in recalls.items():
                mean = np.mean(found, axis=0)
                table.append(
                    {
                        "data": f"{name}, C={C:g}",
                        "by": key,
                        "top_10_percent": float(mean[0]),
                        "top_20_percent": float(mean[1]),
                    }
                )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    report = {
        "smooth_models": smooth_models(),
        "least_squares": least_squares(),
        "groups": groups_of_rows(),
        "large_table": large_table(),
        "neighbors": neighbors(),
        "trees": trees(),
        "networks": networks(),
        "wrong_labels": wrong_labels(arguments.seeds),
    }
    print(json.dumps(report, indent=1))
    path = Path(__file__).parent / "results" / "influence.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
