"""Warnings where an explanation says little."""

import warnings
from collections.abc import Sequence

import numpy as np

from surrogates.attribution.lime.result import BlockResult

__all__ = ["warn_of_limits"]

_LOW_FIDELITY = 0.1
_CALLERS = 4  # from here to the line that called `explain`


def warn_of_limits(names: Sequence[str], result: BlockResult) -> None:
    """Warn of levels without neighbours, and of surrogates that explain next to nothing."""
    pairs = zip(names, result.unseen.T, strict=True)
    unseen = [name for name, own in pairs if own.any()]
    if unseen:
        warnings.warn(
            f"The columns {unseen} hold levels, or missing values, that the reference rows lack: "
            "there are no neighbours with them, and their values are 0. Add reference rows that "
            "have them, or use sampling='background'.",
            UserWarning,
            stacklevel=_CALLERS,
        )
    low = np.any(result.fidelity < _LOW_FIDELITY, axis=1)
    if low.any():
        warnings.warn(
            f"The surrogate explains less than {_LOW_FIDELITY:.0%} of the variance of the model's "
            f"response around {low.sum()} of {len(result.values)} rows: see explanation.fidelity. "
            "More bins, a narrower kernel_width or sampling='local' may help; KernelSHAP does not "
            "rely on a surrogate.",
            UserWarning,
            stacklevel=_CALLERS,
        )
