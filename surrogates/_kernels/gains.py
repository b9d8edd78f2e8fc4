"""What splits gain, for many at once; the masses of all splits lie in rows, one for each mass."""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = ["AGREEMENT", "ENTROPY", "VARIANCE", "log2", "split_gains", "weight_of"]

ENTROPY, VARIANCE, AGREEMENT = 0, 1, 2

_ROOT_HALF = np.int64(0x3FE6A09E667F3BCD)  # the bits of the square root of 1/2
_MANTISSA = np.int64(52)
_TINY = 1e-300
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
    gains: NDArray[np.float64],
    work: NDArray[np.float64],
) -> None:
    """Write what is gained by telling the rows inside from all others.

    Parameters
    ----------
    kind : int
        `ENTROPY`: masses of the classes, gains in bits times weight (Quinlan, 1986). `VARIANCE`:
        the weight and weighted targets, gains in squared error times weight. `AGREEMENT`: the
        weight of the rows that belong inside, and of those that do not.
    inside : ndarray of shape (n_masses + 1, n_splits)
        The last mass counts reference rows, and gains nothing.
    total : ndarray of shape (n_masses + 1,)
    gains : ndarray of shape (n_splits,), written
    work : ndarray of shape (4, n_splits)
        Room to work in.
    """
    gains[:] = 0.0
    if kind == AGREEMENT:
        gains[:] = inside[0] - inside[1]
    elif kind == VARIANCE:
        _add_explained(inside, total, gains)
    else:
        _add_bits(inside, total, gains, work)


@kernel
def _add_explained(
    inside: NDArray[np.float64], total: NDArray[np.float64], gains: NDArray[np.float64]
) -> None:
    for j in range(1, total.shape[0] - 1):
        whole = total[j] * total[j] / max(total[0], _TINY)
        for i in range(gains.shape[0]):
            other = total[j] - inside[j, i]
            gains[i] += (
                inside[j, i] * inside[j, i] / max(inside[0, i], _TINY)
                + other * other / max(total[0] - inside[0, i], _TINY)
                - whole
            )


@kernel
def _add_bits(
    inside: NDArray[np.float64],
    total: NDArray[np.float64],
    gains: NDArray[np.float64],
    work: NDArray[np.float64],
) -> None:
    n_classes = total.shape[0] - 1
    weight, whole = work[0], np.zeros(1)
    for side in range(2):
        weight[:] = 0.0
        for j in range(n_classes):
            mass = work[1]
            for i in range(gains.shape[0]):
                mass[i] = inside[j, i] if side == 0 else max(total[j] - inside[j, i], 0.0)
                weight[i] += mass[i]
            _add_terms(mass, 1.0, gains, work)
        _add_terms(weight, -1.0, gains, work)
    for j in range(n_classes):
        whole[0] += total[j] * np.log2(max(total[j], _TINY))
    weight_all = total[:n_classes].sum()
    whole[0] -= weight_all * np.log2(max(weight_all, _TINY))
    for i in range(gains.shape[0]):
        gains[i] -= whole[0]


@kernel
def _add_terms(
    mass: NDArray[np.float64],
    sign: float,
    gains: NDArray[np.float64],
    work: NDArray[np.float64],
) -> None:
    logs = work[3]
    log2(mass, work[2], logs)
    for i in range(mass.shape[0]):
        gains[i] += sign * mass[i] * logs[i]
