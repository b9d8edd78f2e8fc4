"""Accuracy of KernelSHAP at equal cost, against the stored errors of shap and shapiq.

::

    python benchmarks/shapley_accuracy.py                 # five to ten minutes
    python benchmarks/shapley_accuracy.py --quick
    python benchmarks/shapley_accuracy.py --scenarios network --budgets 64 256

Every error is a mean over the rows and seeds of `shapley_scenarios`, each counted as 1 at most.
The peers' figures come from `results/shapley_peers.json`, which `shapley_peers.py` writes. Ours
goes through sampling even where `method="auto"` would be exact.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from shapley_scenarios import (
    BUDGETS,
    N_BACKGROUND,
    SCENARIOS,
    SEEDS,
    SINGLE_BUDGETS,
    Floats,
    Scenario,
    make_scenario,
    mean_error,
    relative_errors,
)

from surrogates import KernelSHAP
from surrogates.explanation import Attribution

RESULTS = Path(__file__).parent / "results"
SHAP = "shap KernelExplainer l1_reg=0"
LADDER = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
LADDER_SEEDS = (0, 1)
TARGET_ERROR = 0.10
COVERAGE_BUDGETS = (64, 256, 1024)
COVERAGE_SEEDS = range(10)
_QUANTILE = 1.959963985
_LEAST_ERROR = 1e-9  # below it errors are rounding and ratios mean nothing


def explain(
    scenario: Scenario, references: Any, budget: int, seed: int, n_background: int | None = None
) -> Attribution:
    """Explain the rows of a scenario with `budget` coalition evaluations each."""
    explainer = KernelSHAP(
        scenario.estimator,
        response_method=scenario.response_method,
        method="sampling",
        n_coalitions=budget,
        n_background=n_background,
        random_state=seed,
    )
    explanation = explainer.fit(references).explain(scenario.rows)
    n_references = n_background or len(references)
    if explanation.n_model_rows > len(scenario.rows) * (budget * n_references + 1):
        raise RuntimeError(f"{scenario.name}: more model rows than the budget of {budget}.")
    return explanation


def our_error(
    scenario: Scenario, references: Any, exact: Floats, budget: int, seeds: Sequence[int]
) -> float:
    """Return the mean relative error over rows and seeds."""
    errors = [
        relative_errors(explain(scenario, references, budget, seed).values[..., 0], exact)
        for seed in seeds
    ]
    return mean_error(errors)


def compare(
    scenario: Scenario, kind: str, peers: dict[str, Any], budgets: Sequence[int], seeds: Any
) -> list[dict[str, Any]]:
    """Return one record per budget: our error, that of shap and of the best of shapiq."""
    references = scenario.table[: N_BACKGROUND if kind == "background" else 1]
    exact = np.array(peers["exact"][kind])
    records = []
    for budget in budgets:
        ours = our_error(scenario, references, exact, budget, seeds)
        found = {
            name: mean_error(errors[str(budget)]["relative"])
            for name, errors in peers["errors"][kind].items()
            if "relative" in errors.get(str(budget), {})
        }
        best = min((name for name in found if name.startswith("shapiq")), key=found.__getitem__)
        records.append(
            {
                "scenario": scenario.name,
                "budget": budget,
                "ours": ours,
                "shap": found[SHAP],
                "best_shapiq": best.removeprefix("shapiq "),
                "shapiq": found[best],
                "to_shap": max(ours, _LEAST_ERROR) / max(found[SHAP], _LEAST_ERROR),
                "to_shapiq": max(ours, _LEAST_ERROR) / max(found[best], _LEAST_ERROR),
            }
        )
    return records


def rows_to_target(budgets: Sequence[int], errors: Sequence[float]) -> float:
    """Return the budget at which the error reaches the target, interpolated on logarithms.

    Where the first budget is enough already, it is returned: an upper bound.
    """
    log_budgets, log_errors = np.log(budgets), np.log(np.maximum(errors, _LEAST_ERROR))
    reached = np.flatnonzero(log_errors <= np.log(TARGET_ERROR))
    if not len(reached):
        return float("inf")
    at = int(reached[0])
    if at == 0:
        return float(budgets[0])
    share = (np.log(TARGET_ERROR) - log_errors[at - 1]) / (log_errors[at] - log_errors[at - 1])
    return float(np.exp(log_budgets[at - 1] + share * (log_budgets[at] - log_budgets[at - 1])))


def climb(scenario: Scenario, peers: dict[str, Any]) -> dict[str, Any]:
    """Return the coalition evaluations that ours and shap need for the target error."""
    exact = np.array(peers["exact"]["background"])
    budgets, errors = [], []
    for budget in LADDER:
        budgets.append(budget)
        errors.append(our_error(scenario, scenario.background, exact, budget, LADDER_SEEDS))
        if errors[-1] <= TARGET_ERROR:
            break
    rungs = {
        int(rung): mean_error(found["relative"]) for rung, found in peers["ladder"][SHAP].items()
    }
    ours, theirs = rows_to_target(budgets, errors), rows_to_target([*rungs], [*rungs.values()])
    return {"scenario": scenario.name, "ours": ours, "shap": theirs, "ratio": ours / theirs}


def coverage(scenario: Scenario, peers: dict[str, Any], budget: int) -> dict[str, Any]:
    """Return the shares of values within 95 % intervals.

    "sampled": under the 50 reference rows that were used, from the standard errors over the draw
    of coalitions. "table": under the whole reference table, when 50 rows of it are drawn. "ratio":
    mean squared error over mean squared standard error, square root.
    """
    record: dict[str, Any] = {"scenario": scenario.name, "budget": budget}
    for kind, references, exact, n_background in (
        ("sampled", scenario.background, peers["exact"]["background"], None),
        ("table", scenario.table, peers["exact"]["table"], N_BACKGROUND),
    ):
        found = [
            explain(scenario, references, budget, seed, n_background) for seed in COVERAGE_SEEDS
        ]
        name = "coalition_std_errors"
        std_errors = np.array(
            [e.details[name] if kind == "sampled" else e.std_errors for e in found]
        )[..., 0]
        errors = np.array([e.values[..., 0] for e in found]) - np.array(exact)
        record[kind], record[f"{kind}_ratio"] = _covered(errors, std_errors)
    return record


def _covered(errors: Floats, std_errors: Floats) -> tuple[float, float]:
    uncertain = std_errors > 0.0
    if not uncertain.any():
        return float("nan"), float("nan")
    errors, std_errors = errors[uncertain], std_errors[uncertain]
    share = float((np.abs(errors) <= _QUANTILE * std_errors).mean())
    return share, float(np.sqrt((errors**2).sum() / (std_errors**2).sum()))


def geometric_mean(values: Sequence[float]) -> float:
    """Return the geometric mean."""
    return float(np.exp(np.mean(np.log(values))))


def summarize(report: dict[str, Any]) -> dict[str, Any]:
    """Return the figures that the package promises."""
    background, single = report["background"], report["single"]
    small = [cell["to_shapiq"] for cell in single if cell["budget"] <= 1024]
    large = [cell["to_shapiq"] for cell in single if cell["budget"] > 1024]
    figures = {
        "equal model rows, to shap l1_reg=0 (at most 0.25)": [c["to_shap"] for c in background],
        "equal model rows, to the best shapiq (at most 0.40)": [c["to_shapiq"] for c in background],
        "single baseline, to shap l1_reg=0 (at most 0.40)": [c["to_shap"] for c in single],
        "single baseline, to the best shapiq, m <= 1024 (at most 0.75)": small,
        "single baseline, to the best shapiq, m = 2048 (at most 1.0)": large,
        "model rows for 10 % error, to shap (at most 0.125)": [c["ratio"] for c in report["rows"]],
    }
    return {name: geometric_mean(ratios) for name, ratios in figures.items() if ratios}


def print_report(report: dict[str, Any]) -> None:
    """Print the report as markdown tables."""
    for kind, title in (("background", "50 reference rows"), ("single", "one reference row")):
        print(f"\n### Relative error at equal coalition evaluations, {title}\n")
        print("| model | m | ours | shap l1_reg=0 | best shapiq | | to shap | to shapiq |")
        print("|---|---|---|---|---|---|---|---|")
        for c in report[kind]:
            print(
                f"| {c['scenario']} | {c['budget']} | {c['ours']:.4f} | {c['shap']:.4f} "
                f"| {c['shapiq']:.4f} | {c['best_shapiq']} | {c['to_shap']:.2f} "
                f"| {c['to_shapiq']:.2f} |"
            )
    print("\n### Coalition evaluations for 10 % relative error, 50 reference rows\n")
    print("| model | ours | shap l1_reg=0 | ratio |\n|---|---|---|---|")
    for c in report["rows"]:
        print(f"| {c['scenario']} | {c['ours']:.0f} | {c['shap']:.0f} | {c['ratio']:.3f} |")
    print("\n### Coverage of 95 % intervals (root of mean squared error over squared SE)\n")
    print("| model | m | sampled reference rows | whole reference table |\n|---|---|---|---|")
    for c in report["coverage"]:
        print(
            f"| {c['scenario']} | {c['budget']} | {c['sampled']:.3f} ({c['sampled_ratio']:.2f}) "
            f"| {c['table']:.3f} ({c['table_ratio']:.2f}) |"
        )
    print("\n### Geometric means\n\n| figure | measured |\n|---|---|")
    for name, value in report["summary"].items():
        print(f"| {name} | {value:.3f} |")


def _load_peers(scenario: Scenario) -> dict[str, Any]:
    stored = json.loads((RESULTS / "shapley_peers.json").read_text())
    peers: dict[str, Any] = stored["scenarios"][scenario.name]
    for codes, name in (
        (scenario.coded_rows, "predictions"),
        (scenario.coded_table, "table_predictions"),
    ):
        if not np.allclose(scenario.respond(codes), peers[name], rtol=1e-6, atol=1e-6):
            raise RuntimeError(
                f"The model of {scenario.name} is not the one that the peers explained, because "
                "scikit-learn or the machine differ: run shapley_peers.py again."
            )
    return peers


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, no coverage")
    parser.add_argument("--scenarios", nargs="+", default=list(SCENARIOS), choices=SCENARIOS)
    parser.add_argument("--budgets", nargs="+", type=int, default=None)
    return parser.parse_args()


def _chosen(budgets: Sequence[int], wanted: Sequence[int] | None) -> list[int]:
    return [budget for budget in budgets if wanted is None or budget in wanted]


def main() -> None:
    arguments = _arguments()
    seeds: Sequence[int] = SEEDS[:1] if arguments.quick else SEEDS
    report: dict[str, Any] = {"background": [], "single": [], "rows": [], "coverage": []}
    for name in arguments.scenarios:
        scenario = make_scenario(name)
        peers = _load_peers(scenario)
        for kind, budgets in (("background", BUDGETS), ("single", SINGLE_BUDGETS)):
            wanted = _chosen(budgets, arguments.budgets)
            report[kind] += compare(scenario, kind, peers, wanted, seeds)
        report["rows"].append(climb(scenario, peers))
        if not arguments.quick:
            wanted = _chosen(COVERAGE_BUDGETS, arguments.budgets)
            report["coverage"] += [coverage(scenario, peers, budget) for budget in wanted]
    report["summary"] = summarize(report)
    print_report(report)
    everything = set(arguments.scenarios) == set(SCENARIOS) and arguments.budgets is None
    if everything and not arguments.quick:
        (RESULTS / "shapley_accuracy.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
