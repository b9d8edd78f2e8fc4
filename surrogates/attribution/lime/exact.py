"""Exact LIME: the limit of infinitely many neighbours, for models that have one in closed form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels.neighbours import respond, unexplained
from surrogates.attribution.lime.additive_limit import AdditiveLimit
from surrogates.attribution.lime.draws import MarginalDraw, World
from surrogates.attribution.lime.limits import Limit, keep_columns
from surrogates.attribution.lime.neighbourhood import (
    Explained,
    Sampled,
    SampleSize,
    explained_rows,
    see,
    tilted,
    unseen_in,
)
from surrogates.attribution.lime.result import BlockResult
from surrogates.attribution.lime.sampling import to_raw_units
from surrogates.attribution.lime.tree_limit import TreeLimit

__all__ = ["ExactEngine"]

_ROWS_AT_A_TIME = 1000
_LEAST_EFFECTIVE = 0.1


@dataclass(frozen=True)
class ExactEngine:
    """The limit itself; neighbours are drawn for its fidelity alone.

    Parameters
    ----------
    world : World
    size : SampleSize
    width : float
    limit : TreeLimit or AdditiveLimit
    selection : str
    n_features : int or None
    fresh : Sampled
        Neighbours that fidelity is measured on.
    """

    world: World
    size: SampleSize
    width: float
    limit: TreeLimit | AdditiveLimit
    selection: str
    n_features: int | None
    fresh: Sampled
    rows_per_block: int = _ROWS_AT_A_TIME

    @property
    def record(self) -> Mapping[str, Any]:
        """How the values are computed."""
        return {"method": f"exact ({self.limit.name})", "n_fresh": self.fresh.bins.shape[1]}

    def explain(self, rows: Any) -> BlockResult:
        """Explain a block of rows."""
        seen = self.world.representation
        result = BlockResult.empty(len(seen.columns), self.world.model(rows))
        explained = explained_rows(seen, rows)
        weights = self.limit.weights
        bins = np.array([row.bins for row in explained])
        slots = np.column_stack([own.slots(bins[:, j]) for j, own in enumerate(weights)])
        inside = np.column_stack([own.inside[slots[:, j]] for j, own in enumerate(weights)])
        block = np.empty(self.fresh.bins.shape)  # of one row at a time
        for position, row in enumerate(explained):
            limit = self.limit.at(row, np.ascontiguousarray(slots[position]))
            coefficients, intercept = self._surrogate(limit, row, inside[position])
            result.values[position], result.base_values[position] = coefficients, intercept
            result.surrogate_predictions[position] = intercept + row.at @ coefficients
            result.fidelity[position], asked = self._fidelity(row, coefficients, intercept, block)
            result.n_model_rows[0] += asked
            if not seen.discretizes:
                to_raw_units(result, position, row, seen)
        result.unseen[:] = unseen_in(seen, explained)
        result.effective_sizes[:] = np.inf
        return result

    def _surrogate(
        self, limit: Limit, row: Explained, inside: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return coefficients and intercept of the surrogate with the columns selected."""
        coefficients = keep_columns(limit.coefficients, inside, self.selection, self.n_features)
        # a number at its mean adds nothing, a match the share of the kernel inside the bin
        centre = np.where(row.is_number, 0.0, inside)
        return coefficients, limit.expectation - centre @ coefficients

    def _fidelity(
        self,
        row: Explained,
        coefficients: NDArray[np.float64],
        intercept: NDArray[np.float64],
        block: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], int]:
        asked, near = 0, see(self.fresh, row, self.width, out=block)
        if near.effective_size < _LEAST_EFFECTIVE * near.n_fitted:
            seen = self.world.representation
            own = MarginalDraw(self.world, tilted(seen, seen.marginals, row, self.width))
            drawn = own.sample(0, self.size.n_fresh)
            asked, near = drawn.bins.shape[1], see(drawn, row, np.inf)
        answers = np.empty_like(near.responses)
        respond(near.table, coefficients, intercept, answers)
        left = np.empty(len(intercept))
        unexplained(near.weights, near.responses, near.responses - answers, 0, left)
        return 1.0 - left, asked
