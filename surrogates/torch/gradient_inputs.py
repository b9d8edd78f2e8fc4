"""Where differentiation begins: the floating inputs of a module, and the rows of its embeddings."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from surrogates.torch.embeddings import Lookups
from surrogates.torch.inputs import Inputs
from surrogates.torch.modes import evaluating

__all__ = ["GradientInputs", "find_inputs", "read_inputs"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class GradientInputs:
    """How a row of numbers is divided into the inputs of a module and rows of embeddings.

    Parameters
    ----------
    shapes : tuple of tuple of int
        Of one row of each tensor, of the floating inputs and then of the embeddings.
    owners : ndarray of shape (n_inputs,)
        The column that owns each number.
    is_floating : tuple of bool
        Of the arguments of the module.
    codes : tuple of tuple of int
        Shape of a row of each argument that holds codes.
    names : tuple of str or None
        Names of the arguments.
    """

    shapes: tuple[tuple[int, ...], ...]
    owners: NDArray[np.int64]
    is_floating: tuple[bool, ...]
    codes: tuple[tuple[int, ...], ...]
    names: tuple[str, ...] | None

    def parts(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        """Divide inputs of shape (n_rows, n_inputs) into tensors."""
        sizes = [math.prod(shape) for shape in self.shapes]
        pieces = inputs.split(sizes, dim=1) if len(sizes) > 1 else (inputs,)
        return [
            piece.reshape(len(inputs), *shape)
            for piece, shape in zip(pieces, self.shapes, strict=True)
        ]

    def arguments(self, parts: list[torch.Tensor]) -> tuple[Inputs, list[torch.Tensor]]:
        """Return the arguments of the module, with codes of 0, and the rows of embeddings."""
        n_rows, device = len(parts[0]), parts[0].device
        floating, codes = iter(parts), iter(self.codes)
        tensors = tuple(
            next(floating)
            if is_floating
            else torch.zeros((n_rows, *next(codes)), dtype=torch.int64, device=device)
            for is_floating in self.is_floating
        )
        return Inputs(tensors, self.names), list(floating)


def read_inputs(module: Any, inputs: Inputs) -> tuple[torch.Tensor, Lookups]:
    """Return the numbers where differentiation begins, (n_rows, n_inputs), and the look-ups."""
    lookups = Lookups()
    if len(inputs.tensors) == 1 and inputs.tensors[0].is_floating_point():
        return inputs.tensors[0].flatten(1).clone(), lookups
    offset = 0
    with torch.no_grad():
        for tensor in inputs.tensors:
            if not tensor.is_floating_point():
                size = tensor[0].numel()
                places = offset + torch.arange(size, device=tensor.device).reshape(tensor.shape[1:])
                lookups.follow(tensor, 0, (places.expand(tensor.shape),))
                offset += size
        if offset:
            with evaluating(module), lookups:
                inputs.call(module)
    floating = [tensor for tensor in inputs.tensors if tensor.is_floating_point()]
    return torch.cat([part.flatten(1) for part in [*floating, *lookups.rows]], dim=1), lookups


def find_inputs(
    module: Any, inputs: Inputs, owners: tuple[NDArray[np.int64], ...]
) -> GradientInputs:
    """Find where differentiation begins, from the arguments for a few rows.

    Parameters
    ----------
    module : torch.nn.Module
    inputs : Inputs
    owners : tuple of ndarray
        For each argument, the column that owns each of its numbers.
    """
    _, lookups = read_inputs(module, inputs)
    floating = [tensor.is_floating_point() for tensor in inputs.tensors]
    pairs = list(zip(inputs.tensors, owners, floating, strict=True))
    of_codes = np.concatenate([[], *(own.ravel() for _, own, is_float in pairs if not is_float)])
    places = [np.asarray(one[0].flatten().cpu()) for one in lookups.places]
    of_inputs = [own.ravel() for _, own, is_float in pairs if is_float]
    of_inputs += [of_codes[one] for one in places]
    shapes = [tuple(tensor.shape[1:]) for tensor, _, is_float in pairs if is_float]
    return GradientInputs(
        (*shapes, *(tuple(rows.shape[1:]) for rows in lookups.rows)),
        np.concatenate(of_inputs).astype(np.int64),
        tuple(floating),
        tuple(tuple(tensor.shape[1:]) for tensor, _, is_float in pairs if not is_float),
        inputs.names,
    )
