"""Models whose inside is open: the protocol that the gradient family asks."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Differentiable"]


class Differentiable(Protocol):
    """A response as a function of numeric inputs, with its derivatives.

    The inputs are where differentiation begins: the numeric columns that a network takes, and the
    rows of its embeddings in place of the codes of categories. Every input belongs to one column of
    the table that the model takes, so that what is found for inputs is summed back to columns.

    Attributes
    ----------
    owners : ndarray of shape (n_inputs,)
        Position of the column that owns each input.
    n_outputs : int
        Number of responses.
    """

    owners: NDArray[np.int64]
    n_outputs: int

    def encode(self, X: Any) -> NDArray[np.float64]:
        """Return the inputs of the rows of a table: (n_rows, n_inputs)."""

    def responses(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the responses to inputs: (n_rows, n_outputs)."""

    def gradients(
        self, inputs: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return responses (n_rows, n_outputs) and gradients (n_rows, n_inputs, n_outputs)."""
