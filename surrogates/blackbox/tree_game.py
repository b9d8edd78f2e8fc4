"""The game of a tree ensemble against reference rows, solved exactly."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surrogates._kernels.tree_bundles import MAX_BITS, Bundles, plan_bundles
from surrogates._kernels.tree_paths import Paths, trace_paths
from surrogates._kernels.tree_tables import add_from_tables, fill_tables
from surrogates._kernels.tree_values import (
    BLOCK,
    References,
    add_interactions,
    add_moments,
    beta_table,
    pack_references,
)
from surrogates._kernels.trees import Trees
from surrogates.blackbox.tree_ensemble import TreeEnsemble, writable

__all__ = ["TreeGame", "make_tree_game"]

_FLOAT_BYTES = 8
_MIN_BITS = 8  # from 2**8 pairs of a row and 64 reference rows on, tables save time
_MAX_BYTE = 255


class _Plan(NamedTuple):
    """Which leaves are answered by tables; the others are walked to."""

    bundles: Bundles
    left_over: NDArray[np.bool_]  # (n_nodes,): a leaf without a table is below the node
    groups: list[tuple[int, int]]  # (first tree, tree after the last) with tables in memory at once


@dataclass(frozen=True, eq=False)
class TreeGame:
    """Exact interventional Shapley values of a tree ensemble.

    The value of a set of players is the weighted mean response over the reference rows with the
    columns of those players taken from the explained row. Made by `make_tree_game`.

    Parameters
    ----------
    ensemble : TreeEnsemble
    references : ndarray of shape (n_references, n_columns)
        Reference rows as the trees see them.
    weights : ndarray of shape (n_references,)
        They sum to one.
    n_players : int
    paths : Paths
    beta : ndarray
        Weights of the Shapley value.
    plan : _Plan
    table : ndarray or None
        The tables of all trees, where they fit into memory.
    max_bytes : int
        Memory for tables.
    """

    ensemble: TreeEnsemble
    references: NDArray[np.float64]
    weights: NDArray[np.float64]
    n_players: int
    paths: Paths
    beta: NDArray[np.float64]
    plan: _Plan
    table: NDArray[np.float64] | None
    max_bytes: int

    @cached_property
    def base_values(self) -> NDArray[np.float64]:
        """Mean response over the reference rows, of shape (n_outputs,)."""
        return self.weights @ self.ensemble.predict_encoded(self.references)

    def values(self, X: Any) -> NDArray[np.float64]:
        """Return the Shapley values of each row.

        The time per row does not depend on the number of reference rows where tables are used:
        always when they fit into memory, else for many rows at once.

        Parameters
        ----------
        X : array or DataFrame of shape (n, n_columns)

        Returns
        -------
        values : ndarray of shape (n, n_players, n_outputs)
        """
        encoded = self.ensemble.encode(X)
        mean = np.zeros((len(encoded), self.n_players, self.ensemble.n_outputs))
        wanted = np.ones(len(self.plan.left_over), dtype=bool)
        n_pairs = len(encoded) * -(-len(self.weights) // BLOCK)
        if self.table is not None:
            wanted = self.plan.left_over
            self._look_up(self.plan, encoded, mean)
        elif n_pairs >= 1 << _MIN_BITS:
            plan = _make_plan(
                self.ensemble.trees, self.paths, n_pairs.bit_length() - 1, self.max_bytes
            )
            wanted = plan.left_over
            self._look_up(plan, encoded, mean)
        if wanted.any():
            self._walk(encoded, wanted, mean, np.zeros_like(mean))
        return mean

    def moments(self, X: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the Shapley values of each row and how they vary over the reference rows.

        The values against one reference row b are phi_b; their weighted mean is the value of the
        game. Each pair of a row and a reference row is walked.

        Parameters
        ----------
        X : array or DataFrame of shape (n, n_columns)

        Returns
        -------
        values, variances : ndarray of shape (n, n_players, n_outputs)
            The weighted mean of phi_b over the reference rows, and the weighted mean of
            (phi_b - values)**2.
        """
        encoded = self.ensemble.encode(X)
        mean = np.zeros((len(encoded), self.n_players, self.ensemble.n_outputs))
        variances = np.zeros_like(mean)
        self._walk(encoded, np.ones(len(self.plan.left_over), dtype=bool), mean, variances)
        return mean, variances

    def interactions(self, X: Any) -> NDArray[np.float64]:
        """Return the pairwise Shapley interactions of each row.

        Entry (i, j) is half of the Shapley interaction index of players i and j, entry (i, i) the
        Shapley value of i less the other entries of its row: rows sum to Shapley values, and all
        entries to the difference from the base value (Lundberg et al., 2020).

        Parameters
        ----------
        X : array or DataFrame of shape (n, n_columns)

        Returns
        -------
        interactions : ndarray of shape (n, n_players, n_players, n_outputs)
        """
        encoded = self.ensemble.encode(X)
        n_players, n_outputs = self.n_players, self.ensemble.n_outputs
        pairs = np.zeros((len(encoded), n_players, n_players, n_outputs))
        for pack in self._packs():
            add_interactions(self.ensemble.trees, self.paths, pack, self.beta, encoded, pairs)
        diagonal = np.arange(n_players)
        pairs[:, diagonal, diagonal] = self.values(X) - pairs.sum(axis=2)
        return pairs

    def _look_up(
        self, plan: _Plan, encoded: NDArray[np.float64], mean: NDArray[np.float64]
    ) -> None:
        trees, weights = self.ensemble.trees, self.weights
        for first, last in plan.groups:
            table = self.table
            if table is None:
                table = fill_tables(
                    trees, self.paths, plan.bundles, first, last, self.references, weights
                )
            add_from_tables(trees, self.paths, plan.bundles, first, last, table, encoded, mean)

    def _walk(
        self,
        encoded: NDArray[np.float64],
        wanted: NDArray[np.bool_],
        mean: NDArray[np.float64],
        spread: NDArray[np.float64],
    ) -> None:
        """Add moments; a mean that tables have begun makes the spread meaningless."""
        trees, paths, weight_before = self.ensemble.trees, self.paths, 0.0
        for pack in self._packs():
            add_moments(trees, paths, pack, weight_before, wanted, self.beta, encoded, mean, spread)
            weight_before += float(pack.weights.sum())

    def _packs(self) -> Iterator[References]:
        """Go through the reference rows, 64 at a time."""
        n_nodes, n_packs = len(self.plan.left_over), -(-len(self.weights) // BLOCK)
        n_bytes = (n_nodes * _FLOAT_BYTES + n_nodes // 2 * BLOCK) * n_packs
        return iter(self._kept_packs if n_bytes <= self.max_bytes else self._make_packs())

    @cached_property
    def _kept_packs(self) -> list[References]:
        return list(self._make_packs())

    def _make_packs(self) -> Iterator[References]:
        longest, n_leaves = np.diff(self.paths.start).max(), self.paths.rank[-1]
        dtype = np.uint8 if longest <= _MAX_BYTE else np.uint32
        for start in range(0, len(self.weights), BLOCK):
            block = slice(start, start + BLOCK)
            absent = np.zeros((n_leaves, BLOCK), dtype=dtype)
            yield pack_references(
                self.ensemble.trees,
                self.paths,
                self.references[block],
                self.weights[block],
                absent,
            )

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({name: writable(value) for name, value in state.items()})


def make_tree_game(
    ensemble: TreeEnsemble,
    references: Any,
    weights: ArrayLike,
    player_of_column: ArrayLike,
    n_players: int,
    *,
    max_bytes: int = 64 * 2**20,
) -> TreeGame:
    """Prepare the exact Shapley values of an ensemble against reference rows.

    Parameters
    ----------
    ensemble : TreeEnsemble
    references : array or DataFrame of shape (n_references, n_columns)
        What the tree model itself would be given.
    weights : array-like of shape (n_references,)
        Positive; scaled to sum to one.
    player_of_column : array-like of shape (n_columns,)
        Which player owns each column of the ensemble's input; a player may own many.
    n_players : int
    max_bytes : int, default=64 MiB
        Memory for tables, and as much again for the reference rows' ways down the trees.

    Raises
    ------
    ValueError
        `player_of_column` has another length than the input has columns, or names a player beyond
        `n_players`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> from surrogates.blackbox.ensembles import read_ensemble
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> model = DecisionTreeRegressor().fit(X, [0.0, 1.0, 2.0, 5.0])
    >>> game = make_tree_game(read_ensemble(model, "predict"), X[:1], [1.0], [0, 1], 2)
    >>> game.values(X[3:]).ravel(), game.base_values
    (array([3., 2.]), array([0.]))
    """
    weight, owner = np.array(weights, dtype=np.float64), np.array(player_of_column, dtype=np.int32)
    if owner.shape != (ensemble.n_columns,) or not np.isin(owner, np.arange(n_players)).all():
        raise ValueError(
            f"'player_of_column' must give one of {n_players} players to each of "
            f"{ensemble.n_columns} columns. Got {owner.tolist()} instead."
        )
    paths = trace_paths(ensemble.trees, owner)
    plan = _make_plan(ensemble.trees, paths, MAX_BITS, max_bytes)
    encoded, weight = ensemble.encode(references), weight / weight.sum()
    table = None
    if len(plan.groups) <= 1:
        n_trees = len(ensemble.trees.roots) - 1
        table = fill_tables(ensemble.trees, paths, plan.bundles, 0, n_trees, encoded, weight)
    beta = beta_table(int(np.diff(paths.start).max()) + 2)
    return TreeGame(ensemble, encoded, weight, n_players, paths, beta, plan, table, max_bytes)


def _make_plan(trees: Trees, paths: Paths, max_bits: int, max_bytes: int) -> _Plan:
    """Cut the trees into bundles, and the bundles into groups whose tables fit into memory."""
    max_entries = max_bytes // _FLOAT_BYTES
    bundles, left_over = plan_bundles(trees, paths, min(max_bits, MAX_BITS), max_entries)
    starts, groups, first = bundles.table_start[bundles.tree_start], [], 0
    while first < len(starts) - 1:
        last = int(np.searchsorted(starts, starts[first] + max_entries, side="right")) - 1
        groups.append((first, last))
        first = last
    return _Plan(bundles, left_over, groups)
