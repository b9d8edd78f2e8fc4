"""A module made ready to answer: on its device, in evaluation mode, in batches."""

from __future__ import annotations  # pages are built without torch

from collections.abc import Mapping
from typing import Any

import torch

from surrogates.torch.batches import BatchSize, in_batches, is_out_of_memory, rows_in_memory
from surrogates.torch.devices import choose_device, floating_dtype, tensors_of, working_module
from surrogates.torch.inputs import Inputs, read_inputs
from surrogates.torch.layers import is_embedding
from surrogates.torch.modes import evaluating
from surrogates.torch.outputs import as_matrix, check_finite, refusal

__all__ = ["Network", "original"]


def original(module: Any) -> Any:
    """Return the module that a compiled one was made of, or the module itself."""
    return getattr(module, "_orig_mod", module)


class Network:
    """A module on the device and in the precision asked for.

    Parameters
    ----------
    module : torch.nn.Module
        It is copied where it would have to be moved, and never changed.
    device : str or torch.device
    dtype : torch.dtype or None
        None is the precision of the module.
    batch_size : int or "auto"

    Attributes
    ----------
    module : torch.nn.Module
        The module that computes.
    device : torch.device
    dtype : torch.dtype
        Of floating inputs.
    name : str
        Of the module, for messages.

    Raises
    ------
    ValueError
        There is no such device, or the module cannot be copied to it.
    """

    def __init__(
        self,
        module: Any,
        device: str | torch.device,
        dtype: torch.dtype | None,
        batch_size: int | str,
    ) -> None:
        self.device = choose_device(device, module)
        is_spread = len({tensor.device for tensor in tensors_of(module)}) > 1
        stays = is_spread and device == "auto" and dtype is None
        self.module = module if stays else working_module(module, self.device, dtype)
        self.dtype = floating_dtype(self.module, dtype)
        self._source, self._state = module, self._state_of(module)
        self.name = type(module).__name__
        self._size = None if isinstance(batch_size, str) else BatchSize(int(batch_size))
        self._takes_codes = _embeds_first(module)

    def is_current(self) -> bool:
        """Tell whether the module is what it was: copies ask all values, others where they are."""
        return self._state == self._state_of(self._source)

    def _state_of(self, module: Any) -> Any:
        if module is self.module:
            first = next(module.parameters(), None)
            return None if first is None else (first.device, first.dtype)
        return [(id(tensor), _version(tensor)) for tensor in tensors_of(module)]

    def read(self, encoded: Any) -> Inputs:
        """Return the arguments of the forward pass, still where the data is."""
        single = not isinstance(encoded, (Mapping, list, tuple))
        return read_inputs(encoded, self.dtype, codes=not single or self._takes_codes)

    def raw(self, inputs: Inputs) -> torch.Tensor:
        """Return the raw outputs for rows, (n_rows, n_raw), on the device."""

        def ask(start: int, stop: int) -> torch.Tensor:
            return self.forward(inputs.rows(start, stop).to(self.device))

        with torch.inference_mode(), evaluating(self.module):
            parts = in_batches(ask, len(inputs), self.size(inputs.bytes_per_row))
            raw = parts[0] if len(parts) == 1 else torch.cat(parts)
            check_finite(raw, inputs, self.name)
        return raw

    def size(self, bytes_per_row: int) -> BatchSize:
        """Return how many rows the module is given at a time, for inputs of a size."""
        if self._size is None:
            self._size = BatchSize(rows_in_memory(self.module, bytes_per_row, self.device))
        return self._size

    def forward(self, inputs: Inputs) -> torch.Tensor:
        """Return the raw outputs of one batch on the device, in whatever mode the module is.

        Raises
        ------
        ModelOutputError
            The forward pass raised, or returned something other than a number per row and output.
        """
        try:
            answer = inputs.call(self.module)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise refusal(self.name, inputs, error) from error
        return as_matrix(answer, len(inputs), self.name)


def _embeds_first(module: Any) -> bool:
    """Tell whether the first layer with parameters is an embedding, which takes codes."""
    for part in module.modules():
        if next(part.parameters(recurse=False), None) is not None:
            return is_embedding(part)
    return False


def _version(tensor: torch.Tensor) -> int:
    """Return how often the values of a tensor were changed."""
    return -1 if tensor.is_inference() else int(tensor._version)
