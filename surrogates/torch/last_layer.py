"""The last linear layer of a module, above layers that stay as they are."""

from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from surrogates.blackbox.table import take_rows
from surrogates.torch.parameters import double_copy, head_of, in_double

__all__ = ["Features", "LastLayer"]

Array = NDArray[np.float64]

_PROBED, _ROWS = 64, 4096
_TOLERANCE = 1e-9
_lock = Lock()  # while it reads features, a hook belongs to one caller


@dataclass(frozen=True, eq=False)
class Features:
    """What a last layer is given for rows, and 1 for its bias.

    Parameters
    ----------
    design : ndarray of shape (n_rows, n_features [+ 1])
    """

    design: Array

    def __len__(self) -> int:
        return len(self.design)


class LastLayer:
    """Margins as a function of the parameters of the last linear layer.

    Parameters
    ----------
    adapter : TorchAdapter
    module : torch.nn.Module
        A copy of its module.
    name : str
        Of the layer in the module.

    Attributes
    ----------
    names, sizes, values
        As those of `ModuleParameters`: weights, class by class, then biases.
    """

    def __init__(self, adapter: Any, module: Any, name: str) -> None:
        self.adapter, self.module, self.name = adapter, module, name
        layer = module.get_submodule(name)
        parts = {"weight": layer.weight, "bias": layer.bias}
        kept = {part: value for part, value in parts.items() if value is not None}
        self.names = tuple(f"{name}.{part}".strip(".") for part in kept)
        self.sizes = tuple(value.numel() for value in kept.values())
        flat = [value.reshape(-1) for value in kept.values()]
        self.values: Array = torch.cat(flat).cpu().numpy()
        self.n_outputs, self.has_bias = int(layer.out_features), layer.bias is not None

    @classmethod
    def of(cls, adapter: Any, X: Any) -> "LastLayer":
        """Find the layer, and check on some rows that the module ends with it.

        Raises
        ------
        ValueError
            The module does not end with a linear layer, softmax or sigmoid aside.
        """
        module, few = double_copy(adapter), take_rows(X, slice(0, _PROBED))
        name = _last_called(adapter, module, few)
        if name is not None:
            found = cls(adapter, module, name)
            if found._explains(few):
                return found
        raise ValueError(
            f"layers='last' needs a module that ends with one linear layer, and "
            f"{type(module).__name__} does not: pass layers='all' or names of its layers."
        )

    def read(self, X: Any) -> Features:
        """Return what the layer is given for rows, to be passed instead of them."""
        if isinstance(X, Features):
            return X
        inputs = self.adapter._inputs(X)
        seen: list[Any] = []
        layer = self.module.get_submodule(self.name)
        with _lock, torch.inference_mode():
            hook = layer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
            try:
                for at in range(0, len(inputs), _ROWS):
                    _double(inputs.rows(at, at + _ROWS), self.module).call(self.module)
            finally:
                hook.remove()
        features = torch.cat(seen).reshape(len(inputs), -1).cpu().numpy()
        if not self.has_bias:
            return Features(features)
        return Features(np.column_stack([features, np.ones(len(features))]))

    def margins(self, values: Array, X: Any) -> Array:
        """Return margins, of shape (n_rows, n_outputs)."""
        return np.asarray(self.read(X).design @ self._matrix(values).T)

    def jacobian(self, values: Array, X: Any) -> Array:  # noqa: ARG002
        """Return derivatives of margins, of shape (n_rows, n_outputs, n_parameters)."""
        design, identity = self.read(X).design, np.eye(self.n_outputs)
        blocks = np.einsum("kl,nj->nklj", identity, design)
        return self._flat(blocks)

    def pushforward(self, values: Array, X: Any, directions: Array) -> Array:  # noqa: ARG002
        """Return how margins change along directions: (n_directions, n_rows, n_outputs)."""
        design = self.read(X).design
        return np.asarray(design @ np.swapaxes(self._matrix(directions), -1, -2))

    def pullback(self, values: Array, X: Any, seeds: Array) -> Array:  # noqa: ARG002
        """Return gradients of margins weighted by seeds: (n_sums, n_parameters)."""
        return self._flat(np.swapaxes(seeds, -1, -2) @ self.read(X).design)

    def curved_pullback(
        self,
        values: Array,
        X: Any,
        directions: Array,  # noqa: ARG002
        seeds: Array,  # noqa: ARG002
        turns: Array,
    ) -> Array:
        """Return how `pullback` changes along directions: margins are linear."""
        return self.pullback(values, X, turns)

    def _matrix(self, values: Array) -> Array:
        """Return parameters as (..., n_outputs, n_features [+ 1])."""
        weights = values[..., : self.sizes[0]]
        matrix = weights.reshape(*values.shape[:-1], self.n_outputs, -1)
        if not self.has_bias:
            return matrix
        return np.concatenate([matrix, values[..., self.sizes[0] :, None]], axis=-1)

    def _flat(self, matrix: Array) -> Array:
        """Return the parameters of (..., n_outputs, n_features [+ 1])."""
        if not self.has_bias:
            return matrix.reshape(*matrix.shape[:-2], -1)
        weights = matrix[..., :-1].reshape(*matrix.shape[:-2], -1)
        return np.concatenate([weights, matrix[..., -1]], axis=-1)

    def _explains(self, X: Any) -> bool:
        """Tell whether the margins of the layer are those of the module."""
        with torch.inference_mode():
            raw = _double(self.adapter._inputs(X), self.module).call(self.module)
            raw = raw.reshape(len(X), -1)
        margins = torch.from_numpy(self.margins(self.values, X)).to(raw.device)
        head = head_of(self.adapter, X)
        if head is not None:
            raw = head.probabilities(raw)
            two = self.n_outputs == 1
            pair = torch.cat([-margins, margins], dim=1)
            margins = torch.sigmoid(pair) if two else torch.softmax(margins, dim=1)
        if raw.shape != margins.shape:
            return False
        return bool((raw - margins).abs().max() <= _TOLERANCE * (1.0 + raw.abs().max()))


def _double(inputs: Any, module: Any) -> Any:
    return inputs.each(in_double).to(next(module.parameters()).device)


def _last_called(adapter: Any, module: Any, X: Any) -> str | None:
    """Return the name of the last layer called that has parameters, if it is linear."""
    calls: list[Any] = []
    hooks = [
        part.register_forward_pre_hook(lambda part, _: calls.append(part))
        for part in module.modules()
        if next(part.parameters(recurse=False), None) is not None
    ]
    with torch.inference_mode():
        try:
            _double(adapter._inputs(X), module).call(module)
        finally:
            for hook in hooks:
                hook.remove()
    last = calls[-1] if calls else None
    if not isinstance(last, nn.Linear) or calls.count(last) > 1:
        return None
    return next(name for name, part in module.named_modules() if part is last)
