"""What a split gains, from the mass on its two sides."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

__all__ = ["Agreement", "Criterion", "Entropy", "Variance"]

_TINY = 1e-300


class Criterion(ABC):
    """What makes a split good. Masses have the statistics on their last axis.

    Attributes
    ----------
    least_gain : float
        What a test must gain, for each unit of weight.
    """

    least_gain: ClassVar[float] = 1e-9

    @abstractmethod
    def gain(self, inside: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is gained by telling `inside` from the rest of `total`."""

    @abstractmethod
    def weight(self, mass: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the weight of the rows."""

    def differs(
        self,
        new: NDArray[np.float64],
        old: NDArray[np.float64],
        rows_per_weight: float,  # noqa: ARG002
        level: float,  # noqa: ARG002
    ) -> bool:
        """Tell whether two sides of splits are distributed differently."""
        return bool(np.any(new != old))


@dataclass(frozen=True)
class Entropy(Criterion):
    """Information gain in bits; the masses are those of the classes (Quinlan, 1986)."""

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

    def differs(
        self,
        new: NDArray[np.float64],
        old: NDArray[np.float64],
        rows_per_weight: float,
        level: float,
    ) -> bool:
        """Compare class shares by the chi-square test for two samples of unequal size."""
        first, second = new * rows_per_weight, old * rows_per_weight
        both = first + second
        present = both > 0.0
        ratio = np.sqrt(second.sum() / max(first.sum(), _TINY))
        gaps = (ratio * first - second / max(ratio, _TINY))[present]
        statistic = (gaps**2 / both[present]).sum()
        return bool(chdtrc(max(present.sum() - 1, 1), statistic) < level)


def _bits(mass: NDArray[np.float64]) -> NDArray[np.float64]:
    weight = mass.sum(axis=-1, keepdims=True)
    shares = mass / np.maximum(weight, _TINY)
    bits: NDArray[np.float64] = -(mass * np.log2(np.maximum(shares, _TINY))).sum(axis=-1)
    return bits


@dataclass(frozen=True)
class Variance(Criterion):
    """Reduction of squared error; the masses are the weight and the weighted targets."""

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
