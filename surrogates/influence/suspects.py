"""Training rows whose labels may be wrong, by several measures side by side."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import pairwise_distances

from surrogates.influence.neighbors import shapley_of_neighbors

__all__ = ["neighbor_values", "suspects_frame"]

Array = NDArray[np.float64]

_N_NEIGHBORS, _MOST_ASKED = 5, 3000
_BLOCK_BYTES = 2**25


def neighbor_values(X: Any, codes: NDArray[np.int64]) -> Array | None:
    """Return the mean k-nearest-neighbor Shapley value of every row over all other rows.

    Columns are standardised. None where the rows are not numbers. Of more than 3000 rows, every
    k-th one is asked about.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_columns)
    codes : ndarray of int of shape (n_rows,)

    Returns
    -------
    values : ndarray of shape (n_rows,) or None
    """
    numbers = _standardised(X)
    if numbers is None or len(codes) < 2:
        return None
    totals = np.zeros(len(codes))
    size = max(1, _BLOCK_BYTES // (8 * len(codes)))
    asked = np.arange(0, len(codes), -(-len(codes) // _MOST_ASKED))
    for start in range(0, len(asked), size):
        block = asked[start : start + size]
        distances = pairwise_distances(numbers[block], numbers)
        distances[np.arange(len(block)), block] = np.inf  # a row has no vote about itself
        values = shapley_of_neighbors(distances, codes, codes[block], _N_NEIGHBORS)
        values[np.arange(len(block)), block] = 0.0
        totals += values.sum(axis=0)
    others = np.full(len(codes), len(asked))
    others[asked] -= 1
    return np.asarray(totals / others)


def _standardised(X: Any) -> Array | None:
    dense = X.toarray() if hasattr(X, "toarray") else X
    try:
        numbers = np.asarray(dense, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    if numbers.ndim != 2 or not np.isfinite(numbers).all():
        return None
    spread = numbers.std(axis=0)
    return (numbers - numbers.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)


def suspects_frame(
    columns: dict[str, Array | None], labels: Any, sort_by: str, k: int
) -> pd.DataFrame:
    """Return the `k` most suspect rows, with what makes them so.

    Parameters
    ----------
    columns : dict
        The measures: large values of loss and self-influence, and small ones of the Shapley
        value, are suspect; None where a measure is not known.
    labels : array-like of shape (n_rows,)
    sort_by : str
        One of the measures, or "rank": the mean rank by loss and by Shapley value.
    k : int

    Returns
    -------
    frame : DataFrame
        Indexed by the position of the row, the most suspect first.
    """
    known = {name: values for name, values in columns.items() if values is not None}
    suspicion = {
        name: -values if name == "knn_shapley" else values for name, values in known.items()
    }
    if sort_by != "rank" and sort_by not in suspicion:
        raise ValueError(
            f"sort_by must be 'rank' or one of {list(suspicion)}. Got {sort_by!r} instead."
        )
    judges = [suspicion[name] for name in ("loss", "knn_shapley") if name in suspicion]
    places = np.mean([rankdata(-values) for values in judges], axis=0)
    key = places if sort_by == "rank" else -suspicion[sort_by]
    order = np.argsort(key, kind="stable")[:k]
    unknown = np.full(len(places), np.nan)
    filled = {
        name: (unknown if values is None else values)[order] for name, values in columns.items()
    }
    frame = pd.DataFrame({"label": np.asarray(labels)[order], **filled, "rank": places[order]})
    return frame.set_axis(pd.Index(order, name="position"))
