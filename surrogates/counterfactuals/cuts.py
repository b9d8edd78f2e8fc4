"""Where the tests of trees cut the raw numbers, seen through column-wise preprocessing.

Each test is asked about raw numbers, and the number at which its answer changes is found by
bisection. So neither the transformers nor their rounding need to be known.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.counterfactuals.columns import Column

__all__ = ["NumberCuts", "find_cuts", "probes_of"]

_MOST_STEPS = 80
_BEYOND = (1.0, 100.0)


class NumberCuts:
    """Cuts of one column.

    Parameters
    ----------
    cuts : ndarray of shape (n_cuts,)
        The last number below each cut, sorted, without repetition.
    of_test : ndarray of shape (n_tests,)
        The cut of each test, `n_cuts` where its answer never changes.
    low_passes : ndarray of bool of shape (n_tests,)
        Whether numbers up to the cut pass the test.
    """

    def __init__(
        self,
        cuts: NDArray[np.float64],
        of_test: NDArray[np.int64],
        low_passes: NDArray[np.bool_],
    ) -> None:
        self.cuts, self.of_test, self.low_passes = cuts, of_test, low_passes


def probes_of(column: Column) -> NDArray[np.float64]:
    """Return numbers to ask first: those seen, and some beyond."""
    seen = column.seen
    if not len(seen):
        return np.empty(0)
    span = np.ptp(seen) or max(abs(seen[0]), 1.0)
    low = [seen[0] - factor * span for factor in reversed(_BEYOND)]
    high = [seen[-1] + factor * span for factor in _BEYOND]
    return np.unique(np.clip(np.concatenate([low, seen, high]), *column.bounds))


def find_cuts(
    columns: list[Column],
    known: list[tuple[NDArray[np.float64], NDArray[np.bool_]]],
    ask: Callable[[list[NDArray[np.float64]]], list[NDArray[np.bool_]]],
) -> list[NumberCuts] | None:
    """Find the cuts of several columns at once.

    Parameters
    ----------
    columns : list of Column
    known : list of (numbers, outcomes)
        For each column, numbers (n_numbers,), sorted, and the answers of its tests to them,
        (n_numbers, n_tests).
    ask : callable
        Given for each column one number per test, (n_tests,), returns the answer of each test to
        its number, (n_tests,).

    Returns
    -------
    cuts : list of NumberCuts or None
        None where a test changes its answer more than once: the preprocessing is not monotone.
    """
    brackets: list[tuple[NDArray[Any], ...]] = []
    for numbers, outcomes in known:
        changes = outcomes[1:] != outcomes[:-1]
        if (changes.sum(axis=0) > 1).any():
            return None
        place = changes.argmax(axis=0) if len(changes) else np.zeros(outcomes.shape[1], int)
        never = ~changes.any(axis=0)
        low = np.where(never, np.nan, numbers[place])
        high = np.where(never, np.nan, numbers[np.minimum(place + 1, len(numbers) - 1)])
        brackets.append((low, high, outcomes[0], never))
    _bisect(columns, brackets, ask)
    return [_collect(low, first, never) for low, _, first, never in brackets]


def _bisect(
    columns: list[Column],
    brackets: list[tuple[NDArray[Any], ...]],
    ask: Callable[[list[NDArray[np.float64]]], list[NDArray[np.bool_]]],
) -> None:
    """Narrow brackets, in place, until no number of the column lies between their ends."""
    for _ in range(_MOST_STEPS):
        middles = [
            _middles(column, low, high)
            for column, (low, high, *_) in zip(columns, brackets, strict=True)
        ]
        if not any((~np.isnan(middle)).any() for middle in middles):
            return
        safe = [
            np.where(np.isnan(middle), np.nan_to_num(low), middle)
            for middle, (low, *_) in zip(middles, brackets, strict=True)
        ]
        for middle, bracket, answer in zip(middles, brackets, ask(safe), strict=True):
            low, high, first, _ = bracket
            inside = ~np.isnan(middle)
            stays = inside & (answer == first)
            low[stays] = middle[stays]
            high[inside & ~stays] = middle[inside & ~stays]


def _middles(
    column: Column, low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return numbers strictly between, NaN where there are none."""
    if column.step:
        middle = np.round((low + high) / 2.0 / column.step) * column.step
    else:
        middle = (low / 2.0 + high / 2.0).astype(column.precision).astype(np.float64)
    return np.where((middle > low) & (middle < high), middle, np.nan)


def _collect(
    low: NDArray[np.float64],
    first: NDArray[np.bool_],
    never: NDArray[np.bool_],
) -> NumberCuts:
    cuts = np.unique(low[~never])
    of_test = np.where(never, len(cuts), np.searchsorted(cuts, np.nan_to_num(low)))
    return NumberCuts(cuts, of_test.astype(np.int64), first.astype(bool))
