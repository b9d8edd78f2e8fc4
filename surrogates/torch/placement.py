"""Reference rows, and the coalitions asked about, where a module computes: sent there once."""

from __future__ import annotations  # pages are built without torch

from collections.abc import Sequence
from typing import Any
from weakref import ref

import numpy as np
import torch
from numpy.typing import NDArray

from surrogates.torch.inputs import Inputs

__all__ = ["Placement", "packed", "unpack"]

_MOST_KEPT = 16


class Placement:
    """A reference table on the device.

    Parameters
    ----------
    inputs : Inputs
        What the encoder made of the table, on the device.
    owners : tuple of ndarray
        For each tensor, the column that owns each element of a row.
    device : torch.device

    Attributes
    ----------
    maps : dict
        What is made of responses, as it was placed for the rows before.
    """

    def __init__(
        self,
        inputs: Inputs,
        owners: Sequence[NDArray[np.int64]],
        device: torch.device,
    ) -> None:
        self.inputs, self.owners, self.device = inputs, owners, device
        self.maps: dict[tuple[int, bytes], Any] = {}
        self._kept: dict[int, tuple[ref[NDArray[Any]], torch.Tensor]] = {}

    def send(self, numbers: NDArray[Any]) -> torch.Tensor:
        """Return numbers on the device."""
        return torch.from_numpy(np.ascontiguousarray(numbers)).to(self.device)

    def coalitions(self, coalitions: NDArray[np.uint8]) -> torch.Tensor:
        """Return coalitions on the device, one after the other: (n_coalitions, n_players).

        Arrays are known by identity, as designs are kept and never changed.
        """
        kept = self._known(coalitions)
        if kept is None:
            n_players = coalitions.shape[-1]
            placed = unpack(self.send(packed(coalitions)), n_players).reshape(-1, n_players)
            kept = self._remember(coalitions, placed)
        return kept

    def keep(self, numbers: NDArray[Any]) -> torch.Tensor:
        """Return numbers that are never changed on the device, and keep them there."""
        kept = self._known(numbers)
        return self._remember(numbers, self.send(numbers)) if kept is None else kept

    def _known(self, array: NDArray[Any]) -> torch.Tensor | None:
        kept = self._kept.get(id(array))
        return kept[1] if kept is not None and kept[0]() is array else None

    def _remember(self, array: NDArray[Any], placed: torch.Tensor) -> torch.Tensor:
        while len(self._kept) >= _MOST_KEPT:
            self._kept.pop(next(iter(self._kept)), None)
        self._kept[id(array)] = ref(array), placed
        return placed


def packed(coalitions: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return coalitions with one bit for each player."""
    return np.packbits(coalitions, axis=-1, bitorder="little")


def unpack(bits: torch.Tensor, n_players: int) -> torch.Tensor:
    """Return which players are present, from one bit for each of them.

    Examples
    --------
    >>> unpack(torch.from_numpy(packed(np.array([[1, 0, 1]], dtype=np.uint8))), 3)
    tensor([[ True, False,  True]])
    """
    place = torch.arange(n_players, device=bits.device)
    of_player = bits[..., place // 8].to(torch.int16) >> (place % 8).to(torch.int16)
    return (of_player & 1).to(torch.bool)
