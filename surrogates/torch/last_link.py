"""A sigmoid or softmax at the end of a module: probabilities are explained from the logits."""

from dataclasses import dataclass
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

__all__ = ["LastLink", "WithoutLink"]


@dataclass(frozen=True)
class LastLink:
    """The call that makes probabilities of logits.

    Parameters
    ----------
    name : {"sigmoid", "softmax"}
    position : int
        Calls of the same name before it.
    """

    name: str
    position: int


class WithoutLink(TorchFunctionMode):
    """Leaves one call out, and returns what it was given.

    Parameters
    ----------
    link : LastLink

    Examples
    --------
    >>> with WithoutLink(LastLink("sigmoid", 0)):
    ...     torch.nn.Sigmoid()(torch.tensor([3.0]))
    tensor([3.])
    """

    def __init__(self, link: LastLink) -> None:
        super().__init__()
        self._name, self._left = link.name, link.position

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Return the operand of the call left out, and the results of all others."""
        if args and getattr(func, "__name__", "").strip("_") == self._name:
            self._left -= 1
            if self._left == -1:
                operand: torch.Tensor = args[0]
                return operand
        return func(*args, **(kwargs or {}))
