"""Counter-based random numbers: one (seed, stream, counter) gives one number, on any thread.

The generator is the finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) applied to a
key made from seed, stream and counter, so nothing has to be stored or advanced.
"""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = ["below", "bits", "mix", "uniform", "uniforms"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_SHIFT_1, _SHIFT_2, _SHIFT_3 = np.uint64(30), np.uint64(27), np.uint64(31)
_MANTISSA = np.uint64(11)
_TO_UNIT = 2.0**-53


@kernel
def mix(value: np.uint64) -> np.uint64:
    """Scramble 64 bits."""
    z = np.uint64(value)
    z = (z ^ (z >> _SHIFT_1)) * _MIX_1
    z = (z ^ (z >> _SHIFT_2)) * _MIX_2
    return z ^ (z >> _SHIFT_3)


@kernel
def bits(seed: int, stream: int, counter: int) -> np.uint64:
    """Return 64 random bits."""
    key = mix(np.uint64(seed) + _GOLDEN * (np.uint64(stream) + np.uint64(1)))
    return mix(key + _GOLDEN * (np.uint64(counter) + np.uint64(1)))


@kernel
def uniform(seed: int, stream: int, counter: int) -> float:
    """Return a number in [0, 1) with 53 random bits."""
    return (bits(seed, stream, counter) >> _MANTISSA) * _TO_UNIT


@kernel
def uniforms(
    seed: int, stream: int, counters: NDArray[np.uint64], out: NDArray[np.float64]
) -> None:
    """Write `uniform` of each counter."""
    for i in range(len(counters)):
        out[i] = uniform(seed, stream, counters[i])


@kernel
def below(n: int, seed: int, stream: int, counter: int) -> int:
    """Return an integer in [0, n), for n far below 2**53."""
    return int(uniform(seed, stream, counter) * n)
