"""How close answers stay to real rows: distances, local outlier factors, limits and penalties."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels.distances import gower_nearest
from surrogates.counterfactuals.columns import Column
from surrogates.counterfactuals.goal import Goal

__all__ = ["Crowd", "Plausibility", "read_plausibility"]

_N_NEIGHBORS = 20
_MOST_REAL = 5000
_KEYS = {"limit", "penalty", "measure"}


@dataclass(frozen=True, eq=False)
class Crowd:
    """Real rows, and how far apart they are.

    The distance of two rows is Gower's: the mean over the columns of the share of the column's
    range that lies between them, or of 1 where their levels differ.

    Parameters
    ----------
    codes : ndarray of shape (n_real, n_columns)
    scales : ndarray of shape (n_columns,)
        Ranges of numbers; 0 for levels.
    n_neighbors : int
    reach : ndarray of shape (n_real,)
        Distance of each row to its `n_neighbors`-th neighbour.
    density : ndarray of shape (n_real,)
        Local reachability density of each row.
    nearest : ndarray of shape (n_real,)
        Distance of each row to its nearest neighbour, sorted.
    factors : ndarray of shape (n_real,)
        Local outlier factors of the rows themselves, sorted.
    """

    codes: NDArray[np.float64]
    scales: NDArray[np.float64]
    n_neighbors: int
    reach: NDArray[np.float64]
    density: NDArray[np.float64]
    nearest: NDArray[np.float64]
    factors: NDArray[np.float64]

    @staticmethod
    def of(codes: NDArray[np.float64], scales: NDArray[np.float64]) -> "Crowd":
        """Measure real rows against each other."""
        count = int(min(_N_NEIGHBORS, max(len(codes) - 1, 1)))
        if len(codes) < 2:
            alone = np.zeros(len(codes))
            return Crowd(codes, scales, count, alone, alone + np.inf, alone, alone + 1.0)
        distances, places = gower_nearest(codes, codes, scales, count, True)
        reach = distances[:, -1].copy()
        density = _density(distances, reach[places])
        factors = density[places].mean(axis=1) / density
        return Crowd(
            codes, scales, count, reach, density, np.sort(distances[:, 0]), np.sort(factors)
        )

    def distances(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distance of rows to the nearest real one, (n,)."""
        if not len(self.codes):
            return np.full(len(rows), np.inf)
        return gower_nearest(rows, self.codes, self.scales, 1, False)[0][:, 0]

    def outlier_factors(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return local outlier factors of rows, (n,): about 1 inside the crowd, larger outside."""
        if len(self.codes) < 2:
            return np.full(len(rows), np.nan)
        distances, places = gower_nearest(rows, self.codes, self.scales, self.n_neighbors, False)
        factors: NDArray[np.float64] = self.density[places].mean(axis=1) / _density(
            distances, self.reach[places]
        )
        return factors


def _density(distances: NDArray[np.float64], reach: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return local reachability densities (Breunig, Kriegel, Ng and Sander, 2000)."""
    density: NDArray[np.float64] = 1.0 / (np.maximum(distances, reach).mean(axis=1) + 1e-10)
    return density


@dataclass(frozen=True, eq=False)
class Plausibility:
    """What is asked of the closeness to real rows with the answer wanted.

    Parameters
    ----------
    crowds : tuple of Crowd
        One for each output that may be predicted for an explained row, or a single one.
    limit : float or None
        Share of the real rows that an answer must not be further out than.
    penalty : float
        Cost of a distance of 1.
    measure : {"distance", "lof"}
    """

    crowds: tuple[Crowd, ...]
    limit: float | None = None
    penalty: float = 0.0
    measure: str = "distance"

    def crowd(self, start: int) -> Crowd:
        """Return the real rows for explained rows of which an output is predicted."""
        return self.crowds[start if len(self.crowds) > 1 else 0]

    def bound(self, crowd: Crowd) -> float:
        """Return the largest distance or factor that an answer may have."""
        if self.limit is None:
            return np.inf
        own = crowd.nearest if self.measure == "distance" else crowd.factors
        return float(np.quantile(own, self.limit)) if len(own) else -np.inf

    @property
    def is_active(self) -> bool:
        """Whether answers are chosen by it, and not only measured."""
        return self.limit is not None or self.penalty > 0.0

    def judge(
        self, rows: NDArray[np.float64], start: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Return which rows are within the limit, and what their distance costs.

        Parameters
        ----------
        rows : ndarray of shape (n, n_columns)
        start : ndarray of shape (n,)
            Output predicted for the explained row of each.
        """
        close, penalty = np.ones(len(rows), dtype=bool), np.zeros(len(rows))
        for output in np.unique(start):
            own, crowd = start == output, self.crowd(int(output))
            far = self._measured(crowd, rows[own])
            close[own] = far <= self.bound(crowd) * (1.0 + 1e-12)
            if self.penalty:
                penalty[own] = self.penalty * far
        return close, penalty

    def _measured(self, crowd: Crowd, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.limit is None and not self.penalty:
            return np.zeros(len(rows))
        return crowd.distances(rows) if self.measure == "distance" else crowd.outlier_factors(rows)


def read_plausibility(
    given: Any,
    columns: tuple[Column, ...],
    codes: NDArray[np.float64],
    responses: NDArray[np.float64],
    predicted: NDArray[np.int64],
    goal: Goal,
) -> Plausibility:
    """Read the parameter, and collect the real rows that the model answers as wanted.

    Parameters
    ----------
    given : float, mapping or None
    columns : tuple of Column
    codes : ndarray of shape (n_references, n_columns)
    responses : ndarray of shape (n_references, n_outputs)
    predicted : ndarray of shape (n_references,)
    goal : Goal

    Raises
    ------
    ValueError
        Neither None, nor a share, nor a mapping with known keys.
    """
    asked = _read(given)
    step = -(-len(codes) // _MOST_REAL)
    scales = np.array(
        [
            0.0 if column.is_level or not len(column.seen) else float(np.ptp(column.seen)) or 1.0
            for column in columns
        ]
    )
    codes, responses, predicted = codes[::step], responses[::step], predicted[::step]
    several = goal.is_class and goal.desired < 0
    starts = range(responses.shape[1]) if several else (-1,)
    crowds = tuple(
        Crowd.of(codes[goal.reached(responses, predicted, np.full(len(codes), start))], scales)
        for start in starts
    )
    return Plausibility(crowds, **asked)


def _read(given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    asked = dict(given) if isinstance(given, Mapping) else {"limit": given}
    limit, penalty = asked.get("limit"), asked.get("penalty", 0.0)
    fine = set(asked) <= _KEYS and asked.get("measure", "distance") in ("distance", "lof")
    fine = fine and (limit is None or (_is_number(limit) and 0 < limit <= 1))
    if not fine or not (_is_number(penalty) and penalty >= 0):
        raise ValueError(
            "The 'plausibility' parameter of Counterfactuals must be a share in (0, 1], None, or a "
            "mapping with 'limit' (such a share), 'penalty' (a cost per distance) and 'measure' "
            f"('distance' or 'lof'). Got {given!r} instead."
        )
    return asked


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
