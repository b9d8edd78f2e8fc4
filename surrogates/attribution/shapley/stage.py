"""Stages: how many pairs of coalitions of each size are evaluated, of how many that there are."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

__all__ = ["Stage"]


@dataclass(frozen=True)
class Stage:
    """The first pairs of some designs.

    Parameters
    ----------
    n_players : int
    size : ndarray of shape (n_pairs,)
        Of the smaller coalition of each pair.
    n_drawn, n_subsets : ndarray of shape (n_pairs,)
        Number of pairs of that size that were drawn, and of those that there are.
    """

    n_players: int
    size: NDArray[np.int64]
    n_drawn: NDArray[np.int64]
    n_subsets: NDArray[np.float64]

    @property
    def n_pairs(self) -> int:
        """Number of pairs of coalitions."""
        return len(self.size)

    @cached_property
    def left_out(self) -> NDArray[np.float64]:
        """Share of the pairs of each size that were not drawn."""
        return 1.0 - self.n_drawn / self.n_subsets

    @cached_property
    def is_sample(self) -> bool:
        """Whether any pair is left out."""
        return bool((self.n_drawn < self.n_subsets).any())

    @property
    def weights_inside(self) -> NDArray[np.float64]:
        """Weight of the odd part of each pair in the Shapley values of members: (n_pairs,)."""
        return _shapley_weights(self.size, self.n_players)

    @property
    def weights_outside(self) -> NDArray[np.float64]:
        """Weight of the odd part of each pair in those of the others, which is negative."""
        return -_shapley_weights(self.n_players - self.size, self.n_players)

    @property
    def unseen(self) -> NDArray[np.float64]:
        """Summed squared weights of the pairs not drawn, for each one drawn: (n_pairs,)."""
        share = self.size / self.n_players
        inside, outside = self.weights_inside, self.weights_outside
        mean = share * inside**2 + (1.0 - share) * outside**2
        return (self.n_subsets / self.n_drawn - 1.0) * mean


def _shapley_weights(size: NDArray[np.int64], n_players: int) -> NDArray[np.float64]:
    """Return 2 (s - 1)! (d - s)! / d!."""
    logs = gammaln(size) + gammaln(n_players - size + 1) - gammaln(n_players + 1)
    return np.asarray(2.0 * np.exp(logs))
