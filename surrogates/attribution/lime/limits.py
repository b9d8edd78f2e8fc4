"""The limit of infinitely many neighbours, in which the columns are independent.

Under the kernel's weights a column is in the row's bin with probability
``alpha = p / (p + (1 - p) e)``, ``e = exp(-1 / (2 width^2))``, whatever the other columns do. A
coefficient is then the difference of two means: of the response inside and outside of the bin.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.lime.representation import ColumnView, slots_of

__all__ = ["BinWeights", "Limit", "bin_weights", "contrasts", "keep_columns", "stacked_weights"]

_POWERS = {"forward_selection": 0.5, "highest_weights": 0.0, "lasso_path": 1.0}


@dataclass(frozen=True, eq=False)
class Limit:
    """The limit for one row.

    Parameters
    ----------
    coefficients : ndarray of shape (n_columns, n_outputs)
    expectation : ndarray of shape (n_outputs,)
        Mean response under the kernel's weights.
    """

    coefficients: NDArray[np.float64]
    expectation: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BinWeights:
    """The bins of a column under the kernel; a last entry stands for rows in none of them.

    Parameters
    ----------
    shares : ndarray of shape (n_bins,) or (n_columns, n_bins)
        Of the reference rows.
    inside : ndarray of shape (n_bins + 1,) or (n_columns, n_bins + 1)
        ``alpha``: the kernel's probability of the bin of the row, if that is the bin.
    """

    shares: NDArray[np.float64]
    inside: NDArray[np.float64]

    def slots(self, bins: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the entries of rows, by their bins."""
        return slots_of(np.append(self.shares > 0.0, False), bins)


def bin_weights(column: ColumnView, width: float) -> BinWeights:
    """Return the weights of the bins of a column."""
    return _weights(column.shares, width)


def stacked_weights(columns: Sequence[ColumnView], width: float) -> BinWeights:
    """Return the weights of the bins of all columns: empty bins fill the shorter ones up."""
    shares = [column.shares for column in columns]
    stacked = np.zeros((len(shares), max(len(own) for own in shares)))
    for row, own in zip(stacked, shares, strict=True):
        row[: len(own)] = own
    return _weights(stacked, width)


def _weights(shares: NDArray[np.float64], width: float) -> BinWeights:
    outside = float(np.exp(-0.5 / width**2))
    inside = shares / (shares + (1.0 - shares) * outside + (shares == 0.0))
    return BinWeights(shares, np.concatenate([inside, np.zeros_like(inside[..., :1])], axis=-1))


def contrasts(weights: BinWeights, means: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return, for each bin that a row may have, the kernel's mean and the bin's contrast.

    Parameters
    ----------
    weights : BinWeights
    means : ndarray of shape (n_bins, ...) or (n_columns, n_bins, ...)
        Mean of a quantity in each bin.

    Returns
    -------
    mean, contrast : ndarray of shape (n_bins + 1, ...) or (n_columns, n_bins + 1, ...)
        The contrast is the mean in the bin less that in all others; 0 where there are no others.
    """
    axis = weights.shares.ndim - 1
    axes = (1,) * (means.ndim - axis - 1)
    shares = weights.shares.reshape(weights.shares.shape + axes)
    total = (shares * means).sum(axis=axis, keepdims=True)
    rest = 1.0 - shares
    has_rest = rest > 1e-12
    others = np.where(has_rest, (total - shares * means) / np.where(has_rest, rest, 1.0), means)
    inside = weights.inside[..., :-1].reshape(shares.shape)
    mean = inside * means + (1.0 - inside) * others
    contrast = np.where(shares > 0.0, means - others, 0.0)
    found = np.concatenate([mean, total], axis=axis)
    return found, np.concatenate([contrast, np.zeros_like(total)], axis=axis)


def keep_columns(
    coefficients: NDArray[np.float64],
    inside: NDArray[np.float64],
    selection: str,
    n_features: int | None,
) -> NDArray[np.float64]:
    """Return coefficients, 0 where a selection leaves a column out; independent ones don't compete.

    Parameters
    ----------
    coefficients : ndarray of shape (n_columns, n_outputs)
    inside : ndarray of shape (n_columns,)
        The kernel's probability of the bin of the row.
    selection : str
    n_features : int or None
    """
    if selection == "none" or n_features is None:
        return coefficients
    variances = inside * (1.0 - inside)
    sizes = np.abs(coefficients) * variances[:, None] ** _POWERS[selection]
    left_out = np.argsort(-sizes, axis=0, kind="stable")[n_features:]
    kept = coefficients.copy()
    np.put_along_axis(kept, left_out, 0.0, axis=0)
    return kept
