"""Kriging: the linear maps from the responses of a game to its attributions.

Where a game has clearly more pairs than players its trend is free (universal kriging): games
without interactions of three or more players are solved exactly, like by least squares. With
fewer pairs the slopes of a game are shrunk to those that all games of the row have in common.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack, solve

from surrogates.attribution.shapley.field import Array, odd_field
from surrogates.attribution.shapley.stage import Stage
from surrogates.blackbox.game_maps import DesignMaps

__all__ = [
    "MOST_KRIGED",
    "MOST_LEARNT",
    "FreeKriging",
    "Kriging",
    "Maps",
    "are_many",
    "krige_designs",
    "krige_freely",
    "krige_shrunk",
    "shrunk_values",
    "signs_of",
    "slope_variances",
]

MOST_KRIGED = 1536
"""Pairs of a game, above which the covariance takes too long to invert."""

MOST_LEARNT = 512
"""Pairs of a game, above which its covariance takes too long to invert for every row anew."""

_PAIRS_PER_PLAYER = 1.5  # below it a game has too few pairs for slopes of its own
_FIELD_SHARE = 0.1  # variance of the field over that of the trend, where the trend has a prior
_LEAST_FREEDOM = 1e-3  # of a response, after a free trend has followed it
_MOST_CHECKED = 48  # pairs of a design whose leave-one-out residuals are taken

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Kriging:
    """Linear maps for some designs of the same numbers of players and pairs.

    Parameters
    ----------
    matrix, trend, residuals : ndarray
        Arguments of `surrogates._kernels.kriging.krige_games`; `trend` is empty where the trend
        of each game is free.
    trend_gram, own_share : ndarray of shape (n_designs, n_players or 0, n_players)
        Gram matrix of the trend, and how attributions follow slopes that were taken off.
    checked, targets, unseen : ndarray
        Arguments of the same.
    spreads : ndarray of shape (n_designs, n_players, n_checked)
        What a squared error adds to the variance of an attribution, where no slopes are common.
    """

    matrix: Floats
    trend: Floats
    trend_gram: Floats
    own_share: Floats
    residuals: NDArray[np.float32]
    checked: NDArray[np.int64]
    targets: Floats
    unseen: Floats
    spreads: Floats

    @property
    def n_bytes(self) -> int:
        """Memory taken."""
        return self.matrix.nbytes + self.trend.nbytes + self.residuals.nbytes


def are_many(n_pairs: int, n_players: int) -> bool:
    """Tell whether a game has enough pairs for a free trend."""
    return n_pairs >= _PAIRS_PER_PLAYER * n_players


def krige_designs(coalitions: NDArray[np.uint8], stage: Stage, reach: Floats) -> Kriging:
    """Prepare the linear maps of designs.

    Parameters
    ----------
    coalitions : ndarray of shape (n_designs, n_pairs, n_players)
    stage : Stage
    reach : ndarray of shape (n_players,)
    """
    n_pairs, n_players = coalitions.shape[1:]
    signs = np.stack([signs_of(drawn) for drawn in coalitions])
    free = are_many(n_pairs, n_players)
    prior = slope_variances(reach)
    solved = [
        krige_freely(sign, reach) if free else krige_shrunk(sign, reach, prior) for sign in signs
    ]
    maps = _checked(solved, coalitions, stage, np, np.asarray)
    checked = _checked_pairs(n_pairs)
    trends = np.stack([one.trend for one in solved])
    return Kriging(
        matrix=maps.values,
        trend=trends,
        trend_gram=trends @ signs,
        own_share=2.0 * np.eye(n_players) - maps.values @ signs,
        residuals=maps.errors.astype(np.float32),
        checked=checked,
        targets=_targets(stage, checked),
        unseen=stage.unseen[checked],
        spreads=maps.spreads,
    )


@dataclass(frozen=True, eq=False)
class FreeKriging:
    """Makes the linear maps of games with a free trend wherever their coalitions are.

    Parameters
    ----------
    stage : Stage
    reach : ndarray of shape (n_players,)
    """

    stage: Stage
    reach: Floats

    def __call__(
        self, coalitions: Array, xp: Any, place: Callable[[NDArray[Any]], Array]
    ) -> DesignMaps:
        """Make the maps of designs, (n_designs, n_pairs, n_players)."""
        reach = place(self.reach)
        solved = [krige_freely(signs_of(drawn, xp), reach, xp) for drawn in coalitions]
        return _checked(solved, coalitions, self.stage, xp, place)


def _checked(
    solved: Sequence["Maps"],
    coalitions: Array,
    stage: Stage,
    xp: Any,
    place: Callable[[NDArray[Any]], Array],
) -> DesignMaps:
    """Keep the errors of some pairs, which stand for all, with what they add to variances."""
    pairs = _checked_pairs(stage.n_pairs)
    checked, unseen = place(pairs), place(stage.unseen[pairs])
    inside, outside = place(_targets(stage, pairs))
    matrices = xp.stack([maps.matrix for maps in solved])
    errors = xp.stack([maps.errors[checked] for maps in solved])
    members = coalitions[:, checked].swapaxes(1, 2) > 0
    moved = matrices[:, :, checked] - xp.where(members, inside, outside)
    return DesignMaps(matrices, errors * (stage.n_pairs / len(pairs)) ** 0.5, moved**2 + unseen)


def _checked_pairs(n_pairs: int) -> NDArray[np.int64]:
    """Return the pairs whose errors are looked at."""
    return np.linspace(0, n_pairs - 1, min(n_pairs, _MOST_CHECKED)).round().astype(np.int64)


def _targets(stage: Stage, pairs: NDArray[np.int64]) -> Floats:
    """Return the weights of pairs in the Shapley values of members, and of others."""
    return np.stack([stage.weights_inside, stage.weights_outside])[:, pairs]


def signs_of(coalitions: Array, xp: Any = np) -> Array:
    """Return the signs of the players, with the pair of all players and none last."""
    return xp.vstack([2.0 * coalitions - 1.0, xp.ones_like(coalitions[:1])])


@dataclass(frozen=True)
class Maps:
    """Linear maps from the responses of a game.

    Parameters
    ----------
    matrix : array of shape (n_players, n_responses)
        To its attributions.
    trend : array of shape (n_players, n_responses) or (0, n_responses)
        To the moments X'K^-1 y of its slopes; no rows where the trend is free.
    errors : array of shape (n_responses, n_responses)
        To the errors of its responses: what is predicted of each from all others.
    """

    matrix: Array
    trend: Array
    errors: Array


def krige_freely(signs: Array, reach: Array, xp: Any = np) -> Maps:
    """Return the maps of universal kriging.

    Parameters
    ----------
    signs : array of shape (n_responses, n_players)
        The last row is that of all players.
    reach : array of shape (n_players,)
    xp : module, default=numpy
        The library of the arrays: numpy or torch.
    """
    covariance, of_values = odd_field(signs, reach, xp)
    precision = _inverse(covariance) if xp is np else _inverse_there(covariance, xp)
    weighted = precision @ signs
    slopes = xp.linalg.solve(signs.T @ weighted, weighted.T)
    residual = precision - weighted @ slopes
    errors = _errors(residual, precision.diagonal())
    return Maps(_efficient(2.0 * slopes + of_values @ residual), signs.T[:0], errors)


def krige_shrunk(signs: Floats, reach: Floats, prior: Floats) -> Maps:
    """Return the maps of kriging with a prior on the slopes.

    Parameters
    ----------
    signs, reach
        As in `krige_freely`.
    prior : ndarray of shape (n_players,)
        Variances of the slopes; they sum to one.
    """
    covariance, of_values = _with_trend(signs, reach, prior)
    precision = _inverse(covariance)
    errors = _errors(precision, precision.diagonal())
    return Maps(_efficient(of_values @ precision), signs.T @ precision, errors)


def shrunk_values(signs: Floats, reach: Floats, prior: Floats, odd: Floats) -> Floats:
    """Return the attributions of a game alone, without the matrix that gives them."""
    covariance, of_values = _with_trend(signs, reach, prior)
    values: Floats = of_values @ solve(covariance, odd, assume_a="pos", overwrite_a=True)
    return values + (2.0 * odd[-1] - values.sum(axis=0)) / len(values)


def _with_trend(signs: Floats, reach: Floats, prior: Floats) -> tuple[Floats, Floats]:
    covariance, of_values = odd_field(signs, reach)
    covariance *= _FIELD_SHARE
    covariance += (signs * prior) @ signs.T
    return covariance, _FIELD_SHARE * of_values + 2.0 * prior[:, None] * signs.T


def _errors(residual: Array, precision: Array) -> Array:
    """Scale residuals to errors of the responses.

    Leave-one-out residuals are too large where the free trend follows a response, and residuals
    in terms of the field alone too small (HC3 and HC2 of MacKinnon and White, 1985): their
    geometric mean is taken. A response that alone tells a slope is taken to err little.

    Parameters
    ----------
    residual : array of shape (n_responses, n_responses)
    precision : array of shape (n_responses,)
        Diagonal of the precision without a trend.
    """
    freedom = (residual.diagonal() / precision).clip(_LEAST_FREEDOM)
    return residual / (precision * freedom**0.75)[:, None]


def slope_variances(reach: Floats) -> Floats:
    """Return the prior variances of slopes: as relevant players interact more, they do more."""
    variances: Floats = reach**2 / (reach**2).sum()
    return variances


def _efficient(matrix: Array) -> Array:
    """Let attributions add up to the gap, which is twice the last response."""
    matrix -= matrix.mean(axis=0)
    matrix[:, -1] += 2.0 / len(matrix)
    return matrix


def _inverse(covariance: Floats) -> Floats:
    """Invert a positive definite matrix."""
    factor, _ = lapack.dpotrf(covariance.T, lower=1, overwrite_a=1)
    inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    upper = np.triu_indices(len(inverse), 1)
    inverse[upper] = inverse.T[upper]
    return np.ascontiguousarray(inverse)


def _inverse_there(covariance: Array, xp: Any) -> Array:
    """Do the same where torch computes."""
    return xp.cholesky_inverse(xp.linalg.cholesky(covariance))
