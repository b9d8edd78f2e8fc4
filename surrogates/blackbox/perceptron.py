"""Multi-layer perceptrons in plain arrays: what derivatives and relevances need, in numpy."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from surrogates.blackbox.breaks import Breaks, Path
from surrogates.blackbox.perceptron_relevance import Shares, relevance_below
from surrogates.blackbox.relevance import RelevanceRule

__all__ = ["ACTIVATIONS", "Perceptron"]

Floats = NDArray[np.float64]
Seeds = Callable[[Floats], Floats]

ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
_CLOSE = float(np.finfo(np.float64).eps ** (1 / 3))


@dataclass(frozen=True, eq=False)
class Perceptron:
    """Affine layers with an activation between each two of them.

    Parameters
    ----------
    coefs : tuple of ndarray of shape (n_below, n_above)
    intercepts : tuple of ndarray of shape (n_above,)
    activation : {"identity", "logistic", "tanh", "relu"}
    """

    coefs: tuple[Floats, ...]
    intercepts: tuple[Floats, ...]
    activation: str

    @property
    def owners(self) -> NDArray[np.int64]:
        """Every input is a column."""
        return np.arange(len(self.coefs[0]))

    @property
    def precision(self) -> float:
        """Double precision."""
        return float(np.finfo(np.float64).eps)

    @property
    def n_stages(self) -> int:
        """How many activations lie one behind the other."""
        return 0 if self.activation == "identity" else len(self.coefs) - 1

    def encode(self, table: Any) -> Floats:
        """Return the numbers of a table of numbers."""
        return np.asarray(table, dtype=np.float64)

    def outputs(self, inputs: Floats) -> Floats:
        """Return the outputs of the last layer: (n_rows, n_last)."""
        return self._layers(inputs)[1]

    def pullback(self, inputs: Floats, seeds: Seeds) -> tuple[Floats, Floats]:
        """Return outputs, and the derivatives of what has the derivatives ``seeds(outputs)``.

        Seeds are derivatives by the outputs of the last layer, of shape (n_rows, n_last, n_wanted).
        """
        sums, outputs = self._layers(inputs)
        return outputs, self._down([self._slope(part) for part in sums], seeds(outputs))

    def rescale(
        self, inputs: Floats, baselines: Floats, seeds: Callable[[Floats, Floats], Floats]
    ) -> tuple[Floats, Floats]:
        """Return outputs, and DeepLIFT's multipliers: quotients of differences for derivatives."""
        sums, outputs = self._layers(inputs)
        other_sums, others = self._layers(baselines)
        slopes = [self._quotient(*pair) for pair in zip(sums, other_sums, strict=True)]
        others = np.broadcast_to(others, outputs.shape)
        return outputs, self._down(slopes, seeds(outputs, others))

    def breaks(self, starts: Floats, stops: Floats, most: int) -> Breaks | None:
        """Return where the segments between inputs bend, or None for smooth activations."""
        if self.activation in ("logistic", "tanh") and len(self.coefs) > 1:
            return None
        path = Path(len(stops), most)
        if self.activation == "identity":
            return path.breaks
        values = np.stack([starts, stops], axis=1).reshape(-1, stops.shape[1])
        for coef, intercept in self._hidden():
            values = np.maximum(path.bend(values @ coef + intercept), 0.0)
        return path.breaks

    def relevance(
        self, inputs: Floats, rule: RelevanceRule, seeds: Floats
    ) -> tuple[Floats, Shares]:
        """Return outputs, and how they, weighted by `seeds` (n_last, n_wanted), are shared."""
        sums, outputs = self._layers(inputs)
        values = [inputs, *(self._activated(part) for part in sums)]
        relevance = np.moveaxis(outputs[:, :, None] * seeds, 2, 0)
        shares = Shares(relevance, np.zeros(relevance.shape[:2]), np.zeros(relevance.shape[:2]))
        n_layers = len(self.coefs)
        for layer in reversed(range(n_layers)):
            kind = rule.at(layer, n_layers)
            given = values[layer], (*sums, outputs)[layer]
            weights = self.coefs[layer], self.intercepts[layer]
            shares = relevance_below(shares, *given, *weights, kind, rule)
        return outputs, shares

    def _hidden(self) -> Iterator[tuple[Floats, Floats]]:
        return zip(self.coefs[:-1], self.intercepts[:-1], strict=True)

    def _layers(self, inputs: Floats) -> tuple[list[Floats], Floats]:
        """Return the sums that enter the hidden units of each layer, and the outputs."""
        sums: list[Floats] = []
        values = inputs
        for coef, intercept in self._hidden():
            sums.append(values @ coef + intercept)
            values = self._activated(sums[-1])
        return sums, values @ self.coefs[-1] + self.intercepts[-1]

    def _down(self, slopes: list[Floats], seeds: Floats) -> Floats:
        """Send derivatives down through the layers: (n_rows, n_inputs, n_wanted)."""
        deltas = np.ascontiguousarray(np.moveaxis(seeds, 2, 0))
        deltas = deltas @ self.coefs[-1].T
        for slope, coef in zip(reversed(slopes), reversed(self.coefs[:-1]), strict=True):
            deltas = (deltas * slope) @ coef.T
        return np.moveaxis(deltas, 0, 2)

    def _activated(self, sums: Floats) -> Floats:
        if self.activation == "relu":
            return np.maximum(sums, 0.0)
        if self.activation == "identity":
            return sums
        return np.asarray(np.tanh(sums) if self.activation == "tanh" else expit(sums))

    def _slope(self, sums: Floats) -> Floats:
        if self.activation == "relu":
            return (sums > 0.0).astype(np.float64)
        if self.activation == "identity":
            return np.ones_like(sums)
        if self.activation == "tanh":
            return np.asarray(1.0 - np.tanh(sums) ** 2)
        return np.asarray(expit(sums) * expit(-sums))

    def _quotient(self, sums: Floats, others: Floats) -> Floats:
        """Return quotients of differences, and the slope in the middle where they are close."""
        run = sums - others
        close = 0.0 if self.activation == "relu" else _CLOSE
        is_close = np.abs(run) <= close
        rise = self._activated(sums) - self._activated(others)
        quotient = rise / np.where(is_close, 1.0, run)
        return np.where(is_close, self._slope(0.5 * (sums + others)), quotient)
