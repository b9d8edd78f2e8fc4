"""Fidelity of distilled trees on rows held out, queries, time, and recovery of known rules.

    OMP_NUM_THREADS=1 python benchmarks/trepan.py --data FOLDER [--seeds 5]

Without ``--data`` only the tables that come with scikit-learn and with this package are used. The
folder holds heart_cleveland.csv, house_votes_84.csv and pima_diabetes.csv (UCI).
"""

import argparse
import json
import time
import warnings
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from surrogates import DistilledTreeClassifier, TrepanClassifier
from surrogates.datasets import load_german_credit

SIZES = (4, 8, 16)
MODELS = ("MLP", "RF")
RESULTS = Path(__file__).parent / "results" / "trepan.json"


def heart(folder: Path) -> Any:
    table = pd.read_csv(folder / "heart_cleveland.csv").drop(columns="num")
    target = table.pop("target")
    for name in ("sex", "cp", "fbs", "restecg", "exang", "slope", "thal"):
        table[name] = [f"{value:g}" for value in table[name]]
    return table.fillna({"ca": 0.0}), target


def votes(folder: Path) -> Any:
    table = pd.read_csv(folder / "house_votes_84.csv")
    return table, table.pop("Class")


def pima(folder: Path) -> Any:
    table = pd.read_csv(folder / "pima_diabetes.csv")
    return table, table.pop("target")


def tables(folder: Path | None) -> dict[str, Any]:
    found = {}
    if folder is not None:
        found = {"heart": heart(folder), "votes": votes(folder), "pima": pima(folder)}
    found["german"] = load_german_credit(return_X_y=True)
    found["wine"] = load_wine(return_X_y=True, as_frame=True)
    found["breast cancer"] = load_breast_cancer(return_X_y=True, as_frame=True)
    return found


def fitted(kind: str, seed: int, X: Any, y: Any) -> Any:
    columns = make_column_transformer(
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            make_column_selector(dtype_exclude="number"),
        ),
        (MinMaxScaler(), make_column_selector(dtype_include="number")),
    )
    model = (
        MLPClassifier((32,), activation="logistic", max_iter=150, random_state=seed)
        if kind == "MLP"
        else RandomForestClassifier(100, random_state=seed)
    )
    return make_pipeline(columns, model).fit(X, y)


def cart(model: Any, train: Any, test: Any, n_leaves: int) -> float:
    """Fidelity of a tree on the model's labels of the encoded training rows."""
    encoder = model[0]
    tree = DecisionTreeClassifier(max_leaf_nodes=n_leaves, random_state=0)
    tree.fit(encoder.transform(train), model.predict(train))
    return float((tree.predict(encoder.transform(test)) == model.predict(test)).mean())


def line(method: str, tree: Any, test: Any, seconds: float) -> dict[str, Any]:
    return {
        "method": method,
        "fidelity": tree.fidelity(test),
        "literals": tree.n_literals_,
        "queries": tree.n_queries_,
        "leaves": tree.n_leaves_,
        "sampler": tree.sampler_,
        "seconds": seconds,
    }


def timed(tree: Any, train: Any) -> tuple[Any, float]:
    start = time.process_time()
    tree.fit(train)
    return tree, time.process_time() - start


def fidelities(name: str, X: Any, y: Any, kind: str, seed: int) -> list[dict[str, Any]]:
    train, test, y_train, _ = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
    train, test = train.reset_index(drop=True), test.reset_index(drop=True)
    model = fitted(kind, seed, train, y_train)
    lines = []
    for size in SIZES:
        own = TrepanClassifier(model, max_leaves=size, random_state=seed)
        plain = DistilledTreeClassifier(model, max_leaves=size, random_state=seed)
        found = [
            line("TREPAN", *_with_test(own, train, test)),
            line("DistilledTree", *_with_test(plain, train, test)),
        ]
        found.append({"method": "CART", "fidelity": cart(model, train, test, size)})
        lines += [{"size": f"{size} leaves", **entry} for entry in found]
    short = TrepanClassifier(model, max_leaves=8, max_literals=8, random_state=seed)
    lines.append({"size": "8 literals", **line("TREPAN", *_with_test(short, train, test))})
    return [{"table": name, "model": kind, "seed": seed, **entry} for entry in lines]


def _with_test(tree: Any, train: Any, test: Any) -> tuple[Any, Any, float]:
    tree, seconds = timed(tree, train)
    return tree, test, seconds


def digits(seed: int) -> list[dict[str, Any]]:
    X, y = load_digits(return_X_y=True)
    train, test, y_train, _ = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
    net = make_pipeline(MinMaxScaler(), MLPClassifier((32,), max_iter=300, random_state=seed))
    net.fit(train, y_train)
    lines = []
    for sampler, splits in product(("auto", "marginal", "none"), ("m-of-n", "single")):
        tree = TrepanClassifier(
            net, max_leaves=16, splits=splits, sampler=sampler, random_state=seed
        )
        tree, seconds = timed(tree, train)
        lines.append({"seed": seed, "splits": splits, **line(sampler, tree, test, seconds)})
    plain = DecisionTreeClassifier(max_leaf_nodes=16, random_state=0)
    plain.fit(train, net.predict(train))
    fidelity = float((plain.predict(test) == net.predict(test)).mean())
    lines.append({"seed": seed, "splits": "single", "method": "CART", "fidelity": fidelity})
    return lines


class Clocked:
    """A smooth oracle that knows how long it was busy."""

    def __init__(self, weights: Any) -> None:
        self.weights, self.busy = weights, 0.0

    def __call__(self, X: Any) -> Any:
        """Return labels."""
        start = time.process_time()
        waves = 0.8 * np.sin(6 * X[:, 0]) * X[:, 1]
        labels = (X @ self.weights + waves > self.weights.sum() / 2).astype(int)
        self.busy += time.process_time() - start
        return labels


def fit_times(repeats: int = 5) -> list[dict[str, Any]]:
    """CPU time without the oracle: 10,000 rows x 20 columns, 16 leaves."""
    rng = np.random.default_rng(0)
    X, oracle = rng.random((10_000, 20)), Clocked(rng.normal(size=20))
    settings: dict[str, dict[str, Any]] = {
        "default": {},
        "sampler='marginal'": {"sampler": "marginal"},
        "sampler='marginal', beam_width=1, 5 literals a test": {
            "sampler": "marginal",
            "beam_width": 1,
            "max_literals_per_test": 5,
        },
        "single tests, sampler='marginal'": {"sampler": "marginal", "splits": "single"},
    }
    lines = []
    for name, keywords in settings.items():
        times = []
        for _ in range(repeats + 1):
            oracle.busy = 0.0
            tree = TrepanClassifier(oracle, max_leaves=16, random_state=0, **keywords)
            times.append(timed(tree, X)[1] - oracle.busy)
        lines.append({"settings": name, "seconds": float(np.median(times[1:]))})
    return lines


def recoveries(seeds: int) -> list[dict[str, Any]]:
    """Tell whether rules "m of n" among irrelevant and skewed bits are found in one node."""
    lines = []
    for seed in range(seeds):
        for m, n in ((3, 5), (4, 8), (2, 7), (5, 8), (1, 4), (6, 8)):
            rng = np.random.default_rng(seed)
            chances = rng.uniform(0.2, 0.8, n + 8)
            X = (rng.random((400, n + 8)) < chances).astype(float)

            def oracle(X: Any, m: int = m, n: int = n) -> Any:
                return (X[:, :n].sum(axis=1) >= m).astype(int)

            tree = TrepanClassifier(oracle, random_state=seed).fit(X)
            every = np.zeros((2**n, n + 8))
            every[:, :n] = list(product([0.0, 1.0], repeat=n))
            equal = float((tree.predict(every) == oracle(every)).mean())
            lines.append(
                {"rule": f"{m} of {n}", "seed": seed, "equal": equal, "leaves": tree.n_leaves_}
            )
    return lines


def mean_lines(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Average over the seeds."""
    keys = ["table", "model", "size", "method"]
    numbers = ["fidelity", "literals", "queries", "leaves"]
    means = frame.groupby(keys)[numbers].mean().round(4).reset_index()
    return [
        {key: value for key, value in entry.items() if value == value}
        for entry in means.to_dict("records")
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    report: dict[str, Any] = {"fidelity": []}
    for name, (X, y) in tables(arguments.data).items():
        for kind, seed in product(MODELS, range(arguments.seeds)):
            report["fidelity"] += fidelities(name, X, y, kind, seed)
        print(name, flush=True)
    frame = pd.DataFrame(report["fidelity"])
    report["fidelity"] = mean_lines(frame)
    means = frame.groupby(["model", "size", "method", "table"])["fidelity"].mean()
    print((100 * means).unstack("table").round(1).to_string())
    print((100 * means.groupby(["model", "size", "method"]).mean()).round(1).to_string())
    report["digits"] = [entry for seed in range(arguments.seeds) for entry in digits(seed)]
    report["recovery"] = recoveries(arguments.seeds)
    report["fit_times"] = fit_times()
    for name in ("digits", "recovery", "fit_times"):
        print(pd.DataFrame(report[name]).to_string())
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
