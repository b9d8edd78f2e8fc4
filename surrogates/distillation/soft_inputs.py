"""Raw tables as standardized inputs of filters: numbers, and one input for each level."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates.distillation.coding import Coding

__all__ = ["SoftInputs", "make_inputs"]


@dataclass(frozen=True, eq=False)
class SoftInputs:
    """How coded rows become inputs.

    Parameters
    ----------
    columns : ndarray of int64 of shape (n_inputs,)
        The column of each input.
    levels : ndarray of shape (n_inputs,)
        The code that an input stands for; NaN for inputs that are numbers.
    means, scales : ndarray of shape (n_inputs,)
    names : tuple of str
    """

    columns: NDArray[np.int64]
    levels: NDArray[np.float64]
    means: NDArray[np.float64]
    scales: NDArray[np.float64]
    names: tuple[str, ...]

    def __call__(self, coded: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return standardized inputs, missing numbers at the mean, of shape (n_rows, n_inputs)."""
        scaled = (self.raw(coded) - self.means) / self.scales
        scaled[np.isnan(scaled)] = 0.0
        return scaled

    def raw(self, coded: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return numbers as they are, and 1 where a level is met."""
        values = coded[:, self.columns]
        is_level = ~np.isnan(self.levels)
        values[:, is_level] = values[:, is_level] == self.levels[is_level]
        return values


def make_inputs(coding: Coding, coded: NDArray[np.float64]) -> SoftInputs:
    """Learn means and standard deviations; constant columns keep a scale of one.

    Parameters
    ----------
    coding : Coding
    coded : ndarray of shape (n_rows, n_columns)
    """
    columns: list[int] = []
    levels: list[float] = []
    names: list[str] = []
    for at, column in enumerate(coding.columns):
        if column.levels is None:
            columns, levels, names = [*columns, at], [*levels, np.nan], [*names, column.name]
            continue
        codes = column.observed.astype(int).tolist()
        columns += [at] * len(codes)
        levels += codes
        names += [f"{column.name} = {column.levels.values[code]}" for code in codes]
    blank = SoftInputs(
        np.array(columns, dtype=np.int64),
        np.array(levels, dtype=np.float64),
        np.zeros(len(columns)),
        np.ones(len(columns)),
        tuple(names),
    )
    values = blank.raw(coded)
    known = np.isfinite(values)
    counts = np.maximum(known.sum(axis=0), 1)
    means = np.where(known, values, 0.0).sum(axis=0) / counts
    scales = np.sqrt((np.where(known, values - means, 0.0) ** 2).sum(axis=0) / counts)
    scales[~(scales > 1e-12 * np.abs(means))] = 1.0
    return SoftInputs(blank.columns, blank.levels, means, scales, blank.names)
