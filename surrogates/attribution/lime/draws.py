"""Neighbours drawn in stages, with what the model answers to them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.lime.control import Control, fit_control
from surrogates.attribution.lime.neighbourhood import Sampled, SampleSize
from surrogates.attribution.lime.representation import Representation
from surrogates.blackbox.maskers import rows_per_call
from surrogates.blackbox.model import Model
from surrogates.blackbox.neighbour_tables import draw_table
from surrogates.blackbox.reference import ReferenceRows
from surrogates.blackbox.samplers import Marginal, ScrambledPoints
from surrogates.blackbox.table import take_rows

__all__ = ["Draw", "MarginalDraw", "StagedSample", "World"]

_MOST_ALONE = 2  # outputs that do without a view of all others


@dataclass(frozen=True)
class World:
    """The model, and the table that neighbours are drawn like.

    Parameters
    ----------
    model : Model
    reference : ReferenceRows
    representation : Representation
    points : ScrambledPoints
        The points that all neighbours are drawn with; a last coordinate picks reference rows.
    """

    model: Model
    reference: ReferenceRows
    representation: Representation
    points: ScrambledPoints

    def ask(self, table: Any) -> NDArray[np.float64]:
        """Ask the model about many rows, in calls of bounded size."""
        return self._ask(self.model, table)

    def ask_everything(self, table: Any) -> NDArray[np.float64]:
        """Ask the model about many rows, and return all of its outputs."""
        return self._ask(self.model.everything, table)

    def _ask(self, model: Model, table: Any) -> NDArray[np.float64]:
        size, n = rows_per_call(table.shape[1]), table.shape[0]
        if n <= size:
            return model(table)
        blocks = (slice(start, start + size) for start in range(0, n, size))
        return np.concatenate([model(take_rows(table, block)) for block in blocks])


class Draw(Protocol):
    """A way to draw neighbours."""

    def sample(self, first: int, n_scrambles: int) -> Sampled:
        """Draw neighbours with some scrambles of the points, and ask the model about them."""


@dataclass(frozen=True)
class MarginalDraw:
    """Every column on its own, from a distribution.

    Parameters
    ----------
    world : World
    marginals : sequence of Marginal
    """

    world: World
    marginals: Sequence[Marginal]

    def sample(self, first: int, n_scrambles: int) -> Sampled:
        """Draw neighbours with some scrambles of the points, and ask the model about them."""
        world = self.world
        drawn = draw_table(world.reference.rows, self.marginals, world.points, first, n_scrambles)
        seen, every = world.representation, None
        if len(world.model.labels) > _MOST_ALONE:
            every = np.ascontiguousarray(world.ask_everything(drawn.table).T)
            responses = every[list(world.model.columns)]
        else:
            responses = np.ascontiguousarray(world.ask(drawn.table).T)
        return Sampled(
            bins=drawn.bins,
            standardized=None if seen.discretizes else seen.standardized(drawn.numbers),
            responses=responses,
            size=world.points.n_points,
            n_scrambles=n_scrambles,
            uniforms=drawn.uniforms if seen.discretizes else None,
            every=every,
        )


def _joined(first: Sampled, second: Sampled) -> Sampled:
    return replace(
        first,
        bins=np.hstack([first.bins, second.bins]),
        standardized=_side_by_side(first.standardized, second.standardized),
        responses=np.hstack([first.responses, second.responses]),
        n_scrambles=first.n_scrambles + second.n_scrambles,
        uniforms=_side_by_side(first.uniforms, second.uniforms),
        every=_side_by_side(first.every, second.every),
    )


def _side_by_side(
    first: NDArray[np.float64] | None, second: NDArray[np.float64] | None
) -> NDArray[np.float64] | None:
    return None if first is None or second is None else np.hstack([first, second])


@dataclass
class StagedSample:
    """A sample that grows from stage to stage, each neighbour asked about once.

    Parameters
    ----------
    draw : Draw
    size : SampleSize
    samples : list of Sampled, default=[]
        Those of the stages reached: the neighbours to fit on, then the fresh ones.
    width : float or None, default=None
        Of the kernel under which a control variate is wanted; None wants none.
    """

    draw: Draw
    size: SampleSize
    samples: list[Sampled] = field(default_factory=list)
    width: float | None = None

    def at(self, stage: int) -> Sampled:
        """Return the sample of a stage."""
        while len(self.samples) <= stage:
            self._grow()
        return self.samples[stage]

    def copy(self) -> "StagedSample":
        """Return a sample that can grow without changing this one."""
        return StagedSample(self.draw, self.size, list(self.samples), self.width)

    @property
    def n_asked(self) -> int:
        """Rows that the model was asked about."""
        return self.samples[-1].bins.shape[1] if self.samples else 0

    def _grow(self) -> None:
        stages, reached, n_fresh = self.size.stages, len(self.samples), self.size.n_fresh
        if reached == 0:
            drawn = self.draw.sample(0, stages[0] + n_fresh)
            whole = replace(drawn, n_scrambles=stages[0])
        else:
            last = self.samples[-1]
            done = last.n_scrambles
            more = self.draw.sample(done + n_fresh, stages[reached] - done)
            fitted = _joined(_part(last, slice(0, done * last.size), done), more)
            fresh = _part(last, slice(done * last.size, None), 0)
            whole = _joined(fitted, fresh)
        whole = replace(whole, control=self._control(whole))
        if reached + 1 == len(stages):  # nothing is left to be fitted
            whole = replace(whole, uniforms=None, every=None)
        self.samples.append(whole)

    def _control(self, whole: Sampled) -> Control | None:
        if self.width is None or whole.uniforms is None or not isinstance(self.draw, MarginalDraw):
            return None
        fitted = slice(whole.n_fitted)
        return fit_control(
            self.draw.world.representation,
            whole.bins,
            whole.uniforms,
            np.ascontiguousarray(whole.responses[:, fitted]),
            self.width,
            None if whole.every is None else whole.every[:, fitted],
        )


def _part(sampled: Sampled, rows: slice, n_scrambles: int) -> Sampled:
    numbers, uniforms, every = sampled.standardized, sampled.uniforms, sampled.every
    return Sampled(
        sampled.bins[:, rows],
        None if numbers is None else numbers[:, rows],
        sampled.responses[:, rows],
        sampled.size,
        n_scrambles,
        None if uniforms is None else uniforms[:, rows],
        None if every is None else every[:, rows],
    )
