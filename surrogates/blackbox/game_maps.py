"""What is made of the responses to games: linear maps, and the squares of others."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from surrogates.blackbox.maskers import Games, Mixtures
from surrogates.blackbox.model import Model

__all__ = ["DesignMaps", "GameMaps", "MakesMaps", "SummingMixtures"]

Floats = NDArray[np.float64]
Array = Any


@dataclass(frozen=True, eq=False)
class DesignMaps:
    """The maps of some designs of coalitions, as arrays of whichever library.

    Parameters
    ----------
    values : array of shape (n_designs, n_places, n_pairs + 1)
        From odd parts to an estimate for the player at each place.
    errors : array of shape (n_designs, n_checked, n_pairs + 1)
        From odd parts to errors.
    spreads : array of shape (n_designs, n_places, n_checked)
        What a squared error adds to the variance of an estimate.
    """

    values: Array
    errors: Array
    spreads: Array


class MakesMaps(Protocol):
    """Makes maps where they are used: they take far more memory than the coalitions do."""

    def __call__(
        self, coalitions: Array, xp: Any, place: Callable[[NDArray[Any]], Array]
    ) -> DesignMaps:
        """Make the maps of designs.

        Parameters
        ----------
        coalitions : array of shape (n_designs, n_pairs, n_places)
            Floats, 1 where a player is present.
        xp : module
            The library of the array: numpy or torch.
        place : callable
            Makes a numpy array one of that library.
        """


@dataclass(frozen=True, eq=False)
class GameMaps:
    """Estimates of games from the odd parts of their responses, and how they are added up.

    The odd parts of a game are half the differences between the responses to each coalition and
    to its complement, and half the gap between all players and none.

    Parameters
    ----------
    coalitions : ndarray of shape (n_designs, n_pairs, n_places)
        Kept from row to row, and never changed.
    make : MakesMaps
        Makes the maps of these coalitions.
    design_of, cohort : ndarray of shape (n_games,)
        Errors are summed over the games of a cohort, which share design and players.
    players : ndarray of shape (n_games, n_places)
    weights : ndarray of shape (n_games,)
    empty : ndarray of shape (n_games, n_outputs)
        Responses to the reference rows.
    """

    coalitions: NDArray[np.uint8]
    make: MakesMaps
    design_of: NDArray[np.int64]
    cohort: NDArray[np.int64]
    players: NDArray[np.int64]
    weights: Floats
    empty: Floats


class SummingMixtures(Mixtures, Protocol):
    """Mixtures whose responses are added up where they are."""

    def sum_games(
        self, model: Model, games: Games, rows: NDArray[np.int64], full: Floats, maps: GameMaps
    ) -> Floats:
        """Ask about the same games of several rows, and add up what the maps make of them.

        Parameters
        ----------
        model : Model
        games : Games
            Of whichever row.
        rows : ndarray of shape (n_rows,)
            The explained rows.
        full : ndarray of shape (n_rows, n_outputs)
            Responses to them.
        maps : GameMaps

        Returns
        -------
        sums : ndarray of shape (n_rows, n_outputs, 3, n_players)
            Weighted values, weighted squared values, and variances of the weighted values.
        """
