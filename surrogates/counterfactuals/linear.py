"""Exact search for linear models: covers of what is missing, or integer programs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates.counterfactuals.additive import Additive
from surrogates.counterfactuals.batch import Judge
from surrogates.counterfactuals.book import Book, Questions
from surrogates.counterfactuals.demands import Demand, demands_of
from surrogates.counterfactuals.goal import Goal
from surrogates.counterfactuals.integer_program import solve_program
from surrogates.counterfactuals.knapsack import fill_knapsack
from surrogates.counterfactuals.layout import Layout
from surrogates.counterfactuals.paths import Paths, paths_of
from surrogates.counterfactuals.proof import Proof

__all__ = ["LinearProver"]

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
    layout : Layout
    goal : Goal
    needs_search : bool
        Whether candidates of the search for black boxes are wanted as well.
    time_limit : float, default=60.0
        Seconds per integer program.
    """

    additive: Additive
    layout: Layout
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
        effects = additive.of_row(start.codes)
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
        paths, bounds = paths_of(additive, self.layout, start, effects), []
        for demand in demands:
            solver = _Solver(paths, demand, raw, book, self.time_limit)
            yield from solver.run()
            bounds.append(solver.bound)
        bound = min(bounds)
        best = book.best()
        cheapest = np.inf if best < 0 else float(book.costs[best])
        infeasible = bool(np.isinf(bound)) and best < 0 and _is_proof(paths, demands)
        if not paths.is_complete and not infeasible:
            bound = 0.0
        proofs[row] = Proof(min(bound, cheapest), is_infeasible=infeasible, tolerance=1e-6)


def _is_proof(paths: Paths, demands: list[Demand]) -> bool:
    """Tell whether options that do not suffice prove that nothing does."""
    single = all(len(demand.weights) == 1 for demand in demands)
    return paths.is_complete or (single and paths.has_ends)


class _Solver:
    """Solves one demand of one row; `bound` is what it proves."""

    def __init__(
        self,
        paths: Paths,
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
            return fill_knapsack(self.paths, self.demand.weights[0], float(missing[0]))
        return solve_program(self.paths, self.demand.weights, missing, self.time_limit)
