"""The prior of a game: a linear trend, and a random field for what goes beyond pairs.

Shapley values depend on the odd part of a game alone (half the difference of the worths of a
coalition and of its complement). With signs x in {-1, 1} for players in and out, it is

    y(x) = sum over odd sets T of b_T prod_{i in T} x_i,

the sets of one player being the trend, whose Shapley values are 2 b_i. The sets of three, five
and more players are given independent coefficients of variance prod_{i in T} r_i, so that their
sum has the covariance

    k(x, x') = prod_i sqrt(1 - r_i^2) sinh(sum_i artanh(r_i) x_i x'_i) - sum_i r_i x_i x'_i,

since cosh and sinh of the sum are the even and the odd part of prod_i (1 + r_i x_i x'_i) up to
the factor. The Shapley value of a player of T is 2 b_T / |T| (Grabisch and Roubens, 1999), hence

    Cov(phi_i, y(x)) = 2 r_i x_i int_0^1 ((prod_{j != i} (1 + t r_j x_j)
                                         + prod_{j != i} (1 - t r_j x_j)) / 2 - 1) dt.

The reach r_i of a player is how much it takes part in interactions. Kriging with this prior is
Bayesian quadrature; its mean is linear in the responses (O'Hagan, 1991; Rasmussen and Ghahramani,
2003).
"""

from typing import Any

import numpy as np

__all__ = ["LARGEST_REACH", "Array", "odd_field"]

Array = Any
"""An array of numpy, or of a library whose functions have the same names."""

LARGEST_REACH = 0.4
"""Reach of the most relevant player."""

_NUGGET = 0.005
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(8)
_NODES, _NODE_WEIGHTS = ((_NODES + 1.0) / 2.0).tolist(), (_NODE_WEIGHTS / 2.0).tolist()


def odd_field(signs: Array, reach: Array, xp: Any = np) -> tuple[Array, Array]:
    """Return the covariance of responses, and that of Shapley values with responses.

    Parameters
    ----------
    signs : array of shape (n_responses, n_players)
        1.0 or -1.0.
    reach : array of shape (n_players,)
        In (0, 1).
    xp : module, default=numpy
        The library of the arrays: numpy or torch.

    Returns
    -------
    covariance : array of shape (n_responses, n_responses)
        Of unit variance, plus a nugget for what no field explains.
    of_values : array of shape (n_players, n_responses)
    """
    angles = xp.arctanh(reach)
    factor = xp.exp(0.5 * xp.log1p(-(reach**2)).sum())
    variance = factor * xp.sinh(angles.sum()) - reach.sum()
    covariance = (signs * angles) @ signs.T
    xp.sinh(covariance, out=covariance)
    covariance *= factor
    covariance -= (signs * reach) @ signs.T
    covariance /= variance
    covariance.reshape(-1)[:: len(signs) + 1] += _NUGGET
    integral = xp.zeros_like(signs)
    for node, weight in zip(_NODES, _NODE_WEIGHTS, strict=True):
        for part in (node, -node):
            logs = xp.log1p(part * reach * signs)
            integral += 0.5 * weight * xp.exp(logs.sum(axis=1, keepdims=True) - logs)
    of_values = 2.0 * reach * signs * (integral - 1.0) / variance
    return covariance, of_values.T
