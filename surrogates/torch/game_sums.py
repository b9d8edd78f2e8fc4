"""Estimates of games from their responses, summed over reference rows on the device."""

import numpy as np
import torch

from surrogates.blackbox.game_maps import GameMaps
from surrogates.torch.placement import Placement

__all__ = ["PlacedMaps", "placed_maps"]

_MOST_KEPT = 4


class PlacedMaps:
    """The maps of games on a device.

    Parameters
    ----------
    maps : GameMaps
    placement : Placement
        It keeps what is the same for the next rows.
    n_players : int
        Of the table.
    """

    def __init__(self, maps: GameMaps, placement: Placement, n_players: int) -> None:
        self._n_players, self._maps = n_players, maps  # held, so that its identity stays its own
        cohorts, firsts, cohort_of = np.unique(maps.cohort, return_index=True, return_inverse=True)
        design_of = placement.send(maps.design_of)
        of_cohort = placement.send(maps.design_of[firsts])
        self._values = placement.keep(maps.values)[design_of]
        self._errors = placement.keep(maps.errors)[of_cohort].to(torch.float64)
        self._spreads = placement.keep(maps.spreads)[of_cohort]
        self._players = placement.send(maps.players)
        self._players_of_cohort = placement.send(maps.players[firsts])
        self._weights = placement.send(maps.weights)
        self._cohort_of, self._n_cohorts = placement.send(cohort_of), len(cohorts)

    def sums(self, responses: torch.Tensor, gaps: torch.Tensor) -> torch.Tensor:
        """Add up the estimates of games.

        Parameters
        ----------
        responses : Tensor of shape (n_rows, n_games, 2, n_pairs, n_outputs)
        gaps : Tensor of shape (n_rows, n_games, n_outputs)

        Returns
        -------
        sums : Tensor of shape (n_rows, n_outputs, 3, n_players)
        """
        odd = 0.5 * (responses[:, :, 0] - responses[:, :, 1])
        odd = torch.cat([odd, 0.5 * gaps[:, :, None]], dim=2)
        n_rows, _, _, n_outputs = odd.shape
        values = torch.einsum("gkp,rgpo->rogk", self._values, odd)
        weights = self._weights[:, None]
        found = odd.new_zeros(n_rows, n_outputs, 3, self._n_players)
        _scatter(found[:, :, 0], self._players, values * weights)
        _scatter(found[:, :, 1], self._players, values**2 * weights)
        weighted = odd * weights[..., None]
        pooled = odd.new_zeros(n_rows, self._n_cohorts, *odd.shape[2:])
        pooled.index_add_(1, self._cohort_of, weighted)
        errors = torch.einsum("cep,rcpo->roce", self._errors, pooled)
        variances = torch.einsum("cke,roce->rock", self._spreads, errors**2)
        _scatter(found[:, :, 2], self._players_of_cohort, variances)
        return found


def placed_maps(maps: GameMaps, placement: Placement, n_players: int) -> PlacedMaps:
    """Return maps on the device, those that were sent before where they are the same."""
    seating = (maps.design_of, maps.cohort, maps.players, maps.weights)
    key = id(maps.values), b"".join(part.tobytes() for part in seating)
    kept: PlacedMaps | None = placement.maps.get(key)
    if kept is None:
        while len(placement.maps) >= _MOST_KEPT:
            placement.maps.pop(next(iter(placement.maps)), None)
        kept = placement.maps[key] = PlacedMaps(maps, placement, n_players)
    return kept


def _scatter(total: torch.Tensor, players: torch.Tensor, values: torch.Tensor) -> None:
    """Add values (n_rows, n_outputs, n_games, n_places) to those of their players."""
    total.index_add_(2, players.ravel(), values.flatten(2))
