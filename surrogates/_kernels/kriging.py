"""Attributions of many games by linear maps, with the variance that their residuals tell.

For a pair (S, complement of S) only the odd part of a game matters. With x the signs of the
players (1 in S, -1 outside), the responses of a game are

    y(x) = (v(S) - v(complement)) / 2,   and for the pair of all players and none, gap / 2,

and an estimator is a matrix over them. The Shapley values are fixed weights over the responses to
all pairs. What is left of a response after prediction from the others, the error of a response, is
taken to be noise: it moves an attribution by the difference of its weights in the estimator and
in the Shapley value, and errors of that size at pairs that were not drawn by their weight in the
Shapley value. With every pair drawn the variance is zero, as in a sample without replacement.
"""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel, reduction_kernel
from surrogates._kernels.vectors import times

__all__ = ["krige_games", "sum_matrices", "sum_moments"]


@kernel
def sum_moments(
    responses: NDArray[np.float64],
    output: int,
    gaps: NDArray[np.float64],
    design_of: NDArray[np.int64],
    players: NDArray[np.int64],
    trend: NDArray[np.float64],
    moments: NDArray[np.float64],
) -> None:
    """Add up what games tell of the slopes that they have in common.

    Parameters
    ----------
    responses, output, gaps, design_of, players
        As in `krige_games`.
    trend : ndarray of shape (n_designs, n_players, n_pairs + 1)
        X'K^-1, with X the signs and K the covariance of the responses.
    moments : ndarray of shape (n_players_of_table,)
        Added to.
    """
    odd = np.empty(responses.shape[2] + 1)
    for game in range(len(players)):
        _odd_parts(responses[game, :, :, output], gaps[game], odd)
        moment = times(trend[design_of[game]], odd)
        for place in range(len(moment)):
            moments[players[game, place]] += moment[place]


@kernel
def sum_matrices(
    weights: NDArray[np.float64],
    design_of: NDArray[np.int64],
    players: NDArray[np.int64],
    matrices: NDArray[np.float64],
    total: NDArray[np.float64],
) -> None:
    """Add up matrices over the players of games.

    Parameters
    ----------
    weights, design_of : ndarray of shape (n_games,)
    players : ndarray of shape (n_games, n_players)
    matrices : ndarray of shape (n_designs, n_players, n_players)
    total : ndarray of shape (n_players_of_table, n_players_of_table)
        Added to.
    """
    n_games, n_players = players.shape
    for game in range(n_games):
        matrix, weight = matrices[design_of[game]], weights[game]
        for first in range(n_players):
            for second in range(n_players):
                change = weight * matrix[first, second]
                total[players[game, first], players[game, second]] += change


@kernel
def krige_games(
    responses: NDArray[np.float64],
    output: int,
    gaps: NDArray[np.float64],
    game_weights: NDArray[np.float64],
    design_of: NDArray[np.int64],
    cohort: NDArray[np.int64],
    players: NDArray[np.int64],
    members: NDArray[np.uint8],
    matrix: NDArray[np.float64],
    checked: NDArray[np.int64],
    targets: NDArray[np.float64],
    unseen: NDArray[np.float64],
    residuals: NDArray[np.float32],
    slopes: NDArray[np.float64],
    reaction: NDArray[np.float64],
    trend: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> None:
    """Estimate games with the same number of players and add them up.

    Parameters
    ----------
    responses : ndarray of shape (n_games, 2, n_pairs, n_outputs)
        v(S) of every coalition, and v of its complement.
    output : int
    gaps, game_weights : ndarray of shape (n_games,)
    design_of : ndarray of shape (n_games,)
    cohort : ndarray of shape (n_games,)
        Games of one cohort follow one another; they share design and players, so that their
        errors are one error.
    players : ndarray of shape (n_games, n_players)
        Positions in `sums`.
    members : ndarray of shape (n_designs, n_players, n_pairs or more)
        1 where the coalition of the pair has the player.
    matrix : ndarray of shape (n_designs, n_players, n_pairs + 1)
        From the responses of a game, less its trend, to its attributions.
    checked : ndarray of shape (n_checked,)
        Pairs whose errors are looked at.
    targets : ndarray of shape (2, n_checked)
        Weights of these pairs in the Shapley values of their members, and of the others.
    unseen : ndarray of shape (n_checked,)
        Summed squared weights of the pairs that were not drawn, for each pair that was.
    residuals : ndarray of shape (n_designs, n_checked, n_pairs + 1)
        From responses to errors, scaled to all pairs that one stands for.
    slopes : ndarray of shape (n_players_of_table,) or (0,)
        Slopes that all games have in common, taken off first; or none.
    reaction : ndarray of shape (n_players_of_table, n_players_of_table) or (0, 0)
        How the sum of all attributions reacts to the moments of those slopes.
    trend : ndarray of shape (n_designs, n_players, n_pairs + 1) or (0, 0, 0)
        From the responses of a game to those moments.
    sums : ndarray of shape (3, n_players_of_table)
        Receives, summed over games: weighted values, weighted squared values, and the variances
        of the weighted values.
    """
    n_games, n_players = players.shape
    has_trend = len(slopes) > 0
    odd = np.empty(responses.shape[2] + 1)
    pooled = np.zeros(len(odd))
    own, total, n_pooled = np.zeros(n_players), 0.0, 0
    for game in range(n_games):
        design, weight = design_of[game], game_weights[game]
        _odd_parts(responses[game, :, :, output], gaps[game], odd)
        if has_trend:
            for player in range(n_players):
                own[player] = slopes[players[game, player]]
            _take_off(odd, own, members[design])
        values = times(matrix[design], odd)
        for player in range(n_players):
            value = values[player] + 2.0 * own[player]
            sums[0, players[game, player]] += weight * value
            sums[1, players[game, player]] += weight * value * value
        pooled += weight * odd
        total += weight
        n_pooled += 1
        if game + 1 < n_games and cohort[game + 1] == cohort[game]:
            continue
        if len(checked) > 0 and total > 0.0:
            errors = _errors(pooled, residuals[design])
            moved = np.zeros((len(checked), sums.shape[1]))
            for row in range(len(checked)):
                for place in range(n_players):
                    role = 0 if members[design, place, checked[row]] else 1
                    moved[row, players[game, place]] = (
                        matrix[design, place, checked[row]] - targets[role, row]
                    )
            if has_trend:
                share = n_pooled / total
                _add_reactions(moved, share, reaction, trend[design], checked, players[game])
            _add_variances(errors, moved, unseen, players[game], sums[2])
        pooled[:] = 0.0
        total, n_pooled = 0.0, 0


@kernel
def _odd_parts(responses: NDArray[np.float64], gap: float, odd: NDArray[np.float64]) -> None:
    n_pairs = responses.shape[1]
    for pair in range(n_pairs):
        odd[pair] = 0.5 * (responses[0, pair] - responses[1, pair])
    odd[n_pairs] = 0.5 * gap


@kernel
def _take_off(
    odd: NDArray[np.float64], slopes: NDArray[np.float64], members: NDArray[np.uint8]
) -> None:
    """Subtract the trend: the slopes of members less those of the others."""
    last = len(odd) - 1
    everyone = slopes.sum()
    odd += everyone
    odd[last] -= 2.0 * everyone
    for player in range(len(slopes)):
        present, twice = members[player], 2.0 * slopes[player]
        for pair in range(last):
            odd[pair] -= twice * present[pair]


@reduction_kernel
def _errors(odd: NDArray[np.float64], residuals: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the leave-one-out residuals of the checked pairs, in single precision."""
    errors = np.zeros(len(residuals))
    size = np.abs(odd).max()
    if size == 0.0:
        return errors
    scaled = (odd / size).astype(np.float32)
    for row in range(len(residuals)):
        weights = residuals[row]
        error = np.float32(0.0)
        for pair in range(len(scaled)):
            error += weights[pair] * scaled[pair]
        errors[row] = size * error
    return errors


@kernel
def _add_reactions(
    moved: NDArray[np.float64],
    share: float,
    reaction: NDArray[np.float64],
    trend: NDArray[np.float64],
    checked: NDArray[np.int64],
    players: NDArray[np.int64],
) -> None:
    """Add how a response moves the attributions of all games through the common slopes."""
    n_players = moved.shape[1]
    for row in range(len(checked)):
        for place in range(len(players)):
            moment = share * trend[place, checked[row]]
            for player in range(n_players):
                moved[row, player] += reaction[player, players[place]] * moment


@kernel
def _add_variances(
    errors: NDArray[np.float64],
    moved: NDArray[np.float64],
    unseen: NDArray[np.float64],
    players: NDArray[np.int64],
    total: NDArray[np.float64],
) -> None:
    for row in range(len(errors)):
        square = errors[row] * errors[row]
        for player in range(len(total)):
            total[player] += square * moved[row, player] * moved[row, player]
        for player in players:
            total[player] += square * unseen[row]
