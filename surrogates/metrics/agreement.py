"""Agreement: whether two explanations of the same rows say the same.

Krishna, Han, Gu, Pombra, Jabbari, Wu and Lakkaraju, "The disagreement problem in explainable
machine learning" (2022, arXiv:2202.01602). Features are ranked by magnitude; of equal ones, the
first column comes first.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates._params import Interval, check_params
from surrogates.explanation import Attribution
from surrogates.metrics.correlations import spearman
from surrogates.metrics.values import attributed_values, over_outputs

__all__ = [
    "feature_agreement",
    "pairwise_rank_agreement",
    "rank_agreement",
    "rank_correlation",
    "sign_agreement",
    "signed_rank_agreement",
]


def feature_agreement(first: Any, second: Any, k: int = 5) -> NDArray[np.float64]:
    """Return the share of the `k` largest features that two explanations have in common.

    Parameters
    ----------
    first, second : Attribution or array of shape (n_rows, n_players[, n_outputs])
        Explanations of the same rows, players and outputs.
    k : int, default=5
        More than there are players is all of them.

    Returns
    -------
    agreement : ndarray of shape (n_rows,)
        From 0 to 1. The mean over outputs.

    Raises
    ------
    ValueError
        The explanations differ in shape or names, or `k` is out of range.

    Examples
    --------
    >>> from surrogates.metrics import feature_agreement
    >>> feature_agreement([[3.0, -2.0, 1.0]], [[2.0, 3.0, 0.0]], k=2)
    array([1.])
    """
    a, b = _both(first, second)
    k = _capped(k, a)
    return over_outputs((_is_top(a, k) & _is_top(b, k)).sum(axis=1) / k)


def rank_agreement(first: Any, second: Any, k: int = 5) -> NDArray[np.float64]:
    """Return the share of the `k` first ranks that have the same feature.

    Parameters
    ----------
    first, second, k : various
        As for `feature_agreement`.

    Returns
    -------
    agreement : ndarray of shape (n_rows,)
        As for `feature_agreement`.

    Raises
    ------
    ValueError
        As for `feature_agreement`.

    Examples
    --------
    >>> from surrogates.metrics import rank_agreement
    >>> rank_agreement([[3.0, -2.0, 1.0]], [[2.0, 3.0, 0.0]], k=2)
    array([0.])
    """
    a, b = _both(first, second)
    k = _capped(k, a)
    return over_outputs((_is_top(a, k) & (_ranks(a) == _ranks(b))).sum(axis=1) / k)


def sign_agreement(first: Any, second: Any, k: int = 5) -> NDArray[np.float64]:
    """Return the share of the `k` largest features in common that also have the same sign.

    Parameters
    ----------
    first, second, k : various
        As for `feature_agreement`.

    Returns
    -------
    agreement : ndarray of shape (n_rows,)
        As for `feature_agreement`.

    Raises
    ------
    ValueError
        As for `feature_agreement`.

    Examples
    --------
    >>> from surrogates.metrics import sign_agreement
    >>> sign_agreement([[3.0, -2.0, 1.0]], [[2.0, 3.0, 0.0]], k=2)
    array([0.5])
    """
    a, b = _both(first, second)
    k = _capped(k, a)
    alike = _is_top(a, k) & _is_top(b, k) & (np.sign(a) == np.sign(b))
    return over_outputs(alike.sum(axis=1) / k)


def signed_rank_agreement(first: Any, second: Any, k: int = 5) -> NDArray[np.float64]:
    """Return the share of the `k` first ranks that have the same feature with the same sign.

    Parameters
    ----------
    first, second, k : various
        As for `feature_agreement`.

    Returns
    -------
    agreement : ndarray of shape (n_rows,)
        As for `feature_agreement`.

    Raises
    ------
    ValueError
        As for `feature_agreement`.

    Examples
    --------
    >>> from surrogates.metrics import signed_rank_agreement
    >>> signed_rank_agreement([[3.0, -2.0, 1.0]], [[2.0, 1.0, 0.0]], k=2)
    array([0.5])
    """
    a, b = _both(first, second)
    k = _capped(k, a)
    alike = _is_top(a, k) & (_ranks(a) == _ranks(b)) & (np.sign(a) == np.sign(b))
    return over_outputs(alike.sum(axis=1) / k)


def pairwise_rank_agreement(first: Any, second: Any) -> NDArray[np.float64]:
    """Return the share of pairs of features that two explanations order alike by magnitude.

    A pair that is equal in one explanation is ordered alike only if it is equal in both.

    Parameters
    ----------
    first, second : Attribution or array of shape (n_rows, n_players[, n_outputs])
        As for `feature_agreement`.

    Returns
    -------
    agreement : ndarray of shape (n_rows,)
        From 0 to 1. NaN for a single player.

    Raises
    ------
    ValueError
        As for `feature_agreement`.

    Examples
    --------
    >>> from surrogates.metrics import pairwise_rank_agreement
    >>> pairwise_rank_agreement([[3.0, -2.0, 1.0]], [[2.0, 3.0, 0.0]]).round(3)
    array([0.667])
    """
    a, b = (np.abs(values) for values in _both(first, second))
    n_players = a.shape[1]
    if n_players < 2:
        return np.full(len(a), np.nan)
    alike = np.zeros((len(a), a.shape[2]))
    for player in range(1, n_players):
        orders = [np.sign(size[:, player : player + 1] - size[:, :player]) for size in (a, b)]
        alike += (orders[0] == orders[1]).sum(axis=1)
    return over_outputs(alike / (n_players * (n_players - 1) / 2))


def rank_correlation(first: Any, second: Any) -> NDArray[np.float64]:
    """Return Spearman's correlation of the magnitudes in two explanations.

    Parameters
    ----------
    first, second : Attribution or array of shape (n_rows, n_players[, n_outputs])
        As for `feature_agreement`.

    Returns
    -------
    correlation : ndarray of shape (n_rows,)
        From -1 to 1. NaN for a single player, and where all magnitudes are equal.

    Raises
    ------
    ValueError
        As for `feature_agreement`.

    Examples
    --------
    >>> from surrogates.metrics import rank_correlation
    >>> rank_correlation([[3.0, -2.0, 1.0]], [[30.0, 20.0, -10.0]])
    array([1.])
    """
    a, b = _both(first, second)
    return over_outputs(spearman(np.abs(a), np.abs(b), axis=1))


def _both(first: Any, second: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a = attributed_values(first)
    named = first if isinstance(first, Attribution) else None
    b = attributed_values(
        second,
        a.shape,
        feature_names=None if named is None else named.feature_names,
        output_names=None if named is None else named.output_names,
    )
    return a, b


def _capped(k: int, values: NDArray[np.float64]) -> int:
    check_params("an agreement", {"k": k}, {"k": [Interval("int", 1, None)]})
    return min(int(k), values.shape[1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the rank of each player by magnitude, from 0."""
    order = np.argsort(-np.abs(values), axis=1, kind="stable")
    return np.argsort(order, axis=1, kind="stable")


def _is_top(values: NDArray[np.float64], k: int) -> NDArray[np.bool_]:
    return _ranks(values) < k
