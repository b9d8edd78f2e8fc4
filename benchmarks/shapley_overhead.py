"""Time spent around the model: CPU time of `explain` over that of replaying the model's inputs.

The model is wrapped so that one run keeps exactly the arrays sent to it; replaying them is the
time of the model alone. Peers (the extra "bench") run in the same process, interleaved.

    OMP_NUM_THREADS=1 python benchmarks/shapley_overhead.py [--repeats 7] [--no-peers]
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from surrogates import KernelSHAP

N_COALITIONS = 2048
TARGETS = {("LogisticRegression", 50): 1.2, ("RandomForest(100)", 50): 1.05}


class Recorder:
    """A model that can keep what it was asked."""

    def __init__(self, model: Any) -> None:
        self.model, self.kept = model, None

    def __call__(self, X: Any) -> Any:
        """Answer, and keep the question."""
        if self.kept is not None:
            self.kept.append(np.array(X))
        return self.model.predict_proba(X)[:, 1]


def ours(recorder: Recorder, background: Any, rows: Any) -> Any:
    explainer = KernelSHAP(
        recorder, n_coalitions=N_COALITIONS, n_background=None, method="sampling", random_state=0
    ).fit(background)
    return lambda: explainer.explain(rows)


def shap_kernel(recorder: Recorder, background: Any, rows: Any) -> Any:
    import shap

    explainer = shap.KernelExplainer(recorder, background)
    return lambda: explainer.shap_values(rows, nsamples=N_COALITIONS, l1_reg=0, silent=True)


def cpu(run: Any) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def overhead(method: Any, model: Any, background: Any, rows: Any, repeats: int) -> dict[str, float]:
    recorder = Recorder(model)
    run = method(recorder, background, rows)
    run()  # warm-up
    recorder.kept = []
    run()
    replayed = Recorder(model)
    replayed.kept, recorder.kept = recorder.kept, None
    both = [
        (cpu(run), cpu(lambda: [model.predict_proba(X) for X in replayed.kept]))
        for _ in range(repeats)
    ]
    ratios = sorted(whole / alone for whole, alone in both)
    extra = sorted((whole - alone) / len(rows) for whole, alone in both)
    return {"ratio": ratios[len(ratios) // 2], "extra_ms_per_row": 1e3 * extra[len(extra) // 2]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--no-peers", action="store_true")
    arguments = parser.parse_args()
    X, y = load_breast_cancer(return_X_y=True)
    models = {
        "LogisticRegression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
        "RandomForest(100)": RandomForestClassifier(100, random_state=0),
    }
    methods = {"surrogates": ours} | ({} if arguments.no_peers else {"shap": shap_kernel})
    table = []
    for name, model in models.items():
        model.fit(X[:450], y[:450])
        for n_background in (50, 1):
            slow = name.startswith("Random")
            rows = X[450:452] if slow else X[450:458] if n_background > 1 else X[450:500]
            for method, make in methods.items():
                measured = overhead(
                    make, model, X[:n_background], rows, 3 if slow else arguments.repeats
                )
                row = {"model": name, "background": n_background, "method": method, **measured}
                row["target"] = TARGETS.get((name, n_background), 2.0)
                table.append(row)
                print(
                    f"{name:20s} background {n_background:3d}  {method:11s} {row['ratio']:6.2f} x "
                    f"the model alone, {row['extra_ms_per_row']:7.2f} ms per row beside it"
                )
    path = Path(__file__).parent / "results" / "shapley_overhead.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(table, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
