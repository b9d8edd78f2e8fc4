"""DeepLIFT's rescale rule: quotients of differences in the place of derivatives."""

import math
from typing import Any

import numpy as np
import torch

from surrogates.blackbox.heads import mean_softmax
from surrogates.torch.compositions import COMPOSITIONS
from surrogates.torch.maxima import chosen, is_extreme
from surrogates.torch.operations import PRODUCTS, SMOOTH
from surrogates.torch.tracing import Call, Tracer, tensors_in

__all__ = ["Multiplied", "Rescale"]

_SOFTMAX = ("softmax", "log_softmax")
_MATRIX_PRODUCTS = frozenset({"matmul", "bmm", "mm", "rmatmul"})


class Multiplied(torch.autograd.Function):
    """A tensor with given values, and given multipliers as its derivatives by another.

    Multipliers are numbers of the shape of the tensor, or a matrix for each vector in it. Both
    come in tuples: a tensor given as such would be returned as a view of itself.
    """

    @staticmethod
    def forward(
        ctx: Any,
        source: torch.Tensor,
        values: tuple[torch.Tensor],
        multipliers: tuple[torch.Tensor],
    ) -> torch.Tensor:
        """Return the values."""
        del source
        ctx.multipliers = multipliers[0]
        return values[0]

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        """Multiply."""
        (grad,), multipliers = grads, ctx.multipliers
        if multipliers.ndim > grad.ndim:
            return torch.einsum("...k,...kl->...l", grad, multipliers), None, None
        return grad * multipliers, None, None


class Rescale(Tracer):
    """Sends the baselines along with the rows, and compares the two at every activation."""

    def is_known(self, call: Call) -> bool:
        """Add softmax over the last axis, the largest of several numbers, and products."""
        return (
            super().is_known(call)
            or _is_softmax(call)
            or is_extreme(call)
            or _is_product(call)
            or call.name in COMPOSITIONS
        )

    def answer(self, call: Call) -> Any:
        """Return affine results as they are, and all others with multipliers."""
        if call.name in COMPOSITIONS and not call.is_affine():
            with self:
                return COMPOSITIONS[call.name](*call.args, **call.kwargs)
        with torch.no_grad():
            others = call.with_operands(lambda trace: trace.others[0])
        if call.is_affine():
            result = call.result()
        elif call.is_activation():
            result = _activation(call, others)
        elif is_extreme(call):
            result = _extreme(call, others)
        elif _is_product(call):
            result = _product(call)
        else:
            result = _softmax(call)
        for tensor, other in zip(tensors_in(result), tensors_in(others), strict=True):
            self.follow(tensor, 0, (other,))
        return result


def _activation(call: Call, other_values: torch.Tensor) -> torch.Tensor:
    source, others = call.args[0], call.traces[id(call.args[0])].others[0]
    given = source.detach()
    with torch.no_grad():
        values = call.with_operands(lambda _: given)
        run = given - others
        multipliers = (values - other_values) / run
        close = torch.finfo(given.dtype).eps ** (1 / 3) if call.name in SMOOTH else 0.0
        if close or not math.isfinite(float(multipliers.sum())):  # by 0 / 0, if nothing is smooth
            is_close = run.abs() <= close
            if bool(is_close.any()):
                slopes = _slopes(call, 0.5 * (given + others))
                multipliers = torch.where(is_close, slopes, multipliers)
    return Multiplied.apply(source, (values,), (multipliers,))


def _slopes(call: Call, points: torch.Tensor) -> torch.Tensor:
    with torch.enable_grad():
        leaf = points.detach().requires_grad_()
        values = call.with_operands(lambda _: leaf)
        return torch.autograd.grad(values.sum(), leaf)[0]


def _extreme(call: Call, others: Any) -> Any:
    """Put the change of the largest number down to one of the numbers compared."""
    with torch.no_grad():
        found = call.with_operands(lambda trace: trace.tensor.detach())
    is_single = isinstance(found, torch.Tensor)
    values, other_values = (found, others) if is_single else (found[0], others[0])
    both = chosen(call, values, other_values)
    with torch.no_grad():
        run = both.numbers - both.others
        multipliers = torch.where(run == 0, 1.0, (values - other_values) / run)
    result = Multiplied.apply(both.numbers, (values,), (multipliers,))
    return result if is_single else type(found)((result, found[1]))


def _is_softmax(call: Call) -> bool:
    if call.name not in _SOFTMAX or len(call.traces) != 1 or call.args[0].ndim < 2:
        return False
    dim = call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else None)
    return dim in (call.args[0].ndim - 1, -1)


def _is_product(call: Call) -> bool:
    is_known = call.name in PRODUCTS | _MATRIX_PRODUCTS and len(call.args) == 2
    return is_known and all(isinstance(one, torch.Tensor) for one in call.args)


def _mean(call: Call, factor: torch.Tensor) -> torch.Tensor:
    """Return the mean of a factor for the rows and for the baselines."""
    trace = call.traces.get(id(factor))
    return factor if trace is None else 0.5 * (factor.detach() + trace.others[0])


def _product(call: Call) -> torch.Tensor:
    """Give each factor its change times the mean of the other: Shapley values of two players."""
    (first, second), function = call.args, call.operation.function
    with torch.no_grad():
        values = call.with_operands(lambda trace: trace.tensor.detach())
        means = [_mean(call, one) for one in call.args]
    shared = function(first, means[1]) + function(means[0], second)
    return Multiplied.apply(shared, (values,), (values.new_ones(()),))


def _softmax(call: Call) -> torch.Tensor:
    source, others = call.args[0], call.traces[id(call.args[0])].others[0]
    with torch.no_grad():
        values = call.with_operands(lambda trace: trace.tensor.detach())
    n_classes = source.shape[-1]
    ends = (one.reshape(-1, n_classes) for one in (source.detach(), others.expand_as(source)))
    single, pairs = mean_softmax(*(np.asarray(end.cpu(), dtype=np.float64) for end in ends))
    eye = np.eye(single.shape[1])
    slopes = eye - single[:, None, :] if call.name == "log_softmax" else single[:, :, None] * eye
    if call.name == "softmax":
        slopes = slopes - pairs
    placed = torch.as_tensor(slopes, dtype=source.dtype, device=source.device)
    placed = placed.reshape(*source.shape, n_classes)
    return Multiplied.apply(source, (values,), (placed,))
