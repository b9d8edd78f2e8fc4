"""Games of many rows added up where the model computes, so that no response comes back."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from surrogates.attribution.shapley.games import Games, Sums, evaluate, n_mixtures, to_mix
from surrogates.attribution.shapley.kriging import FreeKriging
from surrogates.attribution.shapley.plan import SamplingPlan
from surrogates.attribution.shapley.rows import ExplainedRow
from surrogates.blackbox.game_maps import GameMaps

__all__ = ["add_up_there", "adds_up"]

_Group = list[tuple[int, Games]]

_WORTH_ADDING_UP = 2**14  # mixtures


def adds_up(plan: SamplingPlan, mixtures: Any) -> bool:
    """Tell whether the responses of a plan are needed for nothing but sums, and can be summed."""
    return (
        hasattr(mixtures, "sum_games")
        and plan.link == "identity"
        and len(plan.book.budgets) == 1
        and len(plan.reference) > 1
        and not plan.interactions
        and plan.model.indicator_of is None
    )


def add_up_there(plan: SamplingPlan, rows: Sequence[ExplainedRow]) -> list[Sums]:
    """Return the sums of rows with their whole budget.

    Games that share their seating are asked about together, whichever row they are of.
    """
    found = [row.sums() for row in rows]
    groups, others = _divide(rows)
    evaluate([games for own in others for games in own], 0, rows[0].mixtures, plan.model)
    for row, sums, own in zip(rows, found, others, strict=True):
        row.add(sums, own, 0)
    for some in groups:
        for (place, _), sums in zip(some, _sums(plan, rows, some), strict=True):
            for output, own in enumerate(sums):
                found[place].of_output(output)[:] += own
    return found


def _divide(rows: Sequence[ExplainedRow]) -> tuple[list[_Group], list[list[Games]]]:
    """Return games that are seated alike, each with the place of its row, and all others by row.

    A few small games are better asked about with others, and solved here.
    """
    alike: dict[tuple[int, bytes], _Group] = defaultdict(list)
    others: list[list[Games]] = [[] for _ in rows]
    for place, row in enumerate(rows):
        for games in row.games:
            if games.designs.is_kriged(0) and not games.designs.shrinks(0):
                alike[_key(games)].append((place, games))
            else:
                others[place].append(games)
    groups = []
    for some in alike.values():
        if len(some) * n_mixtures(some[0][1], 0) >= _WORTH_ADDING_UP:
            groups.append(some)
        else:
            for place, games in some:
                others[place].append(games)
    return groups, others


def _key(games: Games) -> tuple[int, bytes]:
    """Tell games of different rows apart that are not seated alike."""
    seating = (games.references, games.design_of, games.players)
    return id(games.designs), b"".join(part.tobytes() for part in seating)


def _sums(plan: SamplingPlan, rows: Sequence[ExplainedRow], some: _Group) -> Any:
    games = some[0][1]
    explained = [rows[place] for place, _ in some]
    mixtures: Any = explained[0].mixtures
    return mixtures.sum_games(
        plan.model,
        to_mix(games, mixtures.n_players, 0, games.designs.stages[0].n_pairs),
        np.array([row.position for row in explained]),
        np.stack([row.full for row in explained]),
        _maps(plan, games),
    )


def _maps(plan: SamplingPlan, games: Games) -> GameMaps:
    designs = games.designs
    return GameMaps(
        coalitions=designs.coalitions,
        make=FreeKriging(designs.stages[0], designs.reach),
        design_of=games.design_of,
        cohort=games.seating.cohort,
        players=games.players,
        weights=plan.reference.weights[games.references],
        empty=plan.responses[games.references],
    )
