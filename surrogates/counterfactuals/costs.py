"""What a change costs: sums over columns, in units that make the columns comparable."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.blackbox.column_kinds import column_numbers
from surrogates.counterfactuals.columns import same
from surrogates.counterfactuals.constraints import Constraints
from surrogates.exceptions import ModelOutputError

__all__ = ["Cost", "read_scales"]


@dataclass(frozen=True, eq=False)
class Cost:
    """The cost of turning a row into another.

    Parameters
    ----------
    unit : ndarray of shape (n_columns,)
        Cost of a change by 1 of a numeric column, or of a change of level; 0 for derived columns.
    flat : ndarray of shape (n_columns,)
        Cost of a change of level, or of giving a number to a cell that misses one.
    is_level : ndarray of bool of shape (n_columns,)
    function : callable or None
        ``f(before, after) -> array`` on tables, instead of the sum over columns.
    """

    unit: NDArray[np.float64]
    flat: NDArray[np.float64]
    is_level: NDArray[np.bool_]
    function: Callable[[Any, Any], Any] | None = None

    def by_column(
        self, before: NDArray[np.float64], after: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the cost of each change, (n, n_columns), for rows given as codes."""
        flat = self.is_level | np.isnan(before) | np.isnan(after)
        jumps = np.where(same(before, after), 0.0, self.flat)
        slides = np.abs(after - before) * self.unit
        return np.where(flat, jumps, slides)

    def __call__(
        self, before: NDArray[np.float64], after: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the sum over the columns, (n,), for rows given as codes."""
        total: NDArray[np.float64] = self.by_column(before, after).sum(axis=-1)
        return total

    def of_tables(self, before: Any, after: Any) -> NDArray[np.float64]:
        """Return what the user's function says of tables, checked."""
        function = self.function
        assert function is not None  # noqa: S101
        costs = np.asarray(function(before, after), dtype=np.float64).ravel()
        if costs.shape != (after.shape[0],) or np.isnan(costs).any() or (costs < 0).any():
            raise ModelOutputError(
                "The 'cost' callable of Counterfactuals must return one number that is not "
                f"negative for each of the {after.shape[0]} rows. Got {costs!r}."
            )
        return costs


def read_scales(
    reference: Any, constraints: Constraints, cost: str | Callable[[Any, Any], Any]
) -> Cost:
    """Measure how far the reference rows spread.

    Parameters
    ----------
    reference : ndarray or DataFrame of shape (n_references, n_columns)
    constraints : Constraints
        Gives weights and derived columns.
    cost : {"mad", "range"} or callable
        The unit of a numeric column: its median absolute deviation from the median (or, where
        that is 0, its standard deviation), or its range. A column that does not vary has the
        unit 1.
    """
    columns = constraints.columns
    weights = np.array([constraints.weights.get(at, 1.0) for at in range(len(columns))])
    weights[np.isinf(weights)] = 1.0  # these columns are frozen
    weights[list(constraints.derived)] = 0.0
    spread = _range if cost == "range" else _deviation
    scales = np.array(
        [1.0 if column.is_level else spread(reference, at) for at, column in enumerate(columns)]
    )
    return Cost(
        unit=weights / scales,
        flat=weights,
        is_level=np.array([column.is_level for column in columns]),
        function=cost if callable(cost) else None,
    )


def _finite(reference: Any, position: int) -> NDArray[np.float64]:
    numbers = column_numbers(reference, position)
    return numbers[np.isfinite(numbers)]


def _deviation(reference: Any, position: int) -> float:
    numbers = _finite(reference, position)
    if not len(numbers):
        return 1.0
    deviation = float(np.median(np.abs(numbers - np.median(numbers))))
    return deviation or float(np.std(numbers)) or 1.0


def _range(reference: Any, position: int) -> float:
    numbers = _finite(reference, position)
    return float(np.ptp(numbers)) or 1.0 if len(numbers) else 1.0
