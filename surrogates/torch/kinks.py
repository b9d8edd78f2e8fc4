"""What is given to the activations that bend, of a piecewise-linear network."""

from typing import Any

import torch

from surrogates.torch.operations import kinks_of
from surrogates.torch.tracing import Call, Tracer, tensors_in

__all__ = ["Kinks"]


class Kinks(Tracer):
    """Keeps what one of the bending activations is given, less the points where it bends.

    Parameters
    ----------
    wanted : int
        Which one, in the order of their calls.

    Attributes
    ----------
    given : Tensor of shape (n_rows, n_numbers)
        Empty before the call.
    n_seen : int
        How many there were.
    """

    def __init__(self, wanted: int) -> None:
        super().__init__()
        self.wanted, self.n_seen, self.given = wanted, 0, torch.empty(0)

    def answer(self, call: Call) -> Any:
        """Return the result of a call, and keep what is wanted."""
        bends = None if call.is_affine() else kinks_of(call.name, call.args, call.kwargs)
        if bends is not None:
            if self.n_seen == self.wanted:
                flat = call.args[0].detach().flatten(1)
                self.given = torch.cat([flat - bend for bend in bends], dim=1)
            self.n_seen += 1
        result = call.result()
        for tensor in tensors_in(result):
            self.follow(tensor)
        return result
