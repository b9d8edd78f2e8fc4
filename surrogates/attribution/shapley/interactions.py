"""Pairwise Shapley interactions, from the same evaluations as the Shapley values.

The Shapley interaction index of players i and j (Grabisch and Roubens, 1999) is a weighted sum of
the worths of all coalitions S; the weight depends on the size of S and on whether i and j are
in it. Sampled sizes are expanded by their inclusion probability. What the additive fit and the
size of a coalition explain is taken off before and accounted for exactly, so that only the rest
is left to the sample; with every coalition evaluated the index is exact.
"""

from math import comb

import numpy as np
from numpy.typing import NDArray

__all__ = ["complete_with_values", "pair_indices"]

_PAIRS_PER_SIZE = 4  # below it sizes have no means of their own


def pair_indices(
    coalitions: NDArray[np.uint8],
    expansion: NDArray[np.float64],
    present: NDArray[np.float64],
    swapped: NDArray[np.float64],
    gap: NDArray[np.float64],
    values: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Estimate the interaction index of every pair of players of one game.

    Parameters
    ----------
    coalitions : ndarray of shape (n_pairs, n_players)
    expansion : ndarray of shape (n_pairs,)
        Pairs of the size in all, over those evaluated.
    present, swapped : ndarray of shape (n_pairs, n_outputs)
        Worth of each coalition and of its complement, less that of no player.
    gap : ndarray of shape (n_outputs,)
        Worth of all players, less that of no player.
    values : ndarray of shape (n_players, n_outputs)
        Shapley values.

    Returns
    -------
    indices : ndarray of shape (n_players, n_players, n_outputs)
        Symmetric; the diagonal means nothing.
    """
    members = coalitions.astype(np.float64)
    size = coalitions.sum(axis=1, dtype=np.int64)
    odd = (members - 0.5) @ values
    even = 0.5 * (present + swapped - gap)
    of_size = _mean_by_size(even, size, members.shape[1])
    rest = present - 0.5 * gap - odd - of_size[size]
    rest_swapped = swapped - 0.5 * gap + odd - of_size[size]
    weights = _weights(members.shape[1])
    indices = _weighted_sum(members, weights[:, size] * expansion, rest)
    indices += _weighted_sum(1.0 - members, weights[:, -1 - size] * expansion, rest_swapped)
    second_differences = of_size[2:] - 2.0 * of_size[1:-1] + of_size[:-2]
    return indices + second_differences.sum(axis=0) / (members.shape[1] - 1)


def _mean_by_size(
    even: NDArray[np.float64], size: NDArray[np.int64], n_players: int
) -> NDArray[np.float64]:
    """Return the mean even part for sizes 0 to n_players; it is zero at both ends.

    Means of a few coalitions each would follow them too closely. With so few the parabola is
    fitted that the even part is when all interactions are pairwise.
    """
    sizes = np.arange(n_players + 1)
    if len(size) < _PAIRS_PER_SIZE * (n_players // 2):
        parabola = sizes * (n_players - sizes).astype(float)
        height = parabola[size] @ even / (parabola[size] @ parabola[size])
        return np.outer(parabola, height)
    means = np.zeros((n_players + 1, even.shape[1]))
    for some in np.unique(size).tolist():
        means[[some, n_players - some]] = even[size == some].mean(axis=0)
    return means


def _weights(n_players: int) -> NDArray[np.float64]:
    """Return, for sizes 0 to n_players, the weight of a coalition as a polynomial in i and j.

    A coalition weighs ``constant + single * (i + j) + both * i * j`` with i and j 1 where the
    players are in it.
    """
    index = np.array(
        [1.0 / ((n_players - 1) * comb(n_players - 2, s)) for s in range(n_players - 1)]
    )
    neither, one, two = (np.zeros(n_players + 1) for _ in range(3))
    neither[: n_players - 1], one[1:n_players], two[2:] = index, -index, index
    return np.stack([neither, one - neither, two - 2.0 * one + neither])


def _weighted_sum(
    members: NDArray[np.float64], weights: NDArray[np.float64], worth: NDArray[np.float64]
) -> NDArray[np.float64]:
    constant, single, both = (weight[:, None] * worth for weight in weights)
    alone = members.T @ single
    together = np.einsum("si,sk,sj->ijk", members, both, members, optimize=True)
    return constant.sum(axis=0) + alone[:, None] + alone[None] + together


def complete_with_values(
    indices: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Divide each index among its two players and put the rest of the values on the diagonal.

    Rows of the result sum to the Shapley values, as in Lundberg et al., 2020 (Nature Machine
    Intelligence 2).

    Parameters
    ----------
    indices : ndarray of shape (n_players, n_players, n_outputs)
    values : ndarray of shape (n_players, n_outputs)
    """
    completed = 0.5 * indices
    diagonal = np.arange(len(values))
    completed[diagonal, diagonal] = 0.0
    completed[diagonal, diagonal] = values - completed.sum(axis=1)
    return completed
