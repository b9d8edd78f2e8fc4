"""What the engines of the family return, and the sum over the inputs of a player."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Answer", "GradientEngine", "Owners", "explain_block", "joined"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Answer:
    """Attributions of rows to players.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_players, n_outputs)
    base_values, predictions : ndarray of shape (n_rows, n_outputs)
    n_gradients : int
        Rows for which a derivative, or what takes its place, was computed.
    std_errors : ndarray of the shape of `values` or None
    converged : ndarray of shape (n_rows,) or None
    details : mapping of str to ndarray
        With the rows first.
    """

    values: Floats
    base_values: Floats
    predictions: Floats
    n_gradients: int
    std_errors: Floats | None = None
    converged: NDArray[np.bool_] | None = None
    details: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class GradientEngine(Protocol):
    """Explains blocks of rows, on whichever worker."""

    @property
    def rows_per_block(self) -> int:
        """Rows that make a unit of work."""

    def explain(self, rows: Any) -> Answer:
        """Explain a block of rows."""


def explain_block(engine: GradientEngine, rows: Any) -> Answer:
    """Explain a block of rows, on whichever worker."""
    return engine.explain(rows)


def joined(answers: Sequence[Answer]) -> Answer:
    """Return the answers to consecutive blocks as one."""
    first = answers[0]
    if len(answers) == 1:
        return first
    return Answer(
        np.concatenate([one.values for one in answers]),
        np.concatenate([one.base_values for one in answers]),
        np.concatenate([one.predictions for one in answers]),
        sum(one.n_gradients for one in answers),
        _joined_parts([one.std_errors for one in answers]),
        _joined_parts([one.converged for one in answers]),
        {key: np.concatenate([one.details[key] for one in answers]) for key in first.details},
    )


def _joined_parts(parts: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known else None


@dataclass(frozen=True)
class Owners:
    """Which player owns each input.

    Parameters
    ----------
    of_input : ndarray of shape (n_inputs,)
    n_players : int
    """

    of_input: NDArray[np.int64]
    n_players: int

    def sums(self, values: Floats) -> Floats:
        """Sum over the inputs of each player: (n_rows, n_inputs, ...) to (n_rows, n_players, ...).

        Players who own no input have 0.
        """
        if np.array_equal(self.of_input, np.arange(self.n_players)):
            return values
        order = np.argsort(self.of_input, kind="stable")
        owners, starts = np.unique(self.of_input[order], return_index=True)
        summed = np.zeros((len(values), self.n_players, *values.shape[2:]))
        summed[:, owners] = np.add.reduceat(values[:, order], starts, axis=1)
        return summed
