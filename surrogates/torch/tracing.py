"""Follow what depends on the inputs of a module through a forward pass."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from surrogates.torch.operations import (
    ACTIVATIONS,
    CONSTANTS,
    LAYERS,
    LINEAR,
    PASSES,
    PRODUCTS,
    Operation,
    read_operation,
)

__all__ = ["Call", "Trace", "Tracer", "replaced", "tensors_in"]


@dataclass
class Trace:
    """What is known of a tensor that depends on the inputs.

    Parameters
    ----------
    tensor : Tensor
        Kept, so that its identity is not given to another.
    depth : int
        How many layers, or activations, lie between the inputs and the tensor.
    others : tuple of Tensor
        The tensors that take its place for other inputs.
    """

    tensor: torch.Tensor
    depth: int
    others: tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Call:
    """A call some of whose operands depend on the inputs.

    Parameters
    ----------
    operation : Operation
    args : tuple
    kwargs : dict
    traces : dict of int to Trace
        Those of the operands, by their identity.
    """

    operation: Operation
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    traces: dict[int, Trace]

    @property
    def name(self) -> str:
        """Name of the operation."""
        return self.operation.name

    @property
    def depth(self) -> int:
        """Depth of the deepest operand."""
        return max(trace.depth for trace in self.traces.values())

    def result(self) -> Any:
        """Return what the operation makes of the operands."""
        return self.operation.function(*self.args, **self.kwargs)

    def with_operands(self, exchange: Callable[[Trace], torch.Tensor]) -> Any:
        """Return what the operation makes of other tensors in the place of those traced."""

        def put(tensor: torch.Tensor) -> torch.Tensor:
            trace = self.traces.get(id(tensor))
            return tensor if trace is None else exchange(trace)

        args = replaced(self.args, put)
        kwargs = replaced(self.kwargs, put) if self.kwargs else {}
        return self.operation.function(*args, **kwargs)

    def is_affine(self) -> bool:
        """Tell whether the result is an affine function of the operands that are traced."""
        name = self.name
        if name in PASSES or name == "batch_norm":
            return not _is_training(self)
        if name in LAYERS:
            return list(self.traces) == [self._first] and not self._is_square()
        if name in PRODUCTS:
            divides = name in ("div", "divide", "true_divide", "truediv")
            is_first = not divides or self._first in self.traces
            return len(self.traces) == 1 and is_first and not self._is_square()
        return name in LINEAR

    def is_activation(self) -> bool:
        """Tell whether the result is a function of single numbers of the first operand."""
        return self.name in ACTIVATIONS and list(self.traces) == [self._first]

    def _is_square(self) -> bool:
        return len(self.args) > 1 and self.args[0] is self.args[1]

    @property
    def _first(self) -> int | None:
        return id(self.args[0]) if self.args else None


def _is_training(call: Call) -> bool:
    if "training" in call.kwargs:
        return bool(call.kwargs["training"])
    position = {"batch_norm": 5, "dropout": 2, "alpha_dropout": 2}.get(call.name, 2)
    default = call.name != "batch_norm"
    return bool(call.args[position]) if len(call.args) > position else default


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors in arguments or results."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (tuple, list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            if isinstance(part, torch.Tensor):
                yield part
            elif isinstance(part, (tuple, list, dict)):
                yield from tensors_in(part)


def replaced(value: Any, put: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """Return arguments with other tensors in their places."""
    if isinstance(value, torch.Tensor):
        return put(value)
    if isinstance(value, dict):
        return {name: replaced(part, put) for name, part in value.items()}
    if type(value) in (tuple, list):
        return type(value)([replaced(part, put) for part in value])
    return value


class Tracer(TorchFunctionMode, ABC):
    """Sees every call of torch that a forward pass makes, and decides what becomes of it.

    Calls of modules, of functions and of methods of tensors are the same calls here, whether a
    module is used once or several times; nothing is attached to the module.
    """

    def __init__(self) -> None:
        super().__init__()
        self._traces: dict[int, Trace] = {}

    def follow(
        self, tensor: torch.Tensor, depth: int = 0, others: Iterable[torch.Tensor] = ()
    ) -> torch.Tensor:
        """Trace a tensor from now on."""
        self._traces[id(tensor)] = Trace(tensor, depth, tuple(others))
        return tensor

    def trace_of(self, tensor: torch.Tensor) -> Trace | None:
        """Return what is known of a tensor, or None where it does not depend on the inputs."""
        return self._traces.get(id(tensor))

    @abstractmethod
    def answer(self, call: Call) -> Any:
        """Return the result of a call, and trace it with `follow`."""

    def refuse(self, call: Call, why: str) -> ValueError:
        """Return the error for an operation that is not known."""
        return ValueError(f"the operation {call.operation.title} {why}")

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        traces = self._traces_of((args, kwargs) if kwargs else args)
        if not traces:
            return func(*args, **kwargs)
        operation, args, kwargs = read_operation(func, args, kwargs)
        if operation.name in CONSTANTS:
            return func(*args, **kwargs)
        call = Call(operation, args, kwargs, traces)
        if operation.reads_values:
            return self.read(call)
        if not self.is_known(call):
            result = func(*args, **kwargs) if not operation.overwrites else args[0]
            if next(tensors_in(result), None) is None and operation.name != "setitem":
                return result  # a shape, or another number about the tensor
            raise self.refuse(call, "is not known")
        result = self.answer(call)
        return self._overwritten(call, result) if operation.overwrites else result

    def read(self, call: Call) -> Any:
        """Return a value that leaves torch: what follows may depend on it, unseen."""
        raise self.refuse(call, "is not known: what follows may differ between rows")

    def _traces_of(self, operands: Any) -> dict[int, Trace]:
        known = self._traces
        return {id(one): known[id(one)] for one in tensors_in(operands) if id(one) in known}

    def is_known(self, call: Call) -> bool:
        """Tell whether there is a rule for a call."""
        return call.is_affine() or call.is_activation()

    def _overwritten(self, call: Call, result: torch.Tensor) -> torch.Tensor:
        """Write a result into the first operand, which later calls read."""
        first: torch.Tensor = call.args[0]
        trace = self._traces[id(result)]
        first.copy_(result)
        return self.follow(first, trace.depth, trace.others)
