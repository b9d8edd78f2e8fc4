"""The model as a judge of candidates: what it answers, and whether that is what was wanted."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

from surrogates.blackbox.model import Model
from surrogates.blackbox.table import take_rows
from surrogates.blackbox.wrappers import unwrap
from surrogates.counterfactuals.goal import Goal

__all__ = ["Oracle", "make_oracle"]

_LARGEST_SHARE = (DecisionTreeClassifier, ExtraTreesClassifier, RandomForestClassifier)
"""Classes whose `predict` is known to be the output with the largest response, ties included."""

_GUARD = 1e-9
_N_TRIED = 16
_TIMES_NOISE = 64.0  # logits of probabilities near a half, and sums of several, vary more


@dataclass(frozen=True, eq=False)
class Oracle:
    """A model, a goal, and who says which class is predicted.

    Parameters
    ----------
    model : Model
        All outputs.
    goal : Goal
    labeller : Model or None
        Asks ``predict`` where it exists and is not known to follow from the responses.
    always_labels : bool
        Whether ``predict`` differs from the largest response, so that candidates need it too.
    noise : float
        By how much a margin may depend on the other rows in a call: matrix products round
        differently, in single precision visibly.
    """

    model: Model
    goal: Goal
    labeller: Model | None = None
    always_labels: bool = False
    noise: float = 0.0

    @property
    def rows_per_candidate(self) -> int:
        """Model rows that the search spends on a candidate."""
        return 2 if self.always_labels else 1

    @property
    def guard(self) -> float:
        """Margin that candidates need, so that the next call sees no tie instead."""
        infers = self.labeller is not None and not self.always_labels
        least = max(_GUARD if infers else 0.0, self.noise)
        is_wide = self.goal.high - self.goal.low > 4.0 * least
        return least if least and is_wide else -np.inf

    @property
    def rows_per_answer(self) -> int:
        """Model rows that the last check of an answer takes."""
        return 1 if self.labeller is None else 2

    def __call__(
        self, table: Any, *, surely: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Ask about rows.

        Parameters
        ----------
        table : ndarray or DataFrame of shape (n, n_columns)
        surely : bool, default=False
            Ask ``predict`` itself wherever that may make a difference.

        Returns
        -------
        responses : ndarray of shape (n, n_outputs)
        predicted : ndarray of shape (n,)
            The class predicted, as the position of an output.
        """
        responses = self.model(table)
        if self.labeller is not None and (surely or self.always_labels):
            return responses, self.labeller(table).argmax(axis=1)
        return responses, self.goal.predicted(responses)

    def of(self, predictor: Any) -> "Oracle":
        """Return the same questions to another predictor of the same classes."""
        labeller = None if self.labeller is None else replace(self.labeller, predictor=predictor)
        model = replace(self.model, predictor=predictor)
        return replace(self, model=model, labeller=labeller)

    def predicted_from(self, table: Any, responses: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the classes predicted for rows whose responses are known."""
        if self.labeller is not None and self.always_labels:
            return self.labeller(table).argmax(axis=1)
        return self.goal.predicted(responses)

    def names(self, responses: NDArray[np.float64], predicted: NDArray[np.int64]) -> NDArray[Any]:
        """Return what ``predict`` says: labels of classes, or numbers."""
        if not self.goal.is_class:
            return responses[:, 0].copy()
        return np.asarray(self.goal.labels)[predicted]


def make_oracle(model: Model, goal: Goal, reference: Any, responses: NDArray[np.float64]) -> Oracle:
    """Find out how a model turns its responses into classes.

    Parameters
    ----------
    model : Model
        All outputs.
    goal : Goal
    reference : ndarray or DataFrame of shape (n_references, n_columns)
    responses : ndarray of shape (n_references, n_outputs)
        To the reference rows.
    """
    predictor = model.predictor
    asks_labels = model.indicator_of is not None
    noise = 0.0 if asks_labels else _noise(model, reference, responses)
    if not goal.is_class or asks_labels or not hasattr(predictor, "predict"):
        return Oracle(model, goal, noise=noise)
    if isinstance(model.method, str) and _follows(predictor, model.method):
        return Oracle(model, goal, noise=noise)
    n_labels = len(model.labels)
    labeller = replace(
        model,
        method="predict",
        columns=tuple(range(n_labels)),
        signs=(1.0,) * n_labels,
        indicator_of=model.labels,
    )
    indicators = labeller(reference)
    if not indicators.any(axis=1).all():  # `predict` speaks of something else than the outputs
        return Oracle(model, goal, noise=noise)
    differs = bool((indicators.argmax(axis=1) != goal.predicted(responses)).any())
    return Oracle(model, goal, labeller, always_labels=differs, noise=noise)


def _noise(model: Model, reference: Any, responses: NDArray[np.float64]) -> float:
    """Ask about some reference rows in other company, and see how much that changes."""
    some = take_rows(reference, slice(0, _N_TRIED))
    changes = [
        np.abs(model(some) - responses[:_N_TRIED]).max(),
        np.abs(model(take_rows(reference, slice(0, 1))) - responses[:1]).max(),
    ]
    return _TIMES_NOISE * float(max(changes))


def _follows(predictor: Any, method: str) -> bool:
    """Tell whether ``predict`` is the largest response, by the class of the estimator."""
    if not isinstance(predictor, BaseEstimator):
        return False
    final = unwrap(predictor, method)
    if final is not unwrap(predictor, "predict"):
        return False
    if isinstance(final, Pipeline):
        return _follows(final.steps[-1][1], method)
    return type(final) in _LARGEST_SHARE
