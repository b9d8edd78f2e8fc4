"""What every way of measuring influence has in common, and the options that all of them share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Engine", "Question", "Training", "Worker"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Question:
    """What is asked about a test row.

    Parameters
    ----------
    method : {"first_order", "newton", "auto", "exact"}
    of : {"loss", "prediction"}
        Whose change is reported.
    output : int, default=None
        Position of the output whose prediction is followed.
    """

    method: str
    of: str
    output: int | None = None


@dataclass(frozen=True, eq=False)
class Training:
    """What the last step of a model was fitted on.

    Parameters
    ----------
    estimator : object
        The fitted last step.
    X : {array-like, DataFrame} of shape (n_rows, n_columns)
        What it was given.
    y : ndarray of shape (n_rows,) or (n_rows, n_targets)
        Positions of the labels among ``classes_``, or numbers.
    weights : ndarray of shape (n_rows,)
        Sample weights.
    weighted : bool
        Whether any were given.
    """

    estimator: Any
    X: Any
    y: NDArray[Any]
    weights: Array
    weighted: bool

    @property
    def n_rows(self) -> int:
        """Number of training rows."""
        return len(self.y)


class Worker(Protocol):
    """What cases of removal do to test rows, block by block of rows."""

    def fill(self, X: Any, y: NDArray[Any] | None, out: Array) -> None:
        """Write what every case does to every test row, of shape (n_test, n_cases).

        Parameters
        ----------
        X : {array-like, DataFrame}
            What the last step of the model is given.
        y : ndarray or None
            Positions of labels, or numbers; None where only predictions are followed.
        out : ndarray of shape (n_test, n_cases)
        """


class Engine(Protocol):
    """One way of measuring what training rows do to test rows."""

    @property
    def details(self) -> Mapping[str, Any]:
        """What was found in `fit`, for the results."""

    @property
    def self_influence(self) -> Array:
        """Influence of every training row on itself, of shape (n_train,)."""

    @property
    def worker(self) -> Worker:
        """What a process needs to fill blocks of rows."""

    def losses(self, X: Any, y: NDArray[Any]) -> Array:
        """Return the loss of every row under the model."""

    def judge(self, model: Any, X: Any, y: NDArray[Any] | None) -> Array:
        """Return the loss, or the prediction, of another fitted model for rows."""

    def without(self, groups: Sequence[NDArray[np.int64]]) -> tuple[Worker, dict[str, Any]]:
        """Return a worker that removes sets of rows, and what was found on the way."""
