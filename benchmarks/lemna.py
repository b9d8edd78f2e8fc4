"""What LEMNA stands on: the fused lasso against cvxpy, and the mixture on data with known answers.

    OMP_NUM_THREADS=1 python benchmarks/lemna.py [--seeds 20] [--no-peers] [--no-first-call]

The peer (cvxpy with CLARABEL, of the extra "bench") solves the same problem in the same process;
its time is that of the solver alone, without stating or compiling the problem. Times are medians;
compare ratios, not milliseconds, across machines.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

from surrogates._kernels.chain import penalty
from surrogates._kernels.fused_lasso import fused_lasso
from surrogates.attribution.fused_lasso import FusedLassoRegressor
from surrogates.attribution.fused_mixture import FusedLassoMixture

N_ROWS, N_COLUMNS, SIGMA = 500, 40, 0.01
PENALTIES = [(0.01, 0.01), (0.001, 0.001), (0.0, 0.01), (0.01, 0.0), (0.0, 1e-4)]
REGIMES = np.zeros((2, N_COLUMNS))
REGIMES[0, 5:10], REGIMES[0, 20:26], REGIMES[1, 12:18] = 0.4, -0.3, 0.5
FIRST_CALLS = {
    "FusedLassoRegressor": "from surrogates.attribution.fused_lasso import *; "
    "model = FusedLassoRegressor(l1=0.01, fusion=0.01)",
    "FusedLassoMixture": "from surrogates.attribution.fused_mixture import *; "
    "model = FusedLassoMixture(6, random_state=0)",
}
FIRST_CALL = """
import time, numpy as np
{setup}
rng = np.random.default_rng(0)
X = rng.normal(size=(500, 40))
y = X[:, 0] + rng.normal(size=500)
started = time.perf_counter()
model.fit(X, y)
print(time.perf_counter() - started)
"""


def masks(rng: np.random.Generator, n: int = N_ROWS) -> Any:
    order = rng.random((n, N_COLUMNS)).argsort(axis=1)
    return (order >= rng.integers(1, N_COLUMNS + 1, (n, 1))).astype(float)


def normals(rng: np.random.Generator, n: int = N_ROWS) -> Any:
    return rng.normal(size=(n, N_COLUMNS))


def walks(rng: np.random.Generator, n: int = N_ROWS) -> Any:
    return rng.normal(size=(n, N_COLUMNS)).cumsum(axis=1) / np.sqrt(N_COLUMNS)


# size of the linear part, standard deviation of the noise
RESPONSES = {"noise": (0.0, 1.0), "linear": (1.0, 0.01), "noisy linear": (1.0, 1.0)}
TABLES = {"masks": masks, "normal": normals, "random walks": walks}


def median_time(run: Callable[[], Any], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def solve_core(X: Any, y: Any, l1: float, fusion: float) -> tuple[Any, float, float]:
    """Everything between checked arrays and coefficients: centring, Gram matrix, solution."""
    X, y = X - X.mean(axis=0), y - y.mean()
    coef = np.zeros(X.shape[1])
    rss, gap, _ = fused_lasso(
        X.T @ X / len(y), X.T @ y / len(y), y @ y / len(y), l1, fusion, coef, 1e-9
    )
    return coef, rss / 2 + penalty(coef, l1, fusion), gap


def solve_by_cvxpy(X: Any, y: Any, l1: float, fusion: float, **settings: float) -> Any:
    import cvxpy

    X, y = X - X.mean(axis=0), y - y.mean()
    coef = cvxpy.Variable(X.shape[1])
    size = l1 * cvxpy.norm1(coef) + fusion * cvxpy.norm1(cvxpy.diff(coef))
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(y - X @ coef) / (2 * len(y)) + size))
    problem.solve(solver=cvxpy.CLARABEL, **settings)
    return coef.value, problem.solver_stats.solve_time


def compare_fused_lasso(peers: bool) -> list[dict[str, Any]]:
    found = []
    for name, draw in TABLES.items():
        rng = np.random.default_rng(0)
        X = draw(rng)
        y = X @ REGIMES[0] + 0.3 * rng.normal(size=N_ROWS)
        for l1, fusion in PENALTIES:
            coef, objective, gap = solve_core(X, y, l1, fusion)
            model = FusedLassoRegressor(l1=l1, fusion=fusion)
            row = {
                "table": name,
                "l1": l1,
                "fusion": fusion,
                "core_ms": 1e3 * median_time(lambda a=(X, y, l1, fusion): solve_core(*a), 50),
                "fit_ms": 1e3 * median_time(lambda a=(X, y), m=model: m.fit(*a), 50),
                "relative_gap": gap / objective,
            }
            if peers:
                solve_by_cvxpy(X, y, l1, fusion)
                default = [solve_by_cvxpy(X, y, l1, fusion)[1] for _ in range(5)]
                tight = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 1e-13)
                exact, _ = solve_by_cvxpy(X, y, l1, fusion, **tight)
                row["cvxpy_ms"] = 1e3 * float(np.median(default))
                row["ratio"] = row["cvxpy_ms"] / row["core_ms"]
                row["difference"] = float(np.abs(coef - exact).max())
            found.append(row)
            print("  ".join(f"{key} {_short(value)}" for key, value in row.items()))
    return found


def hidden_regimes(name: str, seed: int) -> tuple[Any, Any, Any]:
    """Draw rows whose regime does not depend on them, with the true posterior of the regimes."""
    rng = np.random.default_rng(seed)
    X, regime = TABLES[name](rng), rng.integers(0, 2, N_ROWS)
    means = X @ REGIMES.T
    y = means[np.arange(N_ROWS), regime] + SIGMA * rng.normal(size=N_ROWS)
    joint = norm.logpdf(y[:, None], means, SIGMA)
    return X, y, np.exp(joint - logsumexp(joint, axis=1, keepdims=True))


def recover_regimes(n_seeds: int) -> list[dict[str, Any]]:
    found = []
    for name in ("masks", "normal"):
        for n_components in (2, 6, "bic"):
            runs = [_recover(name, n_components, seed) for seed in range(n_seeds)]
            times, errors, right, decreases, counts = (
                np.array(each) for each in zip(*runs, strict=True)
            )
            row = {
                "table": name,
                "n_components": n_components,
                "fit_ms": 1e3 * float(np.median(times)),
                "largest_ms": 1e3 * float(times.max()),
                "recovered": int(((errors <= 0.02) & (right >= 0.99)).sum()),
                "of": n_seeds,
                "worst_error": float(errors.max()),
                "least_right": float(right.min()),
                "decreases": int(decreases.sum()),
                "two_components": int((counts == 2).sum()),
            }
            found.append(row)
            print("  ".join(f"{key} {_short(value)}" for key, value in row.items()))
    return found


def _recover(name: str, n_components: Any, seed: int) -> tuple[float, float, float, int, int]:
    X, y, posterior = hidden_regimes(name, seed)
    model = FusedLassoMixture(n_components, random_state=seed)
    started = time.perf_counter()
    model.fit(X, y)
    elapsed = time.perf_counter() - started
    errors = np.abs(model.coefs_[:, None] - REGIMES).max(axis=2)
    resp = model.responsibilities(X, y)[:, errors.argmin(axis=0)]
    right = (np.abs(resp - posterior).max(axis=1) < 0.5).mean()
    return elapsed, errors.min(axis=0).max(), right, _decreases(model), model.n_components_


def count_components(n_seeds: int) -> list[dict[str, Any]]:
    found = []
    for name, draw in TABLES.items():
        for what, (scale, sigma) in RESPONSES.items():
            times, single, decreases, scores = [], 0, 0, []
            for seed in range(n_seeds):
                rng = np.random.default_rng(seed)
                X, fresh = draw(rng), draw(rng)
                y, truth = (scale * Z @ REGIMES[0] + sigma * rng.normal(size=N_ROWS)
                            for Z in (X, fresh))  # fmt: skip
                model = FusedLassoMixture(random_state=seed)
                started = time.perf_counter()
                model.fit(X, y)
                times.append(time.perf_counter() - started)
                single += model.n_components_ == 1
                decreases += _decreases(model)
                scores.append(model.score(fresh, truth))
            row = {
                "table": name,
                "responses": what,
                "one_component": single,
                "of": n_seeds,
                "decreases": decreases,
                "largest_held_out_r2": max(scores),
                "fit_ms": 1e3 * float(np.median(times)),
            }
            found.append(row)
            print("  ".join(f"{key} {_short(value)}" for key, value in row.items()))
    return found


def _decreases(model: FusedLassoMixture) -> int:
    path = model.log_likelihood_path_
    return int((np.diff(path) < -1e-12 * np.abs(path[-1])).sum())


def first_calls() -> list[dict[str, Any]]:
    """Time the first fit of a process, with an empty and with a filled cache of kernels."""
    found = []
    for name, setup in FIRST_CALLS.items():
        with tempfile.TemporaryDirectory() as cache:
            environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
            command = [sys.executable, "-c", FIRST_CALL.format(setup=setup)]
            seconds = [
                float(subprocess.run(
                    command, env=environment, check=True, capture_output=True, text=True
                ).stdout)
                for _ in range(2)
            ]  # fmt: skip
        row = {"estimator": name, "uncached_s": seconds[0], "cached_s": seconds[1]}
        found.append(row)
        print("  ".join(f"{key} {_short(value)}" for key, value in row.items()))
    return found


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--no-first-call", action="store_true")
    arguments = parser.parse_args()
    results = {
        "fused_lasso": compare_fused_lasso(not arguments.no_peers),
        "hidden_regimes": recover_regimes(arguments.seeds),
        "number_of_components": count_components(arguments.seeds),
    }
    if not arguments.no_first_call:
        results["first_calls"] = first_calls()
    path = Path(__file__).parent / "results" / "lemna.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
