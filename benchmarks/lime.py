"""LIME against the package `lime` 0.2.0.1, in one process: time, accuracy, stability, coverage.

Times are CPU times; "model" is the time of the wrapped model replaying the rows it was asked about.

    OMP_NUM_THREADS=1 python benchmarks/lime.py [--seeds 12] [--no-peer]
    python benchmarks/lime.py --tables  # of docs/benchmarks.rst
"""

import argparse
import json
import sys
import time
import warnings
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from surrogates import LIME

Table = dict[str, Any]


def cpu(run: Any, repeats: int = 5) -> float:
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return float(np.median(times))


class Recorder:
    """A model that can keep what it was asked."""

    def __init__(self, model: Any) -> None:
        self.model, self.kept = model, None

    def __call__(self, X: Any) -> Any:
        """Answer, and keep the question if asked to."""
        if self.kept is not None:
            self.kept.append(np.array(X))
        return self.model.predict_proba(X)[:, 1]


def overhead(model: Any, X: Any, n_rows: int, n_features: int | None) -> Table:
    """Time of fit and explain beside that of the model on the same rows, interleaved.

    Ratios are to the time that the model takes for the neighbours, and for all it was asked.
    """
    recorder = Recorder(model)

    def run() -> None:
        LIME(recorder, n_features=n_features, random_state=0).fit(X).explain(X[:n_rows])

    fitted = LIME(recorder, n_features=n_features, random_state=0).fit(X)
    run()
    recorder.kept = []
    run()
    kept, recorder.kept = recorder.kept, None
    ratios, of_all, alone = [], [], []
    for _ in range(9):
        whole = cpu(run, 1)
        asked = cpu(lambda: [model.predict_proba(rows) for rows in kept], 1)
        explaining = cpu(lambda: fitted.explain(X[:n_rows]), 1)
        rows_only = cpu(lambda: model.predict_proba(X[:n_rows]), 1)
        sample = cpu(lambda: model.predict_proba(max(kept, key=len)), 1)
        ratios.append((whole - asked) / sample)
        of_all.append((whole - asked) / asked)
        alone.append((explaining - rows_only) / sample)
    return {
        "rows": n_rows,
        "n_features": n_features,
        "own_over_model": float(np.median(ratios)),
        "own_over_model_per_row": float(np.median(ratios)) / n_rows,
        "own_over_all_model": float(np.median(of_all)),
        "explain_alone_over_model_per_row": float(np.median(alone)) / n_rows,
    }


def jaccard(values: Any, k: int = 5) -> float:
    """Mean overlap of the top k columns between seeds; values (seeds, rows, columns)."""
    found = []
    for row in range(values.shape[1]):
        tops = [set(np.argsort(-np.abs(own[row]))[:k]) for own in values]
        found += [len(a & b) / len(a | b) for a, b in combinations(tops, 2)]
    return float(np.mean(found))


def ours(model: Any, X: Any, rows: Any, seeds: int, **keywords: Any) -> tuple[Any, Any]:
    runs = [
        LIME(model, random_state=seed, **keywords).fit(X).explain(rows) for seed in range(seeds)
    ]
    return tuple(
        np.array([getattr(run, f)[..., 0] for run in runs]) for f in ("values", "std_errors")
    )


def peer(model: Any, X: Any, rows: Any, seeds: int, n: int = 5000) -> tuple[Any, float]:
    # this file has the name of the peer
    sys.path[:] = [path for path in sys.path if Path(path).resolve() != Path(__file__).parent]
    from lime.lime_tabular import LimeTabularExplainer

    values, start = [], time.process_time()
    for seed in range(seeds):
        explainer = LimeTabularExplainer(X, random_state=seed, feature_selection="none")
        found = [
            explainer.explain_instance(row, model.predict_proba, num_features=30, num_samples=n)
            for row in rows
        ]
        values.append([[value for _, value in sorted(one.local_exp[1])] for one in found])
    return np.array(values), (time.process_time() - start) / seeds / len(rows)


def rows_asked(model: Any, X: Any, n: int) -> int:
    """Count the rows that `fit` sends to a model."""
    recorder = Recorder(model)
    recorder.kept = []
    LIME(recorder, n_samples=n, random_state=0).fit(X)
    return sum(len(rows) for rows in recorder.kept)


def budget_for(error: float, table: list[Table]) -> float:
    """Interpolate the budget at which an error is reached, in logarithms."""
    known = sorted((np.log(one["rmse"]), np.log(one["n"])) for one in table)
    return float(np.exp(np.interp(np.log(error), *np.transpose(known))))


def accuracy(name: str, model: Any, X: Any, rows: Any, truth: Any, args: Any) -> list[Table]:
    """Error, stability and coverage at several budgets, and of the peer at 5000."""
    table = []
    for n in (512, 850, 1024, 2048, 5000):
        values, errors = ours(model, X, rows, args.seeds, n_samples=n, exact=False)
        covered = np.abs(values - truth) <= 1.959963984540054 * errors
        table.append(
            {
                "model": name,
                "method": "surrogates",
                "n": n,
                "rows_asked": rows_asked(model, X, n),
                "rmse": float(np.sqrt(((values - truth) ** 2).mean())),
                "jaccard": jaccard(values),
                "coverage": float(covered.mean()),
            }
        )
    if not args.no_peer:
        values, seconds = peer(model, X, rows, args.seeds)
        error = float(np.sqrt(values.var(axis=0, ddof=1).mean()))
        reached = budget_for(error, table)
        table.append(
            {
                "model": name,
                "method": "lime",
                "n": 5000,
                "rmse": error,
                "jaccard": jaccard(values),
                "seconds_per_row": seconds,
                "surrogates_reach_it_with": reached,
            }
        )
    return table


def exact_trees(model: Any, X: Any) -> Table:
    explainer = LIME(model, random_state=0).fit(X)
    whole = cpu(lambda: explainer.explain(X))
    alone = cpu(lambda: model.predict_proba(X))
    values = np.array(
        [LIME(model, random_state=s).fit(X).explain(X[:5]).values[..., 0] for s in (0, 1)]
    )
    return {
        "ms_per_row": 1e3 * whole / len(X),
        "ms_per_row_without_model": 1e3 * (whole - alone) / len(X),
        "fit_seconds": cpu(lambda: LIME(model).fit(X), 1),
        "jaccard": jaccard(values),
    }


def many_rows(model: Any, X: Any) -> Table:
    """Time a thousand rows, interleaved with the peer on twenty of them."""
    rows = np.vstack([X, X])[:1000]
    ratios: dict[str, list[float]] = {"sampled": [], "exact": []}
    for _ in range(5):
        seconds = peer(model, X, rows[:20], 1)[1]
        for name, exact in (("sampled", False), ("exact", True)):
            own = cpu(lambda exact=exact: LIME(model, exact=exact).fit(X).explain(rows), 1)
            ratios[name].append(1000 * seconds / own)
    return {name: float(np.median(found)) for name, found in ratios.items()}


def list_table(lines: list[list[str]]) -> str:
    text = [".. list-table::", "   :header-rows: 1", ""]
    for line in lines:
        text += [f"   {'*' if not i else ' '} - {cell}" for i, cell in enumerate(line)]
    return "\n".join(text) + "\n"


def tables(report: Table) -> str:
    """Return the tables of docs/benchmarks.rst."""
    own = [["rows", "columns kept", "fit and explain, each row", "explain alone, each row"]]
    for one in report["overhead"]:
        kept = "all" if one["n_features"] is None else str(one["n_features"])
        keys = ("own_over_model_per_row", "explain_alone_over_model_per_row")
        own.append([str(one["rows"]), kept, *(f"{one[key]:.3f}" for key in keys)])
    found = [["model", "method", "n_samples", "model rows", "rmse", "Jaccard", "coverage"]]
    for one in report["accuracy"]:
        asked = str(one.get("rows_asked", one["n"]))
        covered = f"{one['coverage']:.3f}" if "coverage" in one else ""
        numbers = [f"{one['rmse']:.5f}", f"{one['jaccard']:.2f}", covered]
        found.append([one["model"], one["method"], str(one["n"]), asked, *numbers])
    return list_table(own) + "\n" + list_table(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--tables", action="store_true", help="print the tables and stop")
    args = parser.parse_args()
    path = Path(__file__).parent / "results" / "lime.json"
    if args.tables:
        print(tables(json.loads(path.read_text(encoding="utf-8"))))
        return
    warnings.simplefilter("ignore")
    X, y = load_breast_cancer(return_X_y=True)
    forest = RandomForestClassifier(100, random_state=0).fit(X, y)
    net = make_pipeline(StandardScaler(), MLPClassifier((32,), max_iter=300, random_state=0))
    net.fit(X, y)
    rows = X[::60]
    report: dict[str, Any] = {
        "overhead": [
            overhead(forest, X, n, k) for n, k in ((1, None), (1, 5), (100, None), (100, 5))
        ],
        "exact_trees": exact_trees(forest, X),
    }
    limit = LIME(forest, exact=True).fit(X).explain(rows).values[..., 0]
    long_run = LIME(net, n_samples=2**18, random_state=99).fit(X).explain(rows).values[..., 0]
    report["accuracy"] = accuracy("RandomForest(100)", forest, X, rows, limit, args)
    report["accuracy"] += accuracy("MLP(32)", net, X, rows, long_run, args)
    if not args.no_peer:
        report["thousand_rows_times_faster"] = many_rows(forest, X)
    line = LinearRegression().fit(X, y)
    found = LIME(line, discretizer=None, exact=False, random_state=0).fit(X).explain(rows)
    gap = np.abs(found.values[..., 0] - line.coef_) * X.std(axis=0)
    report["linear_error"] = float(gap.max())
    print(json.dumps(report, indent=1))
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
