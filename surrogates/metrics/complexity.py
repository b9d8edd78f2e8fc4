"""Complexity: over how many players an explanation is spread. No model is asked."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates._params import Interval, check_params
from surrogates.metrics.values import attributed_values, over_outputs

__all__ = ["effective_size", "entropy", "gini"]


def entropy(
    estimator: Any,  # noqa: ARG001
    X: Any,
    attributions: Any,
    **_: Any,
) -> NDArray[np.float64]:
    """Return the entropy of the shares of the magnitudes of the attributions.

    ``-sum p ln p`` with ``p = |attribution| / sum |attributions|`` (Bhatt, Weller and Moura, IJCAI
    2020): 0 for one player, the logarithm of their number for equal shares.

    Parameters
    ----------
    estimator : object
        Not asked; may be None.
    X : {array-like, DataFrame} of shape (n_rows, n_columns) or None
        Only its number of rows is compared.
    attributions : Attribution, array of shape (n_rows, n_players[, n_outputs]) or explainer
        As for `faithfulness_correlation`.
    **_ : object
        What other metrics take, such as the background; ignored.

    Returns
    -------
    entropy : ndarray of shape (n_rows,)
        In nats; the smaller, the simpler. NaN where all attributions are zero. The mean over
        outputs.

    Raises
    ------
    ValueError
        The numbers of rows differ, or attributions are not finite.

    Examples
    --------
    >>> from surrogates.metrics import entropy
    >>> entropy(None, None, [[2.0, -2.0], [1.0, 0.0]]).round(4)
    array([0.6931, 0.    ])
    """
    shares = _shares(X, attributions)
    logs = np.log(np.where(shares > 0, shares, 1.0))
    return over_outputs(np.abs(-(shares * logs).sum(axis=1)))


def gini(
    estimator: Any,  # noqa: ARG001
    X: Any,
    attributions: Any,
    **_: Any,
) -> NDArray[np.float64]:
    """Return the Gini index of the magnitudes of the attributions.

    ``sum over i of (2 i - d - 1) |attribution|_(i) / (d sum |attributions|)``, the magnitudes in
    ascending order (Chalasani et al., ICML 2020): 0 for equal magnitudes, 1 - 1/d for one player.

    Parameters
    ----------
    estimator, X, attributions, **_ : various
        As for `entropy`.

    Returns
    -------
    gini : ndarray of shape (n_rows,)
        The larger, the sparser. NaN where all attributions are zero. The mean over outputs.

    Raises
    ------
    ValueError
        As for `entropy`.

    Examples
    --------
    >>> from surrogates.metrics import gini
    >>> gini(None, None, [[2.0, -2.0], [1.0, 0.0]])
    array([0. , 0.5])
    """
    shares = np.sort(_shares(X, attributions), axis=1)
    n_players = shares.shape[1]
    places = (2.0 * np.arange(1, n_players + 1) - n_players - 1.0) / n_players
    return over_outputs((places[:, None] * shares).sum(axis=1))


def effective_size(
    estimator: Any,  # noqa: ARG001
    X: Any,
    attributions: Any,
    *,
    share: float = 0.9,
    **_: Any,
) -> NDArray[np.float64]:
    """Return how many players hold most of the magnitude of the attributions.

    The smallest number of players whose magnitudes sum to the share of the total (effective
    complexity: Nguyen and Martinez, 2020, arXiv:2007.07584, with a share instead of a tolerance).

    Parameters
    ----------
    estimator, X, attributions : various
        As for `entropy`.
    share : float in (0, 1], default=0.9
        Of the sum of the magnitudes.
    **_ : object
        What other metrics take; ignored.

    Returns
    -------
    size : ndarray of shape (n_rows,)
        The smaller, the simpler. NaN where all attributions are zero. The mean over outputs.

    Raises
    ------
    ValueError
        As for `entropy`, or the share is out of range.

    Examples
    --------
    >>> from surrogates.metrics import effective_size
    >>> effective_size(None, None, [[8.0, 1.0, -1.0], [0.0, 3.0, 0.0]])
    array([2., 1.])
    """
    check_params("effective_size", {"share": share}, {"share": [Interval("float", 0, 1, "right")]})
    shares = np.sort(_shares(X, attributions), axis=1)[:, ::-1]
    enough = np.cumsum(shares, axis=1) >= share * (1.0 - 1e-12)
    sizes = enough.argmax(axis=1) + 1.0
    return over_outputs(np.where(np.isnan(shares).any(axis=1), np.nan, sizes))


def _shares(X: Any, attributions: Any) -> NDArray[np.float64]:
    """Return magnitudes that sum to one over the players; NaN where there are none."""
    if hasattr(attributions, "explain"):
        attributions = attributions.explain(X)
    n_rows = None if X is None else (X.shape[0] if hasattr(X, "shape") else len(X))
    sizes = np.abs(attributed_values(attributions, (n_rows, None, None)))
    totals = sizes.sum(axis=1, keepdims=True)
    return np.where(totals > 0, sizes / np.where(totals > 0, totals, 1.0), np.nan)
