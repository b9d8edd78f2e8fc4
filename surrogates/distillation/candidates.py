"""The literals that a test at a node may be made of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels import splits as kernels
from surrogates.distillation.coding import Coding
from surrogates.distillation.literals import EVERYTHING, Literal, MofN, Operator
from surrogates.distillation.measures import n_words, plane_of_all

__all__ = ["Candidates", "between", "given_candidates", "make_candidates"]

_SAMPLE = 4096


@dataclass(frozen=True, eq=False)
class Candidates:
    """Literals and the rows in which they hold.

    A number below ``len(columns)`` stands for a literal, and that number plus ``len(columns)`` for
    its negation.

    Parameters
    ----------
    planes : ndarray of uint64 of shape (n_words, n_literals)
    columns : ndarray of int64 of shape (n_literals,)
    cuts : ndarray of shape (n_literals,)
        Thresholds that values do not exceed.
    n_rows : int
    others : mapping of int to Literal
        Literals that are more than a threshold, by number.
    """

    planes: NDArray[np.uint64]
    columns: NDArray[np.int64]
    cuts: NDArray[np.float64]
    n_rows: int
    others: Mapping[int, Literal]

    def literal(self, number: int) -> Literal:
        """Return the literal of a number."""
        at = number % len(self.columns)
        own = self.others.get(at)
        if own is None:
            own = Literal(int(self.columns[at]), Operator.AT_MOST, float(self.cuts[at]))
        return own if number < len(self.columns) else own.negation

    def joined(self, given: "Candidates") -> "Candidates":
        """Return the literals of both on the same rows, the given ones last.

        Of literals of one column that tell the same rows apart only the given one is left: a test
        could name both, which would count one condition twice.
        """
        own, theirs = _with_first_row_outside(self), _with_first_row_outside(given)
        repeated = np.zeros(len(self.columns), dtype=np.bool_)
        for column, plane in zip(given.columns, theirs.T, strict=True):
            same = np.flatnonzero(self.columns == column)
            repeated[same] |= (own[:, same] == plane[:, np.newaxis]).all(axis=0)
        return _joined([self._only(np.flatnonzero(~repeated)), given])

    def _only(self, kept: NDArray[np.int64]) -> "Candidates":
        places = enumerate(kept.tolist())
        others = {at: self.others[own] for at, own in places if own in self.others}
        return Candidates(
            self.planes[:, kept], self.columns[kept], self.cuts[kept], self.n_rows, others
        )


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
    own = np.array(columns, dtype=np.int64)
    by_column = np.ascontiguousarray(coded.T if len(own) == coded.shape[1] else coded.T[own])
    nominal = np.array([coding.columns[column].is_nominal for column in columns], dtype=np.bool_)
    plain = ~nominal & ~np.isnan(by_column).any(axis=1)
    parts = [_cut_columns(own[plain], by_column if plain.all() else by_column[plain], n_cuts)]
    for column, values in zip(own[~plain].tolist(), by_column[~plain], strict=True):
        levels = coding.columns[column].levels
        if levels is None:
            parts.append(_partly_missing(column, values, n_cuts))
        else:
            parts.append(_level_literals(column, values, targets, levels.missing, n_cuts))
    found = _joined(parts)
    return found if len(found.columns) else None


def given_candidates(
    literals: Sequence[Literal], coded: NDArray[np.float64], coding: Coding
) -> Candidates:
    """Return given literals as candidates."""
    held = MofN(tuple(literals), 1).held(coded, coding)
    return _listed(literals, np.ascontiguousarray(held.T), len(coded))


def _with_first_row_outside(candidates: Candidates) -> NDArray[np.uint64]:
    """Return the planes, negated where the first row is inside: equal for negations."""
    everything = plane_of_all(candidates.n_rows)
    inside = candidates.planes[0] & np.uint64(1)
    return candidates.planes ^ everything[:, np.newaxis] * inside


def _listed(
    literals: Sequence[Literal], held: Iterable[NDArray[np.bool_]], n_rows: int
) -> Candidates:
    planes = np.empty((len(literals), n_words(n_rows)), dtype=np.uint64)
    for plane, flags in zip(planes, held, strict=True):
        kernels.pack_rows(flags, plane)
    columns = np.array([literal.column for literal in literals], dtype=np.int64)
    numbered = dict(enumerate(literals))
    return Candidates(planes.T, columns, np.zeros(len(columns)), n_rows, numbered)


def _joined(parts: Sequence[Candidates]) -> Candidates:
    if len(parts) == 1:
        return parts[0]
    others, first = {}, 0
    for part in parts:
        others.update({first + at: literal for at, literal in part.others.items()})
        first += len(part.columns)
    return Candidates(
        np.concatenate([part.planes for part in parts], axis=1),
        np.concatenate([part.columns for part in parts]),
        np.concatenate([part.cuts for part in parts]),
        parts[0].n_rows,
        others,
    )


def _cut_columns(
    columns: NDArray[np.int64], values: NDArray[np.float64], n_cuts: int
) -> Candidates:
    """Return the thresholds of columns without missing values, of shape (n_columns, n_rows)."""
    n_rows = values.shape[1]
    ordered = np.sort(values[:, :: 1 + n_rows // _SAMPLE], axis=1)
    most = len(columns) * n_cuts
    cuts, planes = np.empty(most), np.empty((n_words(n_rows), most), dtype=np.uint64)
    counts = np.empty(len(columns), dtype=np.int64)
    kernels.pack_columns(values, ordered, n_cuts, cuts, planes, counts)
    n = counts.sum()
    return Candidates(planes[:, :n], np.repeat(columns, counts), cuts[:n], n_rows, {})


def _partly_missing(column: int, values: NDArray[np.float64], n_cuts: int) -> Candidates:
    """Return thresholds that missing values do not meet, and others that they do."""
    missing = np.isnan(values)
    known = np.sort(values[~missing][:: 1 + len(values) // _SAMPLE])
    cuts = np.empty(n_cuts + 1)
    n = kernels.choose_cuts(known, n_cuts, cuts) if len(known) else 0
    plain = [Literal(column, Operator.AT_MOST, float(cut)) for cut in cuts[:n]]
    joined = [replace(literal, missing=True) for literal in plain]
    if len(known):  # the last cut tells missing values from all others
        plain.append(Literal(column, Operator.AT_MOST, EVERYTHING))
    below = [values <= literal.threshold for literal in plain]
    held = [*below, *(flags | missing for flags in below[:n])]
    return _listed(plain + joined, held, len(values))


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
) -> Candidates:
    """Return the first few levels by their mean target, for several sizes, and single levels."""
    codes = np.where(np.isnan(values), absent, values).astype(np.int64)
    counts = np.bincount(codes, minlength=absent + 1)
    present = np.flatnonzero(counts)
    if len(present) < 2:
        return _listed([], [], len(values))
    ordered = present[_order(codes, targets, absent + 1, present)]
    sizes = np.unique(np.linspace(1, len(ordered) - 1, min(n_cuts, len(ordered) - 1)).astype(int))
    often = ordered[1:-1][np.argsort(-counts[ordered[1:-1]], kind="stable")[:n_cuts]]
    groups = [ordered[:size] for size in sizes] + [np.array([code]) for code in often]
    belongs = np.zeros((len(groups), absent + 1), dtype=np.bool_)
    for flags, group in zip(belongs, groups, strict=True):
        flags[group] = True
    literals = [_level_literal(column, group, absent) for group in groups]
    return _listed(literals, (flags[codes] for flags in belongs), len(values))


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
