"""The margins of a module as a function of its parameters, and their derivatives."""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import is_classifier
from torch.func import functional_call, grad, vjp, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from surrogates.blackbox.table import take_rows
from surrogates.exceptions import ModelOutputError
from surrogates.torch.heads import Head
from surrogates.torch.inputs import Inputs
from surrogates.torch.network import original

__all__ = ["ModuleParameters", "double_copy", "head_of", "in_double", "read_parameters"]

Array = NDArray[np.float64]

_ROWS, _CELLS = 1024, 2**22
_PROBED = 64
_lock = Lock()  # functional calls put the parameters into the module while they last


def read_parameters(adapter: Any, X: Any, layers: Any) -> Any:
    """Return the margins of a trained module as a function of some of its parameters.

    Parameters
    ----------
    adapter : TorchAdapter
    X : {array-like, DataFrame} of shape (n_rows, n_columns)
        Rows that show what the module returns.
    layers : {"all", "last"} or sequence of str
        Parameters that training has found: all that require a gradient, or all if none does; those
        of the last layer; or those with names that begin like one of these.

    Returns
    -------
    function : ModuleParameters or LastLayer

    Raises
    ------
    ValueError
        The module has no such parameters, or its last layer is not linear.
    """
    if isinstance(adapter.module, torch.jit.ScriptModule):
        raise ValueError(
            f"{type(adapter).__name__} holds a TorchScript module, whose parameters cannot be "
            "moved: pass the module that it was made of."
        )
    if isinstance(layers, str) and layers == "last":
        from surrogates.torch.last_layer import LastLayer

        return LastLayer.of(adapter, X)
    return ModuleParameters(adapter, head_of(adapter, X), layers)


def head_of(adapter: Any, X: Any) -> Head | None:
    """Return how the raw outputs of a classifier are read."""
    if not is_classifier(adapter):
        return None
    inputs = adapter._inputs(take_rows(X, slice(0, _PROBED)))
    head: Head = adapter._head(inputs, adapter._network().raw(inputs).shape[1])
    return head


def double_copy(adapter: Any) -> Any:
    """Return a copy of the module in double precision, in evaluation mode, without gradients."""
    module = original(adapter.module)
    try:
        copied = deepcopy(module)
    except Exception as error:
        raise ValueError(
            f"Influence moves the parameters of a copy of {type(module).__name__}, which cannot be "
            f"copied ({error})."
        ) from error
    for part in copied.modules():
        part.training = False
    return copied.requires_grad_(False).to(adapter._network().device, torch.float64)


class ModuleParameters:
    """The margins of a module as a function of its parameters, in double precision.

    Margins are the log-odds of the second of two classes, the logits of more, or numbers. The
    module itself is never touched: a copy computes.

    Parameters
    ----------
    adapter : TorchAdapter
    head : Head or None
        How raw outputs become margins; None for numbers.
    layers : "all" or sequence of str

    Attributes
    ----------
    names : tuple of str
        Names of the parameters, as in the module.
    sizes : tuple of int
        How many numbers each of them has.
    values : ndarray of shape (n_parameters,)
        The trained parameters.
    """

    def __init__(self, adapter: Any, head: Head | None, layers: Any) -> None:
        self.adapter, self.head = adapter, head
        chosen = _chosen(original(adapter.module), layers)
        self.module = double_copy(adapter)
        named = dict(self.module.named_parameters())
        self.names = tuple(chosen)
        self._shapes = [named[name].shape for name in chosen]
        self.sizes = tuple(int(shape.numel()) for shape in self._shapes)
        values = torch.cat([named[name].reshape(-1) for name in chosen])
        self.values: Array = values.cpu().numpy()
        self.device = values.device
        self._side_by_side = True

    def read(self, X: Any) -> Inputs:
        """Return what the module takes for rows, to be passed instead of them."""
        if isinstance(X, Inputs):
            return X
        inputs: Inputs = self.adapter._inputs(X)
        return inputs.each(in_double).to(self.device)

    def margins(self, values: Array, X: Any) -> Array:
        """Return margins, of shape (n_rows, n_outputs)."""
        theta = self._tensor(values)
        parts = [self._margins(theta, block) for block in self._blocks(X)]
        return np.asarray(torch.cat(parts).cpu())

    def jacobian(self, values: Array, X: Any) -> Array:
        """Return derivatives of margins, of shape (n_rows, n_outputs, n_parameters)."""
        theta = self._tensor(values)
        parts = [self._row_jacobians(theta, block) for block in self._blocks(X)]
        return np.asarray(torch.cat(parts).cpu())

    def pushforward(self, values: Array, X: Any, directions: Array) -> Array:
        """Return how margins change along directions: (n_directions, n_rows, n_outputs)."""
        theta, turns = self._tensor(values), self._tensor(directions)
        n_outputs = self._margins(theta, next(self._blocks(X)).rows(0, 1)).shape[1]
        blocks = []
        for block in self._blocks(X):
            function = self._function(block)
            still = torch.zeros(len(block), n_outputs).to(theta)

            def along(turn: Any, function: Any = function, still: Any = still) -> Any:
                # the transpose of a gradient that is linear in its seeds
                return vjp(vjp(function, theta)[1], still)[1]((turn,))[0]

            blocks.append(self._mapped(along, len(block), turns))
        return np.asarray(torch.cat(blocks, dim=1).cpu())

    def pullback(self, values: Array, X: Any, seeds: Array) -> Array:
        """Return gradients of margins weighted by seeds, summed over rows.

        Parameters
        ----------
        values : ndarray of shape (n_parameters,)
        X : Inputs
        seeds : ndarray of shape (n_sums, n_rows, n_outputs)

        Returns
        -------
        gradients : ndarray of shape (n_sums, n_parameters)
        """
        theta, given = self._tensor(values), self._tensor(seeds)
        total, start = torch.zeros(len(seeds), len(theta)).to(theta), 0
        for block in self._blocks(X):
            stop = start + len(block)

            def weighted(seed: Any, block: Inputs = block) -> Any:
                return vjp(self._function(block), theta)[1](seed)[0]

            total += self._mapped(weighted, len(block), given[:, start:stop])
            start = stop
        return np.asarray(total.cpu())

    def curved_pullback(
        self, values: Array, X: Any, directions: Array, seeds: Array, turns: Array
    ) -> Array:
        """Return how `pullback` changes along directions in which the seeds change too.

        Parameters
        ----------
        values : ndarray of shape (n_parameters,)
        X : Inputs
        directions : ndarray of shape (n_directions, n_parameters)
        seeds : ndarray of shape (n_rows, n_outputs)
        turns : ndarray of shape (n_directions, n_rows, n_outputs)
            Changes of the seeds.

        Returns
        -------
        changes : ndarray of shape (n_directions, n_parameters)
        """
        theta, given = self._tensor(values), self._tensor(seeds)
        moves, seed_moves = self._tensor(directions), self._tensor(turns)
        total, start = torch.zeros_like(moves), 0
        for block in self._blocks(X):
            stop = start + len(block)

            def change(
                move: Any, turn: Any, block: Inputs = block, seed: Any = given[start:stop]
            ) -> Any:
                function = self._function(block)
                slope = grad(lambda point: vjp(function, point)[1](seed)[0] @ move)(theta)
                return slope + vjp(function, theta)[1](turn)[0]

            total += self._mapped(change, len(block), moves, seed_moves[:, start:stop])
            start = stop
        return np.asarray(total.cpu())

    def _margins(self, theta: Any, inputs: Inputs) -> Any:
        """Return the margins of one batch."""
        return self._guarded(lambda: self._function(inputs)(theta))

    def _function(self, inputs: Inputs) -> Callable[[Any], Any]:
        """Return the margins of a batch as a function of the parameters."""

        def margins(theta: Any) -> Any:
            parts = torch.split(theta, self.sizes)
            shaped = [part.reshape(shape) for part, shape in zip(parts, self._shapes, strict=True)]
            given = dict(zip(self.names, shaped, strict=True))
            raw = inputs.call(lambda *a, **k: functional_call(self.module, given, a, k))
            raw = raw.reshape(len(inputs), -1)
            return raw if self.head is None else self.head.margins(raw)

        return margins

    def _row_jacobians(self, theta: Any, inputs: Inputs) -> Any:
        def of_row(*row: Any) -> Any:
            margins = self._function(Inputs(tuple(part[None] for part in row), inputs.names))
            found, pull = vjp(margins, theta)
            return torch.stack(
                [pull(seed[None])[0] for seed in torch.eye(found.shape[1]).to(found)]
            )

        return self._mapped(of_row, 1, *inputs.tensors)

    def _mapped(self, function: Any, n_rows: int, *given: Any) -> Any:
        """Return a function of each of several directions, seeds or rows.

        Recurrent layers among others do not allow to take them side by side.
        """
        if len(given[0]) > 1 and self._side_by_side:
            try:
                return self._guarded(lambda: vmap(function, chunk_size=self._chunk(n_rows))(*given))
            except ModelOutputError:
                self._side_by_side = False
        return self._guarded(
            lambda: torch.stack([function(*one) for one in zip(*given, strict=True)])
        )

    def _guarded(self, ask: Callable[[], Any]) -> Any:
        with _lock, sdpa_kernel(SDPBackend.MATH), torch.backends.cudnn.flags(enabled=False):
            try:  # other kernels of attention and recurrence have no second derivatives
                return ask()
            except Exception as error:
                raise ModelOutputError(
                    f"Derivatives of {type(self.module).__name__} by its parameters raised "
                    f"{type(error).__name__}: {error} A module that torch.func cannot "
                    "differentiate allows layers='last'."
                ) from error

    def _chunk(self, n_rows: int) -> int:
        """Return for how many directions at once memory is enough."""
        widest = max((shape[0] for shape in self._shapes if len(shape)), default=1)
        return max(1, _CELLS // (n_rows * widest + len(self.values)))

    def _blocks(self, X: Any) -> Iterator[Inputs]:
        inputs = self.read(X)
        return (inputs.rows(at, at + _ROWS) for at in range(0, len(inputs), _ROWS))

    def _tensor(self, values: Array) -> Any:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)


def in_double(tensor: Any) -> Any:
    """Return a tensor of numbers in double precision; codes of embeddings stay what they are."""
    return tensor.to(torch.float64) if tensor.is_floating_point() else tensor


def _chosen(module: Any, layers: Any) -> list[str]:
    """Return the names of the parameters that influence moves."""
    floats = {
        name: parameter
        for name, parameter in module.named_parameters()
        if parameter.is_floating_point()
    }
    if isinstance(layers, str):
        trained = [name for name, parameter in floats.items() if parameter.requires_grad]
        chosen = trained or list(floats)
    else:
        chosen = [name for name in floats if _begins(name, layers)]
        for wanted in layers:
            if not any(_begins(name, [wanted]) for name in floats):
                raise ValueError(
                    f"layers names {wanted!r}, but the parameters of {type(module).__name__} are "
                    f"{list(floats)}."
                )
    if not chosen:
        raise ValueError(f"{type(module).__name__} has no parameters: no row has an influence.")
    return chosen


def _begins(name: str, starts: Sequence[str]) -> bool:
    return any(name == start or name.startswith(f"{start}.") for start in starts)
