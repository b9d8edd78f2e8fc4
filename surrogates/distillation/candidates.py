"""The literals that a test at a node may be made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels import splits as kernels
from surrogates.distillation.coding import Coding
from surrogates.distillation.literals import EVERYTHING, Literal, Operator
from surrogates.distillation.measures import n_words

__all__ = ["Candidates", "between", "cut_points", "make_candidates"]

_SAMPLE = 4096


@dataclass(frozen=True, eq=False)
class Candidates:
    """Literals and the rows in which they hold.

    A number below ``len(planes)`` stands for a literal, and that number plus ``len(planes)`` for
    its negation.

    Parameters
    ----------
    literals : list of Literal
    planes : ndarray of uint64 of shape (n_literals, n_words)
    columns : ndarray of int64 of shape (n_literals,)
    n_rows : int
    """

    literals: list[Literal]
    planes: NDArray[np.uint64]
    columns: NDArray[np.int64]
    n_rows: int

    def literal(self, number: int) -> Literal:
        """Return the literal of a number."""
        own = self.literals[number % len(self.literals)]
        return own if number < len(self.literals) else own.negation

    def holds(self, number: int) -> NDArray[np.bool_]:
        """Return the rows in which the literal of a number holds."""
        flags = np.empty(self.n_rows, dtype=np.bool_)
        kernels.unpack_rows(self.planes[number % len(self.literals)], flags)
        return flags if number < len(self.literals) else ~flags


def make_candidates(
    coded: NDArray[np.float64],
    targets: NDArray[np.float64],
    coding: Coding,
    columns: Sequence[int],
    n_cuts: int,
) -> Candidates | None:
    """Collect the literals that tell some of the rows from others.

    Parameters
    ----------
    coded : ndarray of shape (n_rows, n_columns)
        The rows at a node.
    targets : ndarray of shape (n_rows, n_targets)
        Weighted targets; levels are put in the order of their means.
    coding : Coding
    columns : sequence of int
        Those that may be used.
    n_cuts : int
        Thresholds of a column, at most.
    """
    literals: list[Literal] = []
    planes: list[NDArray[np.uint64]] = []
    for column in columns:
        values = coded[:, column]
        levels = coding.columns[column].levels
        own, own_planes = (
            _cut_literals(column, values, n_cuts)
            if levels is None
            else _level_literals(column, values, targets, levels.missing, n_cuts)
        )
        literals += own
        planes += own_planes
    if not literals:
        return None
    numbers = np.array([literal.column for literal in literals])
    return Candidates(literals, np.concatenate(planes), numbers, len(coded))


Collected = tuple[list[Literal], list[NDArray[np.uint64]]]


def _cut_literals(column: int, values: NDArray[np.float64], n_cuts: int) -> Collected:
    missing = np.isnan(values)
    some = missing.any()
    known = values[~missing] if some else values
    cuts = cut_points(known, n_cuts)
    if some and len(known):  # the last cut tells missing values from all others
        cuts = np.append(cuts, EVERYTHING)
    if not len(cuts):
        return [], []
    places = np.searchsorted(cuts, values).astype(np.int32)
    planes = np.empty((len(cuts), n_words(len(values))), dtype=np.uint64)
    kernels.pack_cuts(places, planes)
    if not some:
        return [Literal(column, Operator.AT_MOST, float(cut)) for cut in cuts], [planes]
    absent = np.empty(planes.shape[1], dtype=np.uint64)
    kernels.pack_rows(missing, absent)
    plain = [Literal(column, Operator.AT_MOST, float(cut)) for cut in cuts]
    joined = [Literal(column, Operator.AT_MOST, float(cut), missing=True) for cut in cuts[:-1]]
    return plain + joined, [planes, planes[:-1] | absent]


def cut_points(values: NDArray[np.float64], n_cuts: int) -> NDArray[np.float64]:
    """Return thresholds between values: all of them, or some at equal shares of the values."""
    ordered = np.sort(values[:: 1 + len(values) // _SAMPLE])
    steps = np.flatnonzero(ordered[1:] > ordered[:-1])
    if len(steps) > n_cuts:
        wanted = np.linspace(0, len(ordered) - 1, n_cuts + 2)[1:-1]
        steps = np.unique(steps[np.searchsorted(steps, wanted).clip(max=len(steps) - 1)])
    return between(ordered[steps], ordered[steps + 1])


def between(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return numbers in [low, high), in the middle where there is room."""
    middle = low + (high - low) / 2
    return np.where(np.isfinite(middle) & (middle < high), middle, low)


def _level_literals(
    column: int,
    values: NDArray[np.float64],
    targets: NDArray[np.float64],
    absent: int,
    n_cuts: int,
) -> Collected:
    codes = np.where(np.isnan(values), absent, values).astype(np.int64)
    counts = np.bincount(codes, minlength=absent + 1)
    present = np.flatnonzero(counts)
    if len(present) < 2:
        return [], []
    ordered = present[_order(codes, targets, absent + 1, present)]
    rank = np.zeros(absent + 1, dtype=np.int32)
    rank[ordered] = np.arange(len(ordered))
    sizes = np.unique(np.linspace(1, len(ordered) - 1, min(n_cuts, len(ordered) - 1)).astype(int))
    places = np.searchsorted(sizes - 1, rank[codes]).astype(np.int32)
    planes = np.empty((len(sizes), n_words(len(values))), dtype=np.uint64)
    kernels.pack_cuts(places, planes)
    groups = [ordered[:size] for size in sizes]
    often = ordered[1:-1][np.argsort(-counts[ordered[1:-1]], kind="stable")[:n_cuts]]
    singles = np.empty((len(often), planes.shape[1]), dtype=np.uint64)
    for code, plane in zip(often, singles, strict=True):
        kernels.pack_rows(codes == code, plane)
    groups += [np.array([code]) for code in often]
    return [_level_literal(column, group, absent) for group in groups], [planes, singles]


def _order(
    codes: NDArray[np.int64],
    targets: NDArray[np.float64],
    n_codes: int,
    present: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Order levels by their mean targets, along the direction in which these differ most."""
    sums = np.column_stack(
        [np.bincount(codes, weights=target, minlength=n_codes)[present] for target in targets.T]
    )
    counts = np.bincount(codes, minlength=n_codes)[present][:, np.newaxis]
    means = sums / counts
    centered = (means - means.mean(axis=0)) * np.sqrt(counts)
    direction = np.linalg.svd(centered, full_matrices=False)[2][0]
    if direction[np.abs(direction).argmax()] < 0:
        direction = -direction
    return np.argsort(means @ direction, kind="stable")


def _level_literal(column: int, group: NDArray[np.int64], absent: int) -> Literal:
    codes = tuple(sorted(int(code) for code in group if code != absent))
    return Literal(column, Operator.IN, levels=codes, missing=bool((group == absent).any()))
