"""Reference rows, and the coalitions asked about, where a module computes: sent there once."""

from __future__ import annotations  # pages are built without torch

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar
from weakref import ref

import numpy as np
import torch
from numpy.typing import NDArray

from surrogates.torch.inputs import Inputs

__all__ = ["Placement", "packed", "unpack"]

_MOST_KEPT = 64
Made = TypeVar("Made")


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
        self.maps: dict[bytes, Any] = {}
        self._kept: dict[tuple[str, int], tuple[ref[NDArray[Any]], Any]] = {}

    def send(self, numbers: NDArray[Any]) -> torch.Tensor:
        """Return numbers on the device; whole ones travel in the smallest type that holds them."""
        if numbers.dtype != np.int64:
            return self._cross(numbers)
        return self._cross(numbers.astype(_smallest(numbers))).to(torch.int64)

    def _cross(self, numbers: NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(numbers)).to(self.device)

    def keep(self, purpose: str, array: NDArray[Any], make: Callable[[], Made]) -> Made:
        """Return what was made of an array on the device; it is made once.

        Arrays are known by identity, as those that are kept here are never changed.
        """
        key = purpose, id(array)
        found = self._kept.get(key)
        if found is not None and found[0]() is array:
            made: Made = found[1]
            return made
        made = make()
        for other, (origin, _) in list(self._kept.items()):
            if origin() is None or len(self._kept) >= _MOST_KEPT:
                self._kept.pop(other, None)
        self._kept[key] = ref(array), made
        return made

    def send_once(self, numbers: NDArray[Any]) -> torch.Tensor:
        """Return numbers that are never changed on the device, and keep them there."""
        return self.keep("numbers", numbers, partial(self.send, numbers))

    def coalitions(self, coalitions: NDArray[np.uint8]) -> torch.Tensor:
        """Return coalitions on the device, one after the other: (n_coalitions, n_players)."""
        return self.keep("coalitions", coalitions, partial(self._unpacked, coalitions))

    def _unpacked(self, coalitions: NDArray[np.uint8]) -> torch.Tensor:
        n_players = coalitions.shape[-1]
        return unpack(self.send(packed(coalitions)), n_players).reshape(-1, n_players)


def _smallest(numbers: NDArray[np.int64]) -> type[np.signedinteger]:
    """Return the smallest type that holds whole numbers."""
    least, most = (numbers.min(), numbers.max()) if numbers.size else (0, 0)
    for kind in (np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= least and most <= np.iinfo(kind).max:
            return kind
    return np.int64


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
