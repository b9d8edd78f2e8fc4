"""The limit for one row, estimated from the shared neighbours.

Under the kernel's weights the columns are independent, with known variances. So where a control
variate takes away what columns do by themselves, the covariance of each column with what is left
is all that least squares would look at: no matrix of moments is needed for a row.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels.neighbours import (
    match_sums,
    match_weights,
    respond_to_matches,
    unexplained,
)
from surrogates.attribution.lime.control import Control
from surrogates.attribution.lime.limits import Limit, keep_columns
from surrogates.attribution.lime.neighbourhood import Explained, Sampled, see
from surrogates.attribution.lime.surrogate import (
    LocalFit,
    Neighbours,
    Surrogate,
    effective_size,
    wider,
)

__all__ = ["Estimate", "estimate", "look"]


@dataclass(frozen=True, eq=False)
class Estimate:
    """What the shared neighbours say about one row.

    Parameters
    ----------
    sampled : Sampled
    row : Explained
    weights : ndarray of shape (n,)
        Of the neighbours.
    limit : Limit
    std_errors : ndarray of shape (n_columns, n_outputs)
    inside : ndarray of shape (n_columns,)
        The kernel's probability of the bin of the row.
    """

    sampled: Sampled
    row: Explained
    weights: NDArray[np.float64]
    limit: Limit
    std_errors: NDArray[np.float64]
    inside: NDArray[np.float64]

    @property
    def n_fitted(self) -> int:
        """Number of neighbours that the limit is estimated from; the rest is fresh."""
        return self.sampled.n_fitted

    @property
    def effective_size(self) -> float:
        """Kish's effective size of these."""
        return effective_size(self.weights[: self.n_fitted])

    def fitted_by(self, surrogate: Surrogate) -> LocalFit:
        """Return the coefficients of the columns that a surrogate selects, and how well they do."""
        limit, sampled = self.limit, self.sampled
        kept = keep_columns(
            limit.coefficients, self.inside, surrogate.selection, surrogate.n_features
        )
        intercept = limit.expectation - self.inside @ kept
        residuals = np.empty_like(sampled.responses)
        respond_to_matches(sampled.bins, self.row.bins, kept, intercept, self.n_fitted, residuals)
        fresh = slice(self.n_fitted, None)
        residuals[:, fresh] -= sampled.responses[:, fresh]
        left = np.empty(len(intercept))
        unexplained(self.weights, sampled.responses, residuals, self.n_fitted, left)
        return LocalFit(
            coefficients=kept,
            std_errors=np.where(kept == limit.coefficients, self.std_errors, 0.0),
            intercept=intercept,
            prediction=intercept + self.row.at @ kept,
            fidelity=1.0 - left,
        )


def estimate(sampled: Sampled, control: Control, row: Explained, width: float) -> Estimate:
    """Estimate the limit for a row.

    The estimate is a sum over the scrambles, which are independent: standard errors come from its
    spread between them.

    Parameters
    ----------
    sampled : Sampled
    control : Control
        What it leaves is looked at; its own limit is added.
    row : Explained
    width : float
        Of the kernel.
    """
    n_columns, n_scrambles, n_outputs = len(row.bins), sampled.n_scrambles, len(control.left)
    weights = np.empty(sampled.bins.shape[1])
    by_misses = np.exp(np.arange(n_columns + 1) * (-0.5 / width**2))
    match_weights(sampled.bins, row.bins, by_misses, weights)
    sums = np.zeros((n_scrambles, n_outputs + 1, n_columns + 1))
    match_sums(sampled.bins, row.bins, weights, control.left, sampled.size, sums)
    known, inside = control.at(row.bins)
    total = sums.sum(axis=0)
    mean = total[:-1, -1] / total[-1, -1]
    # each scramble's covariances of what is left with the columns, over their known variance
    gaps = sums[:, :-1] - mean[:, None] * sums[:, -1:]
    variance = inside * (1.0 - inside) * total[-1, -1]
    varies = variance > 0.0
    parts = (gaps[..., :-1] - gaps[..., -1:] * inside) / np.where(varies, variance, np.inf)
    found = parts.sum(axis=0)
    spread = ((parts - found / n_scrambles) ** 2).sum(axis=0) * n_scrambles / (n_scrambles - 1)
    errors = wider(n_scrambles) * control.inflation[:, None] * np.sqrt(spread)
    limit = Limit(known.coefficients + found.T, known.expectation + mean)
    return Estimate(sampled, row, weights, limit, errors.T, inside)


def look(
    sampled: Sampled, row: Explained, width: float, out: NDArray[np.float64] | None = None
) -> Neighbours | Estimate:
    """Return what a sample says about a row: an estimate where there is a control variate."""
    if sampled.control is None:
        return see(sampled, row, width, out)
    return estimate(sampled, sampled.control, row, width)
