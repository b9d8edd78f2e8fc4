"""What a split gains, from the mass on its two sides."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from surrogates._kernels import gains as kernels

__all__ = ["Agreement", "Criterion", "Entropy", "Variance"]

_TINY = 1e-300
_SHORT = 7


class Criterion(ABC):
    """What makes a split good. Masses have the statistics on their last axis.

    Attributes
    ----------
    kind : int
        Its number among the kernels.
    least_gain : float
        What a test must gain, for each unit of weight.
    """

    kind: ClassVar[int]
    least_gain: ClassVar[float] = 1e-9

    @abstractmethod
    def gain(self, inside: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is gained by telling `inside` from the rest of `total`."""

    @abstractmethod
    def weight(self, mass: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the weight of the rows."""

    def critical(self, n_masses: int, level: float) -> NDArray[np.float64]:  # noqa: ARG002
        """Return from where on a chi-square statistic tells distributions apart.

        Returns
        -------
        critical : ndarray of shape (n_masses,)
            For 0, 1, ... degrees of freedom; zeros where nothing is tested.
        """
        return np.zeros(max(n_masses, 2))


@dataclass(frozen=True)
class Entropy(Criterion):
    """Information gain in bits; the masses are those of the classes (Quinlan, 1986)."""

    kind: ClassVar[int] = kernels.ENTROPY
    least_gain: ClassVar[float] = 1e-5

    def gain(self, inside: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return bits times weight."""
        outside = np.maximum(total - inside, 0.0)
        gained: NDArray[np.float64] = _bits(total) - _bits(inside) - _bits(outside)
        return gained

    def weight(self, mass: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum over the classes."""
        weight: NDArray[np.float64] = mass.sum(axis=-1)
        return weight

    def critical(self, n_masses: int, level: float) -> NDArray[np.float64]:
        """Return the quantiles of the chi-square distributions."""
        return _critical(max(n_masses, 2), level)


@lru_cache(maxsize=64)
def _critical(n_masses: int, level: float) -> NDArray[np.float64]:
    degrees = np.arange(n_masses)
    found: NDArray[np.float64] = np.where(degrees > 0, chdtri(degrees.clip(1), level), 0.0)
    return found


def _bits(mass: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = mass / np.maximum(_sums(mass)[..., np.newaxis], _TINY)
    return -_sums(mass * np.log2(np.maximum(shares, _TINY)))


def _sums(mass: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sums along the last axis; much faster where that is short."""
    sums: NDArray[np.float64] = mass.sum(axis=-1) if mass.shape[-1] > _SHORT else mass[..., 0] + 0.0
    for j in range(1, mass.shape[-1] if mass.shape[-1] <= _SHORT else 0):
        sums += mass[..., j]
    return sums


@dataclass(frozen=True)
class Variance(Criterion):
    """Reduction of squared error; the masses are the weight and the weighted targets."""

    kind: ClassVar[int] = kernels.VARIANCE

    def gain(self, inside: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return squared error times weight."""
        return _explained(inside) + _explained(total - inside) - _explained(total)

    def weight(self, mass: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the first mass."""
        return mass[..., 0]


def _explained(mass: NDArray[np.float64]) -> NDArray[np.float64]:
    squares: NDArray[np.float64] = (mass[..., 1:] ** 2).sum(axis=-1)
    return squares / np.maximum(mass[..., 0], _TINY)


@dataclass(frozen=True)
class Agreement(Criterion):
    """Rows that a split sends the right way, less those sent the wrong way.

    The masses are the weight of rows that belong inside, and of those that belong outside.
    """

    kind: ClassVar[int] = kernels.AGREEMENT

    def gain(
        self,
        inside: NDArray[np.float64],
        total: NDArray[np.float64],  # noqa: ARG002
    ) -> NDArray[np.float64]:
        """Return the weight won over sending every row outside."""
        won: NDArray[np.float64] = inside[..., 0] - inside[..., 1]
        return won

    def weight(self, mass: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the weight of the rows for which the split matters."""
        weight: NDArray[np.float64] = mass.sum(axis=-1)
        return weight
