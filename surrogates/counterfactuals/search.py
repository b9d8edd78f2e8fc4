"""From explained rows to their counterfactuals: search, proof, choice."""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogates.blackbox.reference import ReferenceRows
from surrogates.counterfactuals.batch import Judge, run_together
from surrogates.counterfactuals.beam import Effort, beam_search
from surrogates.counterfactuals.book import Book
from surrogates.counterfactuals.columns import Composer
from surrogates.counterfactuals.constraints import Constraints
from surrogates.counterfactuals.costs import Cost
from surrogates.counterfactuals.descent import Descent
from surrogates.counterfactuals.diversity import choose_diverse, gather_pool
from surrogates.counterfactuals.donors import Donors
from surrogates.counterfactuals.minimal import is_irreducible
from surrogates.counterfactuals.moves import Parts, Start
from surrogates.counterfactuals.oracle import Oracle
from surrogates.counterfactuals.plausibility import Plausibility
from surrogates.counterfactuals.plausible_moves import approach_crowd
from surrogates.counterfactuals.proof import Proof, Prover
from surrogates.counterfactuals.robustness import Robustness, keep_robust

__all__ = ["Block", "Found", "Task", "search_block"]

_MOST_DONORS, _FIRST_ROUNDS = 2000, 3
_LIGHT_ROUNDS, _LIGHT_ROWS = 2, 250  # where a proof follows, which only needs a first ceiling


@dataclass(frozen=True, eq=False)
class Task:
    """Everything that was learnt in `fit`.

    Parameters
    ----------
    reference : ReferenceRows
    constraints : Constraints
    parts : Parts
    cost : Cost
    oracle : Oracle
    plausibility : Plausibility
    prover : Prover or None
        Proves what is cheapest, where the model is of a kind that allows it.
    descent : Descent or None
        Proposes candidates, where the model is differentiable.
    robustness : Robustness or None
    n_answers : int
    max_model_rows : int
    method : {"auto", "beam", "exact"}
    rows_per_block : int, default=128
    """

    reference: ReferenceRows
    constraints: Constraints
    parts: Parts
    cost: Cost
    oracle: Oracle
    plausibility: Plausibility
    prover: Prover | None
    descent: Descent | None
    robustness: Robustness | None
    n_answers: int
    max_model_rows: int
    method: str
    rows_per_block: int = 128

    @property
    def budget(self) -> int:
        """Model rows that the search itself may spend on a row."""
        last = self.n_answers * self.oracle.rows_per_answer
        return max(0, self.max_model_rows - last)


@dataclass(eq=False)
class Found:
    """Counterfactuals of one row, as codes.

    Parameters
    ----------
    codes : ndarray of shape (n_found, n_columns)
    costs : ndarray of shape (n_found,)
    status : str
    lower_bound : float
    irreducible : ndarray of bool of shape (n_found,)
    robustness : ndarray of shape (n_found,) or None
    spent : int
        Model rows.
    """

    codes: NDArray[np.float64]
    costs: NDArray[np.float64]
    status: str
    lower_bound: float = 0.0
    irreducible: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, dtype=bool))
    robustness: NDArray[np.float64] | None = None
    spent: int = 0


class Block(NamedTuple):
    """What was found for a block of rows.

    Parameters
    ----------
    found : list of Found
    responses : ndarray of shape (n_rows, n_outputs)
        To the rows themselves.
    predicted : ndarray of shape (n_rows,)
    codes : ndarray of shape (n_rows, n_columns)
        The rows as numbers.
    """

    found: list[Found]
    responses: NDArray[np.float64]
    predicted: NDArray[np.int64]
    codes: NDArray[np.float64]


def search_block(task: Task, rows: Any) -> Block:
    """Search counterfactuals of a block of rows.

    Parameters
    ----------
    task : Task
    rows : ndarray or DataFrame of shape (n_rows, n_columns)

    Returns
    -------
    block : Block
    """
    composer = Composer(task.constraints.columns, task.reference.rows, rows)
    responses, predicted = task.oracle(rows, surely=True)
    reached = task.oracle.goal.reached(responses, predicted, predicted)
    judge = _judge(task, composer, predicted)
    judge.spent += task.oracle.rows_per_answer
    margins = task.oracle.goal.margins(responses, predicted)
    limits = task.constraints.limits(composer.codes)
    books = {
        int(row): Book(
            Start.of(limits, int(row), task.parts, task.cost),
            float(margins[row]),
            is_separable=task.cost.function is None and not task.plausibility.penalty,
        )
        for row in np.flatnonzero(~reached)
    }
    proofs = _search(task, judge, books)
    found = [
        _choose(task, judge, books[row], row, proofs.get(row))
        if row in books
        else _already(composer.codes[row])
        for row in range(len(predicted))
    ]
    for row, own in enumerate(found):
        own.spent = int(judge.spent[row])
    return Block(found, responses, predicted, composer.codes)


def _judge(task: Task, composer: Composer, predicted: NDArray[np.int64]) -> Judge:
    plausibility = task.plausibility if task.plausibility.is_active else None
    return Judge(composer, task.constraints, task.cost, task.oracle, predicted, plausibility)


def _search(task: Task, judge: Judge, books: dict[int, Book]) -> dict[int, Proof]:
    """Fill the books, and return what could be proved."""
    prover, budget = task.prover, task.budget
    groups: list[tuple[Judge, list[int]]] = [(judge, list(books))]
    if prover is not None:
        groups = prover.divide(judge, books)
    proofs: dict[int, Proof] = {}
    for own, rows in groups:
        if task.descent is not None:
            task.descent.run(own, {row: books[row] for row in rows}, budget)
        searches = [_beam(task, own, row, books[row]) for row in rows]
        run_together(searches, np.array(rows, dtype=np.int64), own, budget)
        if prover is not None:
            provers = [prover.prove(own, row, books[row], proofs) for row in rows]
            run_together(provers, np.array(rows, dtype=np.int64), own, budget)
    open_rows = [row for row in books if row not in proofs]
    if prover is not None:  # what only the model itself can decide
        provers = [prover.prove(judge, row, books[row], proofs) for row in open_rows]
        run_together(provers, np.array(open_rows, dtype=np.int64), judge, budget)
    return proofs


def _beam(task: Task, judge: Judge, row: int, book: Book) -> Any:
    crowd = task.plausibility.crowd(int(judge.start[row]))
    step = max(1, len(crowd.codes) // _MOST_DONORS)
    rows = (task.budget - int(judge.spent[row])) // task.oracle.rows_per_candidate
    alone = task.n_answers == 1 and not task.plausibility.is_active
    light = task.prover is not None and alone and task.robustness is None
    rows = min(rows, _LIGHT_ROWS) if light else rows
    rounds = {"n_rounds": _LIGHT_ROUNDS} if light else {}
    effort = Effort(max(0, rows), task.n_answers, **rounds)
    donors = Donors(crowd.codes[::step])
    if task.plausibility.is_active:
        yield from beam_search(book, replace(effort, n_rounds=_FIRST_ROUNDS), donors)
        yield from approach_crowd(book, crowd, task.plausibility, max(0, rows))
    yield from beam_search(book, effort, donors)
    if task.n_answers > 1:
        yield from gather_pool(book, task.n_answers, max(0, rows))


def _already(codes: NDArray[np.float64]) -> Found:
    return Found(
        codes[None].copy(), np.zeros(1), "already_target", 0.0, np.ones(1, dtype=bool), np.ones(1)
    )


def _choose(task: Task, judge: Judge, book: Book, row: int, proof: Proof | None) -> Found:
    """Choose among the valid candidates of a row, and say what is known of them."""
    bound = 0.0 if proof is None else proof.lower_bound
    places, shares = book.ranked(), None
    if task.robustness is not None:
        places, shares = keep_robust(book, task, judge, row)
    chosen = choose_diverse(book, places, task.n_answers)
    if not len(chosen):
        status = "infeasible" if proof is not None and proof.is_infeasible else "not_found"
        return Found(np.empty((0, len(book.start.codes))), np.empty(0), status, bound)
    codes, costs = book.rows[chosen].copy(), book.costs[chosen].copy()
    is_best = proof is not None and costs[0] <= bound * (1.0 + proof.tolerance) + 1e-12
    surely = is_best and book.is_separable  # undoing a change would be cheaper still
    irreducible = [surely or is_irreducible(book, codes[0])]
    irreducible += [is_irreducible(book, own) for own in codes[1:]]
    return Found(
        codes=codes,
        costs=costs,
        status="optimal" if is_best else "valid",
        lower_bound=float(min(bound, costs[0])),
        irreducible=np.array(irreducible),
        robustness=None if shares is None else np.array([shares[int(own)] for own in chosen]),
    )
