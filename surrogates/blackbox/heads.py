"""From the outputs of the last layer to responses: logits, probabilities, predictions."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from surrogates.blackbox.model import Model

__all__ = ["LINKS_OF_HEADS", "Head", "binary_head", "mean_softmax", "plain_head"]

Floats = NDArray[np.float64]

LINKS_OF_HEADS = ("identity", "logistic", "softmax")
_CONTRAST = np.array([-1.0, 1.0])
_CLOSE = 1e-5  # where a difference quotient loses more digits than the slope in the middle errs
_REACH, _MOST_PANELS = 2.0, 2**12
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)


@dataclass(frozen=True, eq=False)
class Head:
    """Responses ``link(outputs) @ matrix + offset``.

    Parameters
    ----------
    link : {"identity", "logistic", "softmax"}
    matrix : ndarray of shape (n_last, n_outputs)
    offset : ndarray of shape (n_outputs,)
    """

    link: str
    matrix: Floats
    offset: Floats

    @property
    def n_outputs(self) -> int:
        """Number of responses."""
        return self.matrix.shape[1]

    def select(self, model: Model) -> "Head":
        """Return the outputs that a model explains, with their signs."""
        columns = list(model.columns)
        if self.n_outputs == 1 and len(model.labels) == 2:
            signs = np.asarray(model.signs)
            return replace(self, matrix=self.matrix * signs, offset=self.offset * signs)
        return replace(self, matrix=self.matrix[:, columns], offset=self.offset[columns])

    def responses(self, outputs: Floats) -> Floats:
        """Return responses: (n_rows, n_outputs)."""
        return np.asarray(self._linked(outputs) @ self.matrix + self.offset)

    def _linked(self, outputs: Floats) -> Floats:
        if self.link == "identity":
            return outputs
        return np.asarray(expit(outputs) if self.link == "logistic" else softmax(outputs, axis=-1))

    def slopes(self, outputs: Floats) -> Floats:
        """Return derivatives: (n_rows, n_last, n_outputs)."""
        if self.link == "identity":
            return np.broadcast_to(self.matrix, (len(outputs), *self.matrix.shape))
        linked = self._linked(outputs)
        if self.link == "logistic":
            return np.asarray((linked * expit(-outputs))[:, :, None] * self.matrix)
        return self._softmax_slopes(linked, np.einsum("nk,nl->nkl", linked, linked))

    def _softmax_slopes(self, single: Floats, pairs: Floats) -> Floats:
        """Return slopes from (means of) probabilities and products of two of them."""
        return np.asarray(single[:, :, None] * self.matrix - pairs @ self.matrix)

    def mean_slopes(self, outputs: Floats, others: Floats) -> Floats:
        """Return mean derivatives on the straight way between two outputs, in the same shape.

        Times the difference of the outputs they give the difference of the responses. A logistic
        function, and a softmax of two, have the difference quotient; softmax is integrated by
        Gauss-Legendre, on panels over which no difference of two outputs changes by more than 2.
        """
        if self.link == "identity":
            return self.slopes(outputs)
        if self.link == "logistic":
            return np.asarray(_mean_logistic(outputs, others)[:, :, None] * self.matrix)
        if outputs.shape[1] == 2:
            own = _mean_logistic(outputs @ _CONTRAST, others @ _CONTRAST)
            return np.asarray(own[:, None, None] * _CONTRAST[:, None] * (_CONTRAST @ self.matrix))
        return self._softmax_slopes(*mean_softmax(outputs, others))


def plain_head(link: str, n_outputs: int) -> Head:
    """Return a head with one response per output."""
    return Head(link, np.eye(n_outputs), np.zeros(n_outputs))


def binary_head(link: str) -> Head:
    """Return the head of one output that speaks for the second of two classes."""
    return Head(link, np.array([[-1.0, 1.0]]), np.array([1.0, 0.0]))


def _mean_logistic(outputs: Floats, others: Floats) -> Floats:
    run = outputs - others
    is_close = np.abs(run) < _CLOSE
    middle = 0.5 * (outputs + others)
    # of two numbers near 1 the complements have the more precise difference
    signs = np.where(middle > 0.0, -1.0, 1.0)
    rise = signs * (expit(signs * outputs) - expit(signs * others))
    return np.where(is_close, expit(middle) * expit(-middle), rise / np.where(is_close, 1.0, run))


def mean_softmax(outputs: Floats, others: Floats) -> tuple[Floats, Floats]:
    """Return means on the straight way between two logits.

    Parameters
    ----------
    outputs, others : ndarray of shape (n_rows, n_classes)

    Returns
    -------
    single : ndarray of shape (n_rows, n_classes)
        Of probabilities.
    pairs : ndarray of shape (n_rows, n_classes, n_classes)
        Of products of two probabilities.
    """
    run = outputs - others
    reach = run.max(axis=1) - run.min(axis=1)
    exponents = np.ceil(np.log2(np.maximum(reach / _REACH, 1.0)))
    panels = np.minimum(2.0**exponents, _MOST_PANELS).astype(np.int64)
    single = np.zeros_like(outputs)
    pairs = np.zeros((*outputs.shape, outputs.shape[1]))
    for n_panels in np.unique(panels):
        rows = np.flatnonzero(panels == n_panels)
        for panel in range(n_panels):
            at = (panel + 0.5 * (_NODES + 1.0)) / n_panels
            ways = others[rows, None] + at[:, None] * run[rows, None]
            chances = softmax(ways, axis=2)
            weighted = chances * (0.5 * _WEIGHTS / n_panels)[:, None]
            single[rows] += weighted.sum(axis=1)
            pairs[rows] += np.swapaxes(weighted, 1, 2) @ chances
    return single, pairs
