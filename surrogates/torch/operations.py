"""Operations of torch by name, and what kind of function of its inputs each is."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch.overrides import resolve_name

__all__ = [
    "ACTIVATIONS",
    "CONSTANTS",
    "LAYERS",
    "LINEAR",
    "PASSES",
    "PRODUCTS",
    "SMOOTH",
    "Operation",
    "clamped_to",
    "kinks_of",
    "read_operation",
]

LAYERS = frozenset(
    {
        *("linear", "matmul", "mm", "conv1d", "conv2d", "conv3d"),
        *("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
    }
)
"""Linear in their first operand, the weights being constants."""

PRODUCTS = frozenset({"mul", "multiply", "div", "divide", "true_divide", "truediv", "rmul"})
"""Linear in one operand, where the other one is a constant."""

LINEAR = frozenset(
    {
        *("add", "radd", "sub", "subtract", "rsub", "neg", "negative", "positive", "cumsum"),
        *("flatten", "reshape", "view", "reshape_as", "view_as", "unflatten", "ravel"),
        *("squeeze", "unsqueeze", "transpose", "permute", "movedim", "t", "T", "mT", "swapaxes"),
        *("contiguous", "clone", "to", "float", "double", "type_as", "expand", "expand_as"),
        *("cat", "concat", "concatenate", "stack", "hstack", "chunk", "split", "unbind"),
        *("getitem", "select", "narrow", "index_select", "flip", "roll", "repeat", "pad", "sum"),
        *("mean", "avg_pool1d", "avg_pool2d", "adaptive_avg_pool1d", "adaptive_avg_pool2d"),
        *("avg_pool3d", "adaptive_avg_pool3d", "interpolate", "pixel_shuffle", "unfold", "tile"),
        *("broadcast_to", "repeat_interleave", "moveaxis", "swapdims", "tensor_split"),
    }
)
"""Affine in all operands together."""

PASSES = frozenset({"dropout", "dropout1d", "dropout2d", "alpha_dropout", "feature_dropout"})
"""The identity in evaluation mode."""

_KINKED = frozenset(
    {
        *("relu", "relu6", "leaky_relu", "prelu", "hardtanh", "hardsigmoid", "abs"),
        *("clamp", "clamp_min", "clamp_max"),
    }
)
_BENT = frozenset({"elu", "selu", "celu", "hardswish", "softshrink"})
SMOOTH = frozenset(
    {
        *("gelu", "silu", "mish", "tanh", "sigmoid", "expit", "softplus", "softsign"),
        *("logsigmoid", "log_sigmoid", "tanhshrink", "exp", "expm1", "log", "log1p", "sqrt"),
        *("square", "sin", "cos", "erf", "pow", "rsqrt", "reciprocal", "rdiv"),
    }
)
"""Work on single numbers, and have a derivative everywhere."""

ACTIVATIONS = _KINKED | _BENT | SMOOTH
"""Work on single numbers."""


CONSTANTS = frozenset(
    {
        *("zeros_like", "ones_like", "full_like", "empty_like"),
        *("new_zeros", "new_ones", "new_full", "new_empty", "new_tensor"),
    }
)
"""Depend on shapes only."""

_READS = frozenset(
    {
        *("__bool__", "__float__", "__int__", "__index__", "__complex__", "__contains__"),
        *("item", "tolist", "numpy", "__array__", "is_nonzero", "equal", "allclose"),
    }
)


@dataclass(frozen=True)
class Operation:
    """A call of torch, without effects on its operands.

    Parameters
    ----------
    name : str
        Without underscores, such as "add" for ``x += 1``.
    title : str
        The full name, for messages.
    function : callable
        The same operation, returning a new tensor.
    overwrites : bool
        Whether the result is to be written into the first operand.
    reads_values : bool
        Whether values leave torch, so that the way through the module may depend on them.
    """

    name: str
    title: str
    function: Callable[..., Any]
    overwrites: bool
    reads_values: bool = False


def read_operation(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Operation, tuple[Any, ...], dict[str, Any]]:
    """Name what is called, and make it return new tensors.

    Parameters
    ----------
    function : callable
        As a mode of torch is given it.
    args : tuple
    kwargs : dict
    """
    operation, place = _described(function)
    if not args and "input" in kwargs:
        kwargs = dict(kwargs)
        args = (kwargs.pop("input"),)
    is_given = place is not None and len(args) > place
    if place is None or not (args[place] if is_given else kwargs.get("inplace", False)):
        return operation, args, kwargs
    if is_given:
        args = (*args[:place], False, *args[place + 1 :])
    else:
        kwargs = {**kwargs, "inplace": False}
    return replace(operation, overwrites=True), args, kwargs


@lru_cache(maxsize=4096)
def _described(function: Any) -> tuple[Operation, int | None]:
    """Return what does not depend on operands; and where it may be asked to overwrite its own."""
    title = str(resolve_name(function) or getattr(function, "__name__", function))
    raw = title.split(".")[-2] if title.endswith("__get__") else function.__name__
    name, overwrites = raw.strip("_"), raw.endswith("_") and not raw.endswith("__")
    if raw.startswith("__i") and hasattr(torch.Tensor, name[1:]):
        name, overwrites = name[1:], True
    plain = getattr(torch.Tensor, name, None) if overwrites else function
    plain = plain or getattr(torch.nn.functional, name, function)
    name = name.removeprefix("special_")
    operation = Operation(name, title, plain, overwrites, raw in _READS)
    code = getattr(function, "__code__", None)
    names = () if code is None else code.co_varnames[: code.co_argcount]
    return operation, names.index("inplace") if "inplace" in names else None


def kinks_of(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[float, ...] | None:
    """Return where a piecewise-linear activation bends, or None for all other functions."""
    if name in ("relu", "leaky_relu", "prelu", "abs"):
        return (0.0,)
    if name == "relu6":
        return (0.0, 6.0)
    if name == "hardsigmoid":
        return (-3.0, 3.0)
    if name == "hardtanh":
        named = dict(zip(("input", "min_val", "max_val"), args, strict=False)) | kwargs
        return float(named.get("min_val", -1.0)), float(named.get("max_val", 1.0))
    return clamped_to(name, args, kwargs) if name.startswith("clamp") else None


def clamped_to(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[float, ...] | None:
    """Return the numbers that "clamp", "clamp_min" or "clamp_max" cuts off at, if they are."""
    names = ("input", "max") if name == "clamp_max" else ("input", "min", "max")
    named = dict(zip(names, args, strict=False)) | kwargs
    ends = [named[end] for end in ("min", "max") if named.get(end) is not None]
    is_plain = not any(isinstance(end, torch.Tensor) for end in ends)
    return tuple(map(float, ends)) if is_plain else None
