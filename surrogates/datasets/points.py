"""Points of a scorecard for the values of one column, missing ones included."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.datasets.closed_form import Values

__all__ = ["Bins", "Levels"]


@dataclass(frozen=True)
class Bins:
    """Points of a numeric column.

    Parameters
    ----------
    edges : tuple of float
        Increasing; an edge belongs to the bin above it.
    points : tuple of float
        Of each bin, one more than edges.
    missing : float, default=0.0
        Points of a missing value.
    """

    edges: tuple[float, ...]
    points: tuple[float, ...]
    missing: float = 0.0

    def __call__(self, values: NDArray[Any]) -> Values:
        """Look up the points of each value."""
        numbers = np.asarray(values, dtype=np.float64)
        points = np.asarray(self.points, np.float64)[np.searchsorted(self.edges, numbers, "right")]
        return np.where(np.isnan(numbers), self.missing, points)


@dataclass(frozen=True)
class Levels:
    """Points of a column of strings, categories or booleans.

    Parameters
    ----------
    points : mapping
        Of each level.
    missing : float, default=0.0
        Points of a missing value.
    """

    points: Mapping[Any, float]
    missing: float = 0.0

    def __call__(self, values: NDArray[Any]) -> Values:
        """Look up the points of each value."""
        levels = np.asarray(values, dtype=object)
        known = pd.Index(list(self.points), dtype=object)
        codes = known.get_indexer(pd.Index(levels, dtype=object))
        unmatched = levels[codes < 0]
        unknown = unmatched[~pd.isna(unmatched)]
        if len(unknown):
            raise ValueError(f"{unknown[0]!r} is none of the levels {list(self.points)}.")
        # code -1 takes the last entry
        points: Values = np.array([*self.points.values(), self.missing], dtype=np.float64)[codes]
        return points
