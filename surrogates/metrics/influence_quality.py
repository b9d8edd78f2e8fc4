"""Whether influences predict what leaving training rows out does."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.metrics.correlations import spearman

__all__ = ["influence_correlation"]


def influence_correlation(influence: Any, actual: Any) -> NDArray[np.float64]:
    """Correlate the ranks of predicted and of actual changes, for each test row.

    For actual changes of single rows this is the usual check of influence functions (Koh and
    Liang, ICML 2017); for those of sets of rows, with the summed influences of each set, the
    linear datamodeling score (Park et al., ICML 2023).

    Parameters
    ----------
    influence : Influence or array of shape (n_test, n_changes)
        Predicted changes, such as ``InfluenceFunctions(...).explain(X_test, y_test)``.
    actual : array-like of shape (n_test, n_changes)
        Changes found by fitting again.

    Returns
    -------
    correlation : ndarray of shape (n_test,)
        Spearman's, from -1 to 1. NaN where one of the two does not vary.

    Raises
    ------
    ValueError
        The shapes differ, or changes are not finite.

    Examples
    --------
    >>> from surrogates.metrics import influence_correlation
    >>> influence_correlation([[0.1, 0.3, -0.2]], [[0.11, 0.35, -0.1]])
    array([1.])
    """
    predicted = np.asarray(getattr(influence, "values", influence), dtype=np.float64)
    found = np.asarray(actual, dtype=np.float64)
    if predicted.ndim != 2 or predicted.shape != found.shape:
        raise ValueError(
            "influence and actual must have the shape (n_test, n_changes). Got "
            f"{predicted.shape} and {found.shape}."
        )
    if not (np.isfinite(predicted).all() and np.isfinite(found).all()):
        raise ValueError("influence and actual must be finite.")
    return spearman(predicted, found, axis=1)
