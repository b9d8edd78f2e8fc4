"""Layer-wise relevance propagation: relevances are values times modified derivatives."""

from functools import partial
from typing import Any

import torch

from surrogates.blackbox.relevance import RelevanceRule
from surrogates.torch.compositions import NORMALISATIONS
from surrogates.torch.maxima import keeps_winners
from surrogates.torch.operations import ACTIVATIONS, LAYERS, clamped_to
from surrogates.torch.tracing import Call, Trace, Tracer, tensors_in

__all__ = ["Relay", "RelevanceTracer"]

_SINGLE_NUMBERS = ACTIVATIONS - {
    *("exp", "expm1", "log", "log1p", "sqrt", "square", "sin", "cos", "erf"),
    *("clamp", "clamp_min", "clamp_max", "pow", "rsqrt", "reciprocal", "rdiv"),
}
_STRAIGHT = frozenset({"relu", "leaky_relu", "prelu", "abs"})  # value = input * derivative


class Relay(torch.autograd.Function):
    """A tensor whose relevance goes to a source, and in shares to the bias and the stabilizer.

    The relevance of a value is the value times its derivative. Values keep their numbers; their
    derivatives by the source are `ratios`. The two leaves, of which there is one pair per row, get
    the sums of what stands beside the source: `added` are a bias and a stabilizer, times the
    ratios, and `lost` are values without a ratio.
    """

    @staticmethod
    def forward(
        ctx: Any,
        source: torch.Tensor,
        values: tuple[torch.Tensor],
        leaves: torch.Tensor,
        ratios: torch.Tensor | None,
        added: tuple[torch.Tensor | None, torch.Tensor | None],
        lost: tuple[torch.Tensor | None],
    ) -> torch.Tensor:
        """Return the values, given in a tuple since a tensor would be returned as a view."""
        del source
        ctx.n_rows, ctx.ratios, ctx.added, ctx.lost = len(leaves), ratios, added, lost[0]
        return values[0]

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Hand derivatives on."""
        (grad,) = grads
        below = grad if ctx.ratios is None else grad * ctx.ratios
        bias, stabilizer = (_row_sums(below, share, ctx.n_rows) for share in ctx.added)
        if ctx.lost is not None:
            stabilizer = stabilizer + _row_sums(grad, ctx.lost, ctx.n_rows)
        return below, None, torch.stack([bias, stabilizer], dim=1), None, None, None


def _row_sums(grad: torch.Tensor, share: torch.Tensor | None, n_rows: int) -> torch.Tensor:
    if share is None:
        return grad.new_zeros(n_rows)
    if share.ndim == 1 and grad.ndim == 2:
        return grad @ share
    return (grad * share).reshape(n_rows, -1).sum(dim=1)


class RelevanceTracer(Tracer):
    """Replaces the derivatives of layers and activations by the shares of a rule.

    Parameters
    ----------
    rule : RelevanceRule
    n_layers : int
        Most layers one behind the other.
    leaves : Tensor of shape (n_rows, 2)
        Of ones: their derivatives are the shares of the bias and of the stabilizer.

    Attributes
    ----------
    n_seen : int
        Most layers one behind the other so far.
    """

    def __init__(self, rule: RelevanceRule, n_layers: int, leaves: torch.Tensor) -> None:
        super().__init__()
        self.rule, self.n_layers, self.leaves = rule, n_layers, leaves
        self.n_seen = 0
        self._n_rows, self._epsilon = leaves.shape[0], leaves.new_tensor(rule.epsilon)

    def is_known(self, call: Call) -> bool:
        """Leave out functions for which there is no rule, and add winners and normalisations."""
        if keeps_winners(call) or _normalises(call):
            return True
        if call.is_affine() or _is_straight(call):
            return True
        return call.is_activation() and call.name in _SINGLE_NUMBERS

    def answer(self, call: Call) -> Any:
        """Return the result of a call, with the derivatives that the rule says."""
        if call.name in LAYERS:
            result = self._layer(call)
            self.n_seen = max(self.n_seen, call.depth + 1)
            return self.follow(self._checked(call, result), call.depth + 1)
        if _normalises(call):
            return self._normalised(call)
        if call.is_affine() or keeps_winners(call) or _is_straight(call):
            result = self._affine(call, call.result())
        else:
            result = self._activation(call)
        others = self._others(call)
        for place, tensor in enumerate(tensors_in(result)):
            own = [list(tensors_in(other))[place] for other in others]
            self.follow(self._checked(call, tensor), call.depth, own)
        return result

    def _checked(self, call: Call, tensor: torch.Tensor) -> torch.Tensor:
        # a single row may be squeezed away
        if self._n_rows > 1 and (tensor.ndim == 0 or tensor.shape[0] != self._n_rows):
            raise self.refuse(call, "does not keep the rows on the first axis")
        return tensor

    def _others(self, call: Call) -> list[Any]:
        """Send what stands beside the inputs along, as long as no layer was met."""
        n_others = {len(trace.others) for trace in call.traces.values()}
        if n_others == {0} or len(n_others) > 1:
            return []
        beside = [partial(_other, at) for at in range(n_others.pop())]
        return [self._affine(call, call.with_operands(other)) for other in beside]

    def _affine(self, call: Call, result: Any) -> Any:
        """Hand relevance to the operands, and that of what is added to the bias."""
        if not self._adds_constants(call):
            return result
        with torch.no_grad():
            added = call.with_operands(lambda trace: torch.zeros_like(trace.tensor))
        if isinstance(result, torch.Tensor):
            return self._relay(result, result.detach(), None, (added, None))
        return result

    def _adds_constants(self, call: Call) -> bool:
        if call.name in ("add", "radd", "sub", "subtract", "rsub"):
            return len({*map(id, call.args[:2])} & set(call.traces)) < 2
        if call.name in ("batch_norm", "pad"):
            return True
        n_operands = len(list(tensors_in(call.args)))
        joins = ("cat", "concat", "concatenate", "stack", "hstack")
        return call.name in joins and n_operands > len(call.traces)

    def _activation(self, call: Call) -> torch.Tensor:
        """Hand all relevance to the only operand, of what is not zero."""
        source = call.args[0]
        with torch.no_grad():
            given = source.detach()
            values = call.with_operands(lambda _: given)
            is_empty = given.abs() < torch.finfo(given.dtype).tiny
            ratios = torch.where(is_empty, 0.0, values / given)
            lost = torch.where(is_empty, values, 0.0)
        return self._relay(source, values, ratios, (None, None), lost)

    def _normalised(self, call: Call) -> torch.Tensor:
        """Take the spread of a normalisation for a constant."""
        normalise, scale_of = NORMALISATIONS[call.name]
        source, *rest = call.args
        with torch.no_grad():
            scale = scale_of(source.detach(), *rest, **call.kwargs)
        with self:
            return normalise(*call.args, **call.kwargs, scale=scale)

    def _layer(self, call: Call) -> torch.Tensor:
        kind = self.rule.at(call.depth, self.n_layers)
        layer = _Layer(call)
        source, bias = self._shared(call, layer, kind)
        with torch.no_grad():
            sums = source.detach() if bias is None else source.detach() + bias
            is_plain = kind in ("zero", "epsilon")
            values = sums if is_plain else layer(call.args[0].detach(), layer.weight, layer.bias)
            if is_plain and not self.rule.stabilizer(kind):
                return self._relay(source, values, None, (bias, None))
            return self._relay(source, values, *self._ratios(values, sums, bias, kind))

    def _ratios(
        self, values: torch.Tensor, sums: torch.Tensor, bias: torch.Tensor | None, kind: str
    ) -> tuple[Any, ...]:
        """Return values over stabilized sums, what is added to the source, and what is lost."""
        if self.rule.stabilizer(kind):
            added = torch.copysign(self._epsilon.to(sums), sums)
            return values / (sums + added), (bias, added)
        is_empty = sums == 0
        ratios = torch.where(is_empty, 0.0, values / sums)
        return ratios, (bias, None), torch.where(is_empty, values, 0.0)

    def _shared(
        self, call: Call, layer: "_Layer", kind: str
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return what relevance is shared in proportion to, and the part of the bias in it."""
        source, weight, bias = call.args[0], layer.weight, layer.bias
        others = call.traces[id(source)].others
        if kind == "zB" and others:
            low, high = others
            up, down = weight.clamp(min=0), weight.clamp(max=0)
            return layer(source, weight) - layer(low, up) - layer(high, down), None
        if kind == "w2" and others:
            return layer(others[0], weight**2), None
        if kind == "gamma":
            weight = weight + self.rule.gamma * weight.clamp(min=0)
            bias = None if bias is None else bias + self.rule.gamma * bias.clamp(min=0)
        return layer(source, weight), None if bias is None else layer.shaped(bias, source)

    def _relay(
        self,
        source: torch.Tensor,
        values: torch.Tensor,
        ratios: torch.Tensor | None,
        added: tuple[torch.Tensor | None, torch.Tensor | None],
        lost: torch.Tensor | None = None,
    ) -> torch.Tensor:
        with torch.enable_grad():
            relayed: torch.Tensor = Relay.apply(
                source, (values,), self.leaves, ratios, added, (lost,)
            )
        return relayed


def _is_straight(call: Call) -> bool:
    """Tell whether a value is the input times the derivative."""
    is_clamp = call.name in ("clamp", "clamp_min")
    is_relu = is_clamp and clamped_to(call.name, call.args, call.kwargs) == (0.0,)
    return call.is_activation() and (is_relu or call.name in _STRAIGHT)


def _normalises(call: Call) -> bool:
    return call.name in NORMALISATIONS and list(call.traces) == [id(call.args[0])]


def _other(at: int, trace: Trace) -> torch.Tensor:
    return trace.others[at]


class _Layer:
    """A linear layer or convolution, with other weights in the place of its own."""

    def __init__(self, call: Call) -> None:
        self._call, self._is_matrix = call, call.name in ("matmul", "mm")
        names = ("input", "weight", "bias")
        named = dict(zip(names, call.args, strict=False)) | call.kwargs
        own = call.args[1] if self._is_matrix else named["weight"]
        self.weight: torch.Tensor = own.detach()
        bias = None if self._is_matrix else named.get("bias")
        self.bias: torch.Tensor | None = None if bias is None else bias.detach()
        self._rest = call.args[3:]
        self._named = {name: v for name, v in call.kwargs.items() if name not in names}

    def __call__(
        self, source: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
    ) -> torch.Tensor:
        function = self._call.operation.function
        if self._is_matrix:
            return torch.as_tensor(function(source, weight))
        return torch.as_tensor(function(source, weight, bias, *self._rest, **self._named))

    def shaped(self, bias: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
        """Return a bias with the axes of what is added to it."""
        is_convolution = self._call.name.startswith("conv")
        n_after = source.ndim - 2 if is_convolution else 0
        return bias.reshape(-1, *(1,) * n_after)
