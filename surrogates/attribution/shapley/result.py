"""What every way of computing Shapley values has in common: engines, and their results."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["BlockResult", "Engine", "explain_block"]


@dataclass(frozen=True)
class BlockResult:
    """Attributions of a block of rows; every array has the rows first.

    Parameters
    ----------
    values, coalition_variances, reference_variances : ndarray
        (n_rows, n_players, n_outputs); variances over the draw of coalitions and over the draw
        of reference rows.
    predictions : ndarray of shape (n_rows, n_outputs)
        On the scale of the link.
    converged : ndarray of shape (n_rows,)
    n_model_rows : ndarray of shape (n_rows,)
        Rows sent to the model, or composed, for each explained row.
    interactions : ndarray of shape (n_rows, n_players, n_players, n_outputs) or None
    """

    values: NDArray[np.float64]
    coalition_variances: NDArray[np.float64]
    reference_variances: NDArray[np.float64]
    predictions: NDArray[np.float64]
    converged: NDArray[np.bool_]
    n_model_rows: NDArray[np.int64]
    interactions: NDArray[np.float64] | None = None

    @classmethod
    def empty(
        cls, n_players: int, predictions: NDArray[np.float64], *, interactions: bool = False
    ) -> Self:
        """Return attributions of zero, to write into; the predictions cost one model row each."""
        n_rows, n_outputs = predictions.shape
        return cls(
            values=np.zeros((n_rows, n_players, n_outputs)),
            coalition_variances=np.zeros((n_rows, n_players, n_outputs)),
            reference_variances=np.zeros((n_rows, n_players, n_outputs)),
            predictions=predictions,
            converged=np.ones(n_rows, dtype=bool),
            n_model_rows=np.ones(n_rows, dtype=np.int64),
            interactions=np.zeros((n_rows, n_players, n_players, n_outputs))
            if interactions
            else None,
        )

    @classmethod
    def joined(cls, blocks: list[Self]) -> Self:
        """Put the results of consecutive blocks together."""
        names = [f.name for f in fields(cls) if getattr(blocks[0], f.name) is not None]
        return cls(
            **{name: np.concatenate([getattr(block, name) for block in blocks]) for name in names}
        )


class Engine(Protocol):
    """A way of computing Shapley values, with all that it needs; it travels to workers."""

    @property
    def rows_per_block(self) -> int:
        """Explained rows that make a unit of work."""

    @property
    def n_references(self) -> int:
        """Reference rows that the rows are compared with."""

    @property
    def mean_response(self) -> NDArray[np.float64]:
        """Mean response of the model over these rows, (n_outputs,)."""

    @property
    def stops(self) -> bool:
        """Whether rows stop by their standard errors."""

    @property
    def record(self) -> Mapping[str, Any]:
        """How the values are computed, in words and numbers that a file can keep."""

    def explain(self, rows: Any) -> BlockResult:
        """Explain a block of rows."""


def explain_block(engine: Engine, rows: Any) -> BlockResult:
    """Explain a block of rows, on whichever worker."""
    return engine.explain(rows)
