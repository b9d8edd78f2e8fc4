"""Exact search for linear models: covers of what is missing, or integer programs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels.cover import Cover, cheapest_cover
from surrogates.counterfactuals.additive import Additive
from surrogates.counterfactuals.batch import Judge
from surrogates.counterfactuals.book import Book, Questions
from surrogates.counterfactuals.columns import same
from surrogates.counterfactuals.demands import Demand, demands_of
from surrogates.counterfactuals.goal import Goal
from surrogates.counterfactuals.integer_program import solve_program
from surrogates.counterfactuals.moves import Start
from surrogates.counterfactuals.paths import Path, paths_of
from surrogates.counterfactuals.proof import Proof

__all__ = ["LinearProver"]

_NUDGES = np.array([1e-13, 1e-11, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5])
_NEVER_SEARCHED_MORE = 4


@dataclass(frozen=True, eq=False)
class LinearProver:
    """The cheapest sum of effects that is large enough.

    One demand is a knapsack: sorted by gain per cost, a line is filled after the other; steps and
    levels make a branch-and-bound of it. Several demands at once, of more than two classes or of
    an interval, are an integer program.

    Parameters
    ----------
    additive : Additive
    goal : Goal
    needs_search : bool
        Whether candidates of the search for black boxes are wanted as well.
    time_limit : float, default=60.0
        Seconds per integer program.
    """

    additive: Additive
    goal: Goal
    needs_search: bool
    time_limit: float = 60.0
    name: str = "linear"

    def divide(self, judge: Judge, books: dict[int, Book]) -> list[tuple[Judge, list[int]]]:
        """Search first only where more than the cheapest row is asked for."""
        return [(judge, list(books))] if self.needs_search else []

    def prove(self, judge: Judge, row: int, book: Book, proofs: dict[int, Proof]) -> Questions:
        """Solve for each alternative, and ask about the solutions."""
        start, additive = book.start, self.additive
        effects = np.array(
            [additive.effects(at, start.codes[[at]])[0] for at in range(len(start.codes))]
        )
        unknown = np.isnan(effects).any(axis=1)
        if unknown.sum() > 1 or np.isnan(effects).all():
            return
        raw = additive.base + np.nansum(effects, axis=0)
        if unknown.any():  # the model itself says what an unknown cell is worth
            at = np.array([row])
            asked = additive.model(judge.table(at, start.codes[None]))[0]
            judge.spent[row] += 1
            effects[unknown] = asked - raw
            raw = asked
        demands = demands_of(self.goal, int(judge.start[row]), len(additive.base))
        assert demands is not None  # noqa: S101
        paths = paths_of(additive, start, effects)
        bounds, complete = [], all(path.is_complete for path in paths)
        for demand in demands:
            solver = _Solver(paths, demand, raw, book, self.time_limit)
            yield from solver.run()
            bounds.append(solver.bound)
        bound = min(bounds)
        best = book.best()
        cheapest = np.inf if best < 0 else float(book.costs[best])
        infeasible = bool(np.isinf(bound)) and best < 0 and _is_proof(paths, demands)
        if not complete and not infeasible:
            bound = 0.0
        proofs[row] = Proof(min(bound, cheapest), is_infeasible=infeasible, tolerance=1e-6)


def _is_proof(paths: list[Path], demands: list[Demand]) -> bool:
    """Tell whether options that do not suffice prove that nothing does."""
    if all(path.is_complete for path in paths):
        return True
    single = all(len(demand.weights) == 1 for demand in demands)
    return single and all(path.is_complete or path.has_ends for path in paths)


class _Solver:
    """Solves one demand of one row; `bound` is what it proves."""

    def __init__(
        self,
        paths: list[Path],
        demand: Demand,
        raw: NDArray[np.float64],
        book: Book,
        time_limit: float,
    ) -> None:
        self.paths, self.demand, self.book = paths, demand, book
        self.time_limit = time_limit
        self.missing = demand.need - demand.weights @ raw
        self.bound = np.inf

    def run(self) -> Questions:
        slack = 0.0
        for attempt in range(_NEVER_SEARCHED_MORE):
            rows, bound = self._solve(slack)
            self.bound = bound if attempt == 0 else self.bound
            if rows is None:
                return
            yield from self.book.ask(rows)
            places = self.book.places(rows)
            if self.book.valid[places[places >= 0]].any():
                return
            # on the border itself the model may decide either way: aim a little beyond
            slack = max(10.0 * slack, 1e-9)

    def _solve(self, slack: float) -> tuple[NDArray[np.float64] | None, float]:
        missing = self.missing + slack * np.maximum(1.0, np.abs(self.missing))
        if len(missing) == 1:
            return _cover(self.paths, self.book.start, self.demand.weights[0], float(missing[0]))
        return solve_program(
            self.paths, self.book.start, self.demand.weights, missing, self.time_limit
        )


def _cover(
    paths: list[Path], start: Start, weights: NDArray[np.float64], missing: float
) -> tuple[NDArray[np.float64] | None, float]:
    """Return rows at the border and just beyond, (n, n_columns), and the cost of the cheapest."""
    useful = [path for path in paths if path.most_gain(weights) > 0.0]
    ratios = np.array([path.best_ratio(weights) for path in useful])
    useful = [useful[place] for place in np.argsort(-ratios, kind="stable")]
    cover = _as_cover(useful, weights)
    cost, bound, taken, gained = cheapest_cover(cover, missing, start.most_changes, np.inf)
    if np.isinf(cost):
        return None, bound
    rows = np.repeat(start.codes[None], len(_NUDGES), axis=0)
    for path, option, gain in zip(useful, taken.tolist(), gained.tolist(), strict=True):
        if option >= 0:
            rows[:, list(path.members)] = path.reach(weights, option, gain, _NUDGES)
    return rows[~same(rows, start.codes).all(axis=1)], bound


def _as_cover(paths: list[Path], weights: NDArray[np.float64]) -> Cover:
    kinds, ratios, mosts, firsts, steps = [], [], [], [], []
    gains, costs, changes, starts = [], [], [], [0]
    for path in paths:
        kinds.append(path.kind)
        ratios.append(path.best_ratio(weights))
        mosts.append(path.most_gain(weights))
        first, step = path.steps_of(weights)
        firsts.append(first)
        steps.append(step)
        own = path.options_of(weights)
        gains.append(own[0])
        costs.append(own[1])
        changes.append(own[2])
        starts.append(starts[-1] + len(own[0]))
    empty = np.empty(0)
    return Cover(
        kind=np.array(kinds, dtype=np.int64),
        ratio=np.array(ratios, dtype=np.float64),
        most=np.array(mosts, dtype=np.float64),
        first=np.array(firsts, dtype=np.float64),
        step=np.array(steps, dtype=np.float64),
        start=np.array(starts, dtype=np.int64),
        gains=np.concatenate([*gains, empty]),
        costs=np.concatenate([*costs, empty]),
        changes=np.concatenate([*changes, empty]).astype(np.int64),
    )
