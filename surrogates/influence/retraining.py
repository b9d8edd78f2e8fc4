"""Influence by fitting a model again without each training row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone
from tqdm.auto import tqdm

from surrogates.blackbox.table import take_rows
from surrogates.influence.engine import Question
from surrogates.influence.modules import is_module

__all__ = [
    "Judge",
    "RefitChanges",
    "RetrainEngine",
    "make_retrain_engine",
    "refit_without",
    "refuse_modules",
]

Array = NDArray[np.float64]
Removals = Sequence[NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class Judge:
    """The loss, or the prediction, of any fitted model on labelled rows.

    Parameters
    ----------
    unit : str
    classes : tuple or None
        Classes of the model with all rows.
    question : Question
    """

    unit: str
    classes: tuple[Any, ...] | None
    question: Question

    @classmethod
    def of(cls, estimator: Any, classes: tuple[Any, ...] | None, question: Question) -> "Judge":
        """Choose the loss by what the model can say."""
        if classes is None:
            return cls("squared error", None, question)
        if hasattr(estimator, "predict_proba"):
            return cls("log loss, of probabilities of at least 2e-16", classes, question)
        return cls("zero-one loss", classes, question)

    def values(self, estimator: Any, X: Any, y: NDArray[Any] | None) -> Array:
        """Return one number per row, of shape (n_rows,)."""
        outputs = self._outputs(estimator, X)
        if self.question.of == "prediction":
            return outputs[:, self.question.output or 0]
        if y is None:
            raise ValueError("The loss of a row needs its label: pass y to explain.")
        if self.classes is None:
            return np.square(outputs - y.reshape(outputs.shape)).sum(axis=1)
        own = outputs[np.arange(len(y)), y]
        if self.unit == "zero-one loss":
            return 1.0 - own
        return -np.log(np.maximum(own, np.finfo(np.float64).eps))

    def _outputs(self, estimator: Any, X: Any) -> Array:
        """Return numbers, probabilities or indicators, of shape (n_rows, n_outputs)."""
        if self.classes is None:
            numbers = np.asarray(estimator.predict(X), dtype=np.float64)
            return numbers.reshape(len(numbers), -1)
        places = [self.classes.index(label) for label in estimator.classes_]
        if hasattr(estimator, "predict_proba"):
            shares = np.asarray(estimator.predict_proba(X), dtype=np.float64)
        else:
            labels = np.asarray(estimator.predict(X))
            shares = np.column_stack([labels == label for label in estimator.classes_])
        outputs = np.zeros((len(shares), len(self.classes)))  # a class may have lost all its rows
        outputs[:, places] = shares
        return outputs


def refit_without(
    estimator: Any,
    X: Any,
    y: Any,
    weights: Mapping[str, Array],
    rows: NDArray[np.int64],
) -> Any:
    """Return a clone of the estimator fitted without some rows.

    Parameters
    ----------
    estimator : object
    X, y : table and labels
        All training rows.
    weights : mapping
        Sample weights of all rows by the name that `fit` takes them under; none if empty.
    rows : ndarray of int
        Positions of the rows left out.
    """
    kept = np.setdiff1d(np.arange(X.shape[0]), rows)
    parameters = {name: values[kept] for name, values in weights.items()}
    return clone(estimator).fit(take_rows(X, kept), np.asarray(y)[kept], **parameters)


@dataclass(frozen=True, eq=False)
class RefitChanges:
    """Fits the model again in every case asked for.

    Parameters
    ----------
    estimator : object
        Fitted on all rows.
    X, y : table and labels
        All training rows, as the estimator takes them.
    codes : ndarray
        Positions of the labels among the classes, or numbers.
    weights : mapping
    judge : Judge
    removals : sequence of arrays of positions
    n_jobs : int or None
    verbose : bool
    """

    estimator: Any
    X: Any
    y: Any
    codes: NDArray[Any]
    weights: Mapping[str, Array]
    judge: Judge
    removals: Removals
    n_jobs: int | None
    verbose: bool
    in_one_piece: ClassVar[bool] = True

    def fill(self, X: Any, y: NDArray[Any] | None, out: Array) -> None:
        """Write what every case does to every test row."""
        self.fill_with_own(X, y, out)

    def fill_with_own(self, X: Any, y: NDArray[Any] | None, out: Array) -> Array:
        """Write the same, and return what every case does to its own rows, on average."""
        base = self.judge.values(self.estimator, X, y)
        base_own = self.judge.values(self.estimator, self.X, self.codes)
        cases = tqdm(self.removals, desc="refits", unit="fit", disable=not self.verbose)
        found = Parallel(n_jobs=self.n_jobs)(
            delayed(_refit_values)(self, rows, X, y) for rows in cases
        )
        own = np.empty(len(self.removals))
        for case, (values, own_values) in enumerate(found):
            out[:, case] = values - base
            own[case] = np.mean(own_values - base_own[self.removals[case]])
        return own


def _refit_values(
    changes: RefitChanges, rows: NDArray[np.int64], X: Any, y: NDArray[Any] | None
) -> tuple[Array, Array]:
    model = refit_without(changes.estimator, changes.X, changes.y, changes.weights, rows)
    own = changes.judge.values(model, take_rows(changes.X, rows), changes.codes[rows])
    return changes.judge.values(model, X, y), own


@dataclass(frozen=True, eq=False)
class RetrainEngine:
    """Any model, fitted again without each row.

    Parameters
    ----------
    changes : RefitChanges
    details : mapping
    """

    changes: RefitChanges
    details: Mapping[str, Any] = field(default_factory=dict)

    def without(self, groups: Removals) -> tuple[RefitChanges, dict[str, Any]]:
        """Return refits without sets of rows."""
        return replace(self.changes, removals=groups), {}

    def judge(self, model: Any, X: Any, y: NDArray[Any] | None) -> Array:
        """Return the loss, or the prediction, of another fitted model for rows."""
        return self.changes.judge.values(model, X, y)

    @property
    def worker(self) -> RefitChanges:
        """What fills blocks of rows."""
        return self.changes

    @property
    def self_influence(self) -> Array:
        """Influence of every training row on itself: as many fits as there are rows."""
        first = take_rows(self.changes.X, slice(0, 1))
        scratch = np.empty((1, len(self.changes.removals)))
        return self.changes.fill_with_own(first, self.changes.codes[:1], scratch)

    def losses(self, X: Any, y: NDArray[Any]) -> Array:
        """Return the loss of every row under the model."""
        return self.changes.judge.values(self.changes.estimator, X, y)


def refuse_modules(estimator: Any) -> None:
    """Raise where `fit` trains nothing, so that all refits would be the same model."""
    if is_module(estimator):
        raise ValueError(
            f"{type(estimator).__name__} holds a trained module and never trains it: "
            "method='retrain' cannot fit it again. Use another method; validate() trains on, from "
            "the parameters of the module, without rows."
        )


def make_retrain_engine(
    estimator: Any,
    X: Any,
    y: Any,
    codes: NDArray[Any],
    weights: Mapping[str, Array],
    *,
    classes: tuple[Any, ...] | None,
    question: Question,
    n_jobs: int | None,
    verbose: bool,
) -> RetrainEngine:
    """Prepare refits without every row alone."""
    if not hasattr(estimator, "get_params"):
        raise TypeError(
            f"method='retrain' clones the estimator, and {type(estimator).__name__} has no "
            "get_params: pass an estimator of scikit-learn."
        )
    judge = Judge.of(estimator, classes, question)
    alone = list(np.arange(len(codes), dtype=np.int64)[:, None])
    changes = RefitChanges(estimator, X, y, codes, weights, judge, alone, n_jobs, verbose)
    details = {"loss": judge.unit, "stationarity_residual": 0.0, "polished_rows": 0}
    return RetrainEngine(changes, details)
