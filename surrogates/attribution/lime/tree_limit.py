"""The limit for ensembles of trees: a sum over their leaves.

The values of a column are divided into cells in which no split of the column changes its answer;
the conditions on the way to a leaf are then a set of cells for each column.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels.leaf_products import add_leaf_contrasts
from surrogates._kernels.trees import LEAF, Trees, goes_left
from surrogates.attribution.lime.draws import World
from surrogates.attribution.lime.limits import BinWeights, Limit, bin_weights, contrasts
from surrogates.attribution.lime.neighbourhood import Explained
from surrogates.blackbox.ensembles import read_ensemble
from surrogates.blackbox.model import Model
from surrogates.blackbox.neighbour_tables import compose, draw_table
from surrogates.blackbox.pipelines import ColumnwisePreprocessing, preprocess_once
from surrogates.blackbox.samplers import Marginal, Pieces
from surrogates.blackbox.tree_ensemble import TreeEnsemble, matches, writable
from surrogates.blackbox.wrappers import unwrap

__all__ = ["TreeLimit", "tree_limit"]

_HALVINGS = 64
_MOST_CELLS = 200_000_000  # of all conditions
_N_SCRAMBLES_OF_TRIAL = 2


@dataclass(frozen=True, eq=False)
class _Encoder:
    """From columns of the table to what the splits see."""

    world: World
    ensemble: TreeEnsemble
    preprocessing: ColumnwisePreprocessing | None

    def __call__(self, drawn: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
        world = self.world
        table = compose(world.reference.rows, world.representation.marginals, drawn)
        return self.of_table(table)

    def of_table(self, table: Any) -> NDArray[np.float64]:
        known = self.preprocessing
        return self.ensemble.encode(table if known is None else known.transform(table))

    @property
    def sources(self) -> NDArray[np.int64]:
        """The column of the table that each feature of the trees comes from."""
        known = self.preprocessing
        return np.arange(self.ensemble.n_columns) if known is None else known.source_column


@dataclass(frozen=True, eq=False)
class _Cells:
    """The cells of a column.

    Parameters
    ----------
    values : ndarray of shape (n_cells,)
        One value of each, or a reference row that holds it.
    shares : ndarray of shape (n_cells, n_bins)
        Share of each bin in each cell.
    borders : ndarray of shape (n_borders,)
        Between the cells that are intervals, which come first.
    """

    values: NDArray[Any]
    shares: NDArray[np.float64]
    borders: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TreeLimit:
    """LIME's coefficients for an ensemble of trees.

    Parameters
    ----------
    weights : list of BinWeights
        One per column.
    leaves : list of ndarray
        The arrays that `add_leaf_contrasts` takes after the bins of the row.
    offset : ndarray of shape (n_outputs_of_trees,)
    signs : ndarray of shape (n_outputs,)
        -1 where the margin of a binary classifier is read for the first class.
    """

    weights: list[BinWeights]
    leaves: list[NDArray[Any]]
    offset: NDArray[np.float64]
    signs: NDArray[np.float64]
    name: str = "tree"

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({name: writable(value) for name, value in state.items()})

    def at(self, _: Explained, slots: NDArray[np.int64]) -> Limit:
        """Return the limit for one row, given the entries of its bins."""
        coefficients = np.zeros((len(self.weights), len(self.offset)))
        expectation = self.offset.copy()
        add_leaf_contrasts(slots, *self.leaves, coefficients, expectation)  # type: ignore[call-arg]
        return Limit(coefficients * self.signs, expectation * self.signs)


def tree_limit(world: World, responses: NDArray[np.float64], width: float) -> TreeLimit | None:
    """Return the limit where a model is an ensemble of trees that sees bins, else None.

    Parameters
    ----------
    world : World
    responses : ndarray of shape (n_references, n_outputs)
        The model's to the reference rows.
    width : float
        Of the kernel.
    """
    if not world.representation.discretizes:
        return None
    encoder = _find_trees(world, responses)
    if encoder is None:
        return None
    cells = _find_cells(encoder)
    if cells is None:
        return None
    weights = [bin_weights(column, width) for column in world.representation.columns]
    values = _encoded_cells(encoder, cells)
    leaves = _Leaves(encoder.ensemble.trees, encoder.sources, cells, values)
    if not leaves.collect():
        return None
    arrays = leaves.arrays(weights)
    signs = np.asarray(world.model.signs)
    return TreeLimit(weights, arrays, encoder.ensemble.offset, signs)


def _find_trees(world: World, responses: NDArray[np.float64]) -> _Encoder | None:
    model = world.model
    if not isinstance(model.method, str):
        return None
    found = preprocess_once(model, world.reference.rows)
    inner, preprocessing = (model, None) if found is None else found
    ensemble = read_ensemble(unwrap(inner.predictor, inner.method), model.method)
    if ensemble is None:
        return None
    ensemble = _outputs_of(ensemble, model)
    encoder = _Encoder(world, ensemble, preprocessing)
    n_columns = len(world.representation.columns)
    if preprocessing is None and ensemble.n_columns != n_columns:
        return None
    rows = world.reference.rows
    table = rows if preprocessing is None else preprocessing.transform(rows)
    expected = (responses * np.asarray(model.signs))[:, : ensemble.n_outputs]
    return encoder if matches(ensemble, expected, table) else None


def _outputs_of(ensemble: TreeEnsemble, model: Model) -> TreeEnsemble:
    """Keep the outputs explained; the two classes of a binary margin are one output."""
    return ensemble if ensemble.n_outputs == 1 else ensemble.select(model.columns)


def _find_cells(encoder: _Encoder) -> list[_Cells] | None:
    """Return the cells of every column; None where a trial shows that splits change inside one."""
    marginals = encoder.world.representation.marginals
    borders = _raw_borders(encoder, marginals)
    cells = [
        _cells_of_pieces(own, limits) if isinstance(own, Pieces) else _cells_of_atoms(own)
        for own, limits in zip(marginals, borders, strict=True)
    ]
    return cells if _is_constant_in_cells(encoder, cells) else None


def _raw_borders(encoder: _Encoder, marginals: Sequence[Marginal]) -> list[NDArray[np.float64]]:
    """Find by bisection where the answer of each numeric split changes, for all columns at once."""
    trees, sources = encoder.ensemble.trees, encoder.sources
    inner = trees.feature != LEAF
    numeric = inner & (trees.set_start < 0)
    feature, threshold = np.unique(
        np.column_stack([trees.feature[numeric], trees.threshold[numeric]]), axis=0
    ).T
    features = feature.astype(np.int64)
    wanted = [
        np.flatnonzero(sources[features] == j) if isinstance(own, Pieces) else np.empty(0, int)
        for j, own in enumerate(marginals)
    ]
    n = max((len(own) for own in wanted), default=0)
    ends = [_ends(own) if isinstance(own, Pieces) else (0.0, 0.0) for own in marginals]
    low = np.array([[end[0]] * n for end in ends])
    high = np.array([[end[1]] * n for end in ends])
    if n:
        _bisect(encoder, marginals, low, high, features, threshold, wanted)
    return [
        np.unique(high[j, : len(own)][_crossed(high[j, : len(own)], ends[j])])
        for j, own in enumerate(wanted)
    ]


def _ends(own: Pieces) -> tuple[float, float]:
    varies = own.scale > 0.0
    if not varies.any():
        return 0.0, 0.0
    return float(own.low[varies].min()), float(own.high[varies].max())


def _crossed(border: NDArray[np.float64], ends: tuple[float, float]) -> NDArray[np.bool_]:
    return (border > ends[0]) & (border < ends[1])


def _bisect(
    encoder: _Encoder,
    marginals: Sequence[Marginal],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    features: NDArray[np.int64],
    threshold: NDArray[np.float64],
    wanted: list[NDArray[np.int64]],
) -> None:
    """Narrow ``(low, high]`` down to where splits change, as if features grew with columns."""
    n = low.shape[1]
    zeros = np.zeros(n, dtype=np.int64)
    first = encoder(_columns(marginals, low, zeros))
    last = encoder(_columns(marginals, high, zeros))
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        seen = encoder(_columns(marginals, middle, zeros))
        for j, own in enumerate(wanted):
            places = np.arange(len(own))
            feature = features[own]
            rises = last[places, feature] >= first[places, feature]
            below = (seen[places, feature] <= threshold[own]) == rises
            part = slice(len(own))
            low[j, part] = np.where(below, middle[j, part], low[j, part])
            high[j, part] = np.where(below, high[j, part], middle[j, part])


def _columns(
    marginals: Sequence[Marginal], numbers: NDArray[np.float64], rows: NDArray[np.int64]
) -> list[NDArray[Any]]:
    return [
        numbers[j] if isinstance(own, Pieces) else own.positions[rows]
        for j, own in enumerate(marginals)
    ]


def _cells_of_pieces(own: Pieces, borders: NDArray[np.float64]) -> _Cells:
    varies = own.scale > 0.0
    n_bins = int(own.bins.max()) + 1
    constants = np.flatnonzero(~varies)
    n_intervals = len(borders) + 1 if varies.any() else 0
    shares = np.zeros((n_intervals + len(constants), n_bins))
    edges = np.array([own.probability_below(border) for border in borders])
    edges = np.vstack(
        [np.zeros(len(own.loc)), edges.reshape(-1, len(own.loc)), np.ones(len(own.loc))]
    )
    if n_intervals:
        shares[:n_intervals, own.bins[varies]] = np.diff(edges[:, varies], axis=0)
    shares[n_intervals + np.arange(len(constants)), own.bins[constants]] = 1.0
    ends = np.concatenate([[_ends(own)[0]], borders, [_ends(own)[1]]])
    middles = 0.5 * (ends[:-1] + ends[1:])[:n_intervals]
    return _Cells(np.concatenate([middles, own.loc[constants]]), shares, borders)


def _cells_of_atoms(own: Any) -> _Cells:
    shares = np.zeros((len(own.weights), int(own.bins.max()) + 1))
    shares[np.arange(len(own.weights)), own.bins] = own.weights
    mass = shares.sum(axis=0)
    return _Cells(own.positions, shares / np.where(mass > 0.0, mass, 1.0), np.empty(0))


def _encoded_cells(encoder: _Encoder, cells: list[_Cells]) -> NDArray[np.float64]:
    """Return one encoded row per cell: entry (c, feature) is that of cell c of its column."""
    n = max(len(own.values) for own in cells)
    return encoder([np.resize(own.values, n) for own in cells])


def _is_constant_in_cells(encoder: _Encoder, cells: list[_Cells]) -> bool:
    """Compare splits of drawn numbers with those of their cells."""
    world = encoder.world
    trees, sources = encoder.ensemble.trees, encoder.sources
    drawn = draw_table(
        world.reference.rows, world.representation.marginals, world.points, 0, _N_SCRAMBLES_OF_TRIAL
    )
    seen, of_cells = encoder.of_table(drawn.table), _encoded_cells(encoder, cells)
    for j, own in enumerate(cells):
        marginal = world.representation.columns[j].marginal
        if not len(own.borders) or not isinstance(marginal, Pieces):
            continue
        varying = np.isin(drawn.bins[j], marginal.bins[marginal.scale > 0.0])
        places = np.searchsorted(own.borders, drawn.numbers[j, varying], side="left")
        for feature in np.flatnonzero(sources == j):
            thresholds = trees.threshold[trees.feature == feature]
            direct = seen[varying, feature][:, None] <= thresholds
            if (direct != (of_cells[places, feature][:, None] <= thresholds)).any():
                return False
    return True


@dataclass(eq=False)
class _Leaves:
    """The leaves of all trees, each with its condition on every column of its path."""

    trees: Trees
    sources: NDArray[np.int64]
    cells: list[_Cells]
    encoded: NDArray[np.float64]
    known: dict[tuple[int, int, int, bool], int] = field(default_factory=dict)
    masks: list[NDArray[np.bool_]] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    n_cells: int = 0

    def collect(self) -> bool:
        """Walk all trees; False where the conditions would take too much memory."""
        self.paths: list[tuple[int, ...]] = []
        self.nodes: list[int] = []
        self.outputs: list[int] = []
        for tree, root in enumerate(self.trees.roots[:-1]):
            for node, path in self._leaves_below(int(root)):
                self.nodes.append(node)
                self.paths.append(path)
                self.outputs.append(int(self.trees.first_output[tree]))
            if self.n_cells > _MOST_CELLS:
                return False
        return True

    def _leaves_below(self, root: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        stack: list[tuple[int, dict[int, int]]] = [(root, {})]
        while stack:
            node, path = stack.pop()
            if self.trees.feature[node] == LEAF:
                if self.trees.values[node].any():
                    yield node, tuple(path.values())
                continue
            column = int(self.sources[self.trees.feature[node]])
            for child, left in ((self.trees.right[node], False), (self.trees.left[node], True)):
                condition = self._narrow(path.get(column, -1), column, node, left)
                if self.masks[condition].any():
                    stack.append((int(child), {**path, column: condition}))

    def _narrow(self, condition: int, column: int, node: int, left: bool) -> int:
        """Return the condition that holds where another one and the answer of a split do."""
        key = (column, condition, node, left)
        if key not in self.known:
            mask = self._goes_left(node, len(self.cells[column].values)) == left
            if condition >= 0:
                mask &= self.masks[condition]
            self.known[key] = len(self.masks)
            self.masks.append(mask)
            self.columns.append(column)
            self.n_cells += len(mask)
        return self.known[key]

    def _goes_left(self, node: int, n_cells: int) -> NDArray[np.bool_]:
        trees = self.trees
        values = self.encoded[:n_cells, trees.feature[node]]
        if trees.set_start[node] < 0:
            return np.where(
                np.isnan(values), trees.missing_left[node], values <= trees.threshold[node]
            )
        split = (trees.threshold[node], trees.missing_left[node], trees.set_start[node])
        rest = (trees.set_size[node], trees.words)
        return np.array([goes_left(value, *split, *rest) for value in values])

    def arrays(self, weights: list[BinWeights]) -> list[NDArray[Any]]:
        """Return what the kernel needs; equal conditions are one."""
        entries: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        numbers: dict[tuple[int, bytes], int] = {}
        number_of = np.empty(len(self.masks), dtype=np.int64)
        columns: list[int] = []
        used = {condition for path in self.paths for condition in path}
        for condition in sorted(used):
            column, mask = self.columns[condition], self.masks[condition]
            key = (column, mask.tobytes())
            if key not in numbers:
                numbers[key] = len(entries)
                means = mask @ self.cells[column].shares
                entries.append(contrasts(weights[column], means))
                columns.append(column)
            number_of[condition] = numbers[key]
        sizes = [len(mean) for mean, _ in entries]
        lengths = [len(path) for path in self.paths]
        flat = [condition for path in self.paths for condition in path]
        return [
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            number_of[np.array(flat, dtype=np.int64)],
            self.trees.values[self.nodes],
            np.array(self.outputs, dtype=np.int64),
            np.array(columns, dtype=np.int64),
            np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64),
            np.concatenate([mean for mean, _ in entries] or [np.empty(0)]),
            np.concatenate([contrast for _, contrast in entries] or [np.empty(0)]),
        ]
