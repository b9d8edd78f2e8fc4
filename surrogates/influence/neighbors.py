"""Shapley values of the training rows of a k-nearest-neighbours classifier."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import KNeighborsClassifier

from surrogates._kernels.neighbour_shapley import neighbour_shapley
from surrogates.blackbox.table import take_rows
from surrogates.influence.engine import Question, Training

__all__ = ["NeighborsEngine", "is_neighbors", "make_neighbors_engine", "shapley_of_neighbors"]

Array = NDArray[np.float64]

_BLOCK_ROWS = 256


def is_neighbors(estimator: Any) -> bool:
    """Tell whether `estimator` is of the class that is read here."""
    return isinstance(estimator, KNeighborsClassifier)


def shapley_of_neighbors(
    distances: Array, train: NDArray[np.int64], test: NDArray[np.int64], n_neighbors: int
) -> Array:
    """Return exact Shapley values of training rows for the vote about each test row.

    The utility of a set of training rows is the number of right labels among the `n_neighbors`
    nearest of them, divided by `n_neighbors`, also where fewer rows remain.

    Parameters
    ----------
    distances : ndarray of shape (n_test, n_train)
    train : ndarray of int of shape (n_train,)
        Labels as numbers.
    test : ndarray of int of shape (n_test,)
    n_neighbors : int

    Returns
    -------
    values : ndarray of shape (n_test, n_train)
        They add up to the utility of all rows. Of equal distances the first row counts as nearer.
    """
    values = np.empty(distances.shape)
    order = np.argsort(distances, axis=1, kind="stable")
    neighbour_shapley(order, train, test, n_neighbors, values)
    return values


@dataclass(frozen=True, eq=False)
class NeighborsEngine:
    """Shapley values in the vote of the nearest neighbors.

    Parameters
    ----------
    training : Training
    question : Question
    details : mapping
    """

    training: Training
    question: Question
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def worker(self) -> "NeighborsEngine":
        """What a process needs to fill blocks of rows."""
        return self

    @property
    def self_influence(self) -> Array:
        """Value of every training row for its own vote."""
        own = np.empty(self.training.n_rows)
        for start in range(0, len(own), _BLOCK_ROWS):
            block = np.arange(start, min(start + _BLOCK_ROWS, len(own)))
            values = np.empty((len(block), len(own)))
            self.fill(take_rows(self.training.X, block), self.training.y[block], values)
            own[block] = values[np.arange(len(block)), block]
        return own

    def fill(self, X: Any, y: NDArray[Any] | None, out: Array) -> None:
        """Write the values of training rows for test rows."""
        asked, sign = y, 1.0
        if self.question.of == "prediction":
            asked, sign = np.full(len(out), self.question.output, dtype=np.int64), -1.0
        if asked is None:
            raise ValueError("The vote for the right label needs the label: pass y to explain.")
        distances = self._distances(X)
        order = np.argsort(distances, axis=1, kind="stable")
        k = self.training.estimator.n_neighbors
        neighbour_shapley(order, self.training.y, asked.astype(np.int64), k, out)
        if sign < 0.0:
            np.negative(out, out=out)

    def losses(self, X: Any, y: NDArray[Any]) -> Array:
        """Return the share of wrong labels among the neighbors of every row."""
        shares: Array = self.training.estimator.predict_proba(X)
        return 1.0 - shares[np.arange(len(y)), y]

    def judge(self, model: Any, X: Any, y: NDArray[Any] | None) -> Array:
        """Return the share of wrong labels among the neighbors of every row, in another model."""
        shares: Array = model.predict_proba(X)
        if self.question.of == "prediction" or y is None:
            return shares[:, self.question.output or 0]
        return 1.0 - shares[np.arange(len(y)), y]

    def without(self, groups: Sequence[NDArray[np.int64]]) -> tuple[Any, dict[str, Any]]:
        """Return the values of sets of rows: sums of their own."""
        return _GroupSums(self, tuple(groups)), {}

    def _distances(self, X: Any) -> Array:
        model = self.training.estimator
        if model.metric == "precomputed":
            return np.asarray(X, dtype=np.float64)
        metric, options = model.effective_metric_, dict(model.effective_metric_params_)
        distances: Array = pairwise_distances(
            np.asarray(X), np.asarray(self.training.X), metric=metric, **options
        )
        return distances


@dataclass(frozen=True, eq=False)
class _GroupSums:
    """Sums of values over sets of rows."""

    engine: NeighborsEngine
    groups: tuple[NDArray[np.int64], ...]

    def fill(self, X: Any, y: NDArray[Any] | None, out: Array) -> None:
        """Write the values of groups for test rows."""
        values = np.empty((len(out), self.engine.training.n_rows))
        self.engine.fill(X, y, values)
        for place, rows in enumerate(self.groups):
            out[:, place] = values[:, rows].sum(axis=1)


def make_neighbors_engine(training: Training, question: Question) -> NeighborsEngine:
    """Check that the model votes over the training rows, each with the same weight."""
    model = training.estimator
    if question.method not in ("auto", "exact"):
        raise ValueError(
            f"The 'method' parameter of InfluenceFunctions must be 'auto', 'exact' or 'retrain' "
            f"for {type(model).__name__}, whose Shapley values are exact. "
            f"Got {question.method!r} instead."
        )
    if model.weights != "uniform":
        raise ValueError(
            f"The Shapley values of {type(model).__name__} are known for weights='uniform'. "
            f"It was fitted with weights={model.weights!r}: use method='retrain'."
        )
    if training.weighted and np.ptp(training.weights) > 0.0:
        raise ValueError(f"{type(model).__name__} takes no sample_weight: leave it out.")
    if model.n_samples_fit_ != training.n_rows:
        raise ValueError(
            f"{type(model).__name__} was fitted on {model.n_samples_fit_} rows, but "
            f"{training.n_rows} were passed: pass the rows that it was fitted on."
        )
    details = {
        "loss": f"share of right labels among the {model.n_neighbors} nearest (Shapley value)",
        "response": f"share of votes of the {model.n_neighbors} nearest (Shapley value)",
        "stationarity_residual": 0.0,
        "polished_rows": 0,
    }
    engine = NeighborsEngine(training, question, details)
    _check_rows(engine)
    return engine


def _check_rows(engine: NeighborsEngine) -> None:
    """Refuse other rows than those the model was fitted on."""
    training = engine.training
    probe = np.arange(min(training.n_rows, 64))
    own = engine._distances(take_rows(training.X, probe))
    expected = np.sort(own, axis=1)[:, 0]
    found = training.estimator.kneighbors(take_rows(training.X, probe), n_neighbors=1)[0][:, 0]
    if not np.allclose(expected, found, atol=1e-6 * (1.0 + np.abs(own).max())):
        raise ValueError(
            f"{type(training.estimator).__name__} was fitted on other rows: pass the rows that it "
            "was fitted on."
        )
