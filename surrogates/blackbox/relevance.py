"""Rules by which layer-wise relevance propagation hands relevance on to the layer below."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["RULES", "Relevance", "RelevanceRule"]

Floats = NDArray[np.float64]

RULES = ("zero", "epsilon", "gamma", "zB", "w2", "composite")


@dataclass(frozen=True)
class RelevanceRule:
    """Which rule holds in which layer.

    Parameters
    ----------
    name : {"zero", "epsilon", "gamma", "zB", "w2", "composite"}
        "zB" and "w2" are rules of the first layer, with "epsilon" above it. "composite" is "zB" in
        the first layer, "epsilon" in the last, and "gamma" between them.
    epsilon : float
        Added to the magnitude of every denominator, but for "zero".
    gamma : float
        How much more positive weights count.
    low, high : ndarray of shape (n_inputs,)
        Range of the inputs, for "zB".
    """

    name: str
    epsilon: float
    gamma: float
    low: Floats
    high: Floats

    def at(self, layer: int, n_layers: int) -> str:
        """Return the rule of a layer, counted from the inputs: zero, epsilon, gamma, zB or w2.

        A network of one layer is linear: "composite" has the rule of the last layer there.

        Examples
        --------
        >>> import numpy as np
        >>> rule = RelevanceRule("composite", 1e-9, 0.25, np.zeros(2), np.ones(2))
        >>> [rule.at(layer, 3) for layer in range(3)]
        ['zB', 'gamma', 'epsilon']
        """
        if self.name in ("zB", "w2"):
            return self.name if layer == 0 else "epsilon"
        if self.name != "composite":
            return self.name
        if layer == n_layers - 1:
            return "epsilon"
        return "zB" if layer == 0 else "gamma"

    def stabilizer(self, rule: str) -> float:
        """Return what a rule adds to the magnitude of denominators."""
        return 0.0 if rule == "zero" else self.epsilon


@dataclass(frozen=True)
class Relevance:
    """Relevances of inputs, and what is left of the response: together they are the response.

    Parameters
    ----------
    inputs : ndarray of shape (n_rows, n_inputs, n_outputs)
    bias : ndarray of shape (n_rows, n_outputs)
        Share of the biases of all layers.
    stabilizer : ndarray of shape (n_rows, n_outputs)
        Share absorbed by what is added to denominators, or lost where one is zero.
    responses : ndarray of shape (n_rows, n_outputs)
    """

    inputs: Floats
    bias: Floats
    stabilizer: Floats
    responses: Floats
