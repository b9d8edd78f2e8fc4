"""Distilled trees as classifiers and as regressors."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import get_tags

from surrogates._params import (
    ANY_CALLABLE,
    NONE,
    Instance,
    Options,
)
from surrogates.distillation.distiller import Constraints, Distiller
from surrogates.distillation.pool import Task
from surrogates.distillation.teacher import Teacher, make_classification, make_regression

__all__ = ["LabelDistiller", "NumberDistiller"]


class LabelDistiller(ClassifierMixin, Distiller):
    """Base of trees that imitate a classifier."""

    targets: str
    class_weight: Any

    _own_constraints: ClassVar[Constraints] = {
        "response_method": [Instance(str, "a str"), ANY_CALLABLE],
        "targets": [Options("labels", "proba")],
        "class_weight": [Instance(Mapping, "a mapping of classes"), Options("balanced"), NONE],
    }

    def _teaches(self) -> str:
        return self.targets

    def _task(self, teacher: Teacher, targets: NDArray[np.float64]) -> Task:
        self.classes_ = np.asarray(teacher.classes)
        return make_classification(targets, self.classes_, self.class_weight)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label of each row.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)
            Missing values and levels that were not seen in `fit` are allowed.

        Returns
        -------
        labels : ndarray of shape (n_rows,)
            The most likely class of the leaf; the first of those that are equally likely.
        """
        positions = self._values(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[positions]
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the class shares of the leaf of each row.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)

        Returns
        -------
        shares : ndarray of shape (n_rows, n_classes)
            Of the labels that the model gives there, or with ``targets="proba"`` the mean of its
            probabilities; in the order of ``classes_``.
        """
        return self._values(X)


class NumberDistiller(RegressorMixin, Distiller):
    """Base of trees that imitate a regressor, or a score."""

    target: Any

    _own_constraints: ClassVar[Constraints] = {
        "response_method": [Instance(str, "a str"), ANY_CALLABLE],
    }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator) if isinstance(self.estimator, BaseEstimator) else None
        outputs = inner is not None and inner.target_tags.multi_output
        tags.target_tags.multi_output = bool(outputs)
        return tags

    def _teaches(self) -> str:
        return "numbers"

    def _task(self, teacher: Teacher, targets: NDArray[np.float64]) -> Task:  # noqa: ARG002
        return make_regression(targets)

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the prediction of each row.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)
            Missing values and levels that were not seen in `fit` are allowed.

        Returns
        -------
        predictions : ndarray of shape (n_rows,), or (n_rows, n_outputs) for several outputs
        """
        values = self._values(X)
        return values[:, 0] if values.shape[1] == 1 else values
