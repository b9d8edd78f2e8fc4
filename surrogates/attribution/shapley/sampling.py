"""Shapley values by sampled or enumerated coalitions, for a block of rows.

The steps for a row: find the players in which it differs from each reference row, make games of
them, evaluate the games stage by stage until the standard errors allow to stop, add up.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.shapley.added_up import add_up_there, adds_up
from surrogates.attribution.shapley.games import Games, Sums, evaluate, n_mixtures
from surrogates.attribution.shapley.interactions import complete_with_values
from surrogates.attribution.shapley.plan import SamplingPlan
from surrogates.attribution.shapley.result import BlockResult
from surrogates.attribution.shapley.rows import ExplainedRow, explained_rows
from surrogates.blackbox.inside import Inside
from surrogates.blackbox.links import apply_link
from surrogates.blackbox.maskers import computes_elsewhere

__all__ = ["CoalitionEngine"]

_MOST_RESPONSES = 2**22  # kept at a time: 32 MiB
_ROWS_PER_BLOCK = 2**18  # model rows that make a unit of work worth sending to another process
_ROWS_PER_BLOCK_ELSEWHERE = 2**26  # where none of them is made here


@dataclass(frozen=True)
class CoalitionEngine:
    """Shapley values by enumerated or sampled coalitions.

    Parameters
    ----------
    plan : SamplingPlan
    inside : Inside
        What turns explained rows into rows of the plan's model.
    exact_alternative : str or None
        What to ask for instead, to have exact values.
    """

    plan: SamplingPlan
    inside: Inside
    exact_alternative: str | None = None

    @property
    def rows_per_block(self) -> int:
        """Explained rows that make a unit of work."""
        budgets = self.plan.book.budgets
        likely = min(2 * budgets[0], budgets[-1])  # most rows stop early, where they may
        worth = (
            _ROWS_PER_BLOCK_ELSEWHERE if computes_elsewhere(self.plan.model) else _ROWS_PER_BLOCK
        )
        return max(1, worth // (likely * self.n_references))

    @property
    def n_references(self) -> int:
        """Reference rows that the rows are compared with."""
        return len(self.plan.reference)

    @property
    def mean_response(self) -> NDArray[np.float64]:
        """Mean response over these rows."""
        return self.plan.reference.weights @ self.plan.responses

    @property
    def stops(self) -> bool:
        """Whether rows stop by their standard errors."""
        return self.plan.tol is not None or self.plan.accuracy is not None

    @property
    def record(self) -> Mapping[str, Any]:
        """How the values are computed."""
        budget = self.plan.book.budgets[-1]
        record = {
            "method": "exact" if 1 << len(self.plan.players) <= budget else "sampling",
            "design": "crossed" if self.plan.crossed else "shared",
            "n_coalitions": budget,
            "n_background": self.n_references,
            "tol": self.plan.tol,
            "preprocessing": "once per row" if self.inside.preprocessing else "for every mixture",
        }
        if self.exact_alternative is not None:
            record["exact_alternative"] = self.exact_alternative
        return record

    def explain(self, rows: Any) -> BlockResult:
        """Explain a block of rows."""
        return _explain_by_coalitions(self.plan, self.inside.table(rows))


def _explain_by_coalitions(plan: SamplingPlan, rows: Any) -> BlockResult:
    """Explain a block of rows. The answer for a row does not depend on the others."""
    responses = plan.model(rows)
    result = BlockResult.empty(
        len(plan.players), apply_link(plan.link, responses), interactions=plan.interactions
    )
    for batch in _batches(explained_rows(plan, rows, responses)):
        if batch[0].n_responses > _MOST_RESPONSES and not plan.interactions:
            _explain_in_parts(plan, batch[0], result)
        elif adds_up(plan, batch[0].mixtures):
            for row, sums in zip(batch, add_up_there(plan, batch), strict=True):
                done = plan.is_accurate(sums.values, np.sqrt(sums.variances))
                _store(plan, row, sums, 0, done, result)
        else:
            _explain_together(plan, batch, result)
    return result


def _batches(rows: Iterator[ExplainedRow]) -> Iterator[list[ExplainedRow]]:
    """Collect rows as long as their responses fit in memory; a row that does not fit is alone."""
    batch: list[ExplainedRow] = []
    n_responses = 0
    for row in rows:
        if batch and n_responses + row.n_responses > _MOST_RESPONSES:
            yield batch
            batch, n_responses = [], 0
        batch.append(row)
        n_responses += row.n_responses
    if batch:
        yield batch


def _explain_together(
    plan: SamplingPlan, rows: Sequence[ExplainedRow], result: BlockResult
) -> None:
    """Evaluate rows stage by stage; a row leaves when its standard errors are small enough."""
    if plan.scouts is not None:
        _scout(plan, rows)
    last = len(plan.book.budgets) - 1
    for stage in range(last + 1):
        evaluate(
            [games for row in rows for games in row.games], stage, rows[0].mixtures, plan.model
        )
        going_on = []
        for row in rows:
            sums = row.sums()
            row.add(sums, row.games, stage)
            done = plan.is_accurate(sums.values, np.sqrt(sums.variances))
            if done or stage == last:
                _store(plan, row, sums, stage, done, result)
            else:
                going_on.append(row)
        rows = going_on
        if not rows:
            return


def _scout(plan: SamplingPlan, rows: Sequence[ExplainedRow]) -> None:
    """Evaluate the games that tell the relevances of players, and go on to the others."""
    scouting = [games for row in rows for games in row.games if games.designs.is_kriged(0)]
    evaluate(scouting, 0, rows[0].mixtures, plan.model)
    for row in rows:
        row.learn()


def _explain_in_parts(plan: SamplingPlan, row: ExplainedRow, result: BlockResult) -> None:
    """Explain one row whose responses do not fit in memory, with its whole budget at once."""
    sums = row.sums()
    for games in row.games:
        parts = list(_parts(games))
        if plan.crossed:
            for part in parts:
                evaluate([part], -1, row.mixtures, plan.model)
                row.add(sums, [part], -1)
                part.responses = part.responses[:, :, :0].copy()
        else:
            row.add_parts(sums, games, parts[0], _mean_response(plan, row, parts))
    done = plan.is_accurate(sums.values, np.sqrt(sums.variances))
    _store(plan, row, sums, -1, done, result)


def _parts(games: Games) -> Iterator[Games]:
    """Divide games so that the responses of a part fit."""
    n_games = len(games.players)
    of_game = n_mixtures(games, -1) // n_games * games.responses.shape[-1]
    n_fitting = max(1, _MOST_RESPONSES // of_game)
    if n_games <= n_fitting:
        yield games
        return
    for start in range(0, n_games, n_fitting):
        yield games.part(slice(start, start + n_fitting))


def _mean_response(
    plan: SamplingPlan, row: ExplainedRow, parts: Sequence[Games]
) -> NDArray[np.float64]:
    """Average over the reference rows; only the first part keeps its responses."""
    weights = plan.reference.weights
    total = sum(weights[part.references].sum() for part in parts)
    n_pairs, n_outputs = parts[0].designs.stages[-1].n_pairs, parts[0].responses.shape[-1]
    mean = np.zeros((2, n_pairs, n_outputs))
    for part in parts:
        evaluate([part], -1, row.mixtures, plan.model)
        mean += np.tensordot(weights[part.references] / total, part.responses, axes=1)
        if part is not parts[0]:
            part.responses = part.responses[:, :, :0].copy()
    return mean


def _store(
    plan: SamplingPlan, row: ExplainedRow, sums: Sums, stage: int, done: bool, result: BlockResult
) -> None:
    at = row.position
    result.values[at] = sums.values
    result.coalition_variances[at] = sums.variances
    result.reference_variances[at] = sums.reference_variances(
        plan.reference.weights, plan.reference.share_left, crossed=plan.crossed
    )
    result.converged[at] = done
    if result.interactions is not None:
        result.interactions[at] = complete_with_values(row.indices(stage), sums.values)
    result.n_model_rows[at] += row.n_scouted + sum(n_mixtures(games, stage) for games in row.games)
