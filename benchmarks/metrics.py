"""Time of the metrics beside that of the model: 1000 rows of 20 columns through all cheap ones.

"model" is the time of the model answering the same questions again; times are CPU times of one
thread.

    OMP_NUM_THREADS=1 python benchmarks/metrics.py [--rows 1000] [--background 50]
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression

from surrogates import KernelSHAP
from surrogates.metrics import (
    abpc,
    completeness_gap,
    comprehensiveness,
    effective_size,
    entropy,
    faithfulness_correlation,
    feature_agreement,
    gini,
    infidelity,
    local_fidelity,
    local_lipschitz,
    max_sensitivity,
    non_sensitivity,
    pairwise_rank_agreement,
    relative_input_stability,
    relative_output_stability,
    sensitivity_n,
    shapley_kernel_r2,
    sufficiency,
)

ASKING = (
    faithfulness_correlation,
    sensitivity_n,
    shapley_kernel_r2,
    local_fidelity,
    abpc,
    comprehensiveness,
    sufficiency,
    infidelity,
    completeness_gap,
    non_sensitivity,
    max_sensitivity,
    local_lipschitz,
    relative_input_stability,
    relative_output_stability,
    entropy,
    gini,
    effective_size,
)
AGREEING = (feature_agreement, pairwise_rank_agreement)


class Recorder:
    """A model that counts its rows and its own time."""

    def __init__(self, model: Any) -> None:
        self.model, self.rows, self.calls, self.seconds = model, 0, 0, 0.0

    def __call__(self, X: Any) -> Any:
        """Answer, and note how long it took."""
        start = time.process_time()
        answer = self.model.predict(X)
        self.seconds += time.process_time() - start
        self.rows += len(X)
        self.calls += 1
        return answer


def measure(model: Any, X: Any, values: Any, background: Any) -> dict[str, dict[str, float]]:
    table = {}
    for metric in (*ASKING, *AGREEING):
        recorder = Recorder(model)
        start = time.process_time()
        if metric in AGREEING:
            metric(values, values[:, ::-1])
        else:
            metric(recorder, X, values, background=background, random_state=0)
        seconds = time.process_time() - start
        table[metric.__name__] = {
            "model_rows": recorder.rows,
            "model_calls": recorder.calls,
            "model_seconds": recorder.seconds,
            "own_seconds": seconds - recorder.seconds,
        }
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--background", type=int, default=50)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    X = rng.normal(size=(args.rows, 20))
    y = X[:, 0] * X[:, 1] + X[:, 2:].sum(axis=1)
    background = X[: args.background]
    report: dict[str, Any] = {"rows": args.rows, "columns": 20, "background": args.background}
    boosting = HistGradientBoostingRegressor(max_iter=20, max_leaf_nodes=8, random_state=0)
    for name, model in (("LinearRegression", LinearRegression()), ("boosting", boosting)):
        model.fit(X, y)
        explainer = KernelSHAP(model, n_background=10, n_coalitions=64, random_state=0)
        values = explainer.fit(background).explain(X).values[:, :, 0]
        measure(model, X[:20], values[:20], background)  # compiles
        table = measure(model, X, values, background)
        total = sum(line["own_seconds"] for line in table.values())
        report[name] = {"metrics": table, "own_seconds": total}
        print(f"\n{name}: {total:.2f} seconds beyond the model")
        for metric, line in table.items():
            print(
                f"{metric:28s} {line['own_seconds']:7.3f}  model {line['model_seconds']:7.2f}"
                f"  {line['model_rows']:>10d} rows  {line['model_calls']:>6d} calls"
            )
    path = Path(__file__).parent / "results" / "metrics.json"
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
