"""Searches of many rows side by side: their questions share the calls of the model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.blackbox.maskers import rows_per_call
from surrogates.blackbox.table import column_values, is_frame, is_polars, take_rows
from surrogates.counterfactuals.book import Answers, Questions
from surrogates.counterfactuals.columns import Composer
from surrogates.counterfactuals.constraints import Constraints
from surrogates.counterfactuals.costs import Cost
from surrogates.counterfactuals.oracle import Oracle
from surrogates.counterfactuals.plausibility import Plausibility
from surrogates.exceptions import ModelOutputError

__all__ = ["Judge", "run_together"]


class Judge:
    """Answers questions about candidates of some rows, within a budget for each row.

    Parameters
    ----------
    composer : Composer
    constraints : Constraints
    cost : Cost
    oracle : Oracle
    start : ndarray of shape (n_rows,)
        Output predicted for each row.
    plausibility : Plausibility or None

    Attributes
    ----------
    spent : ndarray of shape (n_rows,)
        Model rows spent on each row so far.
    """

    def __init__(
        self,
        composer: Composer,
        constraints: Constraints,
        cost: Cost,
        oracle: Oracle,
        start: NDArray[np.int64],
        plausibility: Plausibility | None,
    ) -> None:
        self.composer, self.constraints, self.cost = composer, constraints, cost
        self.oracle, self.start, self.plausibility = oracle, start, plausibility
        self.spent = np.zeros(len(start), dtype=np.int64)

    def table(self, at: NDArray[np.int64], codes: NDArray[np.float64]) -> Any:
        """Return candidates as the model takes them, derived columns recomputed."""
        table = self.composer.table(at, codes)
        for position, function in self.constraints.derived.items():
            table = _with_column(table, position, function(table))
        return table

    def before(self, at: NDArray[np.int64]) -> Any:
        """Return the explained row of each candidate, numbered as the candidates are."""
        rows = take_rows(self.composer.rows, at)
        return rows.reset_index(drop=True) if hasattr(rows, "reset_index") else rows

    def permits(self, at: NDArray[np.int64], table: Any) -> NDArray[np.bool_]:
        """Tell which candidates keep the user's rules."""
        permitted = np.ones(len(at), dtype=bool)
        for position in self.constraints.derived:  # a formula may have no value somewhere
            values = column_values(table, position)
            if values.dtype.kind == "f":
                permitted &= np.isfinite(values) | np.isnan(self.composer.codes[at, position])
        if self.constraints.rules and len(at):
            before = self.before(at)
            for rule in self.constraints.rules:
                permitted &= _checked(rule, before, table)
        return permitted

    def answer(
        self, at: NDArray[np.int64], codes: NDArray[np.float64], left: NDArray[np.int64]
    ) -> Answers:
        """Ask about candidates, as far as the budget of each row goes.

        Parameters
        ----------
        at : ndarray of shape (n,)
            The explained row of each candidate.
        codes : ndarray of shape (n, n_columns)
        left : ndarray of shape (n_rows,)
            Model rows left for each explained row.
        """
        n = len(at)
        margins, valid = np.full(n, np.nan), np.zeros(n, dtype=bool)
        own = self.composer.codes[at]
        costs = self.cost(own, codes)
        table = None
        asked = _within(at, np.ones(n, dtype=bool), left // self.oracle.rows_per_candidate)
        permitted = np.ones(n, dtype=bool)
        if self.constraints.rules or self.constraints.derived:
            table = self.table(at, codes)
            permitted = self.permits(at, table)
            asked = _within(at, permitted, left // self.oracle.rows_per_candidate) | ~permitted
        chosen = np.flatnonzero(asked & permitted)
        if not len(chosen):
            return Answers(margins, valid, costs, asked)
        table = None if table is None else take_rows(table, chosen)
        if table is None and self.needs_tables:
            table = self.table(at[chosen], codes[chosen])
        responses, predicted, sure = self.responses(at[chosen], codes[chosen], table)
        start, goal = self.start[at[chosen]], self.oracle.goal
        margins[chosen] = goal.margins(responses, start)
        valid[chosen] = goal.reached(responses, predicted, start) & sure
        valid[chosen] &= margins[chosen] > self.oracle.guard
        asked[chosen] = sure
        if self.cost.function is not None:
            costs[chosen] = self.cost.of_tables(self.before(at[chosen]), table)
        if self.plausibility is not None:
            reached = chosen[valid[chosen]]
            close, penalty = self.plausibility.judge(codes[reached], self.start[at[reached]])
            valid[reached] = close
            costs[reached] += penalty
        return Answers(margins, valid, costs, asked)

    @property
    def needs_tables(self) -> bool:
        """Whether candidates must be composed to be answered."""
        return True

    def responses(
        self, at: NDArray[np.int64], codes: NDArray[np.float64], table: Any
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
        """Return responses, classes, and which of them are beyond doubt."""
        del codes
        np.add.at(self.spent, at, self.oracle.rows_per_candidate)
        size = rows_per_call(table.shape[1])
        parts = [
            self.oracle(take_rows(table, slice(first, first + size)))
            for first in range(0, table.shape[0], size)
        ]
        responses = np.concatenate([part[0] for part in parts])
        predicted = np.concatenate([part[1] for part in parts])
        return responses, predicted, np.ones(len(predicted), dtype=bool)


def _with_column(table: Any, position: int, values: Any) -> Any:
    if is_polars(table):
        name = table.columns[position]
        series = type(table.to_series(position))(name, np.asarray(values))
        return table.with_columns(series.cast(table.dtypes[position]))
    if is_frame(table):
        own = table.iloc[:, position]
        table = table.copy(deep=False)
        table.isetitem(position, own._constructor(np.asarray(values)).astype(own.dtype).to_numpy())
        return table
    table = table.copy()
    table[:, position] = np.asarray(values)
    return table


def _checked(rule: Any, before: Any, after: Any) -> NDArray[np.bool_]:
    answer = np.asarray(rule(before, after))
    if answer.shape != (after.shape[0],) or answer.dtype.kind not in "bO":
        raise ModelOutputError(
            "A rule of Counterfactuals must return one bool for each of the "
            f"{after.shape[0]} rows. Got an array of shape {answer.shape} and dtype "
            f"{answer.dtype}."
        )
    return answer.astype(bool)


def _within(
    at: NDArray[np.int64], wanted: NDArray[np.bool_], left: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Keep the first candidates of each row, as many as are left for it."""
    kept = np.zeros(len(at), dtype=bool)
    places = np.flatnonzero(wanted)
    rows = at[places]
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    first = np.searchsorted(ordered, ordered)
    number = np.empty(len(rows), dtype=np.int64)
    number[order] = np.arange(len(rows)) - first
    kept[places] = number < left[rows]
    return kept


def run_together(
    searches: Sequence[Questions], rows: NDArray[np.int64], judge: Judge, budget: int
) -> None:
    """Run searches to their ends, one question of each at a time.

    Parameters
    ----------
    searches : sequence of generators
    rows : ndarray of shape (n_searches,)
        The explained row of each.
    judge : Judge
    budget : int
        Model rows that each explained row may spend.
    """
    waiting = [
        (row, search, question)
        for row, search in zip(rows, searches, strict=True)
        if (question := next(search, None)) is not None
    ]
    while waiting:
        sizes = [len(question) for _, _, question in waiting]
        at = np.repeat([row for row, _, _ in waiting], sizes)
        codes = np.concatenate([question for _, _, question in waiting])
        answers = judge.answer(at, codes, np.maximum(budget - judge.spent, 0))
        following = []
        for (row, search, _), end, size in zip(waiting, np.cumsum(sizes), sizes, strict=True):
            question = _send(search, answers.part(slice(end - size, end)))
            if question is not None:
                following.append((row, search, question))
        waiting = following


def _send(search: Questions, answers: Answers) -> NDArray[np.float64] | None:
    try:
        return search.send(answers)
    except StopIteration:
        return None
