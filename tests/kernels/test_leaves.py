"""Leaves of rows, and means in them, equal those by hand."""

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from surrogates._kernels.leaf_means import add_node_sums, means_without_some
from surrogates._kernels.leaves import add_leaf_rows, add_shared_leaves, apply
from surrogates._kernels.trees import LEAF
from surrogates.blackbox.ensembles import read_ensemble

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 3)).astype(np.float32).astype(float)
MODEL = RandomForestRegressor(4, max_depth=3, random_state=0).fit(X, X[:, 0])
TREES = read_ensemble(MODEL, "predict").trees


def nodes_of(rows):
    nodes = np.empty((4, len(rows)), dtype=np.int64)
    apply(TREES, rows, nodes)
    return nodes


def test_rows_reach_leaves_that_hold_the_prediction():
    nodes = nodes_of(X)
    assert (TREES.feature[nodes] == LEAF).all()
    np.testing.assert_allclose(TREES.values[nodes, 0].sum(axis=0), MODEL.predict(X))
    same = np.array([tree.apply(X.astype(np.float32)) for tree in MODEL.estimators_])
    for own, other in zip(nodes, same, strict=True):
        np.testing.assert_array_equal(own[:, None] == own, other[:, None] == other)


def test_sums_over_shared_leaves():
    nodes, test = nodes_of(X), nodes_of(X[:7])
    weights, train = RNG.normal(size=test.shape), RNG.normal(size=nodes.shape)
    members = np.argsort(nodes, axis=1, kind="stable")
    counts = np.bincount(nodes.ravel(), minlength=len(TREES.feature))
    starts = np.concatenate([[0], np.cumsum(counts)])
    out = np.zeros((7, 50))
    add_shared_leaves(test, members, starts, weights, train, out)
    shared = test[:, :, None] == nodes[:, None]
    np.testing.assert_allclose(out, np.einsum("tij,ti,tj->ij", shared, weights, train))


def test_table_lookups():
    nodes, table = nodes_of(X), RNG.normal(size=(len(TREES.feature), 5))
    out = np.zeros((50, 5))
    add_leaf_rows(nodes, table, out)
    np.testing.assert_allclose(out, table[nodes].sum(axis=0))


def test_means_without_rows_fall_back_to_parents():
    y, weights = X[:, [0, 1]].copy(), RNG.integers(0, 3, size=(4, 50)).astype(float)
    totals, sums = np.zeros(len(TREES.feature)), np.zeros((len(TREES.feature), 2))
    add_node_sums(TREES, X, weights, y, totals, sums)
    np.testing.assert_allclose(totals[TREES.roots[:-1]], weights.sum(axis=1))
    np.testing.assert_allclose(sums[TREES.roots[:-1]], weights @ y)
    parents = np.full(len(totals), -1)
    inner = np.flatnonzero(TREES.feature != LEAF)
    parents[TREES.left[inner]], parents[TREES.right[inner]] = inner, inner
    leaf = nodes_of(X)[0, 0]
    gone = np.flatnonzero(nodes_of(X)[0] == leaf)
    lost, lost_sums = np.zeros_like(totals), np.zeros_like(sums)
    add_node_sums(TREES, X[gone], weights[:, gone].copy(), y[gone], lost, lost_sums)
    out = np.empty_like(sums)
    means_without_some(parents, totals, sums, lost, lost_sums, out)
    parent = parents[leaf]
    while totals[parent] - lost[parent] <= 0:
        parent = parents[parent]
    expected = (sums - lost_sums)[parent] / (totals - lost)[parent]
    if totals[leaf]:
        np.testing.assert_allclose(out[leaf] + sums[leaf] / totals[leaf], expected)
