"""How many columns a chain of layers takes, and how many outputs it has."""

from collections.abc import Iterable
from typing import Any

from torch import nn

__all__ = ["first_width", "is_embedding", "last_width"]

_KEEP_WIDTH = (
    nn.AlphaDropout,
    nn.Dropout,
    nn.Hardtanh,
    nn.Identity,
    nn.LogSigmoid,
    nn.LogSoftmax,
    nn.ReLU,
    nn.Sigmoid,
    nn.Softmax,
    nn.Softplus,
    nn.Tanh,
)


def first_width(module: Any) -> int | None:
    """Return the number of columns that a chain of layers takes, where its first layer tells.

    Examples
    --------
    >>> first_width(nn.Sequential(nn.Dropout(), nn.Linear(3, 2)))
    3
    """
    for layer in _chain(module):
        if isinstance(layer, nn.Linear):
            return int(layer.in_features)
        if not isinstance(layer, _KEEP_WIDTH):
            return None
    return None


def last_width(module: Any) -> int | None:
    """Return the number of outputs of a chain of layers, where its last layer tells.

    Examples
    --------
    >>> last_width(nn.Sequential(nn.Linear(3, 2), nn.Softmax(dim=1)))
    2
    """
    for layer in reversed(list(_chain(module))):
        if isinstance(layer, nn.Linear):
            return int(layer.out_features)
        if not isinstance(layer, _KEEP_WIDTH):
            return None
    return None


def is_embedding(layer: Any) -> bool:
    """Tell whether a layer, or the layer that a script was made of, looks up codes."""
    known = (nn.Embedding, nn.EmbeddingBag)
    names = [kind.__name__ for kind in known]
    return isinstance(layer, known) or getattr(layer, "original_name", None) in names


def _chain(module: Any) -> Iterable[Any]:
    if type(module) is not nn.Sequential:
        return [module]
    return [layer for part in module for layer in _chain(part)]
