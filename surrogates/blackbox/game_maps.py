"""What is made of the responses to games: linear maps, and the squares of others."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from surrogates.blackbox.maskers import Games, Mixtures
from surrogates.blackbox.model import Model

__all__ = ["GameMaps", "SummingMixtures"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GameMaps:
    """Estimates of games from the odd parts of their responses, and how they are added up.

    The odd parts of a game are half the differences between the responses to each coalition and
    to its complement, and half the gap between all players and none.

    Parameters
    ----------
    values : ndarray of shape (n_designs, n_places, n_pairs + 1)
        From odd parts to an estimate for the player at each place.
    errors : ndarray of shape (n_designs, n_checked, n_pairs + 1)
        From odd parts to errors.
    spreads : ndarray of shape (n_designs, n_places, n_checked)
        What a squared error adds to the variance of an estimate.
    design_of, cohort : ndarray of shape (n_games,)
        Errors are summed over the games of a cohort, which share design and players.
    players : ndarray of shape (n_games, n_places)
    weights : ndarray of shape (n_games,)
    """

    values: Floats
    errors: NDArray[np.float32]
    spreads: Floats
    design_of: NDArray[np.int64]
    cohort: NDArray[np.int64]
    players: NDArray[np.int64]
    weights: Floats


class SummingMixtures(Mixtures, Protocol):
    """Mixtures whose responses are added up where they are."""

    def sum_games(
        self, model: Model, games: Games, rows: NDArray[np.int64], gaps: Floats, maps: GameMaps
    ) -> Floats:
        """Ask about the same games of several rows, and add up what the maps make of them.

        Parameters
        ----------
        model : Model
        games : Games
            Of whichever row.
        rows : ndarray of shape (n_rows,)
            The explained rows.
        gaps : ndarray of shape (n_rows, n_games, n_outputs)
        maps : GameMaps

        Returns
        -------
        sums : ndarray of shape (n_rows, n_outputs, 3, n_players)
            Weighted values, weighted squared values, and variances of the weighted values.
        """
