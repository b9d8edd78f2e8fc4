"""What the wrapped model teaches: labels, probabilities or numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight

from surrogates.blackbox.model import Model, make_model
from surrogates.distillation.pool import Task

__all__ = ["Teacher", "make_classification", "make_regression", "make_teacher"]

_SUM_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class Teacher:
    """A model whose answers are targets of shape (n_rows, n_outputs).

    Parameters
    ----------
    model : Model
    kind : {"labels", "proba", "numbers"}
        Indicators of the labels, probabilities of the classes, or numbers.
    classes : ndarray or None
        The labels; None where numbers are taught.
    """

    model: Model
    kind: str
    classes: NDArray[Any] | None

    def __call__(self, table: Any) -> NDArray[np.float64]:
        """Return the targets of rows."""
        return self.read(self.model(table))

    def read(self, responses: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return targets, made of responses of the model.

        A label that the model gave for no reference row has no indicator: its targets are zero.
        """
        if self.kind == "numbers" or self.model.indicator_of is not None:
            return responses
        if responses.shape[1] == 1:
            _check_share(responses)
            responses = np.column_stack([1.0 - responses[:, 0], responses[:, 0]])
        if self.kind == "labels":
            return np.eye(responses.shape[1])[responses.argmax(axis=1)]
        _check_share(responses)
        if (np.abs(responses.sum(axis=1) - 1.0) > _SUM_TOLERANCE).any():
            raise ValueError(
                "targets='proba' needs probabilities, but the answers of "
                f"{self.model.method_name} do not sum to 1 in each row."
            )
        return responses


def _check_share(values: NDArray[np.float64]) -> None:
    if values.min() < 0.0 or values.max() > 1.0:
        raise ValueError(
            "The answers of the model are numbers outside of [0, 1], not labels or probabilities: "
            "imitate them by the regressor of this family."
        )


def make_teacher(
    estimator: Any, response_method: Any, kind: str, target: Any, X: Any
) -> tuple[Teacher, NDArray[np.float64]]:
    """Find out what a model teaches, by asking it about the reference rows once.

    Parameters
    ----------
    estimator : object
    response_method : str or callable
    kind : {"labels", "proba", "numbers"}
    target : label, list of labels or None
        Outputs to imitate, of numbers.
    X : ndarray or DataFrame of shape (n_rows, n_columns)

    Returns
    -------
    teacher : Teacher
    targets : ndarray of shape (n_rows, n_outputs)
    """
    if kind == "numbers":
        model, responses = make_model(estimator, response_method, target, X)
        return Teacher(model, kind, None), responses
    if response_method == "auto":
        response_method = _method_for(estimator, kind)
    known = getattr(estimator, "classes_", None)
    outputs = None if known is None else list(known)
    model, responses = make_model(estimator, response_method, outputs, X)
    if model.indicator_of is not None and kind == "proba":
        raise ValueError("targets='proba' needs a model with predict_proba, not labels.")
    labels = (0, 1) if responses.shape[1] == 1 and model.indicator_of is None else model.labels
    teacher = Teacher(model, kind, _as_labels(labels, known))
    return teacher, teacher.read(responses)


def _method_for(estimator: Any, kind: str) -> str:
    names = ("predict", "predict_proba") if kind == "labels" else ("predict_proba",)
    return next((name for name in names if hasattr(estimator, name)), "auto")


def _as_labels(labels: tuple[Any, ...], known: Any) -> NDArray[Any]:
    if known is not None and len(known) == len(labels):
        return np.asarray(known)
    array = np.empty(len(labels), dtype=object)
    array[:] = labels
    inferred = pd.Series(array).infer_objects().to_numpy()
    return inferred if inferred.dtype.kind in "biu" else array


def make_classification(
    targets: NDArray[np.float64], classes: NDArray[Any], class_weight: Any
) -> Task:
    """Return the task of imitating labels.

    Parameters
    ----------
    targets : ndarray of shape (n_rows, n_classes)
    classes : ndarray of shape (n_classes,)
    class_weight : mapping, "balanced" or None
    """
    n = len(classes)
    weights = np.ones(n)
    seen = np.unique(targets.argmax(axis=1))
    if isinstance(class_weight, str):
        weights[seen] = compute_class_weight(class_weight, classes=seen, y=targets.argmax(axis=1))
    elif class_weight is not None:
        known = {label: at for at, label in enumerate(classes.tolist())}
        unknown = [label for label in class_weight if label not in known]
        if unknown:
            raise ValueError(
                f"The 'class_weight' parameter names the classes {unknown}, which the model does "
                f"not have. Its classes are {list(known)}."
            )
        for label, weight in class_weight.items():
            weights[known[label]] = weight
    if not (weights >= 0.0).all() or not weights[seen].any():
        raise ValueError("The 'class_weight' parameter must hold weights that are not negative.")
    return Task(n, True, weights, np.zeros(n), np.ones(n))


def make_regression(targets: NDArray[np.float64]) -> Task:
    """Return the task of imitating numbers."""
    n = targets.shape[1]
    scales = targets.std(axis=0)
    scales[scales <= 1e-12 * np.abs(targets).max(axis=0)] = 1.0
    return Task(n, False, np.ones(n), targets.min(axis=0), scales)
