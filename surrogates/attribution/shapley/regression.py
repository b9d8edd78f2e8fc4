"""Least squares: what turns the responses to many pairs of coalitions into attributions."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.shapley.stage import Stage

__all__ = ["Regression", "regress_designs"]

_PAIRS_AT_A_TIME = 16_384
_LEAST_FREEDOM = 1e-3  # of a residual, after its leverage is taken off


@dataclass(frozen=True)
class Regression:
    """The weighted regressions on the pairs of some designs.

    Parameters
    ----------
    fractions, weights, inverse, spread : ndarray
        Arguments of `surrogates._kernels.paired.solve_games`.
    """

    fractions: NDArray[np.float64]
    weights: NDArray[np.float64]
    inverse: NDArray[np.float64]
    spread: NDArray[np.float32]

    @property
    def n_bytes(self) -> int:
        """Memory of the two large arrays."""
        return self.inverse.nbytes + self.spread.nbytes

    def values(
        self,
        coalitions: NDArray[np.uint8],
        design: int,
        half: NDArray[np.float64],
        gap: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return the Shapley values of a single game, (n_players, n_outputs).

        Parameters
        ----------
        coalitions : ndarray of shape (n_pairs, n_players)
        design : int
        half : ndarray of shape (n_pairs, n_outputs)
            Half the difference of the worths of a coalition and of its complement.
        gap : ndarray of shape (n_outputs,)
        """
        centred = coalitions - self.fractions[:, None]
        odd = half - (self.fractions - 0.5)[:, None] * gap
        slopes = self.inverse[design] @ (centred.T @ (self.weights[:, None] * odd))
        return np.asarray(slopes + gap / coalitions.shape[1])


def regress_designs(coalitions: NDArray[np.uint8], stage: Stage) -> Regression:
    """Prepare the regressions.

    Parameters
    ----------
    coalitions : ndarray of shape (n_designs, n_pairs, n_players)
    stage : Stage
    """
    n_designs, n_pairs, n_players = coalitions.shape
    size = stage.size
    fractions = size / n_players
    mass = (n_players - 1) / (size * (n_players - size)) * np.where(2 * size == n_players, 0.5, 1.0)
    weights = mass / stage.n_drawn
    left_out = stage.left_out
    n_sampled = n_pairs if stage.is_sample else 0
    inverse = np.empty((n_designs, n_players, n_players))
    spread = np.empty((n_designs, n_players, n_sampled), dtype=np.float32)
    for design, drawn in enumerate(coalitions):
        gram = np.zeros((n_players, n_players))
        for some in _stretches(n_pairs):
            centred = drawn[some] - fractions[some, None]
            gram += (centred * weights[some, None]).T @ centred
        inverse[design] = _centred_inverse(gram, n_pairs)
        for some in _stretches(n_sampled):
            centred = drawn[some] - fractions[some, None]
            projection = (centred * weights[some, None]) @ inverse[design]
            freedom = np.maximum(1.0 - np.einsum("ij,ij->i", projection, centred), _LEAST_FREEDOM)
            spread[design][:, some] = projection.T**2 * (left_out[some] / freedom)
    return Regression(fractions, weights, inverse, spread)


def _stretches(n_pairs: int) -> Iterator[slice]:
    """Divide the pairs so that temporary arrays stay small."""
    for start in range(0, n_pairs, _PAIRS_AT_A_TIME):
        yield slice(start, min(start + _PAIRS_AT_A_TIME, n_pairs))


def _centred_inverse(gram: NDArray[np.float64], n_pairs: int) -> NDArray[np.float64]:
    """Return the pseudo-inverse of a Gram matrix of centred rows: its null vector is constant."""
    n_players = len(gram)
    if n_pairs > n_players:
        scale = np.trace(gram) / n_players
        completed = np.linalg.inv(gram + scale / n_players) - 1.0 / (scale * n_players)
        if np.abs(completed).max() * scale < 1e8:  # far from singular
            return np.asarray(completed)
    return np.asarray(np.linalg.pinv(gram, rcond=1e-12, hermitian=True))
