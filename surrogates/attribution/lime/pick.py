"""SP-LIME: a few rows whose explanations cover the important columns."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["cover_greedily", "sparse_weights"]

_COLUMNS_OF_ROW = 10


def sparse_weights(values: NDArray[np.float64], n_features: int | None) -> NDArray[np.float64]:
    """Return how much each row says about each column: its largest magnitudes, else zero.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns, n_outputs)
    n_features : int or None
        Columns in the explanation of a row; None is 10.

    Returns
    -------
    weights : ndarray of shape (n_rows, n_columns)
        Magnitudes summed over the outputs.
    """
    sizes = np.abs(values).sum(axis=2)
    k = _COLUMNS_OF_ROW if n_features is None else n_features
    if k >= sizes.shape[1]:
        return sizes
    order = np.argsort(-sizes, axis=1, kind="stable")[:, k:]
    np.put_along_axis(sizes, order, 0.0, axis=1)
    return sizes


def cover_greedily(
    weights: NDArray[np.float64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Choose rows one by one, each time the one that adds most to the importance covered.

    The importance of a column is ``sqrt(sum_i weights[i, j])``; it is covered once a row with a
    positive weight is chosen (Ribeiro, Singh and Guestrin, KDD 2016, algorithm 2). The coverage
    is at least 1 - 1/e of the best possible one. Of equal rows the first is chosen.

    Parameters
    ----------
    weights : ndarray of shape (n_rows, n_columns)
    k : int

    Returns
    -------
    rows : ndarray of shape (k,)
    coverage : ndarray of shape (k,)
        Share of the importance covered by the rows up to each one.

    Examples
    --------
    >>> cover_greedily(np.array([[1.0, 0.0, 0.0], [0.0, 4.0, 1.0], [1.0, 1.0, 0.0]]), 2)[0]
    array([2, 1])
    """
    importance = np.sqrt(weights.sum(axis=0))
    shows = weights > 0.0
    covered = np.zeros(weights.shape[1], dtype=bool)
    left = np.ones(len(weights), dtype=bool)
    rows, coverage = [], []
    total = importance.sum()
    for _ in range(min(k, len(weights))):
        gains = (shows & ~covered) @ importance
        gains[~left] = -1.0
        best = int(np.argmax(gains))
        left[best] = False
        covered |= shows[best]
        rows.append(best)
        coverage.append(importance[covered].sum() / total if total > 0.0 else 1.0)
    return np.array(rows, dtype=np.int64), np.array(coverage)
