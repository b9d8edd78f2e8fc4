"""What splits gain, for many at once; the masses of all splits lie in rows, one for each mass."""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = ["AGREEMENT", "ENTROPY", "VARIANCE", "log2", "split_gains", "weight_of"]

ENTROPY, VARIANCE, AGREEMENT = 0, 1, 2

_ROOT_HALF = np.int64(0x3FE6A09E667F3BCD)  # the bits of the square root of 1/2
_MANTISSA = np.int64(52)
_TINY = 1e-300
_NOISE = 1e-9
_SCALE = 2.0 / np.log(2.0)


@kernel
def log2(
    values: NDArray[np.float64], mantissas: NDArray[np.float64], logs: NDArray[np.float64]
) -> None:
    """Write binary logarithms of numbers that are not negative; some finite number for 0.

    The series of the inverse hyperbolic tangent, without branches, so that compilers take several
    numbers at once; within 1e-15 of the truth.

    Parameters
    ----------
    values : ndarray of shape (n,)
    mantissas : ndarray of shape (n,)
        Room to work in.
    logs : ndarray of shape (n,), written
    """
    bits, scaled = values.view(np.int64), mantissas.view(np.int64)
    for i in range(bits.shape[0]):
        exponent = (bits[i] - _ROOT_HALF) >> _MANTISSA
        scaled[i] = bits[i] - (exponent << _MANTISSA)
        logs[i] = float(exponent)
    for i in range(values.shape[0]):
        s = (mantissas[i] - 1.0) / (mantissas[i] + 1.0)
        z = s * s
        tail = 1.0 / 15 + z * (1.0 / 17 + z * (1.0 / 19 + z / 21))
        tail = 1.0 / 9 + z * (1.0 / 11 + z * (1.0 / 13 + z * tail))
        tail = 1.0 + z * (1.0 / 3 + z * (1.0 / 5 + z * (1.0 / 7 + z * tail)))
        logs[i] += _SCALE * s * tail


@kernel
def weight_of(kind: int, mass: NDArray[np.float64]) -> float:
    """Return the weight of the rows, from their masses; the last mass counts reference rows."""
    if kind == VARIANCE:
        return mass[0]
    weight = 0.0
    for j in range(mass.shape[0] - 1):
        weight += mass[j]
    return weight


@kernel
def split_gains(
    kind: int,
    inside: NDArray[np.float64],
    total: NDArray[np.float64],
    n: int,
    above: float,
    gains: NDArray[np.float64],
    work: NDArray[np.float64],
    places: NDArray[np.int64],
) -> int:
    """Write what is gained by telling the rows inside from all others.

    Returns how many splits may gain more than a number. Which they are is written to `places`; the
    gains of all others are not written.

    Parameters
    ----------
    kind : int
        `ENTROPY`: masses of the classes, gains in bits times weight (Quinlan, 1986). `VARIANCE`:
        the weight and weighted targets, gains in squared error times weight. `AGREEMENT`: the
        weight of the rows that belong inside, and of those that do not.
    inside : ndarray of shape (n_masses + 1, n_splits)
        The last mass counts reference rows, and gains nothing.
    total : ndarray of shape (n_masses + 1,)
    n : int
        Splits to weigh, the first ones.
    above : float
        Splits that clearly gain no more than this are left out.
    gains : ndarray of shape (n_splits,), written
    work : ndarray of shape (5, n_splits)
        Room to work in.
    places : ndarray of int64 of shape (n_splits,), written
    """
    if kind == ENTROPY:
        return _write_bits(inside, total, n, above, gains, work, places)
    for i in range(n):
        gains[i] = inside[0, i] - inside[1, i] if kind == AGREEMENT else 0.0
    if kind == VARIANCE:
        for j in range(1, total.shape[0] - 1):
            whole = total[j] * total[j] / max(total[0], _TINY)
            for i in range(n):
                other = total[j] - inside[j, i]
                gains[i] += (
                    inside[j, i] * inside[j, i] / max(inside[0, i], _TINY)
                    + other * other / max(total[0] - inside[0, i], _TINY)
                    - whole
                )
    found = 0
    for i in range(n):
        places[found] = i
        found += gains[i] > above
    return found


@kernel
def _write_bits(
    inside: NDArray[np.float64],
    total: NDArray[np.float64],
    n: int,
    above: float,
    gains: NDArray[np.float64],
    work: NDArray[np.float64],
    places: NDArray[np.int64],
) -> int:
    n_classes, weight_all, whole = total.shape[0] - 1, 0.0, 0.0
    for j in range(n_classes):
        weight_all += total[j]
        whole += total[j] * np.log2(max(total[j], _TINY))
    whole -= weight_all * np.log2(max(weight_all, _TINY))
    most = -whole - above + _NOISE * weight_all
    found = _worthwhile(inside, total, n, weight_all, most, work, places)
    weight, mass, added = work[0], work[1], work[4]
    for k in range(found):
        added[k] = 0.0
    for side in range(2):
        for k in range(found):
            weight[k] = 0.0
        for j in range(n_classes + 1):
            if j < n_classes:
                for k in range(found):
                    one = inside[j, places[k]]
                    mass[k] = one if side == 0 else max(total[j] - one, 0.0)
                    weight[k] += mass[k]
            own, sign = (mass, 1.0) if j < n_classes else (weight, -1.0)
            log2(own[:found], work[2], work[3])
            for k in range(found):
                added[k] += sign * own[k] * work[3, k]
    for k in range(found):
        gains[places[k]] = added[k] - whole
    return found


@kernel
def _worthwhile(
    inside: NDArray[np.float64],
    total: NDArray[np.float64],
    n: int,
    weight_all: float,
    most: float,
    work: NDArray[np.float64],
    places: NDArray[np.int64],
) -> int:
    """Write where the bits that are left may be at most so many, and return how many places.

    Entropy in bits is no less than twice Gini's impurity, which takes no logarithms: equal for
    two classes at 0, 1/2 and 1, and for more by taking one class off after another.
    """
    weight, first, second, room = work[0], work[1], work[2], work[3]
    for i in range(n):
        other = total[0] - inside[0, i]
        weight[i] = inside[0, i]
        first[i], second[i] = inside[0, i] * inside[0, i], other * other
    for j in range(1, total.shape[0] - 1):
        for i in range(n):
            other = total[j] - inside[j, i]
            weight[i] += inside[j, i]
            first[i] += inside[j, i] * inside[j, i]
            second[i] += other * other
    for i in range(n):
        rest = weight_all - weight[i]
        # 2 (w - sum of squares / w) on both sides, times both weights
        left = 2.0 * (weight_all * weight[i] * rest - first[i] * rest - second[i] * weight[i])
        room[i] = most * weight[i] * rest - left
    least, found = 0.0 if np.isfinite(most) else -np.inf, 0
    for i in range(n):
        places[found] = i
        found += not room[i] < least
    return found
