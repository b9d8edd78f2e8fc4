"""What all trees have in common whose splits are kept when rows are removed."""

import numpy as np
from numpy.typing import NDArray

from surrogates.influence.engine import Question, Training

__all__ = ["STRUCTURE", "leaf_members", "refuse_exact"]

STRUCTURE = "the splits of the trees are kept; refitted trees would split elsewhere"


def refuse_exact(training: Training, question: Question) -> None:
    """Raise where an exact answer is asked for, which trees of fixed structure cannot give."""
    if question.method == "exact":
        raise ValueError(
            "The 'method' parameter of InfluenceFunctions cannot be 'exact' for "
            f"{type(training.estimator).__name__}: without the row its trees would split "
            "elsewhere. Use 'auto', or 'retrain'."
        )


def leaf_members(
    leaves: NDArray[np.int64], n_leaves: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of every tree ordered by leaf, and where each leaf starts.

    Parameters
    ----------
    leaves : ndarray of shape (n_trees, n_rows)
        Leaves of the rows, counted over all trees.
    n_leaves : int

    Returns
    -------
    members : ndarray of shape (n_trees, n_rows)
    starts : ndarray of shape (n_leaves + 1,)

    Examples
    --------
    >>> members, starts = leaf_members(np.array([[1, 0, 1]]), 2)
    >>> members, starts
    (array([[1, 0, 2]]), array([0, 1, 3]))
    """
    members = np.argsort(leaves, axis=1, kind="stable")
    counts = np.bincount(leaves.ravel(), minlength=n_leaves)
    return members, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
