"""Scrambled low-discrepancy points, and draws from columns of a table by inversion.

A point set of base 2 is scrambled by hashing, as an Owen scramble would do it: each seed gives an
independent set with the same equidistribution (Laine and Karras, 2011; B. Burley, "Practical
hash-based Owen scrambling", JCGT 9(4), 2020, whose multipliers are used).
"""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel
from surrogates._kernels.rng import bits

__all__ = ["draw_pieces", "normal_quantile", "scramble", "scrambled_points"]

_M1, _M2 = np.uint32(0x6C50B47C), np.uint32(0xB82F1E52)
_M3, _M4 = np.uint32(0xC7AFE638), np.uint32(0x8D22F6E6)
_S1, _S2, _S4, _S8, _S16 = (np.uint32(shift) for shift in (1, 2, 4, 8, 16))
_A1, _A2 = np.uint32(0x55555555), np.uint32(0x33333333)
_A4, _A8 = np.uint32(0x0F0F0F0F), np.uint32(0x00FF00FF)
_TO_UNIT = 2.0**-32
_CENTRE, _CENTRE_SQUARED, _FAR = 0.425, 0.180625, 5.0
_BLOCK = 512


@kernel
def _reversed(x: np.uint32) -> np.uint32:
    """Reverse the order of 32 bits."""
    x = np.uint32(((x >> _S1) & _A1) | ((x & _A1) << _S1))
    x = np.uint32(((x >> _S2) & _A2) | ((x & _A2) << _S2))
    x = np.uint32(((x >> _S4) & _A4) | ((x & _A4) << _S4))
    x = np.uint32(((x >> _S8) & _A8) | ((x & _A8) << _S8))
    return np.uint32((x >> _S16) | (x << _S16))


@kernel
def scramble(x: np.uint32, seed: np.uint32) -> np.uint32:
    """Permute the dyadic intervals of 32 binary digits, each by the digits before it."""
    x = np.uint32(_reversed(x) + seed)
    x = np.uint32(x ^ np.uint32(x * _M1))
    x = np.uint32(x ^ np.uint32(x * _M2))
    x = np.uint32(x ^ np.uint32(x * _M3))
    x = np.uint32(x ^ np.uint32(x * _M4))
    return _reversed(x)


@kernel
def scrambled_points(
    base: NDArray[np.uint32], seed: int, stream: int, first: int, out: NDArray[np.float64]
) -> None:
    """Write one coordinate of consecutive scrambles of a point set, as numbers in (0, 1).

    Parameters
    ----------
    base : ndarray of shape (n_points,)
        One coordinate of the point set, in units of 2**-32.
    seed, stream : int
        `stream` numbers the coordinate.
    first : int
        Number of the first scramble.
    out : ndarray of shape (n_scrambles * n_points,)
    """
    n_points = len(base)
    for start in range(0, len(out), n_points):
        own = np.uint32(bits(seed, stream, first + start // n_points) >> np.uint64(32))
        for point in range(n_points):
            out[start + point] = (float(scramble(base[point], own)) + 0.5) * _TO_UNIT


@kernel
def _central(q: float) -> float:
    r = _CENTRE_SQUARED - q * q
    top = 2.5090809287301226727e3
    top = top * r + 3.3430575583588128105e4
    top = top * r + 6.7265770927008700853e4
    top = top * r + 4.5921953931549871457e4
    top = top * r + 1.3731693765509461125e4
    top = top * r + 1.9715909503065514427e3
    top = top * r + 1.3314166789178437745e2
    top = top * r + 3.3871328727963666080
    low = 5.2264952788528545610e3
    low = low * r + 2.8729085735721942674e4
    low = low * r + 3.9307895800092710610e4
    low = low * r + 2.1213794301586595867e4
    low = low * r + 5.3941960214247511077e3
    low = low * r + 6.8718700749205790830e2
    low = low * r + 4.2313330701600911252e1
    low = low * r + 1.0
    return q * top / low


@kernel
def _near_tail(r: float) -> float:
    top = 7.74545014278341407640e-4
    top = top * r + 2.27238449892691845833e-2
    top = top * r + 2.41780725177450611770e-1
    top = top * r + 1.27045825245236838258
    top = top * r + 3.64784832476320460504
    top = top * r + 5.76949722146069140550
    top = top * r + 4.63033784615654529590
    top = top * r + 1.42343711074968357734
    low = 1.05075007164441684324e-9
    low = low * r + 5.47593808499534494600e-4
    low = low * r + 1.51986665636164571966e-2
    low = low * r + 1.48103976427480074590e-1
    low = low * r + 6.89767334985100004550e-1
    low = low * r + 1.67638483018380384940
    low = low * r + 2.05319162663775882187
    low = low * r + 1.0
    return top / low


@kernel
def _far_tail(r: float) -> float:
    top = 2.01033439929228813265e-7
    top = top * r + 2.71155556874348757815e-5
    top = top * r + 1.24266094738807843860e-3
    top = top * r + 2.65321895265761230930e-2
    top = top * r + 2.96560571828504891230e-1
    top = top * r + 1.78482653991729133580
    top = top * r + 5.46378491116411436990
    top = top * r + 6.65790464350110377720
    low = 2.04426310338993978564e-15
    low = low * r + 1.42151175831644588870e-7
    low = low * r + 1.84631831751005468180e-5
    low = low * r + 7.86869131145613259100e-4
    low = low * r + 1.48753612908506148525e-2
    low = low * r + 1.36929880922735805310e-1
    low = low * r + 5.99832206555887937690e-1
    low = low * r + 1.0
    return top / low


@kernel
def normal_quantile(p: float) -> float:
    """Return the quantile of the standard normal (Wichura, algorithm AS 241, 1988)."""
    q = p - 0.5
    if abs(q) <= _CENTRE:
        return _central(q)
    tail = p if q < 0.0 else 1.0 - p
    if tail <= 0.0:
        return -np.inf if q < 0.0 else np.inf
    r = np.sqrt(-np.log(tail))
    size = _near_tail(r - 1.6) if r <= _FAR else _far_tail(r - _FAR)
    return -size if q < 0.0 else size


@kernel
def _normal_quantiles(
    p: NDArray[np.float64], out: NDArray[np.float64], far: NDArray[np.float64]
) -> None:
    """Write `normal_quantile` of many numbers, in loops without branches where they are long.

    `far` is room for what lies in the tails.
    """
    n_far = 0
    for i in range(len(p)):
        out[i] = _central(min(max(p[i] - 0.5, -_CENTRE), _CENTRE))
    for i in range(len(p)):
        if abs(p[i] - 0.5) > _CENTRE:
            tail = p[i] if p[i] < 0.5 else 1.0 - p[i]
            far[n_far] = np.sqrt(-np.log(tail)) if tail > 0.0 else np.inf
            n_far += 1
    for k in range(n_far):
        if far[k] <= _FAR:
            far[k] = _near_tail(far[k] - 1.6)
        elif far[k] < np.inf:
            far[k] = _far_tail(far[k] - _FAR)
    n_far = 0
    for i in range(len(p)):
        if abs(p[i] - 0.5) > _CENTRE:
            out[i] = -far[n_far] if p[i] < 0.5 else far[n_far]
            n_far += 1


@kernel
def draw_pieces(
    u: NDArray[np.float64],
    edges: NDArray[np.float64],
    loc: NDArray[np.float64],
    scale: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    start: NDArray[np.float64],
    slope: NDArray[np.float64],
    bins: NDArray[np.int32],
    values: NDArray[np.float64],
    drawn_bins: NDArray[np.int32],
) -> None:
    """Draw by inversion from a mixture of truncated normal distributions.

    Parameters
    ----------
    u : ndarray of shape (n,)
        Numbers in (0, 1).
    edges : ndarray of shape (n_pieces,)
        Cumulative weights of the pieces.
    loc, scale, low, high : ndarray of shape (n_pieces,)
        The normal distribution of each piece and its bounds; a piece without scale is constant.
    start, slope : ndarray of shape (n_pieces,)
        The normal probability of a draw is ``start + slope * u``.
    bins : ndarray of shape (n_pieces,)
    values, drawn_bins : ndarray of shape (n,)
        Written: what is drawn, and the bin of the piece that it is drawn from.
    """
    room = np.empty((3, _BLOCK))
    for first in range(0, len(u), _BLOCK):
        part = slice(first, min(first + _BLOCK, len(u)))
        uniform, value, own = u[part], values[part], drawn_bins[part]
        p, q = room[0, : len(uniform)], room[1, : len(uniform)]
        own[:] = 0
        for k in range(len(edges) - 1):
            edge = edges[k]
            for i in range(len(uniform)):
                own[i] += np.int32(uniform[i] >= edge)
        for i in range(len(uniform)):
            p[i] = start[own[i]] + slope[own[i]] * uniform[i]
        _normal_quantiles(p, q, room[2])
        for i in range(len(uniform)):
            piece = own[i]
            if scale[piece] > 0.0:
                drawn = loc[piece] + scale[piece] * q[i]
                value[i] = min(max(drawn, low[piece]), high[piece])
            else:
                value[i] = loc[piece]
            own[i] = bins[piece]
