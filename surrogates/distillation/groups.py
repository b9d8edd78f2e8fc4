"""Groups of similar rows: a mixture of normal distributions with independent columns.

Fitted by expectation and maximization (Dempster, Laird and Rubin, 1977), from clusters around
means.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

__all__ = ["Groups", "find_groups"]

_FLOOR = 1e-2
_ROUNDS = 30
_TOLERANCE = 1e-2
_TINY = 10 * np.finfo(np.float64).eps


@dataclass(frozen=True, eq=False)
class Groups:
    """A mixture of normal distributions.

    Parameters
    ----------
    shares : ndarray of shape (n_groups,)
    means, variances : ndarray of shape (n_groups, n_columns)
    """

    shares: NDArray[np.float64]
    means: NDArray[np.float64]
    variances: NDArray[np.float64]

    def logs(self, rows: NDArray[np.float64], squares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logarithms of the densities of rows, times the shares of the groups.

        Parameters
        ----------
        rows, squares : ndarray of shape (n_rows, n_columns)

        Returns
        -------
        logs : ndarray of shape (n_groups, n_rows)
        """
        precisions = 1.0 / self.variances
        level = np.log(self.shares) - 0.5 * (
            np.log(2.0 * np.pi * self.variances) + self.means**2 * precisions
        ).sum(axis=1)
        logs: NDArray[np.float64] = (self.means * precisions) @ rows.T
        logs -= 0.5 * precisions @ squares.T
        return logs + level[:, np.newaxis]

    def of(self, rows: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the most likely group of each row."""
        return self.logs(rows, rows**2).argmax(axis=0)

    def information(self, rows: NDArray[np.float64]) -> float:
        """Return Schwarz's information criterion (BIC); less is better."""
        count, n_columns = self.means.shape
        likelihood = _normalized(self.logs(rows, rows**2))[0].sum()
        return float((count * (2 * n_columns + 1) - 1) * np.log(len(rows)) - 2.0 * likelihood)


def find_groups(rows: NDArray[np.float64], count: int, seed: int) -> Groups:
    """Fit so many groups to rows of shape (n_rows, n_columns)."""
    squares, before = rows**2, -np.inf
    labels = _clusters(rows, count, seed) if count > 1 else np.zeros(len(rows), dtype=np.int32)
    groups = _maximized(np.arange(count)[:, np.newaxis] == labels, rows, squares)
    for _ in range(_ROUNDS):
        logs, chances = _normalized(groups.logs(rows, squares))
        groups = _maximized(chances, rows, squares)
        likelihood = logs.mean()
        if abs(likelihood - before) < _TOLERANCE:
            break
        before = likelihood
    return groups


def _clusters(rows: NDArray[np.float64], count: int, seed: int) -> NDArray[np.int32]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different rows than groups
        labels: NDArray[np.int32] = KMeans(count, n_init=1, random_state=seed).fit(rows).labels_
    return labels


def _maximized(
    chances: NDArray[np.float64] | NDArray[np.bool_],
    rows: NDArray[np.float64],
    squares: NDArray[np.float64],
) -> Groups:
    chances = chances.astype(np.float64)
    weights = chances.sum(axis=1) + _TINY
    means = chances @ rows / weights[:, np.newaxis]
    variances = chances @ squares / weights[:, np.newaxis] - means**2 + _FLOOR
    return Groups(weights / weights.sum(), means, variances)


def _normalized(logs: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the logarithms of sums over the groups, and the shares of the groups in them."""
    largest = logs.max(axis=0)
    shares = np.exp(logs - largest)
    sums = shares.sum(axis=0)
    return largest + np.log(sums), shares / sums
