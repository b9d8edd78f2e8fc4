"""Exact search for ensembles of trees: boxes of cells, opened in the order of their cost."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels.boxes import (
    EMPTY,
    FOUND,
    FULL,
    LIMIT,
    PROVED,
    Boxes,
    Options,
    open_boxes,
)
from surrogates._kernels.cell_forest import CellForest, compact_forest, score_options
from surrogates.counterfactuals.batch import Judge
from surrogates.counterfactuals.book import Book, Questions
from surrogates.counterfactuals.cells import Cells
from surrogates.counterfactuals.demands import Demand, demands_of, responses_of
from surrogates.counterfactuals.goal import Goal
from surrogates.counterfactuals.options import RowOptions, all_tests, cells_of_codes, row_options
from surrogates.counterfactuals.proof import Proof

__all__ = ["InsideJudge", "TreeProver"]

_STEPS_AT_A_TIME, _STEPS_BY_THE_CLOCK = 20_000_000, 1_000_000
_STEPS = 400_000_000
_MOST_REFUSED, _MOST_REFUSED_BY_PLACE = 50, 4
_CLOSE = 1e-9
_MOST_BOXES = 2_000_000


@dataclass(frozen=True, eq=False)
class TreeProver:
    """Best-first box search over the cells of an ensemble.

    Parameters
    ----------
    cells : Cells
    offset : ndarray of shape (n_raw,)
        Of the raw scores.
    link : {"identity", "logit"}
        From raw scores to responses.
    goal : Goal
    time_limit : float or None
        Seconds per row.
    is_limited : bool
        Whether rows must also be close to real ones.
    """

    cells: Cells
    offset: NDArray[np.float64]
    link: str
    goal: Goal
    time_limit: float | None = None
    is_limited: bool = False
    name: str = "boxes"

    def divide(self, judge: Judge, books: dict[int, Book]) -> list[tuple[Judge, list[int]]]:
        """Let the trees answer instead of the model, for rows whose cells are all known."""
        inside = InsideJudge(judge, self)
        known = [row for row, book in books.items() if inside.knows(book)]
        return [(inside, known), (judge, [row for row in books if row not in set(known)])]

    def prove(self, judge: Judge, row: int, book: Book, proofs: dict[int, Proof]) -> Questions:
        """Open boxes until the cheapest valid row is known, or the effort is spent."""
        demands = demands_of(self.goal, int(judge.start[row]), len(self.offset))
        assert demands is not None  # noqa: S101
        options = row_options(self.cells, judge, row, book.start)
        bounds = []
        effort = _Effort(self.time_limit, _STEPS // len(demands))
        for demand in demands:
            search = _BoxSearch(self, options, demand, book, effort)
            yield from search.run()
            if search.is_in_doubt and isinstance(judge, InsideJudge):
                return
            bounds.append(search.bound)
        best = book.best()
        bound = min(bounds)
        cheapest = np.inf if best < 0 else float(book.costs[best])
        proofs[row] = Proof(min(bound, cheapest), is_infeasible=bool(np.isinf(bound)) and best < 0)


class _Effort:
    """Steps and seconds that are left."""

    def __init__(self, time_limit: float | None, steps: int) -> None:
        self.until = None if time_limit is None else time.monotonic() + time_limit
        self.steps = steps

    @property
    def at_a_time(self) -> int:
        """Steps between two looks at the clock."""
        return _STEPS_AT_A_TIME if self.until is None else _STEPS_BY_THE_CLOCK

    def is_spent(self, steps_of_search: int) -> bool:
        late = self.until is not None and time.monotonic() > self.until
        return late or steps_of_search >= self.steps


class _BoxSearch:
    """The search of one row for one demand; `bound` is what it proves."""

    def __init__(
        self,
        prover: TreeProver,
        options: RowOptions,
        demand: Demand,
        book: Book,
        effort: _Effort,
    ) -> None:
        self.book, self.effort = book, effort
        self.bound, self.is_in_doubt = np.inf, False
        # what a limit on the place of a row refuses, it mostly refuses around it too
        by_place = prover.is_limited
        self.most_refused = _MOST_REFUSED_BY_PLACE if by_place else _MOST_REFUSED
        forest = prover.cells.forest
        scores = forest.scores @ demand.weights.T
        need = demand.need - demand.weights @ prover.offset
        self.need = need - _CLOSE * np.maximum(1.0, np.abs(need))
        self.full = forest._replace(scores=np.ascontiguousarray(scores))
        self.options = options.cheaper_than(self._ceiling())
        self.forest = self._compact()
        self.boxes = _first_boxes(self.forest, self.options.kernel, 256)

    def _compact(self) -> CellForest:
        sizes = np.diff(self.options.kernel.first).astype(np.int32)
        return compact_forest(self.full, self.options.tests, sizes)

    def _ceiling(self) -> float:
        best = self.book.best()
        if best < 0:
            return np.inf
        cost = float(self.book.start.costs(self.book.rows[best][None])[0])
        if not self.book.is_separable:
            cost = max(cost, float(self.book.costs[best]))
        return cost - _CLOSE * max(1.0, cost)

    def run(self) -> Questions:
        """Open boxes, and ask about the rows found."""
        most_changes, refused = self.book.start.most_changes, 0
        point = np.empty(len(self.options.kernel.own), dtype=np.int64)
        while True:
            ceiling = self._ceiling()
            code, cost = open_boxes(
                self.forest, self.options.tests, self.options.kernel, self.boxes, self.need,
                most_changes, ceiling, self.effort.at_a_time, point,
            )  # fmt: skip
            if code in (EMPTY, PROVED):
                self.bound = min(self.bound, ceiling if np.isinf(ceiling) else self._best_cost())
                return
            if code == FULL:
                self.boxes = _larger(self.boxes)
                full = len(self.boxes.cost) > _MOST_BOXES
            if code == FOUND:
                refused += yield from self._ask(point, cost)
            spent = self.effort.is_spent(int(self.boxes.counts[3]))
            spent |= refused > self.most_refused
            if (code == FULL and full) or (code in (LIMIT, FOUND) and spent):
                self.bound = min(self.bound, cost)
                return

    def _best_cost(self) -> float:
        return float(self.book.costs[self.book.best()])

    def _ask(self, point: NDArray[np.int64], cost: float) -> Any:
        """Ask about a row found; return 1 where something else than the trees refuses it."""
        codes = self.options.codes(point)[None]
        yield from self.book.ask(codes)
        place = int(self.book.places(codes)[0])
        if place >= 0:
            if self.book.valid[place]:
                return 0
            margin = self.book.margins[place]
            if margin < _CLOSE:
                return 0
        # a rule, a limit or the budget: another row of the same cells may be wanted
        self.bound = min(self.bound, cost)
        self.is_in_doubt = place < 0
        return 1 if place >= 0 else _MOST_REFUSED + 1


def _first_boxes(forest: CellForest, options: Options, capacity: int) -> Boxes:
    """Return room for boxes, and the box of all rows as the first."""
    n_parts = len(options.own)
    widest = int(np.diff(options.first).max(initial=1)) + 8
    capacity = max(capacity, 2 * widest)
    boxes = Boxes(
        low=np.zeros((capacity, n_parts), dtype=np.int16),
        high=np.zeros((capacity, n_parts), dtype=np.int16),
        cost=np.zeros(capacity),
        order=np.zeros(capacity, dtype=np.int64),
        failed=np.zeros(capacity, dtype=np.bool_),
        heap=np.zeros(capacity, dtype=np.int64),
        freed=np.zeros(capacity, dtype=np.int64),
        counts=np.array([1, 1, 0, 0], dtype=np.int64),
    )
    boxes.low[0] = options.own
    boxes.high[0] = options.own
    tested = np.unique(forest.part[forest.part >= 0])
    boxes.low[0, tested] = 0
    boxes.high[0, tested] = np.diff(options.first)[tested] - 1
    return boxes


def _larger(boxes: Boxes) -> Boxes:
    grown = {
        name: np.concatenate([value, np.zeros_like(value)])
        for name, value in boxes._asdict().items()
        if name != "counts"
    }
    return Boxes(**grown, counts=boxes.counts)


class InsideJudge(Judge):
    """Answers from the trees themselves; rows with cells that no test was tried on are left out.

    Parameters
    ----------
    judge : Judge
        Asks the model.
    prover : TreeProver
    """

    def __init__(self, judge: Judge, prover: TreeProver) -> None:
        super().__init__(
            judge.composer,
            judge.constraints,
            judge.cost,
            judge.oracle,
            judge.start,
            judge.plausibility,
        )
        self.spent = judge.spent
        self.prover = prover
        cells = prover.cells
        self._tests = all_tests(cells)
        self._forest = cells.forest

    def knows(self, book: Book) -> bool:
        """Tell whether the own cells of a row are among those that tests were tried on."""
        own = cells_of_codes(self.prover.cells, book.start.parts, book.start.codes[None])
        return bool((own >= 0).all())

    def responses(
        self, at: NDArray[np.int64], codes: NDArray[np.float64], table: Any
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
        """Return responses, classes, and which of them are beyond doubt."""
        del table
        prover = self.prover
        options = cells_of_codes(prover.cells, prover.cells.parts, codes)
        raw = score_options(self._forest, self._tests, options.astype(np.int32)) + prover.offset
        responses = responses_of(raw, prover.goal, prover.link)
        margins = prover.goal.margins(responses, self.start[at])
        return responses, prover.goal.predicted(responses), np.abs(margins) > _CLOSE

    @property
    def needs_tables(self) -> bool:
        """Whether candidates must be composed to be answered."""
        return self.cost.function is not None
