"""Counterfactuals against dice-ml 0.12 and NICEx 0.2.3, on one forest behind a Pipeline.

German credit, RandomForest(100, min_samples_leaf=3) behind a one-hot encoder, 50 rejected rows
that the forest has not seen. Costs are the default ones: the sum over numbers of
|change| / MAD, plus 1 per changed level. The peers run in an interpreter of their own, which loads
the same fitted model; times are CPU times with the model included.

    OMP_NUM_THREADS=1 python benchmarks/counterfactuals.py [--peers PYTHON] [--quick]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

RESULTS = Path(__file__).parent / "results" / "counterfactuals.json"
N_ROWS = 50
Table = dict[str, Any]


def scales(train: pd.DataFrame) -> dict[str, float]:
    numbers = train.select_dtypes("number")
    return {
        name: float((own - own.median()).abs().median() or own.std(ddof=0) or 1.0)
        for name, own in numbers.items()
    }


def costs(rows: pd.DataFrame, answers: pd.DataFrame, units: dict[str, float]) -> Any:
    total = np.zeros(len(rows))
    for name in rows:
        before, after = rows[name].to_numpy(), answers[name].to_numpy()
        if name in units:
            total += np.abs(after.astype(float) - before.astype(float)) / units[name]
        else:
            total += before != after
    return total


def gower(answers: pd.DataFrame, real: pd.DataFrame, train: pd.DataFrame) -> Any:
    total = np.zeros((len(answers), len(real)))
    for name in train:
        a, b = answers[name].to_numpy()[:, None], real[name].to_numpy()[None]
        number = train[name].dtype.kind in "if"
        total += np.abs(a - b) / np.ptp(train[name]) if number else a != b
    return total / train.shape[1]


def reducible(model: Any, rows: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Share of the answers of which a single change can be undone."""
    found = []
    for line in range(len(rows)):
        before, after = rows.iloc[line], answers.iloc[line]
        lighter = []
        for name in rows:
            if before[name] != after[name]:
                one = answers.iloc[[line]].copy()
                one[name] = rows[name].iloc[[line]].to_numpy()
                lighter.append(one)
        idle = bool(lighter) and (model.predict(pd.concat(lighter)) == "good").any()
        found.append(idle and len(lighter) > 1)
    return float(np.mean(found))


def judge(task: Table, answers: pd.DataFrame, row: Any, seconds: float) -> Table:
    """Measure answers, of which `row` says to which explained row each belongs."""
    model, train, rows = task["model"], task["train"], task["rows"]
    before = rows.iloc[row].reset_index(drop=True)
    answers = answers.reset_index(drop=True)[list(rows)].astype(dict(rows.dtypes))
    valid = model.predict(answers) == "good"
    price = costs(before, answers, task["units"])
    ratio = price / task["optimum"][row]
    distance = gower(answers, task["good"], train).min(axis=1)
    changed = (before.to_numpy() != answers.to_numpy()).sum(axis=1)
    return {
        "answers": len(answers),
        "valid": float(valid.mean()),
        "rows_with_an_answer": len(set(np.asarray(row)[valid].tolist())) / len(rows),
        "changes": float(changed.mean()),
        "cost": float(price.mean()),
        "ratio_median": float(np.median(ratio)),
        "ratio_mean": float(ratio.mean()),
        "at_optimum": float((ratio <= 1 + 1e-6).mean()),
        "reducible": reducible(model, before, answers),
        "distance_to_good": float(distance.mean()),
        "cpu_seconds_per_row": seconds / len(rows),
    }


def make_task() -> Table:
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    from surrogates.datasets import load_german_credit

    X, y = load_german_credit(return_X_y=True)
    X = X.astype(dict.fromkeys(X.columns[X.dtypes == "str"], object))  # which the peers read too
    train, test, y_train, _ = train_test_split(X, y, test_size=0.4, random_state=0, stratify=y)
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
        remainder="passthrough",
    )
    forest = RandomForestClassifier(100, min_samples_leaf=3, random_state=0)
    model = make_pipeline(columns, forest).fit(train, y_train)
    rows = test[model.predict(test) == "bad"].head(N_ROWS)
    good = train[(model.predict(train) == "good") & (y_train == "good")]
    return {
        "model": model, "train": train, "y": y_train, "rows": rows, "good": good,
        "units": scales(train), "test": test,
    }  # fmt: skip


def cpu(run: Any) -> tuple[Any, float]:
    start = time.process_time()
    found = run()
    return found, time.process_time() - start


def one_by_one(search: Any, rows: pd.DataFrame) -> Any:
    """Return the CPU time of each row explained alone."""
    search.explain(rows.head(1))
    return np.array(
        [cpu(lambda at=at: search.explain(rows.iloc[[at]]))[1] for at in range(len(rows))]
    )


def exact_trees(task: Table) -> Table:
    from surrogates import Counterfactuals

    search, fitting = cpu(lambda: Counterfactuals(task["model"]).fit(task["train"]))
    found = search.explain(task["rows"])
    task["optimum"] = found.cost
    times = one_by_one(search, task["rows"])
    many = pd.concat([task["rows"]] * 20).head(1000)
    _, batch = cpu(lambda: search.explain(many))
    model = [cpu(lambda: task["model"].predict_proba(task["rows"].head(1)))[1] for _ in range(9)]
    leaves = int(sum(tree.tree_.n_leaves for tree in task["model"][-1].estimators_))
    return {
        "leaves": leaves,
        "proved_optimal": float((found.status == "optimal").mean()),
        "fit_seconds": fitting,
        "cpu_median": float(np.median(times)),
        "cpu_maximum": float(times.max()),
        "cpu_of_one_model_call": float(np.median(model)),
        "cpu_per_row_in_1000": batch / len(many),
        **judge(task, found.frame, found.row, float(times.sum())),
    }


def beam(task: Table, **parameters: Any) -> Table:
    from surrogates import Counterfactuals

    search = Counterfactuals(task["model"], method="beam", **parameters).fit(task["train"])
    search.explain(task["rows"].head(1))
    found, seconds = cpu(lambda: search.explain(task["rows"]))
    alone = one_by_one(search, task["rows"].head(10))
    many = pd.concat([task["rows"]] * 20).head(1000)
    _, batch = cpu(lambda: search.explain(many))
    return {
        **judge(task, found.frame, found.row, seconds),
        "model_rows_per_row": found.n_model_rows / len(task["rows"]),
        "cpu_alone_median": float(np.median(alone)),
        "cpu_per_row_in_1000": batch / len(many),
    }


def several(task: Table) -> Table:
    """Time of four answers over that of one, interleaved, and how they differ."""
    from surrogates import Counterfactuals

    found = {}
    for method in ("auto", "beam"):
        searches = [
            Counterfactuals(task["model"], method=method, n_counterfactuals=k).fit(task["train"])
            for k in (1, 4)
        ]
        for search in searches:
            search.explain(task["rows"].head(2))
        times = [[cpu(lambda s=s: s.explain(task["rows"]))[1] for s in searches] for _ in range(3)]
        answers = searches[1].explain(task["rows"])
        spread, row = [], answers.row
        for own in range(len(task["rows"])):
            group = answers.frame[row == own]
            pairs = [(a, b) for a in range(len(group)) for b in range(a)]
            spread += [costs(group.iloc[[a]], group.iloc[[b]], task["units"])[0] for a, b in pairs]
        found[method] = {
            "time_of_four_over_one": float(np.median([b / a for a, b in times])),
            "answers_per_row": len(row) / len(task["rows"]),
            "mean_distance_between_answers": float(np.mean(spread)),
            **judge(task, answers.frame, row, float(np.median([b for _, b in times]))),
        }
    return found


def plausible(task: Table) -> Table:
    from surrogates import Counterfactuals

    found = {}
    for limit in (0.3, 0.5, 0.7):
        search = Counterfactuals(task["model"], plausibility=limit).fit(task["train"])
        search.explain(task["rows"].head(1))
        answers, seconds = cpu(lambda s=search: s.explain(task["rows"]))
        found[f"limit {limit}"] = judge(task, answers.frame, answers.row, seconds)
    return found


def linear(task: Table) -> Table:
    from scipy.optimize import linprog
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from surrogates import Counterfactuals

    X, y = load_breast_cancer(return_X_y=True)
    X = X + 1e-9 * np.random.default_rng(0).normal(size=X.shape)  # no column is whole
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(X, y)
    half = np.median(np.abs(X - np.median(X, axis=0)), axis=0)
    bounds = {column: (-2 * half[column], 2 * half[column]) for column in range(X.shape[1])}
    search = Counterfactuals(model, relative_ranges=bounds).fit(X)
    search.explain(X[:5])
    found, seconds = cpu(lambda: search.explain(X))
    slopes = model.decision_function(np.eye(30)) - model.decision_function(np.zeros((1, 30)))
    gaps, wrong = model.decision_function(X), 0
    for row in range(0, len(X), 5):
        gains = np.concatenate([slopes, -slopes]) * -np.sign(gaps[row])
        truth = linprog(
            np.tile(1 / half, 2), A_ub=-gains[None], b_ub=[-abs(gaps[row])],
            bounds=[(0, 2 * most) for most in np.tile(half, 2)],
        )  # fmt: skip
        own = found.cost[found.row == row]
        wrong += int(truth.success != (len(own) > 0))
        wrong += int(truth.success and abs(own[0] - truth.fun) > 1e-6 * max(1.0, truth.fun))
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
        (StandardScaler(), make_column_selector(dtype_include="number")),
    )
    mixed = make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(task["train"], task["y"])
    denied = task["train"][mixed.predict(task["train"]) == "bad"]
    of_mixed = Counterfactuals(mixed).fit(task["train"])
    of_mixed.explain(denied.head(3))
    answers, mixed_seconds = cpu(lambda: of_mixed.explain(denied))
    return {
        "numbers_under_bounds": {
            "rows": len(X),
            "optimal_or_infeasible": float(np.isin(found.status, ["optimal", "infeasible"]).mean()),
            "disagreements_with_linprog": wrong,
            "cpu_ms_per_row": 1000 * seconds / len(X),
        },
        "integers_and_levels": {
            "rows": len(denied),
            "optimal": float((answers.status == "optimal").mean()),
            "cpu_ms_per_row": 1000 * mixed_seconds / len(denied),
        },
    }


def networks(task: Table) -> Table:
    """Compare networks with the same networks hidden in a function, which has no gradients."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.datasets import load_breast_cancer, load_digits
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from surrogates import Counterfactuals

    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
        (StandardScaler(), make_column_selector(dtype_include="number")),
    )
    net = MLPClassifier((32, 16), alpha=1.0, max_iter=500, random_state=0)
    german = make_pipeline(columns, net).fit(task["train"], task["y"])
    denied = task["test"][german.predict(task["test"]) == "bad"].head(N_ROWS)
    models = {"german credit": (german, task["train"], denied)}
    for name, load in {"breast cancer": load_breast_cancer, "digits": load_digits}.items():
        X, y = load(return_X_y=True)
        X = X + 1e-9 * np.random.default_rng(0).normal(size=X.shape)  # no column is whole
        net = MLPClassifier((64,), max_iter=500, random_state=0)
        models[name] = (make_pipeline(StandardScaler(), net).fit(X, y), X, X[:N_ROWS])
    found: Table = {}
    for name, (model, train, rows) in models.items():
        for budget in (60, 500, 2000):
            own = []
            for asked in (model, model.predict_proba):
                search = Counterfactuals(asked, max_model_rows=budget).fit(train)
                search.explain(rows[:2])
                answers, seconds = cpu(lambda s=search, r=rows: s.explain(r))
                price = np.full(len(rows), np.nan)
                price[answers.row] = answers.cost
                own.append((price, seconds))
            (opened, seconds), (hidden, hidden_seconds) = own
            ratio = opened / hidden
            found[f"{name}, {budget} model rows"] = {
                "found": float(np.isfinite(opened).mean()),
                "found_hidden": float(np.isfinite(hidden).mean()),
                "cost_ratio_median": float(np.nanmedian(ratio)),
                "cost_ratio_mean": float(np.nanmean(ratio)),
                "time_ratio": seconds / hidden_seconds,
            }
    return found


def violations(task: Table, n_answers: int) -> Table:
    """Count broken constraints over random sets of them."""
    from surrogates import Counterfactuals

    train, model, rng = task["train"], task["model"], np.random.default_rng(0)
    bad = pd.concat([task["train"], task["test"]])
    bad = bad[model.predict(bad) == "bad"]
    numbers, total, broken, wrong = list(task["units"]), 0, 0, 0
    while total < n_answers:
        immutable = rng.choice(list(train), 4, replace=False).tolist()
        up, down = rng.choice(numbers, 2, replace=False).tolist()
        ranges = {"amount": (500, 9000), "duration": (6, 36)}
        limits = {
            "immutable": immutable, "increasing": [up], "decreasing": [down], "ranges": ranges,
            "steps": {"amount": 100}, "max_changes": int(rng.integers(2, 5)),
        }  # fmt: skip
        method = str(rng.choice(["auto", "beam"]))
        search = Counterfactuals(
            model, n_counterfactuals=4, method=method, max_model_rows=250, **limits
        )
        found = search.fit(train).explain(bad)
        before = bad.iloc[found.row].reset_index(drop=True)
        after = found.frame.reset_index(drop=True)
        changed = pd.DataFrame(before.to_numpy() != after.to_numpy(), columns=list(train))
        bound = changed[immutable].any(axis=1) | (changed.sum(axis=1) > limits["max_changes"])
        bound |= (after[up] < before[up]) | (after[down] > before[down])
        for name, (low, high) in ranges.items():
            bound |= changed[name] & ((after[name] < low) | (after[name] > high))
        bound |= changed["amount"] & (after["amount"] % 100 != 0)
        for name in train.columns.difference(numbers):
            bound |= ~after[name].isin(train[name].unique()) & changed[name]
        broken, wrong = (
            broken + int(bound.sum()),
            wrong + int((model.predict(after) != "good").sum()),
        )
        total += len(found.row)
    return {"answers": total, "violations": broken, "not_valid": wrong}


def peer_answers(folder: Path) -> None:
    """Run the peers; called in their interpreter."""
    task = joblib.load(folder / "task.joblib")
    report = {}
    peers = {
        "dice random": dice("random"),
        "dice genetic": dice("genetic"),
        "nice proximity": nice("proximity"),
        "nice sparsity": nice("sparsity"),
    }
    for name, run in peers.items():
        (answers, row), seconds = cpu(lambda run=run: run(task))
        answers.to_csv(folder / f"{name}.csv", index=False)
        report[name] = {"row": row, "seconds": seconds}
    (folder / "report.json").write_text(json.dumps(report))


def dice(method: str) -> Any:
    def run(task: Table) -> tuple[pd.DataFrame, list[int]]:
        import dice_ml

        frame = task["train"].assign(outcome=(task["y"] == "good").astype(int).to_numpy())
        texts = [name for name in task["train"] if name not in task["units"]]
        frame[texts] = frame[texts].astype(object)
        data = dice_ml.Data(
            dataframe=frame, continuous_features=list(task["units"]), outcome_name="outcome"
        )
        model = dice_ml.Model(model=task["model"], backend="sklearn")
        explainer = dice_ml.Dice(data, model, method=method)
        answers, row = [], []
        for at in range(len(task["rows"])):
            query = task["rows"].iloc[[at]].astype(dict.fromkeys(texts, object))
            seed = {"random_seed": 0} if method == "random" else {}
            try:
                found = explainer.generate_counterfactuals(
                    query, total_CFs=1, desired_class=1, verbose=False, **seed
                )
                answers.append(found.cf_examples_list[0].final_cfs_df[list(task["train"])])
                row.append(at)
            except Exception as error:
                print(method, at, type(error).__name__, error, file=sys.stderr)
        return pd.concat(answers), row

    return run


def nice(optimization: str) -> Any:
    def run(task: Table) -> tuple[pd.DataFrame, list[int]]:
        from nice import NICE

        train = task["train"]
        levels = {name: sorted(train[name].unique()) for name in train if name not in task["units"]}

        def encode(table: pd.DataFrame) -> Any:
            coded = [
                table[name].map({level: code for code, level in enumerate(levels[name])})
                if name in levels else table[name]
                for name in train
            ]  # fmt: skip
            return np.column_stack(coded).astype(float)

        def decode(codes: Any) -> pd.DataFrame:
            table = {}
            for at, name in enumerate(train):
                if name in levels:
                    table[name] = np.array(levels[name], dtype=object)[codes[:, at].astype(int)]
                else:
                    table[name] = codes[:, at]
            return pd.DataFrame(table)

        explainer = NICE(
            X_train=encode(train),
            predict_fn=lambda codes: task["model"].predict_proba(decode(np.atleast_2d(codes))),
            y_train=(task["y"] == "good").astype(int).to_numpy(),
            cat_feat=[at for at, name in enumerate(train) if name in levels],
            optimization=optimization,
        )
        queries = encode(task["rows"])
        found = [explainer.explain(queries[[at]]) for at in range(len(queries))]
        return decode(np.vstack(found)), list(range(len(queries)))

    return run


def run_peers(task: Table, python: str) -> Table:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kept = ("model", "train", "y", "rows", "units")
        joblib.dump({key: task[key] for key in kept}, folder / "task.joblib")
        subprocess.run([python, __file__, "--answer", str(folder)], check=True)
        report = json.loads((folder / "report.json").read_text())
        return {
            peer: judge(
                task, pd.read_csv(folder / f"{peer}.csv", keep_default_na=False),
                np.array(own["row"]), own["seconds"],
            )
            for peer, own in report.items()
        }  # fmt: skip


COLUMNS = {
    "valid": "valid",
    "ratio_median": "cost / optimum, median",
    "ratio_mean": "mean",
    "at_optimum": "at the optimum",
    "reducible": "reducible",
    "distance_to_good": "distance to real rows",
    "cpu_seconds_per_row": "CPU s per row",
}


def lines(report: Table) -> Table:
    """Return what the table of the documentation compares."""
    return {
        "exact, one by one": report["exact"],
        "beam, 500 model rows": report["beam, 500 model rows"],
        "beam, 2000 model rows": report["beam, 2000 model rows"],
        "exact, four answers": report["four answers"]["auto"],
        **{f"plausible, {name}": own for name, own in report["plausible"].items()},
        **report.get("peers", {}),
    }


def table(report: Table) -> str:
    """Return the table of the documentation, in reStructuredText."""
    text = [".. list-table::", "   :header-rows: 1", "", "   * - method"]
    text += [f"     - {title}" for title in COLUMNS.values()]
    for name, own in lines(report).items():
        text.append(f"   * - {name}")
        text += [f"     - {own[key]:.3g}" for key in COLUMNS]
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", help="python of an environment with dice-ml and NICEx")
    parser.add_argument("--answer", help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--table", action="store_true", help="print the table of stored results")
    parser.add_argument("--sections", nargs="*", help="run these only")
    args = parser.parse_args()
    if args.answer:
        peer_answers(Path(args.answer))
        return
    if args.table:
        print(table(json.loads(RESULTS.read_text())))
        return
    task = make_task()
    report: Table = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    report |= {"rows": len(task["rows"]), "exact": exact_trees(task)}
    sections = {
        "beam, 500 model rows": lambda: beam(task, max_model_rows=500),
        "beam, 2000 model rows": lambda: beam(task, max_model_rows=2000),
        "four answers": lambda: several(task),
        "plausible": lambda: plausible(task),
        "linear": lambda: linear(task),
        "networks": lambda: networks(task),
        "constraints": lambda: violations(task, 200 if args.quick else 10_000),
        "peers": lambda: run_peers(task, args.peers) if args.peers else report.get("peers", {}),
    }
    for name in args.sections or sections:
        report[name] = sections[name]()
        print(name, json.dumps(report[name], indent=1), flush=True)
        if not args.quick:
            RESULTS.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
