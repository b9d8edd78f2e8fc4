"""What all explainers share: the wrapped model, fit, explain, transform, blocks of rows."""

from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, TransformerMixin, clone
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted, has_fit_parameter
from tqdm.auto import tqdm

from surrogates._params import Constraint, Interval, check_params, check_weights
from surrogates.blackbox.conform import conform
from surrogates.blackbox.model import can_be_asked, is_fitted
from surrogates.blackbox.table import (
    check_table,
    column_names,
    column_values,
    is_frame,
    row_labels,
    take_rows,
)
from surrogates.explanation import Attribution

__all__ = ["AttributionExplainer", "Explainer", "run_blocks"]


def run_blocks(
    worker: Callable[..., Any],
    tasks: Sequence[tuple[Any, ...]],
    *,
    n_jobs: int | None,
    verbose: bool,
    label: str,
) -> list[Any]:
    """Run a module-level worker on independent blocks of rows, in order.

    The blocks do not depend on `n_jobs`, so results are the same to the last bit on any backend
    of joblib.
    """
    if len(tasks) == 1 and not verbose:
        return [worker(*tasks[0])]
    bar = tqdm(tasks, desc=label, unit="block", disable=not verbose)
    results: list[Any] = Parallel(n_jobs=n_jobs)(delayed(worker)(*task) for task in bar)
    return results


class Explainer(MetaEstimatorMixin, BaseEstimator):
    """Base of everything that explains a wrapped model.

    A fitted model, or a callable, is used as it is: never refitted, never changed, and kept as the
    same object by `clone`. An unfitted model is cloned and fitted by `fit`, like in any
    meta-estimator of scikit-learn.

    Subclasses name their parameters in ``_constraints``.
    """

    _constraints: ClassVar[Mapping[str, Sequence[Constraint]]] = {}

    estimator: Any
    random_state: Any

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; those of a fitted model are not listed.

        Parameters
        ----------
        deep : bool, default=True
            Whether to list the parameters of an unfitted model too.

        Returns
        -------
        params : dict
            Values by name.
        """
        params: dict[str, Any] = super().get_params(deep=deep and not is_fitted(self.estimator))
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters.

        Parameters
        ----------
        **params : dict
            Parameters of the explainer, and ``estimator__name`` for those of an unfitted model.

        Returns
        -------
        self : Explainer

        Raises
        ------
        ValueError
            A parameter of a fitted model: it would no longer be the model that was fitted.
        """
        nested = [name for name in params if name.startswith("estimator__")]
        if nested and is_fitted(params.get("estimator", self.estimator)):
            raise ValueError(
                f"{nested[0]!r} would change a fitted model. Fit another model, "
                "or pass an unfitted estimator to the explainer."
            )
        super().set_params(**params)
        return self

    def __sklearn_clone__(self) -> Self:
        if not is_fitted(self.estimator):
            return self._cloned()
        stand_in = copy(self)
        stand_in.estimator = None
        cloned = stand_in._cloned()
        cloned.estimator = self.estimator
        return cloned

    def _cloned(self) -> Self:
        cloned: Self = super().__sklearn_clone__()
        return cloned

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = not is_fitted(self.estimator)
        tags.input_tags.allow_nan = _allows_nan(self.estimator)
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    def _check_params(self) -> None:
        values = {name: getattr(self, name) for name in self._constraints}
        check_params(type(self).__name__, values, self._constraints)

    def _root_seed(self) -> int:
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _check_reference(self, X: Any) -> Any:
        """Validate the table that the explainer is fitted on, and what it is to be sent to."""
        self._check_estimator()
        X = check_table(self, X, reset=True)
        if not is_frame(X) and hasattr(self.estimator, "feature_names_in_"):
            raise ValueError(
                f"X is an array without column names, but {type(self.estimator).__name__} was "
                f"fitted on a frame with the columns {list(self.estimator.feature_names_in_)}: "
                "pass a DataFrame."
            )
        if X.shape[0] > 1:
            _refuse_empty_columns(X)
        return X

    def _check_rows(self, X: Any, reference: Any) -> Any:
        """Validate rows to explain and bring them into the container of the reference table."""
        return conform(check_table(self, X, reset=False), reference)

    def _check_estimator(self) -> None:
        """Refuse what cannot predict: classes instead of instances, and other objects."""
        owner, estimator = type(self).__name__, self.estimator
        if isinstance(estimator, type):
            raise TypeError(
                f"The 'estimator' parameter of {owner} must be a model, not the class "
                f"{estimator.__name__}: write {estimator.__name__}()."
            )
        if not can_be_asked(estimator, getattr(self, "response_method", "auto")):
            raise TypeError(
                f"The 'estimator' parameter of {owner} must be a fitted or unfitted estimator, or "
                f"a callable. Got {estimator!r} instead."
            )

    def _fit_estimator(self, X: Any, y: Any, sample_weight: NDArray[np.float64] | None) -> Any:
        """Return the model to explain: the one given, or its clone fitted on X and y."""
        if is_fitted(self.estimator):
            return self.estimator
        name = type(self.estimator).__name__
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                f"is None. The wrapped {name} is not fitted: fit it first, or pass y."
            )
        if sample_weight is None:
            return clone(self.estimator).fit(X, y)
        if not has_fit_parameter(self.estimator, "sample_weight"):
            raise ValueError(
                f"The unfitted {name} does not take the sample_weight passed to "
                f"{type(self).__name__}: fit it first; the weights then apply to the reference "
                "rows."
            )
        return clone(self.estimator).fit(X, y, sample_weight=sample_weight)

    def _check_weights(self, X: Any, sample_weight: Any) -> NDArray[np.float64] | None:
        return None if sample_weight is None else check_weights(sample_weight, X.shape[0])

    def _batches(self, n_rows: int, size: int) -> Iterator[slice]:
        """Check the size of batches, and divide rows into them."""
        check_params("explain_batches", {"size": size}, {"size": [Interval("int", 1, None)]})
        return (slice(start, start + size) for start in range(0, n_rows, size))


def _allows_nan(estimator: Any) -> bool:
    """Tell what the wrapped model says of itself; whether rows are refused is left to the model."""
    return isinstance(estimator, BaseEstimator) and bool(get_tags(estimator).input_tags.allow_nan)


def _refuse_empty_columns(X: Any) -> None:
    if isinstance(X, np.ndarray) and X.dtype.kind in "biuf" and not np.isnan(X[0]).any():
        return  # no column of numbers is empty
    for position, name in enumerate(column_names(X)):
        if pd.isna(column_values(X, position)).all():
            raise ValueError(
                f"Column {name!r} of the reference data has no value that is not missing: "
                "drop the column, or pass reference rows that have values."
            )


class AttributionExplainer(TransformerMixin, Explainer, metaclass=ABCMeta):
    """Base of explainers whose answer is one number per column: `explain` and `transform`.

    Subclasses implement ``_explain`` and set ``players_``, ``model_`` and ``reference_`` in `fit`.
    """

    players_: Any
    model_: Any
    reference_: Any
    n_jobs: int | None
    verbose: bool | int

    @abstractmethod
    def _explain(self, X: Any) -> Attribution:
        """Explain rows that have the container and the dtypes of the reference table."""

    def _explain_blocks(self, worker: Callable[..., Any], engine: Any, X: Any) -> list[Any]:
        """Run ``worker(engine, rows)`` on blocks of ``engine.rows_per_block`` rows."""
        size = engine.rows_per_block
        return run_blocks(
            worker,
            [(engine, take_rows(X, slice(at, at + size))) for at in range(0, X.shape[0], size)],
            n_jobs=self.n_jobs,
            verbose=bool(self.verbose),
            label=type(self).__name__,
        )

    def explain(self, X: Any) -> Attribution:
        """Explain rows.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)
            Rows with the columns seen in `fit`. An array given to an explainer fitted on a frame
            takes the names of that frame.

        Returns
        -------
        explanation : Attribution

        Raises
        ------
        NotFittedError
            `fit` was not called.
        ValueError
            No rows, or columns other than those seen in `fit`.
        ModelOutputError
            The model raised, or returned something other than finite numbers.
        """
        check_is_fitted(self)
        rows = self._check_rows(X, self.reference_.rows)
        explanation, labels = self._explain(rows), row_labels(X if is_frame(X) else rows)
        known = explanation.index.identical(labels)
        return explanation if known else replace(explanation, index=labels)

    def explain_batches(self, X: Any, size: int = 1000) -> Iterator[Attribution]:
        """Explain a large table in bounded memory.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)
        size : int, default=1000
            Rows in a batch; it does not change the answers.

        Returns
        -------
        explanations : iterator of Attribution
            The explanations of consecutive batches of rows, labelled as in the whole table.

        Raises
        ------
        ValueError
            As `explain`, at the call and not at the first batch; or the size is out of range.
        """
        check_is_fitted(self)
        rows = self._check_rows(X, self.reference_.rows)
        labels = row_labels(X if is_frame(X) else rows)
        return (
            replace(self._explain(take_rows(rows, batch)), index=labels[batch])
            for batch in self._batches(len(labels), size)
        )

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the attributions as a table, so that an explainer is a step of a Pipeline.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)

        Returns
        -------
        attributions : ndarray of shape (n_rows, n_players * n_outputs)
            Or a frame, after ``set_output``. The columns are named by `get_feature_names_out`.
        """
        values = self.explain(X).values
        return values.reshape(len(values), -1).copy()

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the columns made by `transform`.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of a table that had none in `fit`; names seen in `fit` cannot
            change.

        Returns
        -------
        names : ndarray of str
            The players, or ``player__output`` where several outputs are explained.

        Raises
        ------
        ValueError
            The names differ in number, or from those seen in `fit`.
        """
        check_is_fitted(self)
        players, outputs = self._player_names(input_features), self.model_.output_names
        if len(outputs) == 1:
            return np.array(players, dtype=object)
        names = [f"{player}__{output}" for player in players for output in outputs]
        return np.array(names, dtype=object)

    def _player_names(self, input_features: Any) -> tuple[str, ...]:
        players: tuple[str, ...] = self.players_.names
        if input_features is None:
            return players
        if len(input_features) != self.n_features_in_:
            raise ValueError(
                "input_features should have length equal to number of features "
                f"({self.n_features_in_}), got {len(input_features)}"
            )
        seen = getattr(self, "feature_names_in_", None)
        if seen is not None and list(input_features) != list(seen):
            raise ValueError("input_features is not equal to feature_names_in_")
        columns = column_names(self.reference_.rows)
        renamed = dict(zip(columns, map(str, input_features), strict=True))
        groups = self.players_.groups
        return tuple(name if name in groups else renamed[name] for name in players)
