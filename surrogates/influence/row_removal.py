"""Measure what removing training rows does, with whatever a model allows."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from surrogates.base import Explainer
from surrogates.blackbox.model import is_fitted
from surrogates.blackbox.table import is_frame, row_labels, take_rows
from surrogates.explanation import Influence
from surrogates.influence.blocks import fill_blocks
from surrogates.influence.engine import Question, Training
from surrogates.influence.engines import make_engine
from surrogates.influence.groups import read_groups
from surrogates.influence.labels import Labels
from surrogates.influence.last_step import LastStep, find_last_step, weight_parameter
from surrogates.influence.retraining import make_retrain_engine, refuse_modules

__all__ = ["RowRemoval"]


class RowRemoval(Explainer):
    """Base of `InfluenceFunctions`: fit, explain, remove."""

    method: str
    of: str
    target: Any
    damping: str | float
    layers: Any
    penalty: Any
    tol: float | None
    n_jobs: int | None
    verbose: bool | int

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Find out how the model depends on its training rows.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_train, n_columns)
            The rows that the model was, or is to be, fitted on.
        y : array-like of shape (n_train,)
            Their labels.
        sample_weight : array-like of shape (n_train,), default=None
            The weights that the model was, or is to be, fitted with.

        Returns
        -------
        self : InfluenceFunctions

        Raises
        ------
        ValueError
            A parameter out of range, no labels, an objective that is not smooth, a model of
            unknown class, or one that is far from the optimum of its objective on these rows.
        """
        self._check_params()
        X = self._check_reference(X)
        self._check_labels_are_given(y)
        weights = self._check_weights(X, sample_weight)
        self._seed = self._root_seed()
        self.estimator_ = self._fit_estimator(X, y, weights)
        last = find_last_step(self.estimator_)
        self.labels_ = Labels.of(last.final)
        self.train_data_, self.train_targets_ = X, np.asarray(y)
        codes = self.labels_.encode(y, X.shape[0])
        question = self._ask(codes)
        self._weights, self._self_influence = weights, None
        if self.method == "retrain":
            refuse_modules(last.final)
            self._last = last.whole(self.estimator_)
            self.engine_ = self._retrain_engine(codes, question)
        else:
            self._last = last
            self.engine_ = make_engine(
                Training(
                    estimator=last.final,
                    X=last.transform(X),
                    y=codes,
                    weights=np.ones(X.shape[0]) if weights is None else weights,
                    weighted=weights is not None,
                ),
                question,
                tol=self.tol,
                damping=self.damping,
                layers=self.layers,
                penalty=self.penalty,
                n_jobs=self.n_jobs,
            )
            if not getattr(self.engine_, "is_costly", False):
                self._self_influence = self.engine_.self_influence
        self._codes = codes
        self.details_ = self._describe(last)
        return self

    @property
    def self_influence_(self) -> NDArray[np.float64]:
        """Influence of every training row on itself."""
        check_is_fitted(self)
        if self._self_influence is None:  # as many fits as there are rows, only when asked for
            self._self_influence = self.engine_.self_influence
        return self._self_influence

    def explain(self, X: Any, y: Any = None) -> Influence:
        """Measure what every training row does to some rows.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_test, n_columns)
            Rows with the columns seen in `fit`.
        y : array-like of shape (n_test,), default=None
            Their labels; not needed by ``of="prediction"``.

        Returns
        -------
        influence : Influence

        Raises
        ------
        NotFittedError
            `fit` was not called.
        ValueError
            No rows, columns other than those seen in `fit`, or labels never seen.
        """
        check_is_fitted(self)
        rows, codes = self._check_test(X, y)
        return self._explain(X, y, rows, codes)

    def explain_batches(self, X: Any, y: Any = None, size: int = 1000) -> Iterator[Influence]:
        """Measure influence on a large table in bounded memory.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_test, n_columns)
        y : array-like of shape (n_test,), default=None
            Not needed by ``of="prediction"``.
        size : int, default=1000
            Test rows in a batch; it does not change the answers.

        Returns
        -------
        influences : iterator of Influence
            Of consecutive batches of rows, labelled as in the whole table.

        Raises
        ------
        ValueError
            As `explain`, at the call and not at the first batch; or the size is out of range.
        """
        check_is_fitted(self)
        rows, codes = self._check_test(X, y)
        given = X if is_frame(X) else rows
        labels = None if y is None else np.asarray(y)
        return (
            replace(
                self._explain(
                    take_rows(given, batch),
                    None if labels is None else labels[batch],
                    take_rows(rows, batch),
                    None if codes is None else codes[batch],
                ),
                index=row_labels(given)[batch],
            )
            for batch in self._batches(rows.shape[0], size)
        )

    def remove(self, groups: Any, X: Any = None, y: Any = None) -> Influence:
        """Measure what removing sets of training rows together does.

        Parameters
        ----------
        groups : mapping, sequence of sequences, or sequence of int
            Positions in the training rows, or masks, of every group; a mapping names them.
        X : {array-like, DataFrame} of shape (n_test, n_columns), default=None
            Rows to measure the influence on; None takes the training rows and their labels.
        y : array-like of shape (n_test,), default=None
            Their labels.

        Returns
        -------
        influence : Influence
            With groups in the place of training rows; ``self_influence`` is the mean over the
            rows of the group itself.

        Raises
        ------
        ValueError
            As `explain`; or the groups name rows that do not exist, or leave none.
        """
        check_is_fitted(self)
        named = read_groups(groups, self.train_data_.shape[0])
        if X is None:
            X, y = self.train_data_, self.train_targets_
        rows, codes = self._check_test(X, y)
        worker, found = self.engine_.without(named.rows)
        sizes = pd.DataFrame({"n_rows": [len(group) for group in named.rows]})
        shared = {
            name: value
            for name, value in self.details_.items()
            if not isinstance(value, np.ndarray) and name != "polished_rows"
        }
        return self._result(
            X if is_frame(X) else rows, y,
            self._fill(worker, self._last.transform(rows), codes, len(named.rows)),
            self_influence=self._own_groups(worker, named.rows),
            train_data=sizes.set_axis(pd.Index(named.names)),
            train_targets=None,
            details={**shared, **found},
        )  # fmt: skip

    def _retrain_engine(self, codes: NDArray[Any], question: Question) -> Any:
        weights = {}
        if self._weights is not None:
            weights = {weight_parameter(self.estimator_): self._weights}
        return make_retrain_engine(
            self.estimator_,
            self._last.transform(self.train_data_),
            self.train_targets_,
            codes,
            weights,
            classes=self.labels_.classes,
            question=question,
            n_jobs=self.n_jobs,
            verbose=bool(self.verbose),
        )

    def _own_groups(
        self, worker: Any, groups: tuple[NDArray[np.int64], ...]
    ) -> NDArray[np.float64]:
        X = self._last.transform(self.train_data_)
        means = np.empty(len(groups))
        for place, rows in enumerate(groups):
            values = self._fill(worker, take_rows(X, rows), self._codes[rows], len(groups))
            means[place] = values[:, place].mean()
        return means

    def _check_labels_are_given(self, y: Any) -> None:
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None."
            )

    def _check_estimator(self) -> None:
        super()._check_estimator()
        if not hasattr(self.estimator, "fit"):
            raise TypeError(
                f"The 'estimator' parameter of {type(self).__name__} must be an estimator that "
                f"was fitted on rows, or can be. Got {self.estimator!r} instead."
            )

    def _fit_estimator(self, X: Any, y: Any, sample_weight: NDArray[np.float64] | None) -> Any:
        unfitted = isinstance(self.estimator, BaseEstimator) and not is_fitted(self.estimator)
        if unfitted and sample_weight is not None and isinstance(self.estimator, Pipeline):
            weights = {weight_parameter(self.estimator): sample_weight}
            return clone(self.estimator).fit(X, y, **weights)
        return super()._fit_estimator(X, y, sample_weight)

    def _ask(self, codes: NDArray[Any]) -> Question:
        n_outputs = 1 if codes.ndim == 1 else codes.shape[1]
        output = None
        if self.of == "prediction":
            output = self.labels_.output(self.target, n_outputs)
        return Question(self.method, self.of, output)

    def _describe(self, last: LastStep) -> dict[str, Any]:
        found = dict(self.engine_.details)
        loss, response = found.pop("loss"), found.pop("response", "prediction")
        sign = {
            "loss": "positive: a helpful row, without which the loss is larger",
            "prediction": "positive: without the row the prediction is larger",
        }[self.of]
        kept = "refitted" if self.method == "retrain" else "frozen"
        return {
            "sign": sign,
            "unit": loss if self.of == "loss" else response,
            "preprocessing": kept if last.steps else "none",
            **found,
        }

    def _check_test(self, X: Any, y: Any) -> tuple[Any, NDArray[Any] | None]:
        rows = self._check_rows(X, self.train_data_)
        if y is None and self.of == "prediction":
            return rows, None
        self._check_labels_are_given(y)
        return rows, self.labels_.encode(y, rows.shape[0])

    def _explain(self, given: Any, y: Any, rows: Any, codes: NDArray[Any] | None) -> Influence:
        n_train = self.train_data_.shape[0]
        transformed = self._last.transform(rows)
        own = self._self_influence
        if own is None and self.method == "retrain":
            values = np.empty((rows.shape[0], n_train))
            own = self.engine_.worker.fill_with_own(transformed, codes, values)
            self._self_influence = own
        else:
            values = self._fill(self.engine_.worker, transformed, codes, n_train)
        return self._result(
            given if is_frame(given) else rows, y, values,
            self_influence=np.full(n_train, np.nan) if own is None else own,
            train_data=self.train_data_,
            train_targets=self.train_targets_,
            details=self.details_,
        )  # fmt: skip

    def _fill(
        self, worker: Any, X: Any, codes: NDArray[Any] | None, n_cases: int
    ) -> NDArray[np.float64]:
        return fill_blocks(
            worker,
            X,
            codes,
            (X.shape[0], n_cases),
            n_jobs=self.n_jobs,
            verbose=bool(self.verbose),
        )

    def _result(self, data: Any, y: Any, values: NDArray[np.float64], **others: Any) -> Influence:
        params = {
            name: getattr(self, name)
            for name in ("method", "of", "tol", "damping", "layers", "penalty")
        }
        return Influence(
            values=values,
            data=data,
            targets=None if y is None else np.asarray(y),
            method=self.method,
            params=params,
            **others,
        )
