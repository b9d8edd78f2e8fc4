"""Reference rows and drawn rows with the answers of the oracle."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates.distillation.criteria import Criterion, Entropy, Variance

__all__ = ["Pool", "Task", "taken"]


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be imitated: labels, or numbers.

    Parameters
    ----------
    n_outputs : int
    is_classification : bool
    class_weights : ndarray of shape (n_outputs,)
        Of classes, by the label that the oracle gives; ones in regression.
    offsets, scales : ndarray of shape (n_outputs,)
        Least value and standard deviation of each output, 0 and 1 in classification.
    """

    n_outputs: int
    is_classification: bool
    class_weights: NDArray[np.float64]
    offsets: NDArray[np.float64]
    scales: NDArray[np.float64]

    @property
    def criterion(self) -> Criterion:
        """What a split should gain."""
        return Entropy() if self.is_classification else Variance()

    def weights_of(self, targets: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the weights of rows by their class."""
        if not self.is_classification:
            return np.ones(len(targets))
        return self.class_weights[_labels(targets)] * (targets.sum(axis=1) > 0.0)

    def mass(
        self, targets: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the masses that the criterion reads."""
        if self.is_classification:
            return weights[:, np.newaxis] * targets
        scaled = (targets - self.offsets) / self.scales
        return weights[:, np.newaxis] * np.column_stack(
            [np.ones(len(targets)), np.maximum(scaled, 0.0)]
        )

    def losses(
        self, targets: NDArray[np.float64], value: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return what each row loses under a value, of shape (n_outputs,) or one for each row."""
        if self.is_classification:
            return (_labels(targets) != value.argmax(axis=-1)).astype(np.float64)
        errors: NDArray[np.float64] = (((targets - value) / self.scales) ** 2).mean(axis=1)
        return errors


def _labels(targets: NDArray[np.float64]) -> NDArray[np.int64]:
    if targets.shape[1] == 2:  # much faster than a maximum in each row
        return (targets[:, 1] > targets[:, 0]).astype(np.int64)
    return targets.argmax(axis=1)


def taken(coded: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return some rows of a matrix whose columns lie together, laid out like it."""
    return coded.T.take(rows, axis=1).T


@dataclass(eq=False)
class Pool:
    """All rows that a tree is grown from; drawn rows are added as they are asked about.

    Parameters
    ----------
    coded : ndarray of shape (n_rows, n_columns)
        The numbers of a column lie together.
    targets : ndarray of shape (n_rows, n_outputs)
    weights : ndarray of shape (n_rows,)
        Of reference rows, they sum to their share of all weight. Of drawn rows, relative to each
        other.
    n_reference : int
        The first rows are reference rows.
    """

    coded: NDArray[np.float64]
    targets: NDArray[np.float64]
    weights: NDArray[np.float64]
    n_reference: int

    def __post_init__(self) -> None:
        self.coded = np.asfortranarray(self.coded)

    def __len__(self) -> int:
        return len(self.coded)

    @property
    def scales(self) -> tuple[float, float]:
        """What makes the weights of reference rows and of drawn rows sum to one together."""
        left = max(1.0 - self.weights[: self.n_reference].sum(), 0.0)
        drawn = self.weights[self.n_reference :].sum()
        return (1.0, left / drawn) if drawn else (1.0 / (1.0 - left), 0.0)

    @property
    def shares(self) -> NDArray[np.float64]:
        """The share of each row in all weight."""
        return self.weights * np.where(np.arange(len(self)) < self.n_reference, *self.scales)

    def add(
        self, coded: NDArray[np.float64], targets: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Append drawn rows and return their numbers."""
        first = len(self)
        self.coded = np.concatenate([self.coded.T, coded.T], axis=1).T
        self.targets = np.concatenate([self.targets, targets])
        self.weights = np.concatenate([self.weights, weights])
        return np.arange(first, len(self))
