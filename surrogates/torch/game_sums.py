"""Estimates of games from their responses, summed over reference rows on the device."""

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from surrogates.blackbox.game_maps import DesignMaps, GameMaps
from surrogates.torch.placement import Placement

__all__ = ["PlacedMaps", "placed_maps"]

_MOST_KEPT = 64


class PlacedMaps:
    """The maps of games on a device, where they are made.

    Parameters
    ----------
    maps : GameMaps
    placement : Placement
        It keeps what is the same for the next rows.
    n_players : int
        Of the table.
    """

    def __init__(self, maps: GameMaps, placement: Placement, n_players: int) -> None:
        self._coalitions = maps.coalitions  # held, so that their identity stays their own
        self._maps = placement.keep("maps", maps.coalitions, partial(_made, maps, placement))
        self._n_players = n_players
        cohorts, firsts, cohort_of = np.unique(maps.cohort, return_index=True, return_inverse=True)
        self._of_games = _by_design(maps.design_of, placement)
        self._of_cohorts = _by_design(maps.design_of[firsts], placement)
        self._players = placement.send(maps.players)
        self._players_of_cohort = placement.send(maps.players[firsts])
        self._weights = placement.send(maps.weights)
        self._empty = placement.send(maps.empty)
        self._cohort_of, self._n_cohorts = placement.send(cohort_of), len(cohorts)

    def sums(self, responses: torch.Tensor, full: torch.Tensor) -> torch.Tensor:
        """Add up the estimates of games.

        Parameters
        ----------
        responses : Tensor of shape (n_rows, n_games, 2, n_pairs, n_outputs)
        full : Tensor of shape (n_rows, n_outputs)
            Responses to the rows themselves.

        Returns
        -------
        sums : Tensor of shape (n_rows, n_outputs, 3, n_players)
        """
        gaps = full[:, None] - self._empty
        odd = torch.cat([responses[:, :, 0] - responses[:, :, 1], gaps[:, :, None]], dim=2) * 0.5
        found = odd.new_zeros(len(odd), odd.shape[3], 3, self._n_players)
        for design, games in self._of_games:
            values = torch.einsum("kp,rgpo->rogk", self._maps.values[design], odd[:, games])
            weights = self._weights[games, None]
            _scatter(found[:, :, 0], self._players[games], values * weights)
            _scatter(found[:, :, 1], self._players[games], values**2 * weights)
        pooled = odd.new_zeros(len(odd), self._n_cohorts, *odd.shape[2:])
        pooled.index_add_(1, self._cohort_of, odd * self._weights[:, None, None])
        for design, cohorts in self._of_cohorts:
            errors = torch.einsum("ep,rcpo->roce", self._maps.errors[design], pooled[:, cohorts])
            variances = torch.einsum("ke,roce->rock", self._maps.spreads[design], errors**2)
            _scatter(found[:, :, 2], self._players_of_cohort[cohorts], variances)
        return found


def placed_maps(maps: GameMaps, placement: Placement, n_players: int) -> PlacedMaps:
    """Return maps on the device, those that were sent before where they are the same."""
    seating = (maps.design_of, maps.cohort, maps.players, maps.weights, maps.empty)
    key = b"".join(part.tobytes() for part in (np.array(id(maps.coalitions)), *seating))
    kept: PlacedMaps | None = placement.maps.get(key)
    if kept is None:
        while len(placement.maps) >= _MOST_KEPT:
            placement.maps.pop(next(iter(placement.maps)), None)
        kept = placement.maps[key] = PlacedMaps(maps, placement, n_players)
    return kept


def _made(maps: GameMaps, placement: Placement) -> DesignMaps:
    """Make the maps where the coalitions are."""
    coalitions = placement.coalitions(maps.coalitions).reshape(maps.coalitions.shape)
    return maps.make(coalitions.to(torch.float64), torch, placement.send)


def _by_design(
    design_of: NDArray[np.int64], placement: Placement
) -> list[tuple[int, torch.Tensor]]:
    """Return each design with the positions that have it."""
    designs = np.unique(design_of).tolist()
    return [(one, placement.send(np.flatnonzero(design_of == one))) for one in designs]


def _scatter(total: torch.Tensor, players: torch.Tensor, values: torch.Tensor) -> None:
    """Add values (n_rows, n_outputs, n_games, n_places) to those of their players."""
    total.index_add_(2, players.ravel(), values.flatten(2))
