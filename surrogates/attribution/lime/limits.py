"""The limit of infinitely many neighbours, in which the columns are independent.

Under the kernel's weights a column is in the row's bin with probability
``alpha = p / (p + (1 - p) e)``, ``e = exp(-1 / (2 width^2))``, whatever the other columns do. A
coefficient is then the difference of two means: of the response inside and outside of the bin.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.lime.representation import ColumnView

__all__ = ["BinWeights", "Limit", "bin_weights", "contrasts"]


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
    shares : ndarray of shape (n_bins,)
        Of the reference rows.
    inside : ndarray of shape (n_bins + 1,)
        ``alpha``: the kernel's probability of the bin of the row, if that is the bin.
    """

    shares: NDArray[np.float64]
    inside: NDArray[np.float64]

    def slots(self, bins: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the entries of rows, by their bins."""
        n_bins = len(self.shares)
        known = (bins >= 0) & (bins < n_bins)
        held = known & (np.append(self.shares, 0.0)[np.where(known, bins, n_bins)] > 0.0)
        return np.where(held, bins, n_bins)


def bin_weights(column: ColumnView, width: float) -> BinWeights:
    """Return the weights of the bins of a column."""
    own = column.marginal
    shares = np.bincount(own.bins, weights=own.weights).astype(np.float64)
    outside = float(np.exp(-0.5 / width**2))
    inside = shares / (shares + (1.0 - shares) * outside + (shares == 0.0))
    return BinWeights(shares, np.append(inside, 0.0))


def contrasts(
    weights: BinWeights, means: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return, for each bin that a row may have, the kernel's mean and the bin's contrast.

    Parameters
    ----------
    weights : BinWeights
    means : ndarray of shape (n_bins, ...)
        Mean of a quantity in each bin.

    Returns
    -------
    mean, contrast : ndarray of shape (n_bins + 1, ...)
        The contrast is the mean in the bin less that in all others; 0 where there are no others.
    """
    axes = (-1,) + (1,) * (means.ndim - 1)
    shares = weights.shares.reshape(axes)
    total = (shares * means).sum(axis=0, keepdims=True)
    rest = 1.0 - shares
    has_rest = rest > 1e-12
    others = np.where(has_rest, (total - shares * means) / np.where(has_rest, rest, 1.0), means)
    inside = weights.inside.reshape(axes)[:-1]
    mean = inside * means + (1.0 - inside) * others
    contrast = np.where(shares > 0.0, means - others, 0.0)
    return np.concatenate([mean, total]), np.concatenate([contrast, np.zeros_like(total)])
