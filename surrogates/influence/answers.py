"""What is asked about a row, as a function of its margins."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.influence.engine import Question
from surrogates.influence.losses import Loss, SoftmaxLoss

__all__ = ["answer_slopes", "row_answers"]

Array = NDArray[np.float64]


def row_answers(loss: Loss, question: Question, y: NDArray[Any] | None, margins: Array) -> Array:
    """Return the loss, or the prediction followed, of every row.

    Parameters
    ----------
    loss : Loss
    question : Question
    y : ndarray of shape (n_rows,) or None
        Needed for losses.
    margins : ndarray of shape (n_rows,) or (n_rows, n_classes)
    """
    if question.of == "loss":
        return loss.value(_targets(y), margins)
    response = loss.response(margins)
    if isinstance(loss, SoftmaxLoss):
        return response[:, question.output or 0]
    return _sign(loss, question) * response


def answer_slopes(loss: Loss, question: Question, y: NDArray[Any] | None, margins: Array) -> Array:
    """Return how these change with the margins, of shape (n_rows, n_outputs)."""
    if question.of == "loss":
        slopes = loss.scale * loss.slope(_targets(y), margins)
        return slopes.reshape(len(margins), -1)
    if isinstance(loss, SoftmaxLoss):
        output, shares = question.output or 0, loss.response(margins)
        return shares[:, [output]] * ((np.arange(shares.shape[1]) == output) - shares)
    return _sign(loss, question) * loss.response_slope(margins)[:, None]


def _targets(y: NDArray[Any] | None) -> Array:
    if y is None:
        raise ValueError("The loss of a row needs its label: pass y to explain.")
    return y.astype(np.float64)


def _sign(loss: Loss, question: Question) -> float:
    """Return -1 where the first of two classes is followed: margins are those of the second."""
    return -1.0 if loss.unit == "log loss" and question.output == 0 else 1.0
