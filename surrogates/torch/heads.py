"""What a classifier's raw outputs are: logits or probabilities, one column or one per class."""

from dataclasses import dataclass

import torch

from surrogates.exceptions import ModelOutputError
from surrogates.torch.inputs import Inputs
from surrogates.torch.network import Network

__all__ = ["Head", "infer_kind", "looks_like_probabilities"]

_N_PROBED = 64
_FAR = 8.0


@dataclass(frozen=True)
class Head:
    """How the raw outputs of a module are read.

    Every function is differentiable and keeps the precision of the raw outputs.

    Parameters
    ----------
    kind : {"logits", "probabilities"}
        Log-probabilities are logits.
    n_raw : int
        Number of raw outputs; a single one is that of the second of two classes.

    Examples
    --------
    >>> Head("logits", 1).probabilities(torch.tensor([[0.0]]))
    tensor([[0.5000, 0.5000]])
    >>> Head("probabilities", 2).margins(torch.tensor([[0.5, 0.5]]))
    tensor([[0.]])
    """

    kind: str
    n_raw: int

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return max(2, self.n_raw)

    def probabilities(self, raw: torch.Tensor) -> torch.Tensor:
        """Return probabilities: (n_rows, n_classes)."""
        if self.n_raw == 1:
            if self.kind == "logits":
                return torch.sigmoid(torch.cat([-raw, raw], dim=1))
            return torch.cat([1.0 - raw, raw], dim=1)
        if self.kind == "logits" and self.n_raw == 2:  # several times as fast as the softmax
            return torch.sigmoid(raw - raw.flip(1))
        return torch.softmax(raw, dim=1) if self.kind == "logits" else raw

    def margins(self, raw: torch.Tensor) -> torch.Tensor:
        """Return log-odds of the second of two classes (n_rows, 1), else logits (n_rows, n_raw).

        Probabilities of 0 are moved to the smallest normal number.
        """
        if self.kind == "logits":
            return raw[:, 1:] - raw[:, :1] if self.n_raw == 2 else raw
        logs = self.probabilities(raw).clamp_min(torch.finfo(raw.dtype).tiny).log()
        return logs[:, 1:] - logs[:, :1] if logs.shape[1] == 2 else logs

    def winners(self, raw: torch.Tensor) -> torch.Tensor:
        """Return the position of the most probable class of each row, the first of equals."""
        if self.n_raw == 1:
            return (raw[:, 0] > (0.0 if self.kind == "logits" else 0.5)).to(torch.int64)
        return raw.argmax(dim=1)


def looks_like_probabilities(raw: torch.Tensor) -> bool:
    """Tell whether all numbers lie in [0, 1] and, if there are several, sum to one in each row."""
    tolerance = 16.0 * torch.finfo(raw.dtype).eps
    if not bool(((raw >= -tolerance) & (raw <= 1.0 + tolerance)).all()):
        return False
    sums = raw.to(torch.float64).sum(dim=1)
    return raw.shape[1] == 1 or bool(((sums - 1.0).abs() <= tolerance * raw.shape[1]).all())


def infer_kind(network: Network, inputs: Inputs) -> str:
    """Tell by its answers whether a module returns logits or probabilities.

    Probabilities stay probabilities wherever the inputs are, so the rows are moved far away too:
    a few logits may lie between 0 and 1 by chance.

    Parameters
    ----------
    network : Network
    inputs : Inputs
        For some rows, of which the first 64 are asked about.

    Returns
    -------
    kind : {"logits", "probabilities"}
    """
    few = inputs.rows(0, _N_PROBED)
    if not looks_like_probabilities(network.raw(few)):
        return "logits"
    repeats = -(-_N_PROBED // len(few))
    generator = torch.Generator().manual_seed(0)
    moved = few.each(lambda tensor: _moved(torch.cat([tensor.cpu()] * repeats), generator))
    try:
        stays = looks_like_probabilities(network.raw(moved))
    except ModelOutputError:
        return "probabilities"
    return "probabilities" if stays else "logits"


def _moved(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    if not tensor.is_floating_point():
        return tensor
    steps = torch.randn(tensor.shape, generator=generator, dtype=torch.float32)
    return tensor + (_FAR * (1.0 + tensor.abs().max()) * steps).to(tensor.dtype)
