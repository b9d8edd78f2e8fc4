"""The largest of several numbers: which of them it is, and between two inputs, whose it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from surrogates.torch.tracing import Call

__all__ = ["Chosen", "chosen", "is_extreme", "keeps_winners"]

_POOLS = {f"{kind}max_pool{n_axes}d": n_axes for kind in ("", "adaptive_") for n_axes in (1, 2, 3)}
_REDUCTIONS = frozenset({"amax", "amin", "max", "min"})
_PAIRS = frozenset({"maximum", "minimum", "max", "min"})
_SMALLEST = frozenset({"amin", "min", "minimum"})


@dataclass(frozen=True)
class Chosen:
    """The numbers that answer for a change of the largest.

    Parameters
    ----------
    numbers : Tensor
        Of the rows, with derivatives, in the shape of the results.
    others : Tensor
        The same places of the other inputs.
    """

    numbers: torch.Tensor
    others: torch.Tensor


def is_extreme(call: Call) -> bool:
    """Tell whether a call returns the largest, or smallest, of several numbers of each row."""
    if call.name in _POOLS:
        return _is_first(call) and not _option(call, 6, 2, "return_indices")
    if _is_pair(call):
        return True
    axes = _axes(call)
    return _is_first(call) and axes is not None and 0 not in axes


def keeps_winners(call: Call) -> bool:
    """Tell whether the winner of every such call is one of the traced numbers."""
    return is_extreme(call) and (not _is_pair(call) or len(call.traces) == 2)


def chosen(call: Call, values: torch.Tensor, other_values: torch.Tensor) -> Chosen:
    """Return what a change of the largest number is put down to.

    Where it grew, that is the number which is the largest now, and otherwise the one which was:
    the own change of that number has the same sign and is no smaller.

    Parameters
    ----------
    call : Call
    values, other_values : Tensor
        Its results for the rows, and for what is sent along.
    """
    numbers = _candidates(call, lambda tensor: tensor)
    others = _candidates(call, lambda tensor: _other(call, tensor))
    others = others.expand_as(numbers)
    winners = _winners(call, numbers.detach(), lambda tensor: tensor.detach())
    before = _winners(call, others, lambda tensor: _other(call, tensor)).expand_as(winners)
    grew = values < other_values if call.name in _SMALLEST else values >= other_values
    places = torch.where(grew.reshape(winners.shape), winners, before)
    both = (numbers.gather(-1, places), others.gather(-1, places))
    return Chosen(*(one.reshape(values.shape) for one in both))


def _other(call: Call, tensor: torch.Tensor) -> torch.Tensor:
    trace = call.traces.get(id(tensor))
    return tensor if trace is None else trace.others[0]


def _candidates(call: Call, exchange: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """Return the numbers compared, along the last axis."""
    if _is_pair(call):
        pair = torch.broadcast_tensors(*(exchange(one) for one in call.args[:2]))
        return torch.stack(pair, dim=-1)
    source = exchange(call.args[0])
    if call.name in _POOLS:
        return source.flatten(-_POOLS[call.name])
    axes = _axes(call) or ()
    ends = tuple(range(-len(axes), 0))
    return source.movedim(axes, ends).flatten(-len(axes))


def _winners(
    call: Call, numbers: torch.Tensor, exchange: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """Return the place of the largest number of each result, along the last axis."""
    if call.name not in _POOLS:
        smallest = call.name in _SMALLEST
        return numbers.argmin(-1, True) if smallest else numbers.argmax(-1, True)
    function: Any = getattr(torch.nn.functional, call.name)
    args = list(call.args[1:])
    del args[5 if call.name.startswith("max") else 1 :]
    options = {**call.kwargs, "return_indices": True}
    places: torch.Tensor = function(exchange(call.args[0]), *args, **options)[1]
    return places.flatten(-_POOLS[call.name])


def _is_first(call: Call) -> bool:
    return bool(call.args) and list(call.traces) == [id(call.args[0])]


def _is_pair(call: Call) -> bool:
    if call.name not in _PAIRS or len(call.args) != 2 or call.kwargs:
        return False
    return all(isinstance(one, torch.Tensor) for one in call.args)


def _axes(call: Call) -> tuple[int, ...] | None:
    """Return the axes over which the largest is taken, or None where that is not said."""
    dim = call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else None)
    if call.name not in _REDUCTIONS or not isinstance(dim, (int, tuple, list)) or dim == ():
        return None
    axes = (dim,) if isinstance(dim, int) else tuple(dim)
    n_axes = call.args[0].ndim
    return tuple(axis % n_axes for axis in axes)


def _option(call: Call, place: int, adaptive_place: int, name: str) -> bool:
    place = adaptive_place if call.name.startswith("adaptive") else place
    given = call.args[place] if len(call.args) > place else call.kwargs.get(name, False)
    return bool(given)
