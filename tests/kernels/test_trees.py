"""Flat trees: traversal, exact Shapley values by walks and by tables."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogates._kernels import tree_bundles, tree_paths, tree_tables, tree_values, trees
from surrogates._kernels.tree_bundles import MAX_BITS, plan_bundles
from surrogates._kernels.tree_paths import trace_paths
from surrogates._kernels.tree_tables import add_from_tables, fill_tables
from surrogates._kernels.tree_values import (
    BLOCK,
    add_interactions,
    add_moments,
    beta_table,
    pack_references,
)
from surrogates._kernels.trees import Trees, goes_left, predict, preorder, subtree_ends
from surrogates.blackbox.tree_ensemble import Tree, flatten

N_CATEGORIES = 70


def grow(rng, n_columns, n_inner, width=1, output=0, categorical=()):
    """Grow a tree at random, its nodes in the order in which they were added."""
    feature, threshold, left, right, leaves = [-1], [0.0], [-1], [-1], [0]
    sets = {}
    for _ in range(n_inner):
        node = leaves.pop(rng.integers(len(leaves)))
        feature[node] = int(rng.integers(n_columns))
        threshold[node] = float(rng.integers(-2, 3)) / 2
        left[node], right[node] = len(feature) + 1, len(feature)  # the right child comes first
        if feature[node] in categorical:
            sets[node] = rng.choice(N_CATEGORIES, rng.integers(1, 40), replace=False)
        for child in (right[node], left[node]):
            leaves.append(child)
            for column, empty in ((feature, -1), (threshold, 0.0), (left, -1), (right, -1)):
                column.append(empty)
    return Tree(
        feature=np.array(feature),
        threshold=np.array(threshold),
        left=np.array(left),
        right=np.array(right),
        missing_left=rng.random(len(feature)) < 0.5,
        values=rng.normal(size=(len(feature), width)),
        output=output,
        categories=sets,
    )


def follow(tree, row):
    """Send one row down a tree, in plain Python."""
    node = 0
    while tree.left[node] != -1:
        value = row[tree.feature[node]]
        if np.isnan(value):
            goes = tree.missing_left[node]
        elif node in tree.categories:
            goes = value in set(tree.categories[node].tolist())
        else:
            goes = value <= tree.threshold[node]
        node = tree.left[node] if goes else tree.right[node]
    return tree.values[node]


def draw_rows(rng, n, n_columns, categorical=()):
    rows = rng.integers(-3, 4, size=(n, n_columns)) / 2
    rows[:, list(categorical)] = rng.integers(0, N_CATEGORIES + 10, size=(n, len(categorical)))
    rows[rng.random(rows.shape) < 0.1] = np.nan
    return rows


def enumerate_game(function, x, references, weights, owner, n_players):
    """Shapley values and halved interaction indices from all coalitions."""
    game = {}
    for size in range(n_players + 1):
        for members in combinations(range(n_players), size):
            mixed = np.where(np.isin(owner, members), x, references)
            game[frozenset(members)] = weights @ function(mixed)
    everyone = frozenset(range(n_players))
    shape = game[everyone].shape
    values, pairs = np.zeros((n_players, *shape)), np.zeros((n_players, n_players, *shape))
    for i in range(n_players):
        for some in (s for s in game if i not in s):
            scale = factorial(len(some)) * factorial(n_players - len(some) - 1)
            values[i] += scale / factorial(n_players) * (game[some | {i}] - game[some])
        for j in everyone - {i}:
            for some in (s for s in game if not s & {i, j}):
                scale = factorial(len(some)) * factorial(n_players - len(some) - 2)
                change = game[some | {i, j}] - game[some | {i}] - game[some | {j}] + game[some]
                pairs[i, j] += scale / factorial(n_players - 1) * change / 2
    return values, pairs


def predict_rows(flat, rows, n_outputs):
    sums = np.zeros((len(rows), n_outputs))
    predict(flat, np.ascontiguousarray(rows), sums)
    return sums


class Case:
    """A random ensemble with rows, reference rows and players."""

    def __init__(self, seed, *, n_columns=6, n_players=4, n_inner=9, n_trees=3, width=1, n_refs=7):
        rng = np.random.default_rng(seed)
        self.n_players, self.n_outputs = n_players, 2
        last = self.n_outputs - width
        self.single = [
            grow(rng, n_columns, n_inner, width, int(rng.integers(last + 1)), (0,))
            for _ in range(n_trees)
        ]
        self.flat = flatten(self.single)
        self.X = draw_rows(rng, 3, n_columns, (0,))
        self.references = draw_rows(rng, n_refs, n_columns, (0,))
        self.weights = rng.random(n_refs)
        self.weights /= self.weights.sum()
        self.owner = np.concatenate(
            [np.arange(n_players), rng.integers(0, n_players, n_columns - n_players)]
        ).astype(np.int32)
        self.paths = tree_paths.trace_paths(self.flat, self.owner)
        self.beta = tree_values.beta_table(int(np.diff(self.paths.start).max()) + 2)

    def packs(self):
        for start in range(0, len(self.weights), BLOCK):
            part = slice(start, start + BLOCK)
            absent = np.zeros((self.paths.rank[-1], BLOCK), np.uint8)
            yield tree_values.pack_references(
                self.flat, self.paths, self.references[part], self.weights[part], absent
            )

    def walk(self, wanted=None):
        wanted = np.ones(len(self.flat.feature), bool) if wanted is None else wanted
        mean = np.zeros((len(self.X), self.n_players, self.n_outputs))
        spread, before = np.zeros_like(mean), 0.0
        for pack in self.packs():
            tree_values.add_moments(
                self.flat, self.paths, pack, before, wanted, self.beta, self.X, mean, spread
            )
            before += pack.weights.sum()
        return mean, spread

    def pairs(self):
        pairs = np.zeros((len(self.X), self.n_players, self.n_players, self.n_outputs))
        for pack in self.packs():
            tree_values.add_interactions(self.flat, self.paths, pack, self.beta, self.X, pairs)
        return pairs

    def look_up(self, max_bits=MAX_BITS, max_entries=10**6):
        bundles, left_over = tree_bundles.plan_bundles(self.flat, self.paths, max_bits, max_entries)
        n_trees = len(self.single)
        table = tree_tables.fill_tables(
            self.flat, self.paths, bundles, 0, n_trees, self.references, self.weights
        )
        mean, _ = self.walk(left_over)
        tree_tables.add_from_tables(self.flat, self.paths, bundles, 0, n_trees, table, self.X, mean)
        return mean, left_over

    def enumerate(self):
        found = [
            enumerate_game(
                lambda rows: predict_rows(self.flat, rows, self.n_outputs),
                x,
                self.references,
                self.weights,
                self.owner,
                self.n_players,
            )
            for x in self.X
        ]
        return tuple(np.array(part) for part in zip(*found, strict=True))


@pytest.fixture
def in_python(monkeypatch):
    """Replace every kernel by the Python function that it was compiled from."""
    for module in (trees, tree_paths, tree_values, tree_bundles, tree_tables):
        for name, entry in list(vars(module).items()):
            if hasattr(entry, "py_func"):
                monkeypatch.setattr(module, name, entry.py_func)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.5, True), (0.6, False), (np.nan, True), (-np.inf, True), (np.inf, False)],
)
def test_numeric_node_sends_small_values_left(value, expected):
    words = np.zeros(0, np.uint64)
    assert goes_left(value, 0.5, True, -1, 0, words) == expected
    assert goes_left.py_func(value, 0.5, True, -1, 0, words) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, True), (1, False), (63, True), (64, True), (65, False), (128, False), (1e9, False),
     (-1, False), (np.inf, False), (np.nan, False)],
)  # fmt: skip
def test_categorical_node_sends_its_categories_left(value, expected):
    words = np.array([7, 1 | 1 << 63, 1], np.uint64)  # the set {0, 63, 64}, after another word
    assert goes_left(float(value), 0.5, False, 1, 2, words) == expected
    assert goes_left.py_func(float(value), 0.5, False, 1, 2, words) == expected


@given(st.integers(0, 10**6), st.integers(0, 30))
@settings(deadline=None, max_examples=30)
def test_predict_follows_each_tree(seed, n_inner):
    rng = np.random.default_rng(seed)
    single = [grow(rng, 4, n_inner, 2, categorical=(1,)) for _ in range(3)]
    rows = draw_rows(rng, 5, 4, (1,))
    expected = np.array([sum(follow(tree, row) for tree in single) for row in rows])
    flat = flatten(single)
    np.testing.assert_allclose(predict_rows(flat, rows, 2), expected, rtol=1e-13)
    assert flat.roots[-1] == len(flat.feature) == 3 * (2 * n_inner + 1)


@given(st.integers(0, 10**6), st.integers(0, 30))
@settings(deadline=None, max_examples=20)
def test_preorder_puts_left_child_next_and_subtrees_in_runs(seed, n_inner):
    tree = grow(np.random.default_rng(seed), 4, n_inner)
    left, right = tree.left.astype(np.int32), tree.right.astype(np.int32)
    order = preorder(left, right, 0)
    np.testing.assert_array_equal(order, preorder.py_func(left, right, 0))
    assert sorted(order) == list(range(len(left)))
    flat = flatten([tree])
    inner = np.flatnonzero(flat.feature >= 0)
    np.testing.assert_array_equal(flat.left[inner], inner + 1)
    ends = subtree_ends(flat)
    np.testing.assert_array_equal(ends, subtree_ends.py_func(flat))
    np.testing.assert_array_equal(ends[inner], ends[flat.right[inner]])
    np.testing.assert_array_equal(ends[flat.left[inner]], flat.right[inner])


def test_beta_table_holds_factorials():
    table = beta_table(9)
    np.testing.assert_array_equal(table, beta_table.py_func(9))
    for a in range(1, 9):
        for c in range(9):
            exact = factorial(a - 1) * factorial(c) / factorial(a + c)
            assert table[a, c] == pytest.approx(exact, rel=1e-14)
    assert not table[0].any()


@given(st.integers(0, 10**6), st.integers(0, 25), st.integers(1, 4), st.sampled_from([1, 2]))
@settings(deadline=None, max_examples=25)
def test_walk_and_tables_equal_enumeration(seed, n_inner, n_players, width):
    case = Case(seed, n_inner=n_inner, n_players=n_players, width=width)
    values, pairs = case.enumerate()
    mean, _ = case.walk()
    np.testing.assert_allclose(mean, values, rtol=0, atol=1e-12)
    np.testing.assert_allclose(case.look_up()[0], values, rtol=0, atol=1e-12)
    np.testing.assert_allclose(case.pairs(), pairs, rtol=0, atol=1e-12)


@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=20)
def test_values_add_up_and_ignore_players_without_columns(seed):
    case = Case(seed, n_players=5, n_inner=15)
    mean, _ = case.walk()
    full = predict_rows(case.flat, case.X, 2)
    base = case.weights @ predict_rows(case.flat, case.references, 2)
    np.testing.assert_allclose(mean.sum(axis=1), full - base, rtol=0, atol=1e-12)
    unused = np.setdiff1d(np.arange(5), case.owner[case.flat.feature[case.flat.feature >= 0]])
    assert not mean[:, unused].any()


@pytest.mark.parametrize("n_refs", [1, 5, 130])
def test_spread_is_over_reference_rows(n_refs):
    case = Case(1, n_refs=n_refs)
    mean, spread = case.walk()
    alone = []
    for b in range(n_refs):
        one = Case(1, n_refs=n_refs)
        one.references, one.weights = case.references[b : b + 1], np.ones(1)
        found, nothing = one.walk()
        assert not nothing.any()
        alone.append(found)
    np.testing.assert_allclose(mean, np.tensordot(case.weights, alone, 1), atol=1e-13)
    expected = np.tensordot(case.weights, (np.array(alone) - mean) ** 2, 1)
    np.testing.assert_allclose(spread, expected, rtol=1e-11, atol=1e-15)


def test_spread_of_equal_values_is_zero_to_rounding():
    case = Case(2, n_refs=100)
    case.references[:] = case.references[0]
    mean, spread = case.walk()
    assert (spread <= (1e-15 * np.abs(mean).max()) ** 2).all()


@pytest.mark.parametrize("n_refs", [1, 63, 64, 65, 300])
def test_reference_rows_beyond_one_mask(n_refs):
    case = Case(3, n_refs=n_refs, n_inner=20)
    values, _ = case.enumerate()
    np.testing.assert_allclose(case.walk()[0], values, atol=1e-12)
    np.testing.assert_allclose(case.look_up()[0], values, atol=1e-12)


@pytest.mark.parametrize(("max_bits", "max_entries"), [(1, 10**6), (3, 10**6), (12, 300), (12, 0)])
def test_leaves_left_over_by_tables_are_walked_to(max_bits, max_entries):
    case = Case(4, n_inner=20, n_trees=4)
    mean, left_over = case.look_up(max_bits, max_entries)
    assert left_over.any()
    np.testing.assert_allclose(mean, case.walk()[0], rtol=1e-12, atol=1e-13)


def test_long_paths_have_more_players_than_tables_take():
    n_columns = 20
    chain = np.arange(2 * n_columns + 1)
    inner = chain % 2 == 0
    inner[-1] = False
    tree = Tree(
        feature=np.where(inner, chain // 2, -1),
        threshold=np.zeros(len(chain)),
        left=np.where(inner, chain + 1, -1),
        right=np.where(inner, chain + 2, -1),
        missing_left=np.zeros(len(chain), bool),
        values=np.where(chain == chain[-1], 1.0, 0.0)[:, None],
    )
    case = Case(0)
    case.single, case.flat, case.n_outputs, case.n_players = [tree], flatten([tree]), 1, n_columns
    case.owner = np.arange(n_columns, dtype=np.int32)
    case.paths = trace_paths(case.flat, case.owner)
    case.beta, case.X = beta_table(n_columns + 2), np.ones((1, n_columns))
    case.references, case.weights = -np.ones((1, n_columns)), np.ones(1)
    mean, left_over = case.look_up()
    assert left_over.any()
    np.testing.assert_allclose(mean[0, :, 0], 1 / n_columns, rtol=1e-12)  # unanimity
    case.X, case.references = case.references, case.X
    np.testing.assert_allclose(case.look_up()[0][0, :, 0], -1 / n_columns, rtol=1e-12)


@pytest.mark.parametrize("seed", [0, 1])
def test_compiled_kernels_equal_their_python_twins(seed, in_python):
    in_plain_python = Case(seed, n_inner=12, n_trees=2, width=2)
    results = [*in_plain_python.walk(), in_plain_python.look_up(4)[0], in_plain_python.pairs()]
    case = Case(seed, n_inner=12, n_trees=2, width=2)
    wanted, n = np.ones(len(case.flat.feature), bool), len(case.X)
    paths = trace_paths(case.flat, case.owner)
    for found, expected in zip(paths, in_plain_python.paths, strict=True):
        np.testing.assert_array_equal(found, expected)
    absent = np.zeros((paths.rank[-1], BLOCK), np.uint8)
    pack = pack_references(case.flat, paths, case.references, case.weights, absent)
    mean, spread, looked_up = np.zeros((3, n, case.n_players, 2))
    pairs = np.zeros((n, case.n_players, case.n_players, 2))
    add_moments(case.flat, paths, pack, 0.0, wanted, case.beta, case.X, mean, spread)
    add_interactions(case.flat, paths, pack, case.beta, case.X, pairs)
    bundles, left_over = plan_bundles(case.flat, paths, 4, 10**6)
    table = fill_tables(case.flat, paths, bundles, 0, 2, case.references, case.weights)
    rest = np.zeros_like(spread)
    add_moments(case.flat, paths, pack, 0.0, left_over, case.beta, case.X, looked_up, rest)
    add_from_tables(case.flat, paths, bundles, 0, 2, table, case.X, looked_up)
    for found, expected in zip([mean, spread, looked_up, pairs], results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


def test_groups_of_trees_add_up():
    case = Case(5, n_trees=6)
    bundles, _ = plan_bundles(case.flat, case.paths, MAX_BITS, 10**6)
    mean = np.zeros((len(case.X), case.n_players, 2))
    for first, last in ((0, 2), (2, 5), (5, 6)):
        table = fill_tables(
            case.flat, case.paths, bundles, first, last, case.references, case.weights
        )
        add_from_tables(case.flat, case.paths, bundles, first, last, table, case.X, mean)
    np.testing.assert_allclose(mean, case.look_up()[0], rtol=1e-13, atol=1e-15)


def test_trees_of_one_leaf_leave_every_player_at_zero():
    case = Case(6, n_inner=0)
    assert isinstance(case.flat, Trees)
    assert not case.walk()[0].any()
    assert not case.look_up()[0].any()
    assert not case.pairs().any()
