"""Operations of torch as compositions of simpler ones, for which there are rules."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn.functional import linear

__all__ = ["COMPOSITIONS", "NORMALISATIONS"]

# the arguments of multi_head_attention_forward after the first seven
_NAMES = (
    *("bias_k", "bias_v", "add_zero_attn", "dropout_p", "out_proj_weight", "out_proj_bias"),
    *("training", "key_padding_mask", "need_weights", "attn_mask"),
)
_EXTRAS = ("bias_k", "add_zero_attn", "training", "key_padding_mask", "attn_mask", "is_causal")


def _layer_scale(
    source: torch.Tensor,
    normalized_shape: Sequence[int],
    weight: torch.Tensor | None = None,  # noqa: ARG001 - the arguments of the normalisation
    bias: torch.Tensor | None = None,  # noqa: ARG001
    eps: float = 1e-5,
) -> torch.Tensor:
    """Return one over the spread of numbers."""
    axes = _last_axes(normalized_shape)
    away = source - source.mean(axes, keepdim=True)
    return (away * away).mean(axes, keepdim=True).add(eps).rsqrt()


def _layer_norm(
    source: torch.Tensor,
    normalized_shape: Sequence[int],
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    eps: float = 1e-5,
    *,
    scale: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return numbers less their mean, over their spread, which may be given."""
    scale = _layer_scale(source, normalized_shape, eps=eps) if scale is None else scale
    normal = (source - source.mean(_last_axes(normalized_shape), keepdim=True)) * scale
    normal = normal if weight is None else normal * weight
    return normal if bias is None else normal + bias


def _group_scale(
    source: torch.Tensor,
    num_groups: int,
    weight: torch.Tensor | None = None,  # noqa: ARG001
    bias: torch.Tensor | None = None,  # noqa: ARG001
    eps: float = 1e-5,
) -> torch.Tensor:
    """Return one over the spread of groups of channels."""
    groups = source.unflatten(1, (num_groups, -1)).flatten(2)
    return _layer_scale(groups, groups.shape[2:], eps=eps)


def _group_norm(
    source: torch.Tensor,
    num_groups: int,
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    eps: float = 1e-5,
    *,
    scale: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return groups of channels less their mean, over their spread, which may be given."""
    groups = source.unflatten(1, (num_groups, -1)).flatten(2)
    normal = _layer_norm(groups, groups.shape[2:], eps=eps, scale=scale).reshape_as(source)
    after = (1,) * (source.ndim - 2)
    normal = normal if weight is None else normal * weight.reshape(-1, *after)
    return normal if bias is None else normal + bias.reshape(-1, *after)


def _rms_scale(
    source: torch.Tensor,
    normalized_shape: Sequence[int],
    weight: torch.Tensor | None = None,  # noqa: ARG001
    eps: float | None = None,
) -> torch.Tensor:
    """Return one over the root of the mean square of numbers."""
    eps = torch.finfo(source.dtype).eps if eps is None else eps
    return (source * source).mean(_last_axes(normalized_shape), keepdim=True).add(eps).rsqrt()


def _rms_norm(
    source: torch.Tensor,
    normalized_shape: Sequence[int],
    weight: torch.Tensor | None = None,
    eps: float | None = None,
    *,
    scale: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return numbers over the root of their mean square, which may be given."""
    normal = source * (_rms_scale(source, normalized_shape, eps=eps) if scale is None else scale)
    return normal if weight is None else normal * weight


def _last_axes(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(range(-len(shape), 0))


def _attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor:
    """Return means of values, weighted by a softmax of products of queries and keys."""
    if attn_mask is not None or dropout_p or is_causal or enable_gqa:
        raise ValueError("the operation scaled_dot_product_attention is not known with a mask")
    return _shares(query, key, query.shape[-1] ** -0.5 if scale is None else scale) @ value


def _shares(query: torch.Tensor, key: torch.Tensor, scale: float) -> torch.Tensor:
    return ((query * scale) @ key.transpose(-2, -1)).softmax(-1)


def _multi_head_attention_forward(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    embed_dim_to_check: int,  # noqa: ARG001
    num_heads: int,
    in_proj_weight: torch.Tensor | None,
    in_proj_bias: torch.Tensor | None,
    *rest: Any,
    **options: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Attend in several heads, to sequences of shape (n_tokens, n_rows, n_numbers)."""
    options = dict(zip(_NAMES, rest, strict=False)) | options
    if any(options.get(extra) is not None and options[extra] is not False for extra in _EXTRAS):
        raise ValueError("the operation multi_head_attention_forward is not known with a mask")
    if in_proj_weight is None or query.ndim != 3:
        raise ValueError("the operation multi_head_attention_forward is not known in parts")
    weights = in_proj_weight.chunk(3)
    biases = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
    queries, keys, values = (
        linear(*part).unflatten(-1, (num_heads, -1)).permute(1, 2, 0, 3)
        for part in zip((query, key, value), weights, biases, strict=True)
    )
    shares = _shares(queries, keys, queries.shape[-1] ** -0.5)
    joined = (shares @ values).permute(2, 0, 1, 3).flatten(2)
    found = linear(joined, options["out_proj_weight"], options["out_proj_bias"])
    if not options.get("need_weights", True):
        return found, None
    return found, shares.mean(1) if options.get("average_attn_weights", True) else shares


def _gate(source: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Return a half of the numbers times a sigmoid of the other half."""
    first, second = source.chunk(2, dim)
    return first * second.sigmoid()


def _quotient(
    first: Any, second: torch.Tensor, *, rounding_mode: str | None = None
) -> torch.Tensor:
    """Return a product with a reciprocal."""
    if rounding_mode is not None:
        raise ValueError(f"the operation div is not known with rounding_mode={rounding_mode!r}")
    return first * second.reciprocal()


NORMALISATIONS: dict[str, tuple[Callable[..., torch.Tensor], Callable[..., torch.Tensor]]] = {
    "layer_norm": (_layer_norm, _layer_scale),
    "group_norm": (_group_norm, _group_scale),
    "rms_norm": (_rms_norm, _rms_scale),
}
"""By the name of the operation: it, and the factor in it that depends on the spread."""

COMPOSITIONS: dict[str, Callable[..., Any]] = {
    **{name: norm for name, (norm, _) in NORMALISATIONS.items()},
    "scaled_dot_product_attention": _attend,
    "multi_head_attention_forward": _multi_head_attention_forward,
    "glu": _gate,
    **dict.fromkeys(("div", "divide", "true_divide", "truediv"), _quotient),
}
"""By the name of the operation."""
