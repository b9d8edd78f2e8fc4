"""Errors of shap and shapiq on the scenarios, stored so that ours can be compared without them.

Needs Python 3.12 with shap, shapiq >= 1.8 and xgboost::

    python benchmarks/shapley_peers.py                    # all scenarios, half an hour
    python benchmarks/shapley_peers.py --scenarios forest

Peers are given the game v(S) = mean over the reference rows of f(row on S, reference elsewhere) and
the same number of evaluations of v, those of the empty and the full coalition included. Players
that differ from no reference row are taken off for shap, as it does itself.
"""

import argparse
import json
import platform
import re
import time
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import shap
import shapiq
from numpy.typing import NDArray
from shapley_scenarios import (
    BUDGETS,
    N_BACKGROUND,
    N_TABLE,
    SCENARIOS,
    SEEDS,
    SINGLE_BUDGETS,
    Floats,
    Scenario,
    exact_values,
    make_scenario,
    mean_error,
    relative_errors,
)

RESULTS = Path(__file__).parent / "results" / "shapley_peers.json"
REFERENCES = {
    "background": slice(0, N_BACKGROUND),
    "single": slice(0, 1),
    "table": slice(0, N_TABLE),
}
LADDER = (32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
LADDER_SEEDS = (0, 1)
LADDER_ENDS_BELOW = 0.06
SLOW_SEEDS = {"shapiq ProxySHAP": (0, 1), "shapiq SVARM": (0,)}
_ROWS_PER_CALL = 2**16


class Game:
    """v(S) for one explained row; the response to a coalition seen before is remembered."""

    def __init__(self, scenario: Scenario, row: Floats, references: Floats) -> None:
        self._respond, self._row, self._references = scenario.respond, row, references
        self._seen: dict[bytes, float] = {}
        self.n_players = len(row)
        self.varying = np.flatnonzero((row != references).any(axis=0))

    def __call__(self, coalitions: NDArray[Any]) -> Floats:
        """Return v of coalitions of all players."""
        present = np.atleast_2d(coalitions).astype(bool)
        keys = [packed.tobytes() for packed in np.packbits(present, axis=1)]
        unseen = {key: at for at, key in enumerate(keys) if key not in self._seen}
        if unseen:
            values = self._evaluate(present[list(unseen.values())])
            self._seen.update(zip(unseen, values.tolist(), strict=True))
        return np.array([self._seen[key] for key in keys])

    def of_varying(self, coalitions: NDArray[Any]) -> Floats:
        """Return v of coalitions of the varying players."""
        present = np.zeros((len(coalitions), self.n_players), dtype=bool)
        present[:, self.varying] = coalitions
        return self(present)

    def _evaluate(self, present: NDArray[np.bool_]) -> Floats:
        n_references, n_players = self._references.shape
        values = np.empty(len(present))
        step = max(1, _ROWS_PER_CALL // n_references)
        for start in range(0, len(present), step):
            some = present[start : start + step]
            mixtures = np.where(some[:, None], self._row, self._references)
            response = self._respond(mixtures.reshape(-1, n_players))
            values[start : start + step] = response.reshape(len(some), -1).mean(axis=1)
        return values


Peer = Callable[[Game, int, int], Floats]


def _shap(**options: Any) -> Peer:
    def values(game: Game, budget: int, seed: int) -> Floats:
        np.random.seed(seed)  # noqa: NPY002 - shap draws from the global generator
        n_varying = len(game.varying)
        explainer = shap.KernelExplainer(game.of_varying, np.zeros((1, n_varying)))
        found = np.zeros(game.n_players)
        # shap asks for the empty and the full coalition besides its samples
        found[game.varying] = explainer.shap_values(
            np.ones((1, n_varying)), nsamples=budget - 2, silent=True, **options
        )[0]
        return found

    return values


def _shapiq(approximator: str, **options: Any) -> Peer:
    def values(game: Game, budget: int, seed: int) -> Floats:
        made = getattr(shapiq, approximator)(game.n_players, random_state=seed, **options)
        return np.asarray(made.approximate(budget, game).get_n_order_values(1))

    return values


def _poly(max_order: int) -> Peer:
    made = _shapiq("PolySHAP", max_order=max_order, pairing_trick=True)

    def values(game: Game, budget: int, seed: int) -> Floats:
        n_terms = sum(comb(game.n_players, order) for order in range(1, max_order + 1))
        if n_terms > budget:
            raise ValueError(f"{n_terms} terms are more than {budget} coalitions.")
        return made(game, budget, seed)

    return values


PEERS: dict[str, Peer] = {
    "shap KernelExplainer l1_reg=0": _shap(l1_reg=0),
    "shap KernelExplainer default": _shap(),
    "shapiq KernelSHAP paired": _shapiq("KernelSHAP", pairing_trick=True),
    "shapiq LeverageSHAP": _shapiq("LeverageSHAP"),
    "shapiq OddSHAP": _shapiq("OddSHAP"),
    "shapiq PolySHAP order 3": _poly(3),
    "shapiq RegressionMSR": _shapiq("RegressionMSR", index="SV"),
    "shapiq ProxySHAP": _shapiq("ProxySHAP", index="SV", max_order=1),
    "shapiq SVARM": _shapiq("SVARM"),
    "shapiq PermutationSamplingSV": _shapiq("PermutationSamplingSV"),
}


def peer_errors(
    peer: Peer, games: Sequence[Game], exact: Floats, budget: int, seeds: Sequence[int]
) -> dict[str, Any]:
    """Return the errors of a peer for every seed and row, or why it refuses the budget."""
    try:
        found = np.array(
            [
                [peer(game, budget, 1000 * seed + row) for row, game in enumerate(games)]
                for seed in seeds
            ]
        )
    except ValueError as error:
        return {"refused": str(error)}
    errors = relative_errors(found, exact)
    return {
        "relative": _rounded(errors),
        "mse": float(((found - exact) ** 2).mean()),
    }


def _rounded(errors: Floats) -> list[list[float]]:
    return [[float(f"{error:.5g}") for error in row] for row in errors]


def measure(scenario: Scenario, store: Callable[[dict[str, Any]], None]) -> None:
    """Measure all peers on a scenario, and hand over what is known after each of them."""
    exact = {name: exact_values(scenario, rows) for name, rows in REFERENCES.items()}
    record: dict[str, Any] = {
        "predictions": scenario.respond(scenario.coded_rows).tolist(),
        "table_predictions": scenario.respond(scenario.coded_table).tolist(),
        "exact": {name: values.tolist() for name, values in exact.items()},
        "errors": {"background": {}, "single": {}},
        "seconds": {},
    }
    for kind, budgets in (("background", BUDGETS), ("single", SINGLE_BUDGETS)):
        references = scenario.coded_table[REFERENCES[kind]]
        games = [Game(scenario, row, references) for row in scenario.coded_rows]
        for name, peer in PEERS.items():
            start, seeds = time.perf_counter(), SLOW_SEEDS.get(name, SEEDS)
            record["errors"][kind][name] = {
                str(budget): peer_errors(peer, games, exact[kind], budget, seeds)
                for budget in budgets
            }
            record["seconds"][f"{kind} {name}"] = round(time.perf_counter() - start, 1)
            store(record)
        if kind == "background":
            record["ladder"] = _ladder(games, exact[kind])
            store(record)


def _ladder(games: Sequence[Game], exact: Floats) -> dict[str, Any]:
    """Return the errors of shap at growing budgets until they are small."""
    name = "shap KernelExplainer l1_reg=0"
    rungs: dict[str, Any] = {}
    for budget in LADDER:
        found = peer_errors(PEERS[name], games, exact, budget, LADDER_SEEDS)
        rungs[str(budget)] = found
        if mean_error(found["relative"]) < LADDER_ENDS_BELOW:
            break
    return {name: rungs}


def _compact(stored: dict[str, Any]) -> str:
    """Return JSON with innermost lists on one line."""
    text = json.dumps(stored, indent=1)
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s+", " ", found[0]), text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenarios", nargs="+", default=list(SCENARIOS), choices=SCENARIOS)
    names = parser.parse_args().scenarios
    warnings.simplefilter("ignore")
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"scenarios": {}}
    stored["versions"] = {
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "scikit-learn", "shap", "shapiq", "xgboost")},
    }
    stored["notes"] = (
        "relative: norm of the error over norm of the exact values, for every seed and row; mse: "
        "mean squared error of a value. Budgets count evaluations of the game, the empty and the "
        "full coalition included; 'background' is the mean over 50 reference rows (model rows = 50 "
        "x budget), 'single' the first of them alone. ProxySHAP, SVARM and shap's ladder of "
        "budgets ran with fewer seeds, because they are slow."
    )
    RESULTS.parent.mkdir(exist_ok=True)

    for name in names:
        start = time.perf_counter()

        def store(record: dict[str, Any], name: str = name) -> None:
            stored["scenarios"][name] = record
            RESULTS.write_text(_compact(stored) + "\n")

        measure(make_scenario(name), store)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
