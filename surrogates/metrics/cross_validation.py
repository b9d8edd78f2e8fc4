"""Explanations of rows by models that have not seen them."""

from dataclasses import replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.model_selection import check_cv

from surrogates.blackbox.table import take_rows
from surrogates.explanation import Attribution
from surrogates.metrics.refitting import check_target, explain_refit, same_outputs, unfitted_twin

__all__ = ["cross_val_explain"]

_BY_ROW = ("values", "base_values", "predictions")
_MAYBE_BY_ROW = ("std_errors", "fidelity", "interactions", "converged")


def cross_val_explain(
    explainer: Any,
    X: Any,
    y: Any,
    cv: Any = 5,
    *,
    groups: Any = None,
    n_jobs: int | None = None,
) -> Attribution:
    """Explain every row by a model that was fitted on others.

    For each fold, the model and the explainer are cloned and fitted on the other folds, whose
    rows are the reference group too.

    Parameters
    ----------
    explainer : AttributionExplainer
        Around a scikit-learn estimator, fitted or not; it is not changed.
    X : {array-like, DataFrame} of shape (n_rows, n_columns)
    y : array-like of shape (n_rows,)
        Target of the model.
    cv : int, splitter or iterable, default=5
        As for ``sklearn.model_selection.cross_val_predict``; every row must be tested once.
    groups : array-like of shape (n_rows,), default=None
        For splitters that keep groups together.
    n_jobs : int, default=None
        Number of joblib workers over the folds.

    Returns
    -------
    explanation : Attribution
        Of all rows in their order; ``details["fold"]`` has the number of the fold of each. There
        is no ``reference``: base values differ between folds.

    Raises
    ------
    ValueError
        The folds are no partition of the rows, or a fold lacks a class.
    TypeError
        The model cannot be fitted again.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from surrogates import KernelSHAP
    >>> from surrogates.metrics import cross_val_explain
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> explanation = cross_val_explain(KernelSHAP(Ridge(), random_state=0), X, y, cv=3)
    >>> explanation.values.shape, len(set(explanation.base_values.ravel()))
    ((442, 10, 1), 3)
    """
    table, target = check_target(X, y)
    twin = unfitted_twin(explainer)
    splitter = check_cv(cv, target, classifier=is_classifier(twin.estimator))
    folds = list(splitter.split(table, target, groups))
    tested = np.concatenate([test for _, test in folds])
    if not np.array_equal(np.sort(tested), np.arange(table.shape[0])):
        raise ValueError(
            "cv must test every row exactly once: use KFold, StratifiedKFold, GroupKFold or "
            f"another partition of the rows. Got {cv!r}."
        )
    parts = Parallel(n_jobs=n_jobs)(
        delayed(explain_refit)(twin, table, target, train, take_rows(table, test))
        for train, test in folds
    )
    same_outputs(parts)
    fold = np.repeat(np.arange(len(folds)), [len(test) for _, test in folds])
    return _joined(parts, table, np.argsort(tested), fold)


def _joined(
    parts: list[Attribution], table: Any, order: NDArray[np.int64], fold: NDArray[np.int64]
) -> Attribution:
    """Return explanations of parts as one of all rows in their order."""
    names = [*_BY_ROW, *(n for n in _MAYBE_BY_ROW if all(getattr(p, n) is not None for p in parts))]
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])[order] for name in names
    }
    first = parts[0]
    shared = {
        key: value
        for key, value in first.params.items()
        if all(key in part.params and part.params[key] == value for part in parts)
    }
    absent: dict[str, Any] = dict.fromkeys((*_MAYBE_BY_ROW, "reference", "index"))
    return replace(
        first,
        **{**absent, **arrays},
        data=table,
        params=shared,
        details={"fold": fold[order]},
        n_model_rows=sum(part.n_model_rows for part in parts),
    )
