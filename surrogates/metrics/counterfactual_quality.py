"""How good counterfactuals are: right, near, few changes, plausible, and different."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates._kernels.distances import gower_nearest
from surrogates.blackbox.column_kinds import ColumnKind, column_kind, column_numbers
from surrogates.blackbox.conform import conform
from surrogates.blackbox.table import column_values, is_frame, row_labels, take_rows
from surrogates.explanation import CounterfactualSet
from surrogates.metrics.question import as_table

__all__ = ["counterfactual_diversity", "counterfactual_quality"]


@dataclass(frozen=True, eq=False)
class _Compared:
    """Rows, their counterfactuals and real rows as numbers; levels as codes."""

    before: NDArray[np.float64]
    after: NDArray[np.float64]
    real: NDArray[np.float64]
    is_level: NDArray[np.bool_]

    @property
    def changed(self) -> NDArray[np.bool_]:
        both_missing = np.isnan(self.before) & np.isnan(self.after)
        return (self.before != self.after) & ~both_missing

    @property
    def ranges(self) -> NDArray[np.float64]:
        """Ranges of the real numbers; 0 for levels and for columns that do not vary."""
        known = np.isfinite(self.real)
        low = np.where(known, self.real, np.inf).min(axis=0)
        high = np.where(known, self.real, -np.inf).max(axis=0)
        return np.where(self.is_level | ~known.any(axis=0), 0.0, high - low)

    def proximity(self) -> NDArray[np.float64]:
        """Sum of the changes, in median absolute deviations; 1 for a level and a missing value."""
        units = np.array([_deviation(column) for column in self.real.T])
        flat = self.is_level | np.isnan(self.before) | np.isnan(self.after)
        slides = np.abs(np.nan_to_num(self.after - self.before)) / units
        return np.where(flat, self.changed, slides).sum(axis=1)

    def gower(self) -> NDArray[np.float64]:
        """Mean over the columns of the share of the range that changes, or 1."""
        return _gower(self.before, self.after, self.ranges)


def counterfactual_quality(
    estimator: Any,
    X: Any,
    counterfactuals: Any,
    *,
    background: Any = None,
    desired: Any = None,
    row: Any = None,
) -> pd.DataFrame:
    """Measure counterfactuals of any origin.

    Parameters
    ----------
    estimator : object
        The model: a fitted estimator with `predict`, or a callable that predicts.
    X : {array-like, DataFrame} of shape (n_rows, n_columns)
        The explained rows.
    counterfactuals : CounterfactualSet or {array-like, DataFrame} of shape (n_lines, n_columns)
    background : {array-like, DataFrame} of shape (n_background, n_columns), default=None
        Real rows, such as the training rows, which give the units and what is plausible. None is
        `X`.
    desired : label or (low, high), default=None
        The prediction wanted, or limits of the number wanted (None is no limit). None is what a
        `CounterfactualSet` was asked for; else any label but that of the row.
    row : array-like of int of shape (n_lines,), default=None
        Position in `X` of the row of each counterfactual. None is known for a
        `CounterfactualSet`; else one for each row, in order.

    Returns
    -------
    quality : DataFrame
        One line per counterfactual: row (the caller's label), valid (whether ``predict`` says what
        is wanted), proximity (sum of the changes in median absolute deviations, in standard
        deviations where that is 0, plus 1 per changed level: Wachter, Mittelstadt and Russell,
        2017), gower (mean share of the columns' ranges), sparsity (number of columns changed) and
        implausibility (Gower distance to the nearest background row). All but valid: the smaller,
        the better.

    Raises
    ------
    ValueError
        Positions or columns that do not fit; numbers are predicted and `desired` is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import counterfactual_quality
    >>> rows, changed = np.array([[1.0, 5.0]]), np.array([[3.0, 5.0]])
    >>> background = np.array([[0.0, 4.0], [2.0, 6.0], [4.0, 5.0]])
    >>> model = lambda X: np.where(X[:, 0] > 2, "good", "bad")
    >>> counterfactual_quality(model, rows, changed, background=background)
       row  valid  proximity  gower  sparsity  implausibility
    0    0   True        1.0   0.25         1           0.125
    """
    rows, after, places, real = _tables(X, counterfactuals, row, background)
    before = take_rows(rows, places)
    compared = _compare(before, after, real)
    if desired is None and isinstance(counterfactuals, CounterfactualSet):
        desired = _wanted(counterfactuals)
    nearest, _ = gower_nearest(compared.after, compared.real, compared.ranges, 1, False)
    return pd.DataFrame(
        {
            "row": np.asarray(row_labels(X if is_frame(X) else rows))[places],
            "valid": _is_valid(estimator, before, after, desired),
            "proximity": compared.proximity(),
            "gower": compared.gower(),
            "sparsity": compared.changed.sum(axis=1),
            "implausibility": nearest[:, 0],
        }
    )


def counterfactual_diversity(
    X: Any, counterfactuals: Any, *, background: Any = None, row: Any = None
) -> NDArray[np.float64]:
    """Measure how different the counterfactuals of each row are.

    Parameters
    ----------
    X, counterfactuals, background, row : various
        As for `counterfactual_quality`.

    Returns
    -------
    diversity : ndarray of shape (n_rows,)
        Mean Gower distance between two counterfactuals of a row (Mothilal, Sharma and Tan, 2020);
        NaN where a row has fewer than two.

    Raises
    ------
    ValueError
        As for `counterfactual_quality`.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import counterfactual_diversity
    >>> changed = np.array([[3.0, 5.0], [1.0, 6.0]])
    >>> background = np.array([[0.0, 4.0], [2.0, 6.0], [4.0, 5.0]])
    >>> counterfactual_diversity([[1.0, 5.0]], changed, background=background, row=[0, 0])
    array([0.5])
    """
    rows, after, places, real = _tables(X, counterfactuals, row, background)
    compared = _compare(take_rows(rows, places), after, real)
    diversity = np.full(rows.shape[0], np.nan)
    for place in np.unique(places):
        own = compared.after[places == place]
        first, second = np.triu_indices(len(own), 1)
        if len(first):
            diversity[place] = _gower(own[first], own[second], compared.ranges).mean()
    return diversity


def _tables(
    X: Any, counterfactuals: Any, row: Any, background: Any
) -> tuple[Any, Any, NDArray[np.int64], Any]:
    """Return rows, counterfactuals, the row of each and real rows, in one container."""
    real = as_table(X if background is None else background, "background")
    rows = conform(as_table(X, "X"), real)
    given = counterfactuals
    if isinstance(counterfactuals, CounterfactualSet):
        given, row = counterfactuals.frame, counterfactuals.row
    n_lines = given.shape[0] if hasattr(given, "shape") else len(given)
    after = take_rows(rows, slice(0, 0)) if n_lines == 0 else as_table(given, "counterfactuals")
    places = np.arange(n_lines) if row is None else np.asarray(row, dtype=np.int64)
    inside = (places >= 0) & (places < rows.shape[0])
    if places.shape != (n_lines,) or not inside.all() or (row is None and n_lines != rows.shape[0]):
        raise ValueError(
            f"row must hold, for each of the {n_lines} counterfactuals, a position in X of "
            f"0 to {rows.shape[0] - 1}."
        )
    if after.shape[1] != real.shape[1] or rows.shape[1] != real.shape[1]:
        raise ValueError(
            f"X, counterfactuals and background must have the same columns. Got {rows.shape[1]}, "
            f"{after.shape[1]} and {real.shape[1]}."
        )
    return rows, conform(after, real), places, real


def _compare(before: Any, after: Any, real: Any) -> _Compared:
    is_level = np.array(
        [
            any(column_kind(table, at) is ColumnKind.LEVEL for table in (before, real))
            for at in range(real.shape[1])
        ]
    )
    tables = (before, after, real)
    sizes = np.cumsum([table.shape[0] for table in tables])[:-1]
    joined = np.column_stack([_numbers(tables, at, level) for at, level in enumerate(is_level)])
    first, second, third = (np.ascontiguousarray(part) for part in np.split(joined, sizes))
    return _Compared(first, second, third, is_level)


def _numbers(tables: tuple[Any, ...], at: int, level: bool) -> NDArray[np.float64]:
    if not level:
        return np.concatenate([column_numbers(table, at) for table in tables])
    values = np.concatenate([column_values(table, at).astype(object) for table in tables])
    codes = pd.factorize(values)[0].astype(np.float64)
    codes[codes < 0] = np.nan
    return codes


def _deviation(numbers: NDArray[np.float64]) -> float:
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return 1.0
    return float(np.median(np.abs(known - np.median(known)))) or float(known.std()) or 1.0


def _gower(
    first: NDArray[np.float64], second: NDArray[np.float64], ranges: NDArray[np.float64]
) -> NDArray[np.float64]:
    missing = np.isnan(first) | np.isnan(second)
    unequal = (first != second) & ~(np.isnan(first) & np.isnan(second))
    slides = np.minimum(np.abs(first - second) / np.where(ranges > 0, ranges, 1.0), 1.0)
    return np.where(missing | (ranges <= 0), unequal, np.nan_to_num(slides)).mean(axis=1)


def _wanted(counterfactuals: CounterfactualSet) -> Any:
    params = counterfactuals.params
    if params.get("desired_range") is not None:
        return tuple(params["desired_range"])
    label = params.get("desired_class")
    return None if label == "opposite" else label


def _is_valid(estimator: Any, before: Any, after: Any, desired: Any) -> NDArray[np.bool_]:
    ask = getattr(estimator, "predict", estimator)
    if after.shape[0] == 0:
        return np.zeros(0, dtype=bool)
    found = np.asarray(ask(after))
    if isinstance(desired, tuple):
        low, high = (-np.inf if desired[0] is None else desired[0]), desired[1]
        high = np.inf if high is None else high
        return (found >= low) & (found <= high)
    if desired is not None:
        return np.array([label == desired or str(label) == str(desired) for label in found])
    if found.dtype.kind == "f":
        raise ValueError("The model predicts numbers: pass 'desired' as (low, high).")
    return np.asarray(found != np.asarray(ask(before)))
