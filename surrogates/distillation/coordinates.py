"""Coded rows as points: units for distances, and back to values that may occur."""

import numpy as np
from numpy.typing import NDArray

from surrogates.distillation.coding import Coding

__all__ = ["scaled_rows", "scales_of", "snapped"]


def snapped(rows: NDArray[np.float64], coding: Coding) -> NDArray[np.float64]:
    """Keep numbers within the observed range, at observed values where there are no others."""
    for position, column in enumerate(coding.columns):
        observed, values = column.observed, rows[:, position]
        if column.is_nominal or not len(observed):
            continue
        if column.is_continuous and len(observed) > 1:
            np.clip(values, observed[0], observed[-1], out=values)
            continue
        known = ~np.isnan(values)
        upper = np.searchsorted(observed, values[known]).clip(1, max(len(observed) - 1, 1))
        upper = upper.clip(max=len(observed) - 1)
        lower = (upper - 1).clip(0)
        nearer = values[known] - observed[lower] <= observed[upper] - values[known]
        values[known] = np.where(nearer, observed[lower], observed[upper])
    return rows


def scales_of(coded: NDArray[np.float64], coding: Coding) -> NDArray[np.float64]:
    """Return the standard deviations of ordered columns, 0 for levels."""
    scales = np.zeros(coded.shape[1])
    for position, column in enumerate(coding.columns):
        known = coded[:, position][np.isfinite(coded[:, position])]
        if not column.is_nominal and len(known):
            scales[position] = known.std()
    return scales


def scaled_rows(
    coded: NDArray[np.float64], coding: Coding, scales: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return rows for Euclidean distances: unit deviations, and one column for each level."""
    parts = []
    for position, column in enumerate(coding.columns):
        values = coded[:, position]
        if column.levels is not None:
            codes = np.where(np.isnan(values), column.levels.missing, values)
            parts.append(np.sqrt(0.5) * (codes[:, np.newaxis] == column.observed))
        elif scales[position] > 0.0:
            middle = np.nanmedian(np.where(np.isfinite(values), values, np.nan))
            filled = np.where(np.isfinite(values), values, middle)
            parts.append(((filled - middle) / scales[position])[:, np.newaxis])
    return np.concatenate([*parts, np.zeros((len(coded), 1))], axis=1)
