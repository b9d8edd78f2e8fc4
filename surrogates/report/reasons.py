"""The principal reasons of a decision, per original column."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.explanation import Attribution

__all__ = ["LEVEL", "Reason", "principal_reasons", "ranked"]

LEVEL = 0.95
"""Confidence level of the intervals."""

_SAME = 1e-9


@dataclass(frozen=True)
class Reason:
    """One column's part in a decision.

    Parameters
    ----------
    rank : int
        From 1.
    player : int
        Position of the column among the players.
    attribution, share : float
        What it adds, and its part of the sum of all magnitudes.
    std_error, low, high : float or None
    tied_with_next : bool
        Whether the next column could as well stand here.
    """

    rank: int
    player: int
    attribution: float
    share: float
    std_error: float | None
    low: float | None
    high: float | None
    tied_with_next: bool

    @property
    def is_certain(self) -> bool:
        """Whether zero lies outside of the interval, as far as is known."""
        return self.low is None or self.high is None or self.low > 0.0 or self.high < 0.0


def ranked(values: NDArray[np.float64], side: int) -> list[int]:
    """Return the players that speak for a side, the strongest first.

    Parameters
    ----------
    values : ndarray of shape (n_players,)
    side : int
        1 for attributions above zero, -1 for those below, 0 for both.

    Returns
    -------
    players : list of int
        Those within rounding of zero are none; equal ones keep the order of the columns.
    """
    sizes = np.abs(values) if side == 0 else side * values
    largest = float(np.abs(values).max(initial=0.0))
    if largest == 0.0:
        return []
    keys = np.round(sizes / largest, 9)
    order = np.argsort(-keys, kind="stable")
    return [int(player) for player in order if keys[player] > _SAME]


def principal_reasons(explanation: Attribution, side: int, most: int) -> tuple[list[Reason], int]:
    """Return the strongest reasons of one row and one output, and how many there are in all.

    Parameters
    ----------
    explanation : Attribution
        Of one row and one output.
    side : int
    most : int
    """
    values = explanation.values[0, :, 0]
    errors = None if explanation.std_errors is None else explanation.std_errors[0, :, 0]
    order = ranked(values, side)
    total = float(np.abs(values).sum())
    reasons = [
        _reason(rank, player, values, errors, total, order[rank : rank + 1])
        for rank, player in enumerate(order[:most], start=1)
    ]
    return reasons, len(order)


def _reason(
    rank: int,
    player: int,
    values: NDArray[np.float64],
    errors: NDArray[np.float64] | None,
    total: float,
    following: list[int],
) -> Reason:
    value = float(values[player])
    known: tuple[Any, Any, Any] = (None, None, None)
    if errors is not None and np.isfinite(errors[player]):
        margin = _quantile() * float(errors[player])
        known = float(errors[player]), value - margin, value + margin
    tied = any(_tied(player, other, values, errors) for other in following)
    return Reason(rank, player, value, abs(value) / total, *known, tied_with_next=tied)


def _tied(
    player: int, other: int, values: NDArray[np.float64], errors: NDArray[np.float64] | None
) -> bool:
    gap = abs(abs(values[player]) - abs(values[other]))
    margin = 0.0 if errors is None else _quantile() * float(np.hypot(errors[player], errors[other]))
    return bool(gap <= max(margin, _SAME * float(np.abs(values).max())))


def _quantile() -> float:
    return NormalDist().inv_cdf((1.0 + LEVEL) / 2.0)
