"""What a module is made of, learnt from a forward pass of a few rows."""

from collections import Counter
from typing import Any

import torch

from surrogates.torch.last_link import LastLink
from surrogates.torch.operations import LAYERS, kinks_of
from surrogates.torch.tracing import Call, Tracer, tensors_in

__all__ = ["Survey"]


class Survey(Tracer):
    """Counts layers and activations, and whether all operations are piecewise linear.

    Attributes
    ----------
    n_layers : int
        Most layers one behind the other.
    n_kinks : int or None
        Activations that bend, in the order of their calls; None where one is smooth, or an
        operation is not known.
    n_stages : int or None
        Most activations one behind the other; None where an operation is not known.
    """

    def __init__(self) -> None:
        super().__init__()
        self.n_layers = 0
        self.n_kinks: int | None = 0
        self.n_stages: int | None = 0
        self._stages: dict[int, int] = {}
        self._calls: Counter[str] = Counter()
        self._links: dict[int, LastLink] = {}

    def read(self, call: Call) -> Any:
        """Return a value that leaves torch, after which other rows may go another way."""
        self.n_kinks = self.n_stages = None
        return call.result()

    def is_known(self, call: Call) -> bool:
        """Accept every operation that returns a tensor."""
        return super().is_known(call) or next(tensors_in(call.result()), None) is not None

    def answer(self, call: Call) -> Any:
        """Count an operation."""
        result = call.result()
        depth = call.depth + (call.name in LAYERS)
        self.n_layers = max(self.n_layers, depth)
        stages = max(self._stages.get(one, 0) for one in call.traces)
        if not call.is_affine():
            self._count(call)
            stages += 1
            if self.n_stages is not None:
                self.n_stages = max(self.n_stages, stages)
        for tensor in tensors_in(result):
            self.follow(tensor, depth)
            self._stages[id(tensor)] = stages
            self._links[id(tensor)] = LastLink(call.name, self._calls[call.name])
        self._calls[call.name] += 1
        return result

    def link_of(self, tensor: torch.Tensor) -> LastLink:
        """Return the call that made a tensor."""
        return self._links.get(id(tensor), LastLink("", 0))

    def _overwritten(self, call: Call, result: Any) -> Any:
        first = super()._overwritten(call, result)
        self._stages[id(first)] = self._stages[id(result)]
        return first

    def _count(self, call: Call) -> None:
        if not call.is_activation():
            self.n_kinks = self.n_stages = None
        elif kinks_of(call.name, call.args, call.kwargs) is None:
            self.n_kinks = None
        elif self.n_kinks is not None:
            self.n_kinks += 1
