"""What the reference table is for a network: moments and ranges of its inputs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.blackbox.differentiable import Differentiable
from surrogates.blackbox.table import take_rows

__all__ = ["ReferenceInputs", "read_reference"]

Floats = NDArray[np.float64]

_ROWS_AT_A_TIME = 4096


@dataclass(frozen=True)
class ReferenceInputs:
    """Moments of the inputs over all reference rows of positive weight.

    Parameters
    ----------
    mean, std, low, high : ndarray of shape (n_inputs,)
        Weighted mean, population standard deviation, smallest and largest value.
    mean_response : ndarray of shape (n_outputs,)
    n_rows : int
    """

    mean: Floats
    std: Floats
    low: Floats
    high: Floats
    mean_response: Floats
    n_rows: int


def read_reference(model: Differentiable, X: Any, sample_weight: Floats | None) -> ReferenceInputs:
    """Encode the reference table and ask about it, some rows at a time."""
    weights: Floats = np.ones(X.shape[0]) if sample_weight is None else sample_weight
    present = np.flatnonzero(weights > 0.0)
    shares = weights[present] / weights[present].sum()
    parts, responses = [], []
    for start in range(0, len(present), _ROWS_AT_A_TIME):
        parts.append(model.encode(take_rows(X, present[start : start + _ROWS_AT_A_TIME])))
        responses.append(model.responses(parts[-1]))
    inputs = np.concatenate(parts)
    mean = shares @ inputs
    return ReferenceInputs(
        mean,
        np.sqrt(shares @ (inputs - mean) ** 2),
        inputs.min(axis=0),
        inputs.max(axis=0),
        shares @ np.concatenate(responses),
        len(present),
    )
