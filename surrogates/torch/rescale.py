"""DeepLIFT's rescale rule: quotients of differences in the place of derivatives."""

import math
from typing import Any

import numpy as np
import torch

from surrogates.blackbox.heads import mean_softmax
from surrogates.torch.operations import SMOOTH
from surrogates.torch.tracing import Call, Tracer, tensors_in

__all__ = ["Multiplied", "Rescale"]

_SOFTMAX = ("softmax", "log_softmax")


class Multiplied(torch.autograd.Function):
    """A tensor with given values, and given multipliers as its derivatives by another.

    Multipliers are numbers of the shape of the tensor, or a matrix for each row of a matrix. Both
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
            return torch.einsum("nk,nkl->nl", grad, multipliers), None, None
        return grad * multipliers, None, None


class Rescale(Tracer):
    """Sends the baselines along with the rows, and compares the two at every activation."""

    def is_known(self, call: Call) -> bool:
        """Add softmax over the last axis of a matrix."""
        return super().is_known(call) or _is_softmax(call)

    def answer(self, call: Call) -> Any:
        """Return affine results as they are, and all others with multipliers."""
        with torch.no_grad():
            others = call.with_operands(lambda trace: trace.others[0])
        if call.is_affine():
            result = call.result()
        elif call.is_activation():
            result = _activation(call, others)
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


def _is_softmax(call: Call) -> bool:
    if call.name not in _SOFTMAX or len(call.traces) != 1 or call.args[0].ndim != 2:
        return False
    dim = call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else None)
    return dim in (1, -1)


def _softmax(call: Call) -> torch.Tensor:
    source, others = call.args[0], call.traces[id(call.args[0])].others[0]
    with torch.no_grad():
        values = call.with_operands(lambda trace: trace.tensor.detach())
    ends = (source.detach(), others.expand_as(source))
    single, pairs = mean_softmax(*(np.asarray(end.cpu(), dtype=np.float64) for end in ends))
    eye = np.eye(single.shape[1])
    slopes = eye - single[:, None, :] if call.name == "log_softmax" else single[:, :, None] * eye
    if call.name == "softmax":
        slopes = slopes - pairs
    placed = torch.as_tensor(slopes, dtype=source.dtype, device=source.device)
    return Multiplied.apply(source, (values,), (placed,))
