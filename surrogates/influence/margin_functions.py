"""What influence asks of a trained network of another library."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["MarginFunction"]

Array = NDArray[np.float64]


class MarginFunction(Protocol):
    """Margins of rows as a function of parameters, with derivatives.

    Margins have the shape (n_rows, n_outputs): the log-odds of the second of two classes, or the
    logits of all classes, or a number. Rows are read once, and passed as `read` returned them.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many numbers each of them has."""

    @property
    def values(self) -> Array:
        """The trained parameters, of shape (n_parameters,)."""

    def read(self, X: Any) -> Any:
        """Return rows as the other methods take them; what was read already is returned."""

    def margins(self, values: Array, X: Any) -> Array:
        """Return margins, of shape (n_rows, n_outputs)."""

    def jacobian(self, values: Array, X: Any) -> Array:
        """Return their derivatives, of shape (n_rows, n_outputs, n_parameters)."""

    def pushforward(self, values: Array, X: Any, directions: Array) -> Array:
        """Return how they change along directions: (n_directions, n_rows, n_outputs)."""

    def pullback(self, values: Array, X: Any, seeds: Array) -> Array:
        """Return gradients of their sums weighted by seeds, of shape (n_sums, n_parameters).

        The seeds have the shape (n_sums, n_rows, n_outputs).
        """

    def curved_pullback(
        self, values: Array, X: Any, directions: Array, seeds: Array, turns: Array
    ) -> Array:
        """Return how the gradient of a weighted sum changes along directions.

        The seeds (n_rows, n_outputs) change by turns (n_directions, n_rows, n_outputs).
        """
