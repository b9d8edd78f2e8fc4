"""The limit for additive models: each column's own function, averaged over its bins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from surrogates.attribution.lime.draws import World
from surrogates.attribution.lime.limits import BinWeights, Limit, bin_weights, contrasts
from surrogates.attribution.lime.neighbourhood import Explained
from surrogates.blackbox.model import Model
from surrogates.blackbox.neighbour_tables import compose
from surrogates.blackbox.samplers import Marginal, Pieces
from surrogates.blackbox.wrappers import unwrap

__all__ = ["AdditiveLimit", "additive_limit", "ends_linear"]

_NODES, _OTHER_NODES = 64, 48
_REACH = 9.0  # standard deviations of a truncated normal beyond which nothing is left
_TOLERANCE, _EXACT, _ROUNDING = 1e-9, 1e-11, 1e-14
_N_TRIAL = 32
_LINEAR_FAMILIES = ("sklearn.linear_model", "sklearn.svm", "sklearn.discriminant_analysis")


@dataclass(frozen=True, eq=False)
class AdditiveLimit:
    """LIME's coefficients for a sum of functions of single columns.

    Parameters
    ----------
    weights : list of BinWeights
    means, contrasts : list of ndarray of shape (n_bins + 1, n_outputs)
        Of each column's function: its mean under the kernel, and inside less outside of the bin.
    lines : ndarray of shape (2, n_columns, n_outputs) or None
        Slope per standard deviation and height at the mean, where numbers are seen as they are.
    offset : ndarray of shape (n_outputs,)
        The response at the row that all functions are counted from.
    """

    weights: list[BinWeights]
    means: list[NDArray[np.float64]]
    contrasts: list[NDArray[np.float64]]
    lines: NDArray[np.float64] | None
    offset: NDArray[np.float64]
    name: str = "additive"

    def at(self, row: Explained, slots: NDArray[np.int64]) -> Limit:
        """Return the limit for one row, given the entries of its bins."""
        found = np.array([own[slot] for own, slot in zip(self.contrasts, slots, strict=True)])
        expected = np.array([own[slot] for own, slot in zip(self.means, slots, strict=True)])
        if self.lines is not None:
            found[row.is_number] = self.lines[0, row.is_number]
            expected[row.is_number] = self.lines[1, row.is_number]
        return Limit(found, self.offset + expected.sum(axis=0))


def ends_linear(model: Model) -> bool:
    """Tell whether what answers in the end is a linear model of scikit-learn."""
    estimator = unwrap(model.predictor, model.method)
    while isinstance(estimator, Pipeline):
        estimator = unwrap(estimator.steps[-1][1], model.method)
    return (
        isinstance(estimator, BaseEstimator)
        and hasattr(estimator, "coef_")
        and type(estimator).__module__.startswith(_LINEAR_FAMILIES)
    )


def _base(marginals: Sequence[Marginal], n: int) -> list[NDArray[Any]]:
    """Return the columns of n copies of one row, from which single columns are changed."""
    return [
        np.full(n, own.loc[0]) if isinstance(own, Pieces) else np.full(n, own.positions[0])
        for own in marginals
    ]


@dataclass(frozen=True, eq=False)
class _Bench:
    """Asks about rows that differ from one reference row in a single column."""

    world: World
    offset: NDArray[np.float64]

    @property
    def marginals(self) -> Sequence[Marginal]:
        return self.world.representation.marginals

    def rounding(self, effects: NDArray[np.float64]) -> float:
        """Return what differences of responses cannot be told from zero by."""
        return _ROUNDING * float((np.abs(self.offset) + np.abs(effects)).max())

    def effects(self, column: int, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return the responses to values of a column less that to its own value."""
        drawn = _base(self.marginals, len(values) + 1)
        drawn[column] = np.append(drawn[column][:1], values)
        asked = compose(self.world.reference.rows, self.marginals, drawn)
        responses = self.world.ask(asked)
        return responses[1:] - responses[0]


def additive_limit(world: World, width: float) -> AdditiveLimit | None:
    """Return the limit where trials show that a model is additive, else None.

    Parameters
    ----------
    world : World
    width : float
        Of the kernel.
    """
    marginals = world.representation.marginals
    base = compose(world.reference.rows, marginals, _base(marginals, 1))
    offset = world.model(base)[0]
    bench = _Bench(world, offset)
    if not _is_additive(bench, offset):
        return None
    parts = []
    for column, own in enumerate(bench.marginals):
        means = _means_of_bins(bench, column, own)
        if means is None:
            return None
        parts.append(means)
    lines = None
    if not world.representation.discretizes:
        lines = _lines(bench, len(offset))
        if lines is None:
            return None
    weights = [bin_weights(column, width) for column in world.representation.columns]
    tables = [contrasts(*pair) for pair in zip(weights, parts, strict=True)]
    return AdditiveLimit(
        weights, [mean for mean, _ in tables], [diff for _, diff in tables], lines, offset
    )


def _is_additive(bench: _Bench, offset: NDArray[np.float64]) -> bool:
    """Compare the responses to drawn rows with the sums of single effects."""
    world = bench.world
    n = min(_N_TRIAL, world.points.n_points)
    columns = []
    for j, own in enumerate(bench.marginals):
        u = world.points.column(j, 0, 1)[:n]
        columns.append(own.draw(u)[0] if isinstance(own, Pieces) else own.positions[own.draw(u)])
    responses = world.model(compose(world.reference.rows, bench.marginals, columns))
    effects = [bench.effects(j, values) for j, values in enumerate(columns)]
    total = offset + np.sum(effects, axis=0)
    scale = np.abs(offset) + np.sum(np.abs(effects), axis=0) + np.abs(responses)
    return bool((np.abs(total - responses) <= _TOLERANCE * scale).all())


def _means_of_bins(bench: _Bench, column: int, own: Marginal) -> NDArray[np.float64] | None:
    """Return the mean effect in each bin, (n_bins, n_outputs); None where quadrature fails."""
    n_bins = int(own.bins.max()) + 1
    if not isinstance(own, Pieces):
        effects = bench.effects(column, own.positions)
        sums = np.zeros((n_bins, effects.shape[1]))
        np.add.at(sums, own.bins, own.weights[:, None] * effects)
        mass = np.bincount(own.bins, weights=own.weights, minlength=n_bins)
        return sums / np.where(mass > 0.0, mass, 1.0)[:, None]
    rules = [_quadrature(own, n) for n in (_NODES, _OTHER_NODES)]
    nodes = np.concatenate([rule[0] for rule in rules], axis=1)
    effects = bench.effects(column, nodes.ravel()).reshape(*nodes.shape, -1)
    first = np.einsum("pn,pnk->pk", rules[0][1], effects[:, :_NODES])
    second = np.einsum("pn,pnk->pk", rules[1][1], effects[:, _NODES:])
    if (np.abs(first - second) > _EXACT * np.abs(effects).max() + bench.rounding(effects)).any():
        return None
    means = np.zeros((n_bins, effects.shape[2]))
    means[own.bins] = first
    return means


def _quadrature(own: Pieces, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return nodes and weights (n_pieces, n) of means over truncated normals."""
    points, weights = np.polynomial.legendre.leggauss(n)
    varies = own.scale > 0.0
    scale = np.where(varies, own.scale, 1.0)
    low = np.where(varies, np.maximum(own.low, own.loc - _REACH * scale), own.loc)
    high = np.where(varies, np.minimum(own.high, own.loc + _REACH * scale), own.loc)
    nodes = 0.5 * (low + high)[:, None] + 0.5 * (high - low)[:, None] * points
    density = weights * np.exp(-0.5 * ((nodes - own.loc[:, None]) / scale[:, None]) ** 2)
    density[~varies] = weights
    return nodes, density / density.sum(axis=1, keepdims=True)


def _lines(bench: _Bench, n_outputs: int) -> NDArray[np.float64] | None:
    """Return slopes and heights; None where the function of a numeric column is curved."""
    columns = bench.world.representation.columns
    lines = np.zeros((2, len(columns), n_outputs))
    for j, (column, own) in enumerate(zip(columns, bench.marginals, strict=True)):
        if column.levels is not None:
            continue
        numbers = _spread(own) if isinstance(own, Pieces) else own.numbers
        values: NDArray[Any] = numbers if isinstance(own, Pieces) else own.positions
        if np.isnan(numbers).any():
            return None
        effects = bench.effects(j, values)
        z = column.standardized(numbers)
        centred = z - z.mean()
        slope = centred @ effects / (centred @ centred) if centred.any() else 0.0 * effects[0]
        gap = effects - effects.mean(axis=0) - np.outer(centred, slope)
        if (np.abs(gap) > _TOLERANCE * np.abs(effects).max() + bench.rounding(effects)).any():
            return None
        lines[:, j] = slope, effects.mean(axis=0) - z.mean() * slope
    return lines


def _spread(own: Pieces) -> NDArray[np.float64]:
    if np.isnan(own.loc).any() or not (own.scale > 0.0).any():
        return own.loc
    return np.linspace(own.low.min(), own.high.max(), _N_TRIAL)
