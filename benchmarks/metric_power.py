"""How often each metric prefers exact Shapley values to degraded copies of them.

Eight correlated Gaussian columns; the target has an interaction, a jump and a sine. The exact
values of a model, against its background rows, are disturbed by noise of s standard deviations,
or permuted within the row. A metric that cannot tell prefers the exact values half of the time.

    OMP_NUM_THREADS=1 python benchmarks/metric_power.py [--rows 40] [--repeats 3]
"""

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from surrogates import KernelSHAP
from surrogates.metrics import (
    abpc,
    aopc,
    completeness_gap,
    comprehensiveness,
    effective_size,
    faithfulness_correlation,
    infidelity,
    local_fidelity,
    local_lipschitz,
    sensitivity_n,
    shapley_kernel_r2,
    sufficiency,
)

N_ROWS_OF_TABLE = 10
SCALES = (0.1, 0.25, 0.5, 1.0, 2.0)
METRICS: dict[str, tuple[Callable[..., Any], int]] = {
    "faithfulness_correlation": (faithfulness_correlation, 1),
    "shapley_kernel_r2": (shapley_kernel_r2, 1),
    "shapley_kernel_r2, anchored": (partial(shapley_kernel_r2, anchored=True), 1),
    "abpc": (abpc, 1),
    "infidelity": (infidelity, -1),
    "infidelity, scaled": (partial(infidelity, scaled=True), -1),
    "sensitivity_n": (sensitivity_n, 1),
    "local_fidelity": (local_fidelity, 1),
    "completeness_gap": (completeness_gap, -1),
    "aopc": (aopc, 1),
    "comprehensiveness": (comprehensiveness, 1),
    "sufficiency": (sufficiency, -1),
    "local_lipschitz, real rows": (local_lipschitz, -1),
    "effective_size": (effective_size, -1),
}
MEAN_BASELINE = ("faithfulness_correlation", "shapley_kernel_r2", "abpc")


def make_data(rng: np.random.Generator, n: int = 1500) -> tuple[Any, Any]:
    covariance = np.full((8, 8), 0.4) + 0.6 * np.eye(8)
    X = rng.multivariate_normal(np.zeros(8), covariance, n)
    y = 2 * X[:, 0] * X[:, 1] + 1.5 * (X[:, 2] > 0.3) + 2 * np.sin(2 * X[:, 3]) + X[:, 4]
    return X, y + 0.5 * X[:, 5] + 0.3 * rng.normal(size=n)


def models(seed: int) -> dict[str, Any]:
    net = MLPRegressor(
        hidden_layer_sizes=(32, 32), max_iter=600, early_stopping=True, random_state=seed
    )
    return {
        "GradientBoosting": GradientBoostingRegressor(random_state=seed),
        "MLP": make_pipeline(StandardScaler(), net),
    }


def degraded(exact: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Noisy copies by their scale, and permuted values."""
    noise = exact.std() * rng.normal(size=exact.shape)
    copies = {f"{scale:g}": exact + scale * noise for scale in SCALES}
    return copies | {"permuted": rng.permuted(exact, axis=1)}


def study(model: Any, X: Any, n_rows: int, rng: np.random.Generator) -> dict[str, Any]:
    """Scores of exact and degraded values, by metric: (copies, rows)."""
    background, rows = X[:64], X[-n_rows:]
    explainer = KernelSHAP(model, method="exact", n_background=None).fit(background)
    exact = explainer.explain(rows).values[:, :, 0]
    copies = {"exact": exact, **degraded(exact, rng)}
    judges = {name: (*judge, background) for name, judge in METRICS.items()}
    mean = background.mean(axis=0, keepdims=True)
    judges |= {f"{name}, mean baseline": (*METRICS[name], mean) for name in MEAN_BASELINE}
    return {
        name: np.array(
            [
                sign * metric(model, rows, values, background=reference, random_state=0)
                for values in copies.values()
            ]
        )
        for name, (metric, sign, reference) in judges.items()
    }


def summary(scores: Any) -> dict[str, float]:
    """Shares of rows on which the exact values win, ties half, and Kendall's tau with the noise."""
    exact, *others = scores
    wins = [float(((exact > other) + 0.5 * (exact == other)).mean()) for other in others]
    found = dict(zip([f"{scale:g}" for scale in SCALES] + ["permuted"], wins, strict=True))
    steps = -np.array([0.0, *SCALES])
    noisy = scores[: len(steps)]
    taus = [kendalltau(steps, noisy[:, row]).statistic for row in range(noisy.shape[1])]
    drawn = np.random.default_rng(0).integers(scores.shape[1], size=(2000, N_ROWS_OF_TABLE))
    apart = (exact - others[SCALES.index(0.25)])[drawn].mean(axis=1)
    tables = float(((apart > 0) + 0.5 * (apart == 0)).mean())
    return found | {"tau": float(np.nanmean(taus)), "0.25, ten rows": tables}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    scores: dict[str, dict[str, list[Any]]] = {}
    for repeat in range(args.repeats):
        rng = np.random.default_rng(repeat)
        X, y = make_data(rng)
        for name, model in models(repeat).items():
            found = study(model.fit(X, y), X, args.rows, rng)
            for metric, table in found.items():
                scores.setdefault(name, {}).setdefault(metric, []).append(table)
    report = {
        name: {metric: summary(np.concatenate(parts, axis=1)) for metric, parts in of_model.items()}
        for name, of_model in scores.items()
    }
    for name, of_model in report.items():
        print(
            f"\n{name}\n{'metric':40s} tau   "
            + "  ".join(f"{s:>8g}" for s in SCALES)
            + "  permuted"
        )
        for metric, found in of_model.items():
            shares = "  ".join(f"{found[f'{s:g}']:8.2f}" for s in SCALES)
            print(
                f"{metric:40s} {found['tau']:4.2f}  {shares}  {found['permuted']:8.2f}"
                f"  {found['0.25, ten rows']:8.2f}"
            )
    path = Path(__file__).parent / "results" / "metric_power.json"
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
