"""Paired Shapley regressions of many games, with their design-based variance.

For a pair (S, complement of S) only the odd part of the game matters, so with z the indicator of
S, s its size and d the number of players

    u = (v(S) - v(complement)) / 2 - gap (s / d - 1 / 2),   gap = v(all players) - v(no player),

is regressed on ``a = z - s / d`` with the weights of the Shapley kernel over the inclusion
probabilities, and ``gap / d`` is added to every coefficient: the attributions then sum to
``gap`` exactly (projection form of the constrained least squares; Musco and Witter,
arXiv:2410.01917; Covert and Lee, AISTATS 2021).

The variance is that of a stratified sample without replacement, applied to the residuals as the
projection sees them: it shrinks with the share of a stratum that was drawn (Cochran, Sampling
Techniques, 5.9), and residuals are inflated for leverage (MacKinnon and White, 1985, HC2). The
means within strata account for no more than their degrees of freedom, so neither is taken off.
"""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel, reduction_kernel
from surrogates._kernels.vectors import times

__all__ = ["solve_games"]


@kernel
def solve_games(
    responses: NDArray[np.float64],
    output: int,
    gaps: NDArray[np.float64],
    game_weights: NDArray[np.float64],
    design_of: NDArray[np.int64],
    cohort: NDArray[np.int64],
    players: NDArray[np.int64],
    members: NDArray[np.uint8],
    fractions: NDArray[np.float64],
    weights: NDArray[np.float64],
    inverse: NDArray[np.float64],
    spread: NDArray[np.float32],
    is_sample: bool,
    sums: NDArray[np.float64],
) -> None:
    """Solve games with the same number of players and add them up.

    Parameters
    ----------
    responses : ndarray of shape (n_games, 2, n_pairs, n_outputs)
        v(S) of every coalition, and v of its complement.
    output : int
    gaps, game_weights : ndarray of shape (n_games,)
    design_of : ndarray of shape (n_games,)
        The design of each game.
    cohort : ndarray of shape (n_games,)
        Games of one cohort follow one another; they share design and players, so that their
        errors are one error.
    players : ndarray of shape (n_games, n_players)
        Positions in `sums`.
    members : ndarray of shape (n_designs, n_players, n_pairs or more)
        1 where the coalition of the pair has the player.
    fractions, weights : ndarray of shape (n_pairs,)
        s / d, and Shapley kernel over inclusion probability.
    inverse : ndarray of shape (n_designs, n_players, n_players)
        Pseudo-inverse of the weighted Gram matrix.
    spread : ndarray of shape (n_designs, n_players, n_pairs)
        What a squared residual adds to the variance of each player.
    is_sample : bool
        Whether any coalition was left out, so that there is a variance.
    sums : ndarray of shape (3, n_players_of_table)
        Receives, summed over games: weighted values, weighted squared values, and the variances
        of the weighted values.
    """
    n_games, _, n_pairs, _ = responses.shape
    n_players = players.shape[1]
    odd, pooled = np.empty(n_pairs), np.zeros(n_pairs)
    moments, slopes = np.empty(n_players), np.zeros(n_players)
    for game in range(n_games):
        design, weight, gap = design_of[game], game_weights[game], gaps[game]
        for pair in range(n_pairs):
            half = 0.5 * (responses[game, 0, pair, output] - responses[game, 1, pair, output])
            odd[pair] = half - gap * (fractions[pair] - 0.5)
        _moments(odd, members[design], fractions, weights, moments)
        solved = times(inverse[design], moments)
        for player in range(n_players):
            value = solved[player] + gap / n_players
            sums[0, players[game, player]] += weight * value
            sums[1, players[game, player]] += weight * value * value
        if not is_sample:
            continue
        pooled += weight * odd
        slopes += weight * solved
        if game + 1 < n_games and cohort[game + 1] == cohort[game]:
            continue
        _add_variances(pooled, slopes, members[design], spread[design], players[game], sums[2])
        pooled[:] = 0.0
        slopes[:] = 0.0


@reduction_kernel
def _moments(
    odd: NDArray[np.float64],
    members: NDArray[np.uint8],
    fractions: NDArray[np.float64],
    weights: NDArray[np.float64],
    moments: NDArray[np.float64],
) -> None:
    """Sum the weighted responses over the coalitions of each player, centred."""
    n_pairs = len(odd)
    weighted = weights * odd
    centre = 0.0
    for pair in range(n_pairs):
        centre += weighted[pair] * fractions[pair]
    for player in range(len(moments)):
        present = members[player]
        total = 0.0
        for pair in range(n_pairs):
            total += weighted[pair] * present[pair]
        moments[player] = total - centre


@reduction_kernel
def _add_variances(
    odd: NDArray[np.float64],
    slopes: NDArray[np.float64],
    members: NDArray[np.uint8],
    spread: NDArray[np.float32],
    players: NDArray[np.int64],
    total: NDArray[np.float64],
) -> None:
    """Add the variance of each player, in single precision relative to the largest response."""
    n_pairs = len(odd)
    scale = np.abs(odd).max()
    if scale == 0.0:
        return
    residuals = (odd / scale).astype(np.float32)
    for player in range(len(slopes)):  # they sum to zero, so the centre drops out
        present, slope = members[player], np.float32(slopes[player] / scale)
        for pair in range(n_pairs):
            residuals[pair] -= slope * present[pair]
    residuals *= residuals
    for player in range(len(players)):
        projected = spread[player]
        variance = np.float32(0.0)
        for pair in range(n_pairs):
            variance += residuals[pair] * projected[pair]
        total[players[player]] += scale * scale * variance
