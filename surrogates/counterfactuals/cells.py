"""A fitted ensemble of trees over the cells into which its tests divide the raw columns."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels.cell_forest import CellForest
from surrogates._kernels.trees import LEAF, goes_left
from surrogates.blackbox.pipelines import ColumnwisePreprocessing
from surrogates.blackbox.table import take_rows
from surrogates.blackbox.tree_ensemble import TreeEnsemble
from surrogates.counterfactuals.columns import Composer
from surrogates.counterfactuals.constraints import Constraints
from surrogates.counterfactuals.cuts import NumberCuts, find_cuts, probes_of
from surrogates.counterfactuals.moves import Parts

__all__ = ["Cells", "Encoded", "read_cells"]


@dataclass(frozen=True, eq=False)
class Encoded:
    """Rows given as codes, as the trees see them.

    Parameters
    ----------
    composer : Composer
        Of one reference row.
    preprocessing : ColumnwisePreprocessing or None
    ensemble : TreeEnsemble
    """

    composer: Composer
    preprocessing: ColumnwisePreprocessing | None
    ensemble: TreeEnsemble

    def __call__(self, codes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the columns of the ensemble, (n, n_encoded)."""
        return self.of_table(self.composer.table(np.zeros(len(codes), dtype=np.int64), codes))

    def of_table(self, table: Any) -> NDArray[np.float64]:
        """Return the columns of the ensemble for rows as the model takes them."""
        if self.preprocessing is not None:
            table = self.preprocessing.transform(table)
        return self.ensemble.encode(table)


@dataclass(frozen=True, eq=False)
class Cells:
    """Trees whose tests are about options of parts.

    Parameters
    ----------
    forest : CellForest
        Scores of the leaves are those of the ensemble's outputs.
    tests : ndarray of shape (n_tests,)
        A node of the ensemble that makes each test.
    part : ndarray of shape (n_tests,)
    column : ndarray of shape (n_tests,)
        The encoded column that each test is about.
    cuts : dict of int to NumberCuts
        For parts that are one numeric column; their tests in the order of `tests_of`.
    tests_of : list of ndarray
        The tests of each part.
    level_options : dict of int to ndarray
        For the other parts, what they may become: codes (n_options, n_members).
    level_outcomes : dict of int to ndarray
        Answers of their tests, (n_options, n_tests of the part).
    encoded : Encoded
    parts : Parts
    """

    forest: CellForest
    tests: NDArray[np.int64]
    part: NDArray[np.int64]
    column: NDArray[np.int64]
    cuts: dict[int, NumberCuts]
    tests_of: list[NDArray[np.int64]]
    level_options: dict[int, NDArray[np.float64]]
    level_outcomes: dict[int, NDArray[np.bool_]]
    encoded: Encoded
    parts: Parts

    def outcomes(self, encoded: NDArray[np.float64], tests: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return the answers of tests to encoded rows, (n_rows, n_tests)."""
        return _outcomes(self.encoded.ensemble, self.tests[tests], encoded)


def read_cells(
    ensemble: TreeEnsemble,
    preprocessing: ColumnwisePreprocessing | None,
    reference: Any,
    constraints: Constraints,
    parts: Parts,
) -> Cells | None:
    """Translate an ensemble, or return None where a column is not preprocessed monotonely.

    Parameters
    ----------
    ensemble : TreeEnsemble
    preprocessing : ColumnwisePreprocessing or None
    reference : ndarray or DataFrame of shape (n_references, n_columns)
    constraints : Constraints
    parts : Parts
    """
    composer = Composer(constraints.columns, reference, take_rows(reference, slice(0, 1)))
    encoded = Encoded(composer, preprocessing, ensemble)
    nodes, test_of_node = _distinct_tests(ensemble)
    source = np.arange(ensemble.n_columns) if preprocessing is None else preprocessing.source_column
    column = ensemble.trees.feature[nodes].astype(np.int64)
    part = parts.of_column[source[column]]
    tests_of = [np.flatnonzero(part == one) for one in range(len(parts))]
    numeric = [one for one in range(len(parts)) if _is_number(one, parts, constraints)]
    cuts = _cuts_of(encoded, nodes, tests_of, numeric, parts, constraints)
    if cuts is None:
        return None
    options = {
        one: _options(one, parts, constraints) for one in range(len(parts)) if one not in numeric
    }
    return Cells(
        forest=_forest(ensemble, part, test_of_node, cuts, tests_of),
        tests=nodes,
        part=part,
        column=column,
        cuts=cuts,
        tests_of=tests_of,
        level_options=options,
        level_outcomes=_level_outcomes(encoded, nodes, tests_of, options, parts),
        encoded=encoded,
        parts=parts,
    )


def _distinct_tests(ensemble: TreeEnsemble) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return one node for each distinct test, and the test of every node, -1 at leaves."""
    trees = ensemble.trees
    inner = np.flatnonzero(trees.feature != LEAF)
    keys: dict[tuple[Any, ...], int] = {}
    nodes: list[int] = []
    test_of_node = np.full(len(trees.feature), -1, dtype=np.int64)
    columns = zip(
        inner.tolist(),
        trees.feature[inner].tolist(),
        trees.threshold[inner].tolist(),
        trees.missing_left[inner].tolist(),
        trees.set_start[inner].tolist(),
        trees.set_size[inner].tolist(),
        strict=True,
    )
    for node, feature, threshold, missing, start, size in columns:
        chosen = trees.words[start : start + size].tobytes() if start >= 0 else None
        key = (feature, missing, chosen) if start >= 0 else (feature, threshold, missing)
        if key not in keys:
            keys[key] = len(nodes)
            nodes.append(node)
        test_of_node[node] = keys[key]
    return np.array(nodes, dtype=np.int64), test_of_node


def _is_number(part: int, parts: Parts, constraints: Constraints) -> bool:
    (first, *more) = parts.members[part]
    return not more and not constraints.columns[first].is_level


def _outcomes(
    ensemble: TreeEnsemble, nodes: NDArray[np.int64], encoded: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return whether rows go left at nodes, (n_rows, n_nodes)."""
    trees = ensemble.trees
    left = np.empty((len(encoded), len(nodes)), dtype=bool)
    for place, node in enumerate(nodes.tolist()):
        values = encoded[:, trees.feature[node]]
        start = int(trees.set_start[node])
        if start < 0:
            passes = values <= trees.threshold[node]
            left[:, place] = np.where(np.isnan(values), trees.missing_left[node], passes)
        else:
            left[:, place] = [
                goes_left(value, 0.0, bool(trees.missing_left[node]), start,
                          int(trees.set_size[node]), trees.words)
                for value in values
            ]  # fmt: skip
    return left


def _codes(own: NDArray[np.float64], values: dict[int, Any], n: int) -> Any:
    """Return rows that hold the values of each column one below the other, the last repeated."""
    codes = np.repeat(own, n, axis=0)
    for position, numbers in values.items():
        if len(numbers):
            codes[:, position] = numbers[np.minimum(np.arange(n), len(numbers) - 1)]
    return codes


def _cuts_of(
    encoded: Encoded,
    nodes: NDArray[np.int64],
    tests_of: list[NDArray[np.int64]],
    numeric: list[int],
    parts: Parts,
    constraints: Constraints,
) -> dict[int, NumberCuts] | None:
    tested = [part for part in numeric if len(tests_of[part])]
    positions = {part: parts.members[part][0] for part in tested}
    columns = [constraints.columns[positions[part]] for part in tested]
    if not tested:
        return {}
    own = encoded.composer.codes

    def ask(numbers: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        values = dict(zip(positions.values(), numbers, strict=True))
        n = max(len(some) for some in numbers)
        return encoded(_codes(own, values, n))

    def ask_each(numbers: list[NDArray[np.float64]]) -> list[NDArray[np.bool_]]:
        rows = ask(numbers)
        return [_own_outcomes(encoded.ensemble, nodes[tests_of[part]], rows) for part in tested]

    probes = [probes_of(column) for column in columns]
    if not all(len(some) for some in probes):
        return None
    rows = ask(probes)
    known = [
        (some, _outcomes(encoded.ensemble, nodes[tests_of[part]], rows[: len(some)]))
        for part, some in zip(tested, probes, strict=True)
    ]
    found = find_cuts(columns, known, ask_each)
    return None if found is None else dict(zip(tested, found, strict=True))


def _own_outcomes(
    ensemble: TreeEnsemble, nodes: NDArray[np.int64], rows: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return the answer of each test to the row of its own number."""
    trees, at = ensemble.trees, np.arange(len(nodes))
    values = rows[at, trees.feature[nodes]]
    if (trees.set_start[nodes] >= 0).any():
        return _outcomes(ensemble, nodes, rows[: len(nodes)])[at, at]
    passes: NDArray[np.bool_] = np.where(
        np.isnan(values), trees.missing_left[nodes], values <= trees.threshold[nodes]
    )
    return passes


def _options(part: int, parts: Parts, constraints: Constraints) -> NDArray[np.float64]:
    combinations = parts.combinations[part]
    if combinations is not None:
        return combinations
    column = constraints.columns[parts.members[part][0]]
    return np.arange(len(column.levels.values), dtype=np.float64)[:, None]


def _level_outcomes(
    encoded: Encoded,
    nodes: NDArray[np.int64],
    tests_of: list[NDArray[np.int64]],
    options: dict[int, NDArray[np.float64]],
    parts: Parts,
) -> dict[int, NDArray[np.bool_]]:
    n = max((len(some) for some in options.values()), default=0)
    if not n:
        return {part: np.empty((0, len(tests_of[part])), dtype=bool) for part in options}
    values = {
        position: some[:, place]
        for part, some in options.items()
        for place, position in enumerate(parts.members[part])
    }
    rows = encoded(_codes(encoded.composer.codes, values, n))
    return {
        part: _outcomes(encoded.ensemble, nodes[tests_of[part]], rows[: len(some)])
        for part, some in options.items()
    }


def _forest(
    ensemble: TreeEnsemble,
    part: NDArray[np.int64],
    test_of_node: NDArray[np.int64],
    cuts: dict[int, NumberCuts],
    tests_of: list[NDArray[np.int64]],
) -> CellForest:
    """Return the nodes of the ensemble with their tests numbered."""
    trees = ensemble.trees
    high_passes = np.zeros(len(part) + 1, dtype=bool)
    for one, found in cuts.items():
        high_passes[tests_of[one]] = ~found.low_passes
    is_leaf = test_of_node < 0
    scores = np.zeros((len(test_of_node), ensemble.n_outputs))
    width = trees.values.shape[1]
    tree_of_node = np.repeat(np.arange(len(trees.roots) - 1), np.diff(trees.roots))
    for offset in range(width):
        output = trees.first_output[tree_of_node] + offset
        scores[np.arange(len(scores)), output] = trees.values[:, offset]
    # of an ordered test, "passes" means below the cut
    return CellForest(
        roots=trees.roots.astype(np.int64),
        part=np.where(is_leaf, -1, np.append(part, -1)[test_of_node]).astype(np.int32),
        test=np.where(is_leaf, 0, test_of_node).astype(np.int32),
        right=trees.right.astype(np.int32),
        swapped=high_passes[test_of_node] & ~is_leaf,
        scores=scores,
    )
