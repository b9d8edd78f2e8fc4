"""Neighbours: one sample that serves every row, and samples of a row's own neighbourhood."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from surrogates._kernels.neighbours import matches, squared_distances
from surrogates.attribution.lime.control import Control
from surrogates.attribution.lime.representation import ColumnView, Representation
from surrogates.attribution.lime.surrogate import Neighbours
from surrogates.blackbox.column_kinds import ColumnKind
from surrogates.blackbox.samplers import Atoms, Marginal, Pieces
from surrogates.blackbox.tree_ensemble import writable

__all__ = [
    "Explained",
    "SampleSize",
    "Sampled",
    "around",
    "explained_rows",
    "sample_size",
    "see",
    "tilted",
    "unseen_in",
]

_FEWEST_SCRAMBLES, _FEWEST_WHEN_STOPPING = 8, 64
_FIRST_STAGE = 8
_FRESH_SHARE, _FEWEST_FRESH = 8, 256


@dataclass(frozen=True)
class SampleSize:
    """How a budget of neighbours is divided into independent scrambles.

    Parameters
    ----------
    n_points : int
        Neighbours of a scramble.
    stages : tuple of int
        Scrambles that a surrogate is fitted on, the last is the budget.
    n_fresh : int
        Scrambles that fidelity is measured on.
    """

    n_points: int
    stages: tuple[int, ...]
    n_fresh: int


def sample_size(n_samples: int, *, stops: bool) -> SampleSize:
    """Divide a budget of neighbours into as few scrambles as tell their spread.

    Examples
    --------
    >>> sample_size(5000, stops=False)
    SampleSize(n_points=625, stages=(8,), n_fresh=1)
    """
    n_points = max(1, n_samples // (_FEWEST_WHEN_STOPPING if stops else _FEWEST_SCRAMBLES))
    n_scrambles = n_samples // n_points
    stages = [n_scrambles]
    if stops:
        doubled = (_FIRST_STAGE << step for step in range(n_scrambles.bit_length()))
        stages = [stage for stage in doubled if stage < n_scrambles] + stages
    n_fresh = max(-(-n_scrambles // _FRESH_SHARE), -(-_FEWEST_FRESH // n_points))
    return SampleSize(n_points, tuple(stages), n_fresh)


@dataclass(frozen=True, eq=False)
class Explained:
    """One explained row.

    Parameters
    ----------
    bins : ndarray of shape (n_columns,)
    numbers : ndarray of shape (n_columns,)
        NaN where the value is no number.
    at : ndarray of shape (n_columns,)
        Standardized numbers, 1 where the row is seen by a match with itself.
    is_number : ndarray of shape (n_columns,)
        Whether a column is seen as a number.
    """

    bins: NDArray[np.int32]
    numbers: NDArray[np.float64]
    at: NDArray[np.float64]
    is_number: NDArray[np.bool_]

    def as_kept(self) -> "Explained":
        """Return the row as one whose columns are kept (code 0) or replaced."""
        n_columns = len(self.bins)
        return Explained(
            bins=np.zeros(n_columns, dtype=np.int32),
            numbers=np.full(n_columns, np.nan),
            at=np.ones(n_columns),
            is_number=np.zeros(n_columns, dtype=bool),
        )


def explained_rows(representation: Representation, rows: Any) -> list[Explained]:
    """Return the rows of a table as a representation sees them."""
    bins, numbers = representation.read(rows)
    is_number = representation.seen_as_number(numbers)
    at = np.ones(numbers.shape)
    if is_number.any():
        at = np.where(is_number, representation.standardized(numbers.T).T, at)
    return [
        Explained(*(np.ascontiguousarray(part) for part in parts))
        for parts in zip(bins, numbers, at, is_number, strict=True)
    ]


def unseen_in(representation: Representation, rows: list[Explained]) -> NDArray[np.bool_]:
    """Tell where rows hold a level, or a missing value, that the reference rows lack."""
    return ~representation.holds(np.array([row.bins for row in rows]))


@dataclass(frozen=True, eq=False)
class Sampled:
    """Neighbours drawn and what the model answered: fitted on first, then fresh.

    Parameters
    ----------
    bins : ndarray of shape (n_columns, n)
    standardized : ndarray of shape (n_columns, n) or None
        None where numbers are seen as bins.
    responses : ndarray of shape (n_outputs, n)
    size, n_scrambles : int
        As in `Neighbours`.
    uniforms : ndarray of shape (n_columns, n) or None, default=None
        What the neighbours were drawn with, by inversion.
    every : ndarray of shape (n_all_outputs, n) or None, default=None
        What the model answered of more than two outputs, explained or not.
    control : Control or None, default=None
        A control variate.
    """

    bins: NDArray[np.int32]
    standardized: NDArray[np.float64] | None
    responses: NDArray[np.float64]
    size: int
    n_scrambles: int
    uniforms: NDArray[np.float64] | None = None
    every: NDArray[np.float64] | None = None
    control: Control | None = None

    @property
    def n_fitted(self) -> int:
        """Number of neighbours that come before the fresh ones."""
        return self.size * self.n_scrambles

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({name: writable(value) for name, value in state.items()})


def see(
    sampled: Sampled, row: Explained, width: float, out: NDArray[np.float64] | None = None
) -> Neighbours:
    """Return a sample as a row sees it; an infinite width gives every neighbour weight 1.

    The weight is ``exp(-distance^2 / (2 width^2))``. The table is written into `out`, if given.
    """
    bins = sampled.bins
    table = np.empty(bins.shape) if out is None else out
    counts = np.zeros(bins.shape[1])
    matches(bins, row.bins, table, counts)
    if sampled.standardized is None or not row.is_number.any():
        by_distance = np.exp(np.arange(len(bins) + 1) * (-0.5 / width**2))
        weights = by_distance[len(bins) - counts.astype(np.int64)]
    else:
        table[row.is_number] = sampled.standardized[row.is_number]
        distances = np.zeros(bins.shape[1])
        squared_distances(table, row.at, distances)
        weights = np.exp(distances * (-0.5 / width**2))
    return Neighbours(
        table=table,
        weights=weights,
        responses=sampled.responses,
        size=sampled.size,
        n_scrambles=sampled.n_scrambles,
        at=row.at,
    )


def around(representation: Representation, row: Explained) -> list[Marginal]:
    """Return distributions around a row: normal with the columns' own standard deviations.

    Levels, and columns in which the row has no value, keep the distribution of the reference rows.
    """
    return [
        _around(column, number)
        for column, number in zip(representation.columns, row.numbers, strict=True)
    ]


def _around(column: ColumnView, number: float) -> Marginal:
    own = column.marginal
    if column.kind is ColumnKind.LEVEL or np.isnan(number):
        return own
    if isinstance(own, Atoms):
        closeness = -0.5 * ((own.numbers - number) / column.scale) ** 2
        return _reweighted(own, np.where(np.isnan(own.numbers), 0.0, closeness))
    known = ~np.isnan(own.loc)
    if not (own.scale[known] > 0.0).any() and known.sum() == 1:
        return own
    low = min(float(np.nanmin(own.low)), number)
    high = max(float(np.nanmax(own.high)), number)
    limits = np.unique(np.concatenate([[low], column.borders, [high]]).clip(low, high))
    edges = ndtr((limits - number) / column.scale)
    weights = np.diff(edges) * own.weights[known].sum() / (edges[-1] - edges[0])
    pieces = Pieces(
        weights,
        np.full(len(weights), number),
        np.full(len(weights), column.scale),
        limits[:-1],
        limits[1:],
        column.bins_of(limits[1:]),
    )
    return pieces if known.all() else _with_missing(pieces, own)


def _with_missing(pieces: Pieces, own: Pieces) -> Pieces:
    gone = np.isnan(own.loc)
    names = ("weights", "loc", "scale", "low", "high", "bins")
    return Pieces(
        *(np.concatenate([getattr(pieces, name), getattr(own, name)[gone]]) for name in names)
    )


def tilted(
    representation: Representation, marginals: Sequence[Marginal], row: Explained, width: float
) -> list[Marginal]:
    """Return the distributions under the kernel's weights, under which columns stay independent.

    The kernel is a product over the columns: drawing from these distributions and counting all
    neighbours equally has the same limit as weighting, and keeps every neighbour effective.
    """
    return [
        _tilted(column, own, row, j, width)
        for j, (column, own) in enumerate(zip(representation.columns, marginals, strict=True))
    ]


def _tilted(
    column: ColumnView, own: Marginal, row: Explained, position: int, width: float
) -> Marginal:
    sharpness = 0.5 / width**2
    if not row.is_number[position]:
        return _reweighted(own, np.where(own.bins == row.bins[position], 0.0, -sharpness))
    at = row.at[position]
    if isinstance(own, Atoms):
        return _reweighted(own, -sharpness * (column.standardized(own.numbers) - at) ** 2)
    return _narrowed(own, column, float(row.numbers[position]), at, width)


def _narrowed(own: Pieces, column: ColumnView, number: float, at: float, width: float) -> Pieces:
    """Multiply normal densities by a normal kernel: the product is normal again."""
    varies = own.scale > 0.0
    kernel = (width * column.scale) ** 2
    variance = np.where(varies, own.scale**2, 1.0)
    loc = np.where(varies, (own.loc * kernel + number * variance) / (kernel + variance), own.loc)
    scale = np.where(varies, np.sqrt(kernel * variance / (kernel + variance)), 0.0)
    narrowed = replace(own, loc=loc, scale=scale)
    fixed = -0.5 * (column.standardized(own.loc) - at) ** 2 / width**2
    heights = -0.5 * (own.loc - number) ** 2 / (kernel + variance) + 0.5 * np.log(
        kernel / (kernel + variance)
    )
    with np.errstate(divide="ignore"):
        inside = np.log(_mass(narrowed)) - np.log(_mass(own))
    return _reweighted(narrowed, np.where(varies, heights + inside, fixed))


def _mass(pieces: Pieces) -> NDArray[np.float64]:
    """Return the share of each untruncated normal between its bounds; 1 for constants."""
    varies = pieces.scale > 0.0
    scale = np.where(varies, pieces.scale, 1.0)
    mass = ndtr((pieces.high - pieces.loc) / scale) - ndtr((pieces.low - pieces.loc) / scale)
    return np.where(varies, mass, 1.0)


def _reweighted(own: Any, logarithms: NDArray[np.float64]) -> Any:
    """Multiply weights by exponentials, the largest of which is made 1."""
    return own.reweighted(np.exp(logarithms - logarithms.max()))
