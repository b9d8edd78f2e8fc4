"""Which features matter most: rankings of arrays of attributions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ranking", "mean_magnitude", "rank"]

_SIGNS = ("both", "positive", "negative")
_TWO_SIDED_95 = 1.96


@dataclass(frozen=True)
class Ranking:
    """The `k` first features of every row and output, one entry per feature listed.

    Parameters
    ----------
    rows, outputs, features : ndarray of shape (n_entries,)
        Positions, ordered by row, then output, then rank.
    ranks : ndarray of shape (n_entries,)
        From 1.
    tied_with_next : ndarray of bool of shape (n_entries,)
        Whether the next feature of the same row and output could as well stand here.
    """

    rows: NDArray[np.intp]
    outputs: NDArray[np.intp]
    features: NDArray[np.intp]
    ranks: NDArray[np.intp]
    tied_with_next: NDArray[np.bool_]


def rank(values: NDArray[Any], std_errors: NDArray[Any] | None, k: int, sign: str) -> Ranking:
    """Rank the features of every row and output by the size of their attributions.

    Two neighbours are tied when their sizes differ by no more than 1.96 times the standard error
    of the difference of two independent estimates, or not at all where there are no standard
    errors.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_players, n_outputs)
    std_errors : ndarray of the same shape or None
    k : int
        How many features to list.
    sign : {"both", "positive", "negative"}
        Rank by magnitude, or only the attributions above or below zero.

    Returns
    -------
    Ranking
        Equal sizes keep the order of the columns; NaN comes last under "both" and is left out
        otherwise.

    Raises
    ------
    ValueError
        `k` is no positive integer, or `sign` is unknown.
    """
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise ValueError(f"k must be an int in the range [1, inf). Got {k!r} instead.")
    if sign not in _SIGNS:
        raise ValueError(f"sign must be one of {list(_SIGNS)}. Got {sign!r} instead.")
    sizes = _sizes(np.moveaxis(values, 1, 2), sign)
    listed = sizes > 0 if sign != "both" else np.ones(sizes.shape, dtype=bool)
    keys = np.where(listed & ~np.isnan(sizes), -sizes, np.inf)
    order = np.argsort(keys, axis=-1, kind="stable")[..., : k + 1]
    ranked = np.take_along_axis(sizes, order, axis=-1)
    eligible = np.take_along_axis(listed, order, axis=-1)
    tied = np.zeros(order.shape, dtype=bool)
    tied[..., :-1] = _are_close(ranked, _margins(std_errors, order)) & eligible[..., 1:]
    rows, outputs, ranks = np.nonzero(eligible[..., :k])
    return Ranking(
        rows, outputs, order[rows, outputs, ranks], ranks + 1, tied[rows, outputs, ranks]
    )


def _sizes(values: NDArray[Any], sign: str) -> NDArray[Any]:
    if sign == "both":
        magnitudes: NDArray[Any] = np.abs(values)
        return magnitudes
    return values if sign == "positive" else -values


def _are_close(sizes: NDArray[Any], margins: NDArray[Any] | float) -> NDArray[np.bool_]:
    larger, smaller = sizes[..., :-1], sizes[..., 1:]
    with np.errstate(invalid="ignore"):  # infinite sizes have no difference
        close: NDArray[np.bool_] = (larger == smaller) | (larger - smaller <= margins)
    return close


def _margins(std_errors: NDArray[Any] | None, order: NDArray[np.intp]) -> NDArray[Any] | float:
    if std_errors is None:
        return 0.0
    errors = np.take_along_axis(np.moveaxis(std_errors, 1, 2), order, axis=-1)
    margins: NDArray[Any] = _TWO_SIDED_95 * np.hypot(errors[..., :-1], errors[..., 1:])
    return margins


def mean_magnitude(
    values: NDArray[Any], std_errors: NDArray[Any] | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the mean of ``|values|`` over rows and its standard error, by the delta method.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_players, n_outputs)
    std_errors : ndarray of the same shape or None

    Returns
    -------
    mean, std_error : ndarray of shape (n_players, n_outputs)
        The standard error is ``sqrt(sum(std_errors**2)) / n_rows``: the rows' errors count as
        independent. NaN without standard errors or without rows.
    """
    n_rows = max(len(values), 1)
    unknown = np.full(values.shape[1:], np.nan)
    mean = np.abs(values).sum(axis=0) / n_rows if len(values) else unknown
    if std_errors is None or not len(values):
        return mean, unknown
    return mean, np.sqrt(np.square(std_errors).sum(axis=0)) / n_rows
