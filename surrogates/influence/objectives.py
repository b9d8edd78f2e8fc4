"""What a generalised linear model minimises, and what of it changes when rows are removed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from surrogates.influence.losses import Loss, SoftmaxLoss

__all__ = ["Balance", "Objective", "removed_rows"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Balance:
    """Class weights that depend on how many rows the classes have.

    A class weighs ``n / (n_classes * n_k)``, where n and n_k are sums of sample weights.

    Parameters
    ----------
    codes : ndarray of int of shape (n_rows,)
        The class of each row.
    sizes : ndarray of shape (n_rows,)
        What each row counts.
    adapts : ndarray of bool of shape (n_classes,)
        Which classes have such a weight.
    """

    codes: NDArray[np.int64]
    sizes: Array
    adapts: NDArray[np.bool_]

    def factors(self, removals: Sequence[NDArray[np.int64]]) -> Array:
        """Return what the weight of each class is multiplied by, of shape (n_removals, n_classes).

        A class that loses all of its rows keeps its weight, which nothing depends on.
        """
        totals = np.bincount(self.codes, self.sizes, minlength=len(self.adapts))
        lost = np.zeros((len(removals), len(totals)))
        owner, rows = removed_rows(removals)
        np.add.at(lost, (owner, self.codes[rows]), self.sizes[rows])
        left, all_left = totals - lost, totals.sum() - lost.sum(axis=1, keepdims=True)
        left = np.where(left > 1e-12 * totals, left, totals)
        factors = all_left / totals.sum() * totals / left
        return np.where(self.adapts, factors, 1.0)


@dataclass(frozen=True, eq=False)
class Objective:
    """A sum of weighted losses of linear margins, and a quadratic penalty.

    ``sum_i weights_i loss(targets_i, theta design_i) + sum_kj penalty_j theta_kj^2 / 2``

    Parameters
    ----------
    design : ndarray of shape (n_rows, n_columns)
        What the margins are linear in, the intercept included.
    targets : ndarray of shape (n_rows,)
    weights : ndarray of shape (n_rows,)
    penalty : ndarray of shape (n_columns,)
    loss : Loss
    theta : ndarray of shape (n_outputs, n_columns)
        Parameters of the fitted model.
    shares : ndarray of shape (n_rows,), default=None
        Where the penalty is relative to the sum of the sample weights: what each row holds of it.
    balance : Balance, default=None
        How class weights depend on the rows.
    scale : float, default=1.0
        What the losses are multiplied by, apart from the weights of rows and classes.
    free_intercept : bool, default=False
        Whether the last column is an intercept without a penalty.
    """

    design: Array
    targets: Array
    weights: Array
    penalty: Array
    loss: Loss
    theta: Array
    shares: Array | None = None
    balance: Balance | None = None
    scale: float = 1.0
    free_intercept: bool = False

    @property
    def n_outputs(self) -> int:
        """Number of margins per row."""
        return len(self.theta)

    @property
    def reweighs(self) -> bool:
        """Whether removals change what other rows, or the penalty, weigh."""
        return self.balance is not None or (self.shares is not None and bool(self.penalty.any()))

    def at(self, theta: Array) -> "Objective":
        """Return the objective with other parameters."""
        return replace(self, theta=theta)

    def margins(self, design: Array | None = None) -> Array:
        """Return the margins of rows: (n_rows,) or, for a softmax, (n_rows, n_outputs)."""
        rows = self.design if design is None else design
        margins: Array = rows @ self.theta.T
        return margins if isinstance(self.loss, SoftmaxLoss) else margins[:, 0]

    def slopes(self) -> Array:
        """Return the slopes of the losses at the margins, of shape (n_rows, n_outputs)."""
        slopes = self.loss.slope(self.targets, self.margins())
        return slopes.reshape(len(slopes), -1)

    def gradient(self) -> Array:
        """Return the gradient, of shape (n_outputs, n_columns)."""
        weighted = self.weights[:, None] * self.slopes()
        return np.asarray(weighted.T @ self.design + self.penalty * self.theta)

    def value(self) -> float:
        """Return the objective itself."""
        losses = self.weights @ self.loss.value(self.targets, self.margins()) / self.loss.scale
        return float(losses + 0.5 * (self.penalty * np.square(self.theta)).sum())

    def row_factors(self, removals: Sequence[NDArray[np.int64]]) -> Array | None:
        """Return what removals multiply the weights by, per class, or None where by nothing."""
        return None if self.balance is None else self.balance.factors(removals)

    def penalty_factors(self, removals: Sequence[NDArray[np.int64]]) -> Array | None:
        """Return what removals multiply the penalty by, or None where by nothing."""
        if self.shares is None:
            return None
        owner, rows = removed_rows(removals)
        lost = np.bincount(owner, self.shares[rows], minlength=len(removals))
        return np.asarray(1.0 - lost / self.shares.sum())


def removed_rows(
    removals: Sequence[NDArray[np.int64]],
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return all rows removed, with the number of the set that each belongs to."""
    owner = np.repeat(np.arange(len(removals)), [len(rows) for rows in removals])
    return owner, np.concatenate([np.empty(0, dtype=np.int64), *removals])
