"""Estimate the Shapley values of games from their responses, and add them to those of a row."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels.kriging import krige_games, sum_matrices, sum_moments
from surrogates._kernels.paired import solve_games
from surrogates.attribution.shapley.games import Games, Sums
from surrogates.attribution.shapley.kriging import slope_variances
from surrogates.attribution.shapley.one_thread import one_thread
from surrogates.attribution.shapley.single import krige_alone

__all__ = ["Answers", "solve", "solve_alone"]

_COMMON_SHARE = 10.0  # prior variance of common slopes over that of own slopes
_NOTHING = np.empty(0)
_NO_MATRIX = np.empty((0, 0))


@dataclass(frozen=True)
class Answers:
    """Games with the responses to them.

    Parameters
    ----------
    games : Games
    stage : int
    responses : ndarray of shape (n_games, 2, n_pairs, n_outputs)
        On the scale of the link.
    gaps : ndarray of shape (n_games, n_outputs)
        Response to the row minus response to each reference row.
    weights : ndarray of shape (n_games,)
    """

    games: Games
    stage: int
    responses: NDArray[np.float64]
    gaps: NDArray[np.float64]
    weights: NDArray[np.float64]

    @property
    def shrinks(self) -> bool:
        """Whether the games have too few pairs for slopes of their own."""
        return self.games.designs.shrinks(self.stage)

    def gap(self, output: int) -> NDArray[np.float64]:
        """Return the gaps of one output."""
        return np.ascontiguousarray(self.gaps[:, output])


def solve(some: Sequence[Answers], sums: Sums) -> None:
    """Estimate the Shapley values of games of one row and add them to its sums."""
    together = [answers for answers in some if answers.shrinks]
    if together:
        _krige_together(together, sums)
    for answers in some:
        if answers.shrinks:
            continue
        if answers.games.designs.is_kriged(answers.stage):
            for output in range(answers.gaps.shape[1]):
                _krige(answers, output, _NOTHING, _NO_MATRIX, sums)
        else:
            _regress(answers, sums)


def solve_alone(answers: Answers, sums: Sums) -> None:
    """Estimate the Shapley values of a row against its only reference row."""
    games, stage = answers.games, answers.games.designs.stages[answers.stage]
    half = 0.5 * (answers.responses[0, 0] - answers.responses[0, 1])
    drawn = games.designs.coalitions[games.design_of[0], : stage.n_pairs]
    with one_thread():
        values, variances = krige_alone(drawn, stage, half, answers.gaps[0])
    weight, players = answers.weights[0], games.players[0]
    for output in range(values.shape[1]):
        target = sums.of_output(output)
        target[0, players] += weight * values[:, output]
        target[1, players] += weight * values[:, output] ** 2
        target[2, players] += weight**2 * variances[:, output]


def _regress(answers: Answers, sums: Sums) -> None:
    games = answers.games
    regression = games.designs.regression(answers.stage)
    for output in range(answers.gaps.shape[1]):
        solve_games(
            answers.responses,
            output,
            answers.gap(output),
            answers.weights,
            games.design_of,
            games.seating.cohort,
            games.players,
            games.designs.members,
            regression.fractions,
            regression.weights,
            regression.inverse,
            regression.spread,
            games.designs.stages[answers.stage].is_sample,
            sums.of_output(output),
        )


def _krige(
    answers: Answers,
    output: int,
    slopes: NDArray[np.float64],
    reaction: NDArray[np.float64],
    sums: Sums,
) -> None:
    games = answers.games
    kriging = games.designs.kriging(answers.stage)
    krige_games(
        answers.responses,
        output,
        answers.gap(output),
        answers.weights,
        games.design_of,
        games.seating.cohort,
        games.players,
        games.designs.members,
        kriging.matrix,
        kriging.checked,
        kriging.targets,
        kriging.unseen,
        kriging.residuals,
        slopes,
        reaction,
        kriging.trend,
        sums.of_output(output),
    )


def _krige_together(some: Sequence[Answers], sums: Sums) -> None:
    """Shrink the slopes of games with few pairs to those that they have in common.

    The common slopes are estimated by generalized least squares over all of the games; a weak
    prior keeps them finite where a row has few games.
    """
    n_players, n_outputs = sums.values.shape
    gram, own_share = np.zeros((2, n_players, n_players))
    prior = np.zeros(n_players)
    for answers in some:
        games, kriging = answers.games, answers.games.designs.kriging(answers.stage)
        ones = np.ones(len(answers.weights))
        sum_matrices(ones, games.design_of, games.players, kriging.trend_gram, gram)
        sum_matrices(answers.weights, games.design_of, games.players, kriging.own_share, own_share)
        variances = np.tile(slope_variances(games.designs.reach), len(games.players))
        prior += np.bincount(games.players.ravel(), variances, n_players)
    seen = np.flatnonzero(prior)
    n_games = sum(len(answers.weights) for answers in some)
    gram[seen, seen] += n_games / (_COMMON_SHARE * prior[seen])
    inverse = np.zeros_like(gram)
    with one_thread():
        inverse[np.ix_(seen, seen)] = np.linalg.inv(gram[np.ix_(seen, seen)])
        reaction = own_share @ inverse
    for output in range(n_outputs):
        moments = np.zeros(n_players)
        for answers in some:
            games = answers.games
            sum_moments(
                answers.responses,
                output,
                answers.gap(output),
                games.design_of,
                games.players,
                games.designs.kriging(answers.stage).trend,
                moments,
            )
        for answers in some:
            _krige(answers, output, inverse @ moments, reaction, sums)
