"""What every way of computing LIME has in common: engines, and their results."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["BlockResult", "Engine", "explain_block"]


@dataclass(frozen=True, eq=False)
class BlockResult:
    """Surrogates of a block of rows; every array has the rows first.

    Parameters
    ----------
    values, std_errors : ndarray of shape (n_rows, n_columns, n_outputs)
    base_values, predictions, surrogate_predictions, fidelity : ndarray of shape (n_rows, n_outputs)
    effective_sizes, n_neighbours : ndarray of shape (n_rows,)
    converged : ndarray of shape (n_rows,)
    unseen : ndarray of bool of shape (n_rows, n_columns)
        Where a row holds a level that the reference rows lack.
    n_model_rows : ndarray of shape (1,)
        Rows sent to the model for the block.
    """

    values: NDArray[np.float64]
    std_errors: NDArray[np.float64]
    base_values: NDArray[np.float64]
    predictions: NDArray[np.float64]
    surrogate_predictions: NDArray[np.float64]
    fidelity: NDArray[np.float64]
    effective_sizes: NDArray[np.float64]
    n_neighbours: NDArray[np.int64]
    converged: NDArray[np.bool_]
    unseen: NDArray[np.bool_]
    n_model_rows: NDArray[np.int64]

    @classmethod
    def empty(cls, n_columns: int, predictions: NDArray[np.float64]) -> Self:
        """Return results to write into; the predictions cost one model row each."""
        n_rows, n_outputs = predictions.shape
        by_output = (n_rows, n_outputs)
        return cls(
            values=np.zeros((n_rows, n_columns, n_outputs)),
            std_errors=np.zeros((n_rows, n_columns, n_outputs)),
            base_values=np.zeros(by_output),
            predictions=predictions,
            surrogate_predictions=np.zeros(by_output),
            fidelity=np.zeros(by_output),
            effective_sizes=np.zeros(n_rows),
            n_neighbours=np.zeros(n_rows, dtype=np.int64),
            converged=np.ones(n_rows, dtype=bool),
            unseen=np.zeros((n_rows, n_columns), dtype=bool),
            n_model_rows=np.array([n_rows]),
        )

    @classmethod
    def joined(cls, blocks: list[Self]) -> Self:
        """Put the results of consecutive blocks together."""
        names = [f.name for f in fields(cls)]
        return cls(
            **{name: np.concatenate([getattr(block, name) for block in blocks]) for name in names}
        )


class Engine(Protocol):
    """A way of computing LIME, with all that it needs; it travels to workers."""

    @property
    def rows_per_block(self) -> int:
        """Explained rows that make a unit of work."""

    @property
    def record(self) -> Mapping[str, Any]:
        """How the values are computed, in words and numbers that a file can keep."""

    def explain(self, rows: Any) -> BlockResult:
        """Explain a block of rows."""


def explain_block(engine: Engine, rows: Any) -> BlockResult:
    """Explain a block of rows, on whichever worker."""
    return engine.explain(rows)
