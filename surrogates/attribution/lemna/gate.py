"""Which component speaks for a mask, told from the mask alone."""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

__all__ = ["Gate", "fit_gate"]

_MOST_ITERATIONS = 1000


class Gate:
    """Probabilities of the components given a mask, whatever the model answers to it.

    Parameters
    ----------
    weights : ndarray of shape (n_components,)
        The probabilities where no classifier tells more.
    classifier : LogisticRegression or None
    """

    def __init__(
        self, weights: NDArray[np.float64], classifier: LogisticRegression | None = None
    ) -> None:
        self.weights = weights
        self.classifier = classifier

    def __call__(self, masks: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return probabilities of shape (n_masks, n_components)."""
        if self.classifier is None:
            return np.tile(self.weights, (len(masks), 1))
        probabilities: NDArray[np.float64] = self.classifier.predict_proba(masks)
        return probabilities


def fit_gate(
    masks: NDArray[np.float64],
    responsibilities: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> Gate:
    """Learn responsibilities from masks, by logistic regression.

    The mixing weights stay where the masks tell less about the components than the additional
    numbers cost (H. Akaike, "A new look at the statistical model identification", IEEE TAC 19,
    1974).

    Parameters
    ----------
    masks : ndarray of shape (n_masks, n_players)
    responsibilities : ndarray of shape (n_masks, n_components)
    weights : ndarray of shape (n_components,)
        Mixing weights.
    """
    n_components = len(weights)
    constant = Gate(weights)
    if n_components == 1:
        return constant
    classifier = LogisticRegression(max_iter=_MOST_ITERATIONS).fit(
        np.tile(masks, (n_components, 1)),
        np.repeat(np.arange(n_components), len(masks)),
        sample_weight=responsibilities.T.ravel(),
    )
    gate = Gate(weights, classifier)
    gain = _log_likelihood(gate, masks, responsibilities) - _log_likelihood(
        constant, masks, responsibilities
    )
    return gate if gain > masks.shape[1] * (n_components - 1) else constant


def _log_likelihood(
    gate: Gate, masks: NDArray[np.float64], responsibilities: NDArray[np.float64]
) -> float:
    sure = np.maximum(gate(masks), np.finfo(np.float64).tiny)
    return float((responsibilities * np.log(sure)).sum())
