"""Models whose inside is open: the protocol that the gradient family asks."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from surrogates.blackbox.breaks import Breaks
from surrogates.blackbox.relevance import Relevance, RelevanceRule

__all__ = ["Differentiable"]

Floats = NDArray[np.float64]


class Differentiable(Protocol):
    """A response as a function of numeric inputs, with its derivatives.

    The inputs are where differentiation begins: the numeric columns that a network takes, and the
    rows of its embeddings in place of the codes of categories. Every input belongs to one column of
    the table that the model takes, so that what is found for inputs is summed back to columns.
    """

    @property
    def owners(self) -> NDArray[np.int64]:
        """Position of the column that owns each input: (n_inputs,)."""

    @property
    def n_outputs(self) -> int:
        """Number of responses."""

    @property
    def precision(self) -> float:
        """Relative rounding of the inputs, and of what is made of them."""

    @property
    def is_linear_above(self) -> bool:
        """Whether the responses are linear in the outputs of the last layer, as logits are."""

    @property
    def n_stages(self) -> int | None:
        """How many activations lie one behind the other between the inputs and the responses.

        A logistic function or softmax at the end counts. None where it is not known.
        """

    def encode(self, X: Any) -> Floats:
        """Return the inputs of the rows of a table: (n_rows, n_inputs)."""

    def responses(self, inputs: Floats) -> Floats:
        """Return the responses to inputs: (n_rows, n_outputs)."""

    def gradients(self, inputs: Floats) -> tuple[Floats, Floats]:
        """Return responses (n_rows, n_outputs) and gradients (n_rows, n_inputs, n_outputs)."""

    def breaks(self, starts: Floats, stops: Floats, most: int) -> Breaks | None:
        """Return where the segments from `starts` to `stops` bend the network.

        Between breaks the outputs of the last layer are linear. Segments with more than `most`
        breaks are given up. None where the network is not piecewise linear, as far as is known.
        """

    def mean_gradients(self, starts: Floats, stops: Floats) -> Floats:
        """Return the mean gradients over segments without breaks: (n, n_inputs, n_outputs)."""

    def rescale(self, inputs: Floats, baselines: Floats) -> tuple[Floats, Floats]:
        """Return responses, and DeepLIFT's contributions (n_rows, n_inputs, n_outputs).

        `baselines` has a row for each row of `inputs`, or a single one.
        """

    def relevance(self, inputs: Floats, rule: RelevanceRule) -> Relevance:
        """Return the relevances of inputs, and the shares that no input gets."""
