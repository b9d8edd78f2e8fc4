"""Masked rows composed, and asked about, where a module computes.

Explained rows, reference rows and bit-packed coalitions are sent once; a mixture exists on the
device only, and nothing but responses comes back.
"""

from __future__ import annotations  # pages are built without torch

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from surrogates.blackbox.game_maps import GameMaps
from surrogates.blackbox.maskers import Games, Mixtures
from surrogates.blackbox.model import Model
from surrogates.blackbox.players import Players
from surrogates.torch.batches import in_batches
from surrogates.torch.game_sums import placed_maps
from surrogates.torch.inputs import Inputs
from surrogates.torch.modes import evaluating
from surrogates.torch.network import Network
from surrogates.torch.outputs import check_finite
from surrogates.torch.placement import Placement

__all__ = ["DeviceMixtures"]

Floats = NDArray[np.float64]

_MOST_RESPONSES = 2**24  # kept on the device at a time


class DeviceMixtures:
    """Mixtures of explained rows with the rows of a reference table on the device.

    Parameters
    ----------
    network : Network
    answer : callable
        ``answer(raw, inputs)`` turns raw outputs into what the predicting method returns.
    numbers : callable
        The same on the device, for a method that returns numbers.
    placement : Placement
        The reference rows.
    rows : Inputs
        The explained rows, on the device.
    players : Players
        Owners of the columns of the table.
    host : Mixtures
        The same mixtures on this machine.
    """

    def __init__(
        self,
        network: Network,
        answer: Callable[[torch.Tensor, Inputs], NDArray[Any]],
        numbers: Callable[[torch.Tensor, Inputs], torch.Tensor],
        placement: Placement,
        rows: Inputs,
        players: Players,
        host: Mixtures,
    ) -> None:
        self._network, self._placement = network, placement
        self._answer, self._numbers = answer, numbers
        self._rows, self._host = rows, host
        of_element = [players.of_column[owners].ravel() for owners in placement.owners]
        everyone = np.arange(len(players))
        self._of_element = [
            None if np.array_equal(own, everyone) else placement.send(own) for own in of_element
        ]
        self._size = network.size(rows.bytes_per_row)
        self.n_rows = max(host.n_rows, self._size.n_rows)
        self.n_players = len(players)
        self._placed: tuple[Games, _PlacedGames] | None = None
        self._stretches: list[_Stretch] = []

    def differing(self, row: int) -> NDArray[np.bool_]:
        """Tell where a row differs from each reference row: (n_references, n_players)."""
        return self._host.differing(row)

    def write(self, at: slice, games: Games, start: int) -> None:
        """Note the mixtures of games, from number `start` on, for rows of the block."""
        if self._placed is None or self._placed[0] is not games:
            self._placed = games, _PlacedGames(games, self.n_players, self._placement)
        self._stretches.append(_Stretch(at.start, at.stop, start, self._placed[1]))

    def ask(self, model: Model, n_rows: int) -> NDArray[np.float64]:
        """Compose the first rows of the block, and return the responses of the module to them."""
        stretches, self._stretches = self._stretches, []

        def ask(start: int, stop: int) -> torch.Tensor:
            return self._network.forward(self._compose(stretches, start, stop))

        with torch.inference_mode(), evaluating(self._network.module):
            raw = torch.cat(in_batches(ask, n_rows, self._size))
            check_finite(raw, None, self._network.name)
            if model.indicator_of is None:
                return np.ascontiguousarray(self._chosen(model, raw).cpu().numpy())
        return model.read(self._answer(raw, self._rows), n_rows)

    def sum_games(
        self, model: Model, games: Games, rows: NDArray[np.int64], full: Floats, maps: GameMaps
    ) -> Floats:
        """Ask about the same games of several rows, and add up what the maps make of them.

        Parameters
        ----------
        model : Model
        games : Games
        rows : ndarray of shape (n_rows,)
        full : ndarray of shape (n_rows, n_outputs)
            Responses to them.
        maps : GameMaps

        Returns
        -------
        sums : ndarray of shape (n_rows, n_outputs, 3, n_players)
        """
        placed = _PlacedGames(games, self.n_players, self._placement)
        estimates = placed_maps(maps, self._placement, self.n_players)
        shape = (len(maps.players), 2, games.n_pairs, full.shape[1])
        at_once = max(1, _MOST_RESPONSES // int(np.prod(shape)))
        found = []
        with torch.inference_mode(), evaluating(self._network.module):
            for start in range(0, len(rows), at_once):
                some = slice(start, start + at_once)
                responses = self._responses(model, placed, rows[some], int(np.prod(shape[:3])))
                own = self._placement.send(full[some])
                sums = estimates.sums(responses.reshape(len(own), *shape), own)
                found.append(sums.cpu().numpy())
        return np.concatenate(found)

    def _responses(
        self, model: Model, games: _PlacedGames, rows: NDArray[np.int64], n_mixtures: int
    ) -> torch.Tensor:
        """Return the responses to all mixtures of the games of each row, on the device."""
        positions = self._placement.send(rows)

        def ask(start: int, stop: int) -> torch.Tensor:
            numbers = torch.arange(start, stop, device=self._placement.device)
            explained = positions[numbers // n_mixtures]
            mixed = self._mixed(games, numbers % n_mixtures, explained)
            return self._network.forward(mixed)

        raw = torch.cat(in_batches(ask, n_mixtures * len(rows), self._size))
        check_finite(raw, None, self._network.name)
        return self._chosen(model, raw)

    def _chosen(self, model: Model, raw: torch.Tensor) -> torch.Tensor:
        """Return the outputs that are explained, on the device."""
        numbers = self._numbers(raw, self._rows)
        if numbers.shape[1] == 1:
            return numbers * self._placement.send(np.array(model.signs))
        if model.columns == tuple(range(numbers.shape[1])):
            return numbers
        return numbers.index_select(1, self._placement.send(np.array(model.columns)))

    def _compose(self, stretches: list[_Stretch], start: int, stop: int) -> Inputs:
        """Return the mixtures of some rows of the block."""
        parts = [
            self._stretched(stretch, max(start, stretch.start), min(stop, stretch.stop))
            for stretch in stretches
            if stretch.start < stop and stretch.stop > start
        ]
        if len(parts) == 1:
            return parts[0]
        tensors = zip(*(part.tensors for part in parts), strict=True)
        return Inputs(tuple(torch.cat(some) for some in tensors), self._rows.names)

    def _stretched(self, stretch: _Stretch, start: int, stop: int) -> Inputs:
        shift = stretch.number - stretch.start
        numbers = torch.arange(start + shift, stop + shift, device=self._placement.device)
        return self._mixed(stretch.games, numbers, stretch.games.row)

    def _mixed(
        self, games: _PlacedGames, numbers: torch.Tensor, explained: int | torch.Tensor
    ) -> Inputs:
        """Return mixtures by their numbers, of one row or of one each."""
        references, present = games.choose(numbers)
        tensors = []
        pairs = zip(
            self._rows.tensors, self._placement.inputs.tensors, self._of_element, strict=True
        )
        for rows, reference, owner in pairs:
            own = present if owner is None else present.index_select(1, owner)
            absent = reference.index_select(0, references)
            mask = own.reshape(len(numbers), *reference.shape[1:])
            tensors.append(torch.where(mask, rows[explained], absent))
        return Inputs(tuple(tensors), self._rows.names)


@dataclass(frozen=True)
class _Stretch:
    """Rows `start` to `stop` of the block are the mixtures of games from `number` on."""

    start: int
    stop: int
    number: int
    games: _PlacedGames


class _PlacedGames:
    """Games on the device."""

    def __init__(self, games: Games, n_players: int, placement: Placement) -> None:
        self.row = games.row
        self._first_pair, self._n_pairs = games.first_pair, games.n_pairs
        self._n_designed = games.coalitions.shape[1]
        self._coalitions = placement.coalitions(games.coalitions)
        self._references = placement.send_once(games.references)
        self._dealt = placement.send_once(games.dealt) if games.dealt.any() else None
        self._design_of = placement.send(games.design_of)
        whole = games.are_whole(n_players)
        self._places = None if whole else placement.send(games.owner(n_players))

    def choose(self, numbers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the reference rows of mixtures, and which players take the explained row's."""
        game = numbers // (2 * self._n_pairs)
        place = numbers % (2 * self._n_pairs)
        swapped = place >= self._n_pairs
        pair = self._first_pair + place % self._n_pairs
        filling = game if self._dealt is None else game + self._dealt[pair]
        present = self._coalitions.index_select(0, self._design_of[game] * self._n_designed + pair)
        if self._places is None:
            return self._references[filling], present ^ swapped[:, None]
        places = self._places[game]
        present = present.gather(1, places.clamp_min(0)) ^ swapped[:, None]
        return self._references[filling], present & (places >= 0)
