"""What is known about the answer is found: rules, trees, constants, counts."""

from itertools import product

import numpy as np
import pytest
from oracles import AxisTree, Counting, Labels, MOfN, bits

from surrogates import (
    DistilledTreeClassifier,
    DistilledTreeRegressor,
    TrepanClassifier,
    TrepanRegressor,
)

RULES = [
    (3, range(5), None, [0.5] * 10),
    (4, range(8), None, [0.5] * 20),
    (2, range(7), None, [0.2] * 15),
    (5, range(8), [0, 1, 0, 1, 1, 0, 1, 1], [0.5] * 12),
    (1, range(4), None, [0.3] * 9),
    (6, [1, 3, 5, 7, 9, 11], None, [0.8] * 12),
    (3, [0, 2, 4, 6, 8], [0, 0, 1, 1, 1], [0.5, 0.9, 0.3, 0.1, 0.6, 0.5, 0.4, 0.5, 0.7, 0.2]),
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("sampler", ["marginal", "auto"])
def test_m_of_n_rules_are_found_in_one_node(rule, sampler):
    m, columns, signs, chances = rule
    oracle = MOfN(m, columns, signs)
    tree = TrepanClassifier(oracle, sampler=sampler, random_state=0).fit(bits(400, chances))
    assert tree.n_leaves_ == 2
    assert tree.n_literals_ == len(list(columns))
    assert tree.n_queries_ <= 3000
    every = np.zeros((2 ** len(columns), len(chances)))
    every[:, list(columns)] = list(product([0.0, 1.0], repeat=len(columns)))
    assert (tree.predict(every) == oracle(every)).all()
    ignored = np.setdiff1d(np.arange(len(chances)), list(columns))
    assert (tree.feature_importances_[ignored] == 0.0).all()
    assert tree.feature_importances_.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("m", "n"), [(2, 7), (4, 8)])
def test_rules_among_skewed_bits_are_found_in_one_node(m, n, seed):
    chances = np.random.default_rng(seed).uniform(0.2, 0.8, n + 8)
    oracle = MOfN(m, range(n))
    tree = TrepanClassifier(oracle, random_state=seed).fit(bits(400, chances, seed))
    assert (tree.n_leaves_, tree.n_literals_) == (2, n)


def test_thresholds_are_found_by_asking():
    def oracle(X):
        return ((X[:, 0] <= 0.3).astype(int) + (X[:, 1] > 0.6) + (X[:, 2] <= 0.5) >= 2).astype(int)

    rng = np.random.default_rng(0)
    tree = TrepanClassifier(oracle, random_state=0).fit(rng.random((400, 8)))
    assert tree.n_leaves_ == 2
    assert tree.fidelity(rng.random((100_000, 8))) == 1.0
    found = {literal.threshold for literal in tree.tree_.tests[0].literals}
    assert found == {0.3, 0.6, 0.5}  # the shortest numbers at which the answer may change


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("splits", ["single", "m-of-n"])
def test_trees_with_sixteen_leaves_are_found(seed, splits):
    inner = AxisTree(16, 6, seed)
    oracle = Labels(inner, np.arange(16))
    rng = np.random.default_rng(seed)
    tree = TrepanClassifier(oracle, splits=splits, max_leaves=16, random_state=0)
    tree.fit(rng.random((1500, 6)))
    assert tree.n_leaves_ <= 16
    assert tree.n_queries_ <= 3000
    assert tree.fidelity(rng.random((100_000, 6))) >= 0.9999


@pytest.mark.parametrize("splits", ["single", "m-of-n"])
@pytest.mark.parametrize("seed", range(2))
def test_steps_of_a_regressor_are_found(splits, seed):
    inner = AxisTree(8, 4, 1)
    rng = np.random.default_rng(0)
    X, fresh = rng.random((1000, 4)), rng.random((50_000, 4))
    tree = TrepanRegressor(inner, splits=splits, max_leaves=8, random_state=seed).fit(X)
    assert tree.n_leaves_ == 8
    assert tree.fidelity(fresh) >= 0.9999
    assert (np.unique(tree.predict(fresh)) == np.arange(8.0)).all()


def test_additive_steps_are_found():
    def oracle(X):
        return 4.0 * (X[:, 0] > 0.3) + 2.0 * (X[:, 1] > 0.6) + 1.0 * (X[:, 2] > 0.45)

    rng = np.random.default_rng(0)
    X, fresh = rng.random((1000, 4)), rng.random((50_000, 4))
    for model in (TrepanRegressor, DistilledTreeRegressor):
        tree = model(oracle, max_leaves=8, random_state=0).fit(X)
        assert tree.n_leaves_ == 8
        assert tree.fidelity(fresh) >= 0.9999


def test_few_literals_are_not_all_spent_on_one_test():
    def oracle(X):
        return np.where(X[:, 0] > 0.5, "a", np.where(X[:, 1] > 0.4, "b", "c"))

    X = np.random.default_rng(0).random((300, 6))
    tree = TrepanClassifier(oracle, max_literals=2, random_state=0).fit(X)
    assert tree.n_literals_ == 2
    assert tree.n_leaves_ == 3
    assert tree.fidelity(np.random.default_rng(1).random((20_000, 6))) >= 0.9999


def test_a_constant_oracle_is_a_single_leaf():
    rng = np.random.default_rng(0)
    for model in (TrepanClassifier, DistilledTreeClassifier):
        tree = model(lambda X: np.full(len(X), "yes"), random_state=0).fit(rng.random((40, 3)))
        assert tree.n_leaves_ == 1
        assert tree.n_literals_ == 0
        assert (tree.predict(rng.random((5, 3))) == "yes").all()
        assert tree.rules_["rule"].tolist() == ["always"]
        assert (tree.feature_importances_ == 0.0).all()
        assert tree.fidelity(rng.random((9, 3))) == 1.0
        tree.plot()


def test_purity_is_tested_on_532_rows():
    def rare(X):
        return (X[:, 0] > 0.997).astype(int)

    X = np.random.default_rng(0).random((30, 2)) * 0.9
    oracle = Counting(rare)
    TrepanClassifier(oracle, sampler="marginal", n_queries=400, random_state=0).fit(X)
    assert oracle.n_rows == 30 + 400  # a leaf that seems pure is asked about until the budget ends
    TrepanClassifier(oracle, sampler="marginal", n_queries=3000, random_state=0).fit(X)
    assert oracle.n_rows <= 430 + 30 + 3000


@pytest.mark.parametrize("sampler", ["auto", "none", "marginal", "kde", "gmm", "smote"])
@pytest.mark.parametrize("model", [TrepanClassifier, DistilledTreeClassifier])
def test_every_query_is_counted(model, sampler):
    rng = np.random.default_rng(0)
    oracle = Counting(lambda X: (X @ [1.0, -1.0, 0.5] + np.sin(9 * X[:, 0]) > 0).astype(int))
    X = rng.normal(size=(150, 3))
    tree = model(oracle, n_queries=700, sampler=sampler, random_state=0).fit(X)
    assert oracle.n_rows == len(X) + tree.n_queries_
    assert tree.n_queries_ <= 700
    assert oracle.n_calls <= 200  # batches, not single rows
    asked = oracle.n_rows
    tree.predict(X), tree.explain(X), tree.prune(2), tree.export_sql(), tree.rules_
    assert oracle.n_rows == asked


@pytest.mark.parametrize("model", [TrepanClassifier, DistilledTreeClassifier])
@pytest.mark.parametrize("n_queries", [1, 10, 25])
def test_tiny_budgets(model, n_queries):
    X = np.random.default_rng(0).normal(size=(60, 4))
    oracle = Counting(lambda X: (X[:, 0] * X[:, 1] > X[:, 2]).astype(int))
    tree = model(oracle, n_queries=n_queries, random_state=0).fit(X)
    assert oracle.n_rows == len(X) + tree.n_queries_ <= len(X) + n_queries


def test_no_queries_at_all():
    rng = np.random.default_rng(0)
    oracle = Counting(lambda X: (X[:, 0] > 0).astype(int))
    X = rng.normal(size=(150, 3))
    tree = TrepanClassifier(oracle, n_queries=0, random_state=0).fit(X)
    assert (tree.n_queries_, oracle.n_rows, tree.sampler_) == (0, 150, "none")
    assert tree.n_leaves_ == 2


def test_the_leaves_account_for_everything():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    tree = TrepanClassifier(lambda X: (X[:, 0] * X[:, 1] > X[:, 2]).astype(int), random_state=0)
    own = tree.fit(X).tree_
    assert own.reach[own.leaves].sum() == pytest.approx(1.0)
    assert own.support[own.leaves].sum() == 300
    path = tree.fidelity_path_
    assert path["fidelity"].iloc[-1] == pytest.approx(1.0 - own.loss[own.leaves].sum())
    assert path["n_leaves"].tolist() == list(range(1, tree.n_leaves_ + 1))
    assert (np.diff(path["fidelity"]) >= -1e-9).all()
    inner = [node for node in own.preorder if own.tests[node] is not None]
    for node in inner:
        children = own.reach[own.if_true[node]] + own.reach[own.if_false[node]]
        assert children == pytest.approx(own.reach[node])


def test_the_same_seed_gives_the_same_tree():
    X = np.random.default_rng(0).normal(size=(200, 4))

    def oracle(X):
        return (X[:, 0] * X[:, 1] > X[:, 2]).astype(int)

    texts = [TrepanClassifier(oracle, random_state=s).fit(X).export_text() for s in (3, 3, 4)]
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize("model", [TrepanClassifier, DistilledTreeClassifier])
def test_order_of_rows_and_monotone_changes_do_not_matter_without_drawn_rows(model):
    X = np.random.default_rng(0).integers(0, 25, size=(400, 3)).astype(float)

    def oracle(X):
        return (X[:, 0] + 2 * X[:, 1] > 40).astype(int)

    splits = {"splits": "single"} if model is TrepanClassifier else {}
    given = {"sampler": "none", "n_queries": 0, "random_state": 0, **splits}
    predicted = model(oracle, **given).fit(X).predict(X)
    order = np.random.default_rng(1).permutation(len(X))
    assert (model(oracle, **given).fit(X[order]).predict(X) == predicted).all()
    moved = model(lambda Z: oracle(np.rint(np.sqrt(Z))), **given).fit(X**2)
    assert (moved.predict(X**2) == predicted).all()


def test_renaming_the_classes_renames_the_predictions():
    X = np.random.default_rng(0).normal(size=(300, 3))
    inner = Labels(lambda X: 1 * (X[:, 0] > 0) + (X[:, 1] > 0.5), [0, 1, 2])
    plain = TrepanClassifier(inner, random_state=0).fit(X).predict(X)
    for names in (["c", "a", "b"], [30, 10, 20], [2, 1, 0]):
        renamed = TrepanClassifier(Labels(inner, names), random_state=0).fit(X)
        assert (renamed.predict(X) == np.asarray(names)[plain]).mean() >= 0.99


def test_nested_trees_and_simplification():
    X = np.random.default_rng(0).normal(size=(400, 4))
    tree = TrepanClassifier(
        lambda X: (X[:, 0] * X[:, 1] > X[:, 2]).astype(int), max_leaves=10, random_state=0
    ).fit(X)
    before = tree.predict(X)
    smaller = tree
    for size in range(tree.n_leaves_, 0, -1):
        pruned = tree.prune(size)
        assert pruned.n_leaves_ == size
        inside, outside = smaller.apply(X), pruned.apply(X)
        for leaf in np.unique(inside):
            assert len(np.unique(outside[inside == leaf])) == 1  # leaves are only merged
        smaller = pruned
    assert (tree.predict(X) == before).all()
    assert tree.prune(tree.n_leaves_).export_text() == tree.export_text()
    again = tree.prune(3).prune(tree.n_leaves_)
    assert again.n_leaves_ == tree.n_leaves_
