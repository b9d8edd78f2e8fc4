"""The pilot: a few cheap explanations in `fit` that tell how relevant the players are."""

from dataclasses import replace
from math import isqrt

import numpy as np

from surrogates.attribution.shapley.book import DesignBook
from surrogates.attribution.shapley.design import n_pairs_of
from surrogates.attribution.shapley.games import evaluate
from surrogates.attribution.shapley.kriging import MOST_KRIGED
from surrogates.attribution.shapley.plan import SamplingPlan
from surrogates.attribution.shapley.relevance import Relevances
from surrogates.attribution.shapley.rows import explained_rows
from surrogates.blackbox.reference import ReferenceRows
from surrogates.blackbox.table import take_rows

__all__ = ["with_relevances"]

_MOST_ROWS = 8


def with_relevances(plan: SamplingPlan) -> SamplingPlan:
    """Return the plan with the relevances of its players, where they are of use.

    Some reference rows are explained against one another, each game with about as many pairs of
    coalitions as it has players. That costs no more model rows than the explanation of one row.
    """
    n_players, budget = len(plan.players), plan.book.budgets[-1]
    budget_of_pilot = 2 * n_players + 4
    affordable = isqrt(budget * len(plan.reference) // budget_of_pilot)
    n_rows = min(_MOST_ROWS, len(plan.reference), affordable)
    if plan.book.is_exact(n_players) or n_pairs_of(n_players, budget) > MOST_KRIGED or n_rows < 2:
        return plan
    pilot = _pilot(plan, n_rows, budget_of_pilot)
    squares = np.zeros((n_players, plan.responses.shape[1]))
    for row in explained_rows(pilot, pilot.reference.rows, pilot.responses):
        evaluate(row.games, 0, row.mixtures, pilot.model)
        sums = row.sums()
        row.add(sums, row.games, 0)
        squares += sums.squares
    totals = squares.sum(axis=0)
    sizes = np.sqrt((squares / np.where(totals > 0.0, totals, 1.0)).sum(axis=1))
    relevances = Relevances.of_sizes(sizes, plan.book.seed)
    return replace(plan, book=replace(plan.book, relevances=relevances))


def _pilot(plan: SamplingPlan, n_rows: int, budget: int) -> SamplingPlan:
    reference = ReferenceRows(
        take_rows(plan.reference.rows, np.arange(n_rows)), np.full(n_rows, 1.0 / n_rows), n_rows
    )
    book = DesignBook((budget,), plan.book.seed, plan.book.relevances)
    return replace(
        plan, reference=reference, responses=plan.responses[:n_rows], book=book, interactions=False
    )
