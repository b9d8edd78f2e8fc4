"""Boosting replayed on fixed trees, without some of the rows."""

import math

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = ["BINOMIAL", "MULTINOMIAL", "SQUARED", "refit_leaves"]

SQUARED, BINOMIAL, MULTINOMIAL = 0, 1, 2
_NO_CURVATURE = 1e-150


@kernel
def _derivatives(
    kind: int,
    y: NDArray[np.float64],
    raw: NDArray[np.float64],
    slopes: NDArray[np.float64],
    curvatures: NDArray[np.float64],
) -> None:
    """Write the derivatives of the loss at raw predictions, all of shape (n_outputs, n_rows)."""
    n_outputs, n_rows = raw.shape
    for j in range(n_rows):
        if kind == SQUARED:
            slopes[0, j], curvatures[0, j] = raw[0, j] - y[j], 1.0
        elif kind == BINOMIAL:
            share = 1.0 / (1.0 + math.exp(-raw[0, j]))
            slopes[0, j], curvatures[0, j] = share - y[j], share * (1.0 - share)
        else:
            highest, total = -np.inf, 0.0
            for k in range(n_outputs):
                highest = max(highest, raw[k, j])
            for k in range(n_outputs):
                slopes[k, j] = math.exp(raw[k, j] - highest)
                total += slopes[k, j]
            for k in range(n_outputs):
                share = slopes[k, j] / total
                slopes[k, j] = share - (1.0 if y[j] == k else 0.0)
                curvatures[k, j] = share * (1.0 - share)


@kernel
def refit_leaves(
    kind: int,
    leaves: NDArray[np.int64],
    tree_starts: NDArray[np.int64],
    y: NDArray[np.float64],
    weights: NDArray[np.float64],
    start: NDArray[np.float64],
    settings: tuple[float, float, float, bool],
    out: NDArray[np.float64],
) -> None:
    """Fit the leaf values of boosted trees anew, one tree after the other, for several cases.

    Parameters
    ----------
    kind : {SQUARED, BINOMIAL, MULTINOMIAL}
    leaves : ndarray of shape (n_trees, n_rows)
        Numbers of the leaves of the training rows, counted over all trees; the outputs of a stage
        have consecutive trees.
    tree_starts : ndarray of shape (n_trees + 1,)
        First leaf of each tree.
    y : ndarray of shape (n_rows,)
    weights : ndarray of shape (n_cases, n_rows)
        Zero for the rows that are left out.
    start : ndarray of shape (n_cases, n_outputs)
        Raw prediction before any tree.
    settings : tuple
        Learning rate, L2 regularization, factor of the slopes, and whether derivatives are
        rounded to single precision.
    out : ndarray of shape (n_cases, n_leaves)
        What the leaves add to the raw prediction, the learning rate included.
    """
    rate, l2, factor, single = settings
    n_trees, n_rows = leaves.shape
    n_cases, n_outputs = start.shape
    raw = np.empty((n_outputs, n_rows))
    slopes, curvatures = np.empty((n_outputs, n_rows)), np.empty((n_outputs, n_rows))
    tops, bottoms = np.empty(out.shape[1]), np.empty(out.shape[1])
    for case in range(n_cases):
        own = weights[case]
        for k in range(n_outputs):
            raw[k] = start[case, k]
        for first in range(0, n_trees, n_outputs):
            _derivatives(kind, y, raw, slopes, curvatures)
            for k in range(n_outputs):
                tree = first + k
                low, high = tree_starts[tree], tree_starts[tree + 1]
                tops[low:high] = 0.0
                bottoms[low:high] = 0.0
                for j in range(n_rows):
                    top, bottom = own[j] * slopes[k, j], own[j] * curvatures[k, j]
                    if single:
                        top, bottom = np.float64(np.float32(top)), np.float64(np.float32(bottom))
                    tops[leaves[tree, j]] += top
                    bottoms[leaves[tree, j]] += bottom
                for leaf in range(low, high):
                    total = bottoms[leaf] + l2
                    value = 0.0
                    if abs(total) >= _NO_CURVATURE:
                        value = -rate * factor * tops[leaf] / total
                    out[case, leaf] = value
                for j in range(n_rows):
                    raw[k, j] += out[case, leaves[tree, j]]
