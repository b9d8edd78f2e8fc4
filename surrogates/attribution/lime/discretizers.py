"""Where the values of a numeric column are cut into bins."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.multiclass import type_of_target

from surrogates._kernels.bins import quantiles
from surrogates.blackbox.samplers import in_order

__all__ = ["QUANTILES", "entropy_borders", "quantile_borders"]

QUANTILES = {"quartile": 4, "decile": 10}
_DEPTH = 3


def quantile_borders(
    values: NDArray[np.float64], weights: NDArray[np.float64], n_bins: int
) -> NDArray[np.float64]:
    """Return the borders of bins that hold equal shares of a column, as ties allow.

    A border is the smallest observed value up to which the share is reached, so that bins
    (low, high] do not depend on whether rows are repeated or weighted.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Numbers; NaN is left out.
    weights : ndarray of shape (n,)
    n_bins : int

    Returns
    -------
    borders : ndarray of shape (n_borders,)
        Increasing, and below the largest value.

    Examples
    --------
    >>> quantile_borders(np.arange(8.0), np.ones(8), 4)
    array([1., 3., 5.])
    """
    known, own = in_order(values, weights)
    if not len(known):
        return np.empty(0)
    borders = np.empty(n_bins - 1)
    return borders[: quantiles(known, own, borders)]


def entropy_borders(
    values: NDArray[np.float64], weights: NDArray[np.float64], y: NDArray[Any]
) -> NDArray[np.float64]:
    """Return the thresholds of a shallow tree that predicts the target from one column.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Numbers; NaN is left out.
    weights : ndarray of shape (n,)
    y : ndarray of shape (n,)
        Classes, which the tree separates by entropy, or numbers, by squared error.

    Returns
    -------
    borders : ndarray of shape (n_borders,)
        Increasing. The median where the tree finds no split.
    """
    present = ~np.isnan(values)
    if not present.any():
        return np.empty(0)
    if type_of_target(y).startswith("continuous"):
        tree = DecisionTreeRegressor(max_depth=_DEPTH, random_state=0)
    else:
        tree = DecisionTreeClassifier(criterion="entropy", max_depth=_DEPTH, random_state=0)
    tree.fit(values[present, None], y[present], sample_weight=weights[present])
    nodes = tree.tree_
    borders = np.unique(nodes.threshold[nodes.children_left >= 0]).astype(np.float64)
    return borders if len(borders) else quantile_borders(values, weights, 2)
