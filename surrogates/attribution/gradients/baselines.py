"""What rows are compared with: one baseline, or several whose comparisons are averaged."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.gradients.reference_inputs import ReferenceInputs
from surrogates.blackbox.differentiable import Differentiable
from surrogates.blackbox.reference import ReferenceRows

__all__ = ["BASELINES", "Baselines", "choose_baselines"]

Floats = NDArray[np.float64]

BASELINES = ("mean", "zero", "background")


@dataclass(frozen=True)
class Baselines:
    """Inputs to compare with.

    Parameters
    ----------
    inputs : ndarray of shape (n_baselines, n_inputs)
    weights : ndarray of shape (n_baselines,)
        They sum to one.
    responses : ndarray of shape (n_baselines, n_outputs)
    share_left : float or None
        Share of the reference rows that were not drawn as baselines; None where baselines are no
        draw of rows.
    """

    inputs: Floats
    weights: Floats
    responses: Floats
    share_left: float | None = None

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def mean_response(self) -> Floats:
        """What attributions start from: (n_outputs,)."""
        return np.asarray(self.weights @ self.responses)

    def errors(self, means: Floats, squares: Floats) -> Floats | None:
        """Return standard errors of means over the draw of baselines, from means of squares.

        The correction for a finite population makes them zero where every row was drawn.
        """
        if self.share_left is None:
            return None
        concentration = float((self.weights**2).sum())
        if self.share_left <= 0.0 or concentration >= 1.0:
            return np.zeros_like(means)
        spread = np.maximum(squares - means**2, 0.0) / (1.0 - concentration)
        return np.asarray(np.sqrt(self.share_left * concentration * spread))


def choose_baselines(
    kind: str,
    model: Differentiable,
    reference: ReferenceInputs,
    background: ReferenceRows,
    noise: Floats | None = None,
) -> Baselines:
    """Return the baselines of a kind.

    Parameters
    ----------
    kind : {"mean", "zero", "background"}
        The mean of the reference inputs, in which a one-hot column is the frequency of its level;
        inputs of zero; or every row of the background.
    model : Differentiable
    reference : ReferenceInputs
    background : ReferenceRows
    noise : ndarray of shape (n_draws, n_inputs) or None
        Added to every baseline.
    """
    if kind == "background":
        inputs, weights = model.encode(background.rows), background.weights
        share_left = background.share_left if noise is None else None
    else:
        single = reference.mean if kind == "mean" else np.zeros_like(reference.mean)
        inputs, weights, share_left = single[None], np.ones(1), None
    if noise is not None:
        inputs = (inputs[:, None] + noise[None]).reshape(-1, inputs.shape[1])
        weights = np.repeat(weights / len(noise), len(noise))
    return Baselines(inputs, weights, model.responses(inputs), share_left)
