"""Seatings: which player of which game has which place of which design."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.shapley.relevance import Relevances

__all__ = ["Seating", "seat"]


@dataclass(frozen=True)
class Seating:
    """Players and designs of games of one row.

    Parameters
    ----------
    references : ndarray of shape (n_games,)
    players : ndarray of shape (n_games, n_players)
        The player at each place of the design.
    design_of : ndarray of shape (n_games,)
    cohort : ndarray of shape (n_games,)
        Consecutive games of a cohort share design and players.
    """

    references: NDArray[np.int64]
    players: NDArray[np.int64]
    design_of: NDArray[np.int64]
    cohort: NDArray[np.int64]

    def part(self, games: slice) -> "Seating":
        """Return the seating of some of the games."""
        return Seating(
            self.references[games], self.players[games], self.design_of[games], self.cohort[games]
        )


def seat(
    references: NDArray[np.int64],
    players: NDArray[np.int64],
    relevances: Relevances,
    n_designs: int,
) -> Seating:
    """Give every reference row a design and an arrangement of its own, as far as they reach."""
    arrangement, design_of = np.divmod(references, n_designs)
    seated = relevances.arrange(players, arrangement)
    keys = np.column_stack([design_of, seated])
    whole = keys.view(np.dtype((np.void, keys.itemsize * keys.shape[1]))).ravel()
    cohort = np.unique(whole, return_inverse=True)[1]
    order = np.argsort(cohort, kind="stable")
    return Seating(references[order], seated[order], design_of[order], cohort[order])
