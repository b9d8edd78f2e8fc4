"""A network with its head, its outputs selected, behind column-wise preprocessing."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from surrogates.blackbox.breaks import Breaks
from surrogates.blackbox.heads import Head
from surrogates.blackbox.model import Model
from surrogates.blackbox.perceptron_relevance import Shares
from surrogates.blackbox.pipelines import ColumnwisePreprocessing
from surrogates.blackbox.relevance import Relevance, RelevanceRule
from surrogates.blackbox.table import is_frame
from surrogates.exceptions import ModelOutputError

__all__ = ["OpenModel", "OpenNetwork"]

Floats = NDArray[np.float64]


class OpenNetwork(Protocol):
    """What a library of networks has to offer: see `Perceptron`."""

    @property
    def owners(self) -> NDArray[np.int64]:
        """Position of the column that owns each input: (n_inputs,)."""

    @property
    def precision(self) -> float:
        """Relative rounding of the inputs, and of what is made of them."""

    @property
    def n_stages(self) -> int | None:
        """How many activations lie one behind the other, or None where it is not known."""

    def encode(self, table: Any) -> Floats:
        """Return the inputs of rows, where differentiation begins."""

    def outputs(self, inputs: Floats) -> Floats:
        """Return the outputs of the last layer: (n_rows, n_last)."""

    def pullback(self, inputs: Floats, seeds: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
        """Return outputs, and derivatives (n_rows, n_inputs, n_wanted)."""

    def rescale(
        self, inputs: Floats, baselines: Floats, seeds: Callable[[Floats, Floats], Floats]
    ) -> tuple[Floats, Floats]:
        """Return outputs, and DeepLIFT's multipliers (n_rows, n_inputs, n_wanted)."""

    def breaks(self, starts: Floats, stops: Floats, most: int) -> Breaks | None:
        """Return where segments between inputs bend, or None where that is not known."""

    def relevance(
        self, inputs: Floats, rule: RelevanceRule, seeds: Floats
    ) -> tuple[Floats, Shares]:
        """Return outputs, and how they, weighted by seeds (n_last, n_wanted), are shared."""


@dataclass(frozen=True, eq=False)
class OpenModel:
    """A differentiable response: `Differentiable` for every network.

    Parameters
    ----------
    network : OpenNetwork
    head : Head
        From the outputs of the network to responses.
    name : str
        How the model is asked, for messages.
    preprocessing : ColumnwisePreprocessing or None
        Done before the network is asked.
    as_array : bool
        Whether the network takes frames as arrays.
    """

    network: OpenNetwork
    head: Head
    name: str
    preprocessing: ColumnwisePreprocessing | None = None
    as_array: bool = False

    @property
    def owners(self) -> NDArray[np.int64]:
        """Position of the column that owns each input."""
        own = self.network.owners
        return own if self.preprocessing is None else self.preprocessing.source_column[own]

    @property
    def n_outputs(self) -> int:
        """Number of responses."""
        return self.head.n_outputs

    @property
    def precision(self) -> float:
        """Relative rounding of the inputs, and of what is made of them."""
        return self.network.precision

    @property
    def is_linear_above(self) -> bool:
        """Whether the responses are linear in the outputs of the last layer."""
        return self.head.link == "identity"

    @property
    def n_stages(self) -> int | None:
        """How many activations lie one behind the other, that of the head included."""
        own = self.network.n_stages
        return None if own is None else own + (not self.is_linear_above)

    def select(self, model: Model) -> "OpenModel":
        """Return the outputs that a model explains, with their signs."""
        return replace(self, head=self.head.select(model))

    def behind(self, preprocessing: ColumnwisePreprocessing | None, as_array: bool) -> "OpenModel":
        """Return the model of the tables that are preprocessed before."""
        return replace(self, preprocessing=preprocessing, as_array=as_array)

    def encode(self, X: Any) -> Floats:
        """Return the inputs of the rows of a table: (n_rows, n_inputs).

        Raises
        ------
        ModelOutputError
            An input is not finite, or a transformer raised.
        """
        table = X if self.preprocessing is None else self.preprocessing.transform(X)
        try:
            inputs = self.network.encode(
                table.to_numpy() if self.as_array and is_frame(table) else table
            )
        except (TypeError, ValueError) as error:
            raise ModelOutputError(f"{self.name} cannot read the rows: {error}") from error
        if not np.isfinite(inputs).all():
            raise ModelOutputError(
                f"{self.name} cannot be asked about rows that contain NaN or infinite values."
            )
        return inputs

    def responses(self, inputs: Floats) -> Floats:
        """Return the responses to inputs: (n_rows, n_outputs)."""
        return self.head.responses(self.network.outputs(inputs))

    def gradients(self, inputs: Floats) -> tuple[Floats, Floats]:
        """Return responses (n_rows, n_outputs) and gradients (n_rows, n_inputs, n_outputs)."""
        outputs, gradients = self.network.pullback(inputs, self.head.slopes)
        return self.head.responses(outputs), gradients

    def breaks(self, starts: Floats, stops: Floats, most: int) -> Breaks | None:
        """Return where the segments from `starts` to `stops` bend the network."""
        return self.network.breaks(starts, stops, most)

    def mean_gradients(self, starts: Floats, stops: Floats) -> Floats:
        """Return the mean gradients over segments without breaks: (n, n_inputs, n_outputs).

        There the last layer is linear, so that the mean is that of the slopes of the head.
        """
        middle = 0.5 * (starts + stops)
        if self.is_linear_above:
            return self.network.pullback(middle, self.head.slopes)[1]
        ends = self.network.outputs(starts), self.network.outputs(stops)
        seeds = self.head.mean_slopes(*ends)
        return self.network.pullback(middle, _Constant(seeds))[1]

    def rescale(self, inputs: Floats, baselines: Floats) -> tuple[Floats, Floats]:
        """Return responses, and DeepLIFT's contributions (n_rows, n_inputs, n_outputs)."""
        outputs, multipliers = self.network.rescale(inputs, baselines, self.head.mean_slopes)
        return self.head.responses(outputs), (inputs - baselines)[:, :, None] * multipliers

    def relevance(self, inputs: Floats, rule: RelevanceRule) -> Relevance:
        """Return the relevances of inputs, and the shares that no input gets.

        Raises
        ------
        ValueError
            The responses are no linear function of the outputs of the last layer.
        """
        if not self.is_linear_above:
            raise ValueError(f"{self.name} has no relevances: use the logits.")
        outputs, shares = self.network.relevance(inputs, rule, self.head.matrix)
        return Relevance(
            np.moveaxis(shares.units, 0, 2),
            shares.bias.T + self.head.offset,
            np.ascontiguousarray(shares.stabilizer.T),
            self.head.responses(outputs),
        )


@dataclass(frozen=True)
class _Constant:
    """Seeds that are known before the outputs."""

    seeds: Floats

    def __call__(self, _: Floats) -> Floats:
        return self.seeds
