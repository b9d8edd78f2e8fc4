"""Embeddings: differentiation begins at the rows that they look up."""

from collections.abc import Sequence
from typing import Any

import torch

from surrogates.torch.tracing import Call, Tracer, tensors_in

__all__ = ["LookedUp", "Lookups"]

_MOVES = frozenset(
    {
        *("getitem", "select", "unbind", "split", "chunk", "squeeze", "unsqueeze", "reshape"),
        *("view", "flatten", "long", "int", "to", "clone", "contiguous", "narrow", "transpose"),
        *("permute", "t", "T", "index_select", "stack", "cat", "expand", "float", "double"),
    }
)
_SHIFTS = frozenset({"add", "radd", "sub", "clamp", "clamp_min", "clamp_max", "remainder"})


class Lookups(Tracer):
    """Records what embeddings return, and which code each of their rows was looked up for.

    Codes are followed with the number of their place in the inputs, of the same shape.

    Attributes
    ----------
    rows : list of Tensor
        What each embedding returned, in the order of the calls.
    places : list of Tensor
        For each, the place of the code that every number was looked up for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[torch.Tensor] = []
        self.places: list[torch.Tensor] = []

    def is_known(self, call: Call) -> bool:
        """Accept what moves codes, shifts them, and looks them up."""
        return call.name in _MOVES | _SHIFTS or call.name == "embedding"

    def answer(self, call: Call) -> Any:
        """Return the result of a call, and follow or record it."""
        result = call.result()
        if call.name == "embedding":
            places = call.traces[id(call.args[0])].others[0]
            self.rows.append(result.detach())
            self.places.append(places[..., None].expand(result.shape))
            return result
        if call.name in _SHIFTS:
            (trace,) = call.traces.values()
            return self.follow(result, 0, (trace.others[0].expand(result.shape),))
        places = call.with_operands(lambda trace: trace.others[0])
        for tensor, own in zip(tensors_in(result), tensors_in(places), strict=True):
            if tensor.is_floating_point():
                raise self.refuse(call, "makes numbers of codes, outside of an embedding")
            self.follow(tensor, 0, (own,))
        return result


class LookedUp(torch.overrides.TorchFunctionMode):
    """Answers calls of embeddings with given rows, in the order of the calls.

    Parameters
    ----------
    rows : sequence of Tensor
    """

    def __init__(self, rows: Sequence[torch.Tensor]) -> None:
        super().__init__()
        self._rows = iter(rows)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Replace embeddings."""
        if func is torch.nn.functional.embedding:
            return next(self._rows)
        return func(*args, **(kwargs or {}))
