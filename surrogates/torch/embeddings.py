"""Embeddings: differentiation begins at the rows that they look up."""

import inspect
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
        is_lookup = call.name == "embedding" or _is_bag(call.name, call.args, call.kwargs)
        return call.name in _MOVES | _SHIFTS or is_lookup

    def answer(self, call: Call) -> Any:
        """Return the result of a call, and follow or record it."""
        result = call.result()
        if call.name in ("embedding", "embedding_bag"):
            places = call.traces[id(call.args[0])].others[0]
            codes, weight = call.args[:2]
            rows = torch.nn.functional.embedding(codes, weight).detach()
            self.rows.append(rows)
            self.places.append(places[..., None].expand(rows.shape))
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


def _is_bag(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Tell whether bags of the same size, of which every code counts alike, are looked up."""
    if name != "embedding_bag":
        return False
    given = _bag_arguments(args, kwargs)
    extras = (given.get(extra) for extra in ("offsets", "max_norm", "per_sample_weights"))
    is_plain = given.get("padding_idx") is None and all(extra is None for extra in extras)
    return is_plain and given.get("mode", "mean") in ("mean", "sum") and args[0].ndim == 2


def _bag_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    return inspect.signature(torch.nn.functional.embedding_bag).bind(*args, **kwargs).arguments


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
        """Replace embeddings, and what bags make of them."""
        if func is torch.nn.functional.embedding:
            return next(self._rows)
        if func is torch.nn.functional.embedding_bag:
            given = _bag_arguments(args, kwargs or {})
            rows = next(self._rows)
            return rows.mean(1) if given.get("mode", "mean") == "mean" else rows.sum(1)
        return func(*args, **(kwargs or {}))
