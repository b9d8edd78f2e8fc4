"""Sampled LIME: neighbours, what the model answers to them, and a surrogate for each row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.lime.background import Background, BackgroundDraw
from surrogates.attribution.lime.draws import Draw, MarginalDraw, StagedSample, World
from surrogates.attribution.lime.estimate import Estimate, look
from surrogates.attribution.lime.neighbourhood import (
    Explained,
    SampleSize,
    around,
    explained_rows,
    see,
    tilted,
    unseen_in,
)
from surrogates.attribution.lime.representation import Representation
from surrogates.attribution.lime.result import BlockResult
from surrogates.attribution.lime.surrogate import LocalFit, Neighbours, Surrogate
from surrogates.blackbox.maskers import Mixtures

__all__ = ["SampledEngine", "Stopping", "to_raw_units"]

_ROWS_AT_A_TIME = 256
_LEAST_EFFECTIVE = 0.1  # of the shared neighbours; with fewer a row draws its own
_Z = 1.959963984540054


@dataclass(frozen=True)
class Stopping:
    """When a row needs no more neighbours.

    Parameters
    ----------
    tol : float or None
        Largest half width of a 95 % interval over the largest coefficient; None never stops.
    n_features : int or None
        It is enough to tell so many coefficients from all smaller ones.
    """

    tol: float | None
    n_features: int | None

    def reached(self, fit: LocalFit) -> bool:
        """Tell whether every output of a row is known well enough."""
        sizes, errors = np.abs(fit.coefficients), _Z * fit.std_errors
        narrow = errors.max(axis=0) <= (self.tol or 0.0) * sizes.max(axis=0)
        return bool((narrow | self._separated(sizes, errors)).all())

    def _separated(self, sizes: Any, errors: Any) -> Any:
        if self.n_features is None or self.n_features >= len(sizes):
            return np.zeros(sizes.shape[1], dtype=bool)
        order = np.argsort(-sizes, axis=0, kind="stable")
        ranked = np.take_along_axis(sizes, order, axis=0)
        margins = np.take_along_axis(errors, order, axis=0)
        last = self.n_features - 1
        gap = ranked[last] - ranked[last + 1 :]
        return (gap > np.hypot(margins[last], margins[last + 1 :])).all(axis=0)


@dataclass(frozen=True)
class SampledEngine:
    """Surrogates fitted on sampled neighbours.

    Parameters
    ----------
    world : World
    size : SampleSize
    sampling : str
    width : float
    surrogate : Surrogate
        What is reported.
    stopping : Stopping
    probe : Surrogate
        Of all columns: what `stopping` looks at.
    shared : StagedSample or None
        The neighbours that serve all rows; None where each row has its own neighbourhood.
    background : Background or None, default=None
        Where neighbours mix rows with reference rows.
    """

    world: World
    size: SampleSize
    sampling: str
    width: float
    surrogate: Surrogate
    stopping: Stopping
    probe: Surrogate
    shared: StagedSample | None
    background: Background | None = None
    rows_per_block: int = _ROWS_AT_A_TIME

    @property
    def record(self) -> Mapping[str, Any]:
        """How the values are computed."""
        size = self.size
        return {
            "method": "sampling",
            "sampling": self.sampling,
            "n_samples": size.n_points * size.stages[-1],
            "n_scrambles": size.stages[-1],
            "n_fresh": size.n_points * size.n_fresh,
        }

    def explain(self, rows: Any) -> BlockResult:
        """Explain a block of rows."""
        seen = self.world.representation
        result = BlockResult.empty(len(seen.columns), self.world.model(rows))
        shared = None if self.shared is None else self.shared.copy()
        before = 0 if shared is None else shared.n_asked
        block = np.empty((0, 0) if shared is None else shared.at(0).bins.shape)  # of one row a time
        mixtures = None if self.background is None else self.background.mixtures(rows)
        explained = explained_rows(seen, rows)
        for position, row in enumerate(explained):
            near = None if shared is None else self._shared_near(shared, row, block)
            if near is not None and shared is not None:
                found = self._in_stages(shared, row, self.width, near)
            else:
                own = StagedSample(self._draw(row, mixtures, position), self.size)
                row_seen = row.as_kept() if self.sampling == "background" else row
                near = see(own.at(0), row_seen, np.inf)
                found = self._in_stages(own, row_seen, np.inf, near)
                result.n_model_rows[0] += own.n_asked
            _write(result, position, *found)
            if not seen.discretizes and self.sampling != "background":
                to_raw_units(result, position, row, seen)
        if shared is not None:
            result.n_model_rows[0] += shared.n_asked - before
        if self.sampling != "background":
            result.unseen[:] = unseen_in(seen, explained)
        return result

    def _shared_near(
        self, shared: StagedSample, row: Explained, block: NDArray[np.float64]
    ) -> Neighbours | Estimate | None:
        """Return the shared neighbours as a row sees them; None where too few are near it."""
        near = look(shared.at(0), row, self.width, out=block)
        return near if near.effective_size >= _LEAST_EFFECTIVE * near.n_fitted else None

    def _draw(self, row: Explained, mixtures: Mixtures | None, position: int) -> Draw:
        """Return how to draw from the neighbourhood of a row, weighted by the kernel."""
        if self.background is not None and mixtures is not None:
            return BackgroundDraw(self.background, mixtures, position)
        seen = self.world.representation
        start = around(seen, row) if self.sampling == "local" else seen.marginals
        return MarginalDraw(self.world, tilted(seen, start, row, self.width))

    def _in_stages(
        self, sample: StagedSample, row: Explained, width: float, near: Neighbours | Estimate
    ) -> tuple[LocalFit, Neighbours | Estimate, bool]:
        """Fit on more and more neighbours, until enough is known."""
        if self.stopping.tol is None:
            return near.fitted_by(self.surrogate), near, True
        for stage in range(1, len(self.size.stages)):
            if self.stopping.reached(near.fitted_by(self.probe)):
                return near.fitted_by(self.surrogate), near, True
            near = look(sample.at(stage), row, width)
        fit = near.fitted_by(self.surrogate)
        return fit, near, self.stopping.reached(near.fitted_by(self.probe))


def _write(
    result: BlockResult, row: int, fit: LocalFit, near: Neighbours | Estimate, converged: bool
) -> None:
    result.values[row], result.std_errors[row] = fit.coefficients, fit.std_errors
    result.base_values[row], result.fidelity[row] = fit.intercept, fit.fidelity
    result.surrogate_predictions[row] = fit.prediction
    result.effective_sizes[row], result.n_neighbours[row] = near.effective_size, near.n_fitted
    result.converged[row] = converged


def to_raw_units(result: BlockResult, row: int, explained: Explained, seen: Representation) -> None:
    """Turn slopes per standard deviation into slopes per unit, the intercept with them."""
    scale = np.array([column.scale for column in seen.columns])
    mean = np.array([column.mean for column in seen.columns])
    scale, mean = np.where(explained.is_number, (scale, mean), [[1.0], [0.0]])
    result.values[row] /= scale[:, None]
    result.std_errors[row] /= scale[:, None]
    result.base_values[row] -= mean @ result.values[row]
