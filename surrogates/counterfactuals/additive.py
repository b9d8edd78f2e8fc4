"""Linear models as sums of functions of single raw columns, found by asking about single cells."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier

from surrogates.blackbox.model import Model
from surrogates.blackbox.table import take_rows
from surrogates.counterfactuals.columns import Column
from surrogates.counterfactuals.probes import whole_rows, with_single_cells
from surrogates.exceptions import ModelOutputError

__all__ = ["Additive", "may_be_linear", "raw_model", "read_additive"]

_FAMILIES = ("sklearn.linear_model", "sklearn.svm", "sklearn.discriminant_analysis")
_N_PROBES = 11
_N_CHECKED = 1000
_TOLERANCE = 1e-8


@dataclass(frozen=True, eq=False)
class Additive:
    """``raw = base + sum over columns of an effect of the cell``.

    Parameters
    ----------
    columns : tuple of Column
    base : ndarray of shape (n_raw,)
    slopes : ndarray of shape (n_columns, n_raw)
        Of numbers: their effect is ``slope * number``.
    levels : tuple of ndarray of shape (n_levels, n_raw)
        Effects of levels; empty for numbers.
    model : Model
        Gives the raw scores themselves.
    """

    columns: tuple[Column, ...]
    base: NDArray[np.float64]
    slopes: NDArray[np.float64]
    levels: tuple[NDArray[np.float64], ...]
    model: Model

    @cached_property
    def _table(self) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """Effects of all levels and of an unknown one, where each column starts, how many."""
        sizes = np.array([len(levels) for levels in self.levels], dtype=np.int64)
        unknown = np.full((1, len(self.base)), np.nan)
        return np.vstack([*self.levels, unknown]), np.cumsum(sizes) - sizes, sizes

    @cached_property
    def _is_level(self) -> NDArray[np.bool_]:
        return np.array([column.is_level for column in self.columns])

    def of_row(self, codes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the effects of all cells of a row, (n_columns, n_raw); NaN where not known."""
        table, starts, sizes = self._table
        known = (codes >= 0) & (codes < sizes)
        places = np.where(known, starts + np.where(known, codes, 0.0), len(table) - 1)
        levels = table[places.astype(np.int64)]
        return np.where(self._is_level[:, None], levels, codes[:, None] * self.slopes)

    def of_levels(
        self, positions: NDArray[np.int64], codes: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the effects of known levels of some columns, (n, n_raw)."""
        table, starts, _ = self._table
        return table[starts[positions] + codes.astype(np.int64)]

    def effects(self, position: int, codes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the effects of cells of a column, (n, n_raw); NaN where they are not known."""
        if not self.columns[position].is_level:
            return codes[:, None] * self.slopes[position]
        table = np.vstack([self.levels[position], np.full((1, len(self.base)), np.nan)])
        known = (codes >= 0) & (codes < len(table) - 1)
        return table[np.where(known, codes, len(table) - 1).astype(np.int64)]


def may_be_linear(estimator: Any) -> bool:
    """Tell whether an estimator has coefficients that its scores could be linear in."""
    if not isinstance(estimator, BaseEstimator) or not hasattr(estimator, "coef_"):
        return False
    return type(estimator).__module__.startswith(_FAMILIES)


def raw_model(model: Model, final: Any) -> Model | None:
    """Return a model of the scores that are linear, None where there is no such method."""
    if not is_classifier(final):
        return model if model.method == "predict" else None
    if not hasattr(model.predictor, "decision_function"):
        return None
    if len(model.labels) == 2:
        return replace(model, method="decision_function", columns=(1,), signs=(1.0,))
    return replace(model, method="decision_function")


def read_additive(
    model: Model, reference: Any, columns: tuple[Column, ...], codes: NDArray[np.float64]
) -> Additive | None:
    """Read effects, and check them on reference rows; None where the model is not such a sum.

    Parameters
    ----------
    model : Model
        Of the raw scores.
    reference : ndarray or DataFrame of shape (n_references, n_columns)
    columns : tuple of Column
    codes : ndarray of shape (n_references, n_columns)
    """
    whole = whole_rows(codes)
    if not len(whole):
        return None
    probes = [_probes(column) for column in columns]
    try:
        table, of_column = with_single_cells(columns, reference, codes, int(whole[0]), probes)
        raw = model(table)
    except ModelOutputError:
        return None
    effects = raw - raw[0]
    slopes, levels = np.zeros((len(columns), raw.shape[1])), []
    scale = _TOLERANCE * (1.0 + np.abs(raw).max())
    for position, column in enumerate(columns):
        own = effects[of_column[position]]
        levels.append(own if column.is_level else np.empty((0, raw.shape[1])))
        if not column.is_level and len(own) > 1:
            slope = (own[-1] - own[0]) / (probes[position][-1] - probes[position][0])
            line = own[0] + np.outer(probes[position] - probes[position][0], slope)
            if (np.abs(line - own) > scale).any():
                return None
            slopes[position] = slope
    found = Additive(columns, np.zeros(raw.shape[1]), slopes, tuple(levels), model)
    return _checked(found, reference, codes, whole)


def _probes(column: Column) -> NDArray[np.float64]:
    if column.is_level:
        return np.arange(len(column.levels.values), dtype=np.float64)
    if not len(column.seen):
        return np.empty(0)
    low, high = column.seen[0], column.seen[-1]
    span = (high - low) or max(1.0, abs(low))
    places = np.linspace(low - span, high + span, _N_PROBES)
    values = np.unique(column.snap(np.clip(places, *column.bounds)))
    return values if len(values) > 1 else np.empty(0)


def _checked(
    found: Additive, reference: Any, codes: NDArray[np.float64], whole: NDArray[np.int64]
) -> Additive | None:
    rows = whole[:_N_CHECKED]
    expected = found.model(take_rows(reference, rows))
    sums = sum(found.effects(position, codes[rows, position]) for position in range(codes.shape[1]))
    base = expected[0] - np.asarray(sums)[0]
    size = np.abs(expected).max() + np.abs(sums).max() + 1.0
    if (np.abs(base + sums - expected) > _TOLERANCE * size).any():
        return None
    return replace(found, base=base)
