"""Scouting: against a single reference row, a small part of the budget finds the relevances.

A game with many pairs takes too long to be kriged with relevances of its own: its covariance would
be inverted for every row. Instead its players are ranked by a few coalitions, and seated by rank on
a design for the kind of profile that they have. There are few such kinds, made once.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.shapley.book import DesignBook
from surrogates.attribution.shapley.games import Games
from surrogates.attribution.shapley.kriging import MOST_KRIGED, MOST_LEARNT
from surrogates.attribution.shapley.relevance import bounded_reach, joint_sizes, level_tiers

__all__ = ["after_scouting", "scout_book"]

_SCOUTED = 256  # coalitions
_DECAYS = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.35)  # of relevance from rank to rank
_LEAST = 0.02
_OTHER_SEED = 0x53434F5554


def scout_book(book: DesignBook, n_references: int) -> DesignBook | None:
    """Return the designs that scout, or None where there is no need or no use."""
    n_pairs = (book.budgets[0] - 2) // 2
    if n_references > 1 or len(book.budgets) > 1 or not MOST_LEARNT < n_pairs <= MOST_KRIGED:
        return None
    return replace(book, budgets=(_SCOUTED,))


def after_scouting(games: Games, values: NDArray[np.float64], book: DesignBook) -> Games:
    """Return the game that the rest of the budget is spent on.

    Parameters
    ----------
    games : Games
        The game that scouted.
    values : ndarray of shape (n_players_of_table, n_outputs)
        The attributions that it led to.
    book : DesignBook
        For the whole budget.
    """
    sizes = joint_sizes(values[games.players[0]])
    order = np.argsort(-sizes, kind="stable")
    n_left = book.budgets[0] - 2 * games.designs.stages[0].n_pairs
    rest = replace(book, budgets=(n_left,), seed=book.seed ^ _OTHER_SEED)
    seating = replace(games.seating, players=games.players[:, order])
    return games.begin(rest.designs_of(_nearest_profile(sizes[order])), seating)


def _nearest_profile(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the reach of geometric relevances that are most like decreasing sizes."""
    profiles = _profiles(len(sizes))
    misfits = ((np.sqrt(profiles) - np.sqrt(sizes)) ** 2).sum(axis=1)
    return bounded_reach(profiles[misfits.argmin()])


@lru_cache
def _profiles(n_players: int) -> NDArray[np.float64]:
    """Return geometric relevances by rank: (n_profiles, n_players)."""
    ranks = np.arange(n_players)
    return np.stack([level_tiers(np.maximum(decay**ranks, _LEAST)) for decay in _DECAYS])
