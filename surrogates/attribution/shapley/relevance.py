"""Relevances: how much the players matter, which says how far they reach in the prior.

The places of a design stand for players from the most to the least relevant one, so that one
design serves games of different players. Places of similar relevance form a tier and have the
same reach: within a tier any player may take any place, and each reference row has another
arrangement. A few designs are then as good as one for each reference row, at a fraction of the
cost of inverting their covariances.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.shapley.field import LARGEST_REACH

__all__ = ["Relevances", "bounded_reach", "even_reach", "joint_sizes", "level_tiers"]

_LEAST = 0.02  # relevance of a player that does nothing, as a share of the largest
_TIER = 1.6  # largest over smallest relevance within a tier
_EVEN_REACH = 3.0  # summed over players of even relevance
_MOST_REACH = 8.0  # summed over all players
_N_ARRANGEMENTS = 64
_STREAM = 0x52454C


@dataclass(frozen=True)
class Relevances:
    """Relevances of the players of a table, and how they are arranged on designs.

    Parameters
    ----------
    of_player : tuple of float
        In (0, 1].
    seed : int
        Of the arrangements.
    """

    of_player: tuple[float, ...]
    seed: int

    @classmethod
    def even(cls, n_players: int, seed: int) -> Self:
        """Return relevances of players of which nothing is known."""
        return cls((1.0,) * n_players, seed)

    @classmethod
    def of_sizes(cls, sizes: NDArray[np.float64], seed: int) -> Self:
        """Return relevances in proportion to the size of attributions, (n_players,)."""
        return cls(tuple(_scaled(sizes).tolist()), seed)

    def reach(self, n_players: int) -> NDArray[np.float64]:
        """Return the reach of the places of a design for some of the players.

        The profile of all players is stretched or thinned out to the number of places.
        """
        return _reach(self.of_player, n_players)

    def arrange(
        self, players: NDArray[np.int64], arrangement: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Give the players of games their places.

        Parameters
        ----------
        players : ndarray of shape (n_games, n_players)
        arrangement : ndarray of shape (n_games,)
            Any number for each game; equal numbers arrange alike.

        Returns
        -------
        players : ndarray of shape (n_games, n_players)
            The player at each place.
        """
        rank, by_rank = _ranks(self.of_player)
        ranked = by_rank[np.sort(rank[players], axis=1)]
        keys = _keys(self.seed, len(rank))[arrangement % _N_ARRANGEMENTS]
        tier = _tiers(self, players.shape[1])
        order = np.argsort(np.take_along_axis(keys, ranked, axis=1) + tier, axis=1, kind="stable")
        return np.take_along_axis(ranked, order, axis=1)


@lru_cache
def _reach(of_player: tuple[float, ...], n_players: int) -> NDArray[np.float64]:
    everyone = np.sort(of_player)[::-1]
    if everyone[0] == everyone[-1]:
        return even_reach(n_players)
    places = (np.arange(n_players) + 0.5) / n_players
    known = (np.arange(len(everyone)) + 0.5) / len(everyone)
    return bounded_reach(level_tiers(np.interp(places, known, everyone)))


@lru_cache
def _ranks(of_player: tuple[float, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rank of each player, and the player of each rank."""
    by_rank = np.argsort(-np.array(of_player), kind="stable")
    return np.argsort(by_rank), by_rank


@lru_cache
def _keys(seed: int, n_players: int) -> NDArray[np.float64]:
    """Return random keys by which players are ordered within tiers, for every arrangement."""
    return np.random.default_rng([_STREAM, seed]).random((_N_ARRANGEMENTS, n_players))


@lru_cache
def _tiers(relevances: Relevances, n_players: int) -> NDArray[np.int64]:
    """Return the number of the tier of each place."""
    reach = relevances.reach(n_players)
    return np.cumsum(np.diff(reach, prepend=reach[0]) != 0.0)


def even_reach(n_players: int) -> NDArray[np.float64]:
    """Return the reach of players of which nothing is known."""
    return np.full(n_players, min(LARGEST_REACH, _EVEN_REACH / n_players))


def bounded_reach(relevances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the reach of players of given relevance.

    With very many relevant players a smaller one each: the field would be of such high order that
    no response told anything of another.
    """
    reach = LARGEST_REACH * relevances
    return np.asarray(reach * min(1.0, _MOST_REACH / reach.sum()))


def joint_sizes(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sizes of attributions, (n_players, n_outputs), in which all outputs count alike."""
    lengths = np.linalg.norm(values, axis=0)
    return _scaled(np.linalg.norm(values / np.where(lengths > 0.0, lengths, 1.0), axis=1))


def _scaled(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sizes over the largest one, with a floor."""
    largest = sizes.max()
    if largest <= 0.0:
        return np.ones(len(sizes))
    return np.asarray((sizes / largest + _LEAST) / (1.0 + _LEAST))


def level_tiers(profile: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replace the members of each tier of a decreasing profile by their root mean square."""
    levelled = profile.copy()
    start = 0
    while start < len(profile):
        stop = start + 1
        while stop < len(profile) and profile[stop] * _TIER >= profile[start]:
            stop += 1
        levelled[start:stop] = np.sqrt((profile[start:stop] ** 2).mean())
        start = stop
    return levelled
