"""Sets of players that a metric tries: all of them, or as many as it may."""

from math import comb

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels.coalitions import draw_subsets, enumerate_subsets

__all__ = ["all_subsets", "kernel_subsets", "subsets_of_any_size", "subsets_of_size"]


def subsets_of_size(
    n_players: int, size: int, n_subsets: int, seed: int, stream: int = 0
) -> NDArray[np.uint8]:
    """Return distinct sets of one size as rows of 0 and 1; all of them where there are few enough.

    Parameters
    ----------
    n_players, size, n_subsets : int
    seed, stream : int
        Of the draw.

    Examples
    --------
    >>> subsets_of_size(3, 2, 10, seed=0)
    array([[1, 1, 0],
           [1, 0, 1],
           [0, 1, 1]], dtype=uint8)
    """
    available = comb(n_players, size)
    if available <= 2 * n_subsets:
        everything = np.empty((available, n_players), dtype=np.uint8)
        enumerate_subsets(everything, size)
        if available <= n_subsets:
            return everything
        chosen = np.random.default_rng([seed, stream]).permutation(available)[:n_subsets]
        return everything[np.sort(chosen)]
    drawn = np.empty((n_subsets, n_players), dtype=np.uint8)
    draw_subsets(drawn, size, False, seed, stream)
    return drawn


def all_subsets(n_players: int) -> NDArray[np.uint8]:
    """Return all sets of players but the empty and the full one."""
    numbers = np.arange(1, 2**n_players - 1, dtype=np.int64)
    members = (numbers[:, None] >> np.arange(n_players)) & 1
    return members.astype(np.uint8)


def subsets_of_any_size(n_players: int, n_subsets: int, seed: int) -> NDArray[np.uint8]:
    """Return sets that are neither empty nor full, each as likely; all where there are few."""
    if n_players < 2:
        return np.empty((0, n_players), dtype=np.uint8)
    if n_players < 31 and 2**n_players - 2 <= n_subsets:
        return all_subsets(n_players)
    drawn = np.random.default_rng(seed).integers(0, 2, (n_subsets, n_players), dtype=np.uint8)
    sizes = drawn.sum(axis=1)
    drawn[sizes == 0, 0] = 1
    drawn[sizes == n_players, 0] = 0
    return drawn


def kernel_subsets(
    n_players: int, n_subsets: int | None, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return sets and their weights in the regression whose solution is the Shapley value.

    A set of s out of d players weighs ``(d - 1) / (C(d, s) s (d - s))`` (Lundberg and Lee, 2017).

    Parameters
    ----------
    n_players : int
    n_subsets : int or None
        None, and any number that suffices, is all sets. Otherwise sets are drawn with chances
        proportional to the weights, each with its complement.
    seed : int

    Returns
    -------
    subsets : ndarray of shape (n, n_players)
    weights : ndarray of shape (n,)
        They sum to one.
    """
    if n_players < 2:
        return np.empty((0, n_players), dtype=np.uint8), np.empty(0)
    if n_subsets is None or (n_players < 31 and 2**n_players - 2 <= n_subsets):
        subsets = all_subsets(n_players)
        sizes = subsets.sum(axis=1, dtype=np.int64)
        ways = np.array([comb(n_players, size) for size in range(n_players + 1)], dtype=np.float64)
        weights = 1.0 / (ways[sizes] * sizes * (n_players - sizes))
        return subsets, weights / weights.sum()
    rng = np.random.default_rng(seed)
    each = np.arange(1, n_players)
    chances = 1.0 / (each * (n_players - each))
    sizes = rng.choice(each, size=max(1, n_subsets // 2), p=chances / chances.sum())
    places = rng.permuted(np.tile(np.arange(n_players), (len(sizes), 1)), axis=1)
    half = (places < sizes[:, None]).astype(np.uint8)
    return np.concatenate([half, 1 - half]), np.full(2 * len(sizes), 0.5 / len(sizes))
