"""Exact Shapley values of fitted tree models against brute force."""

import pickle

import numpy as np
import pytest
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from truths import shapley_of_model

from surrogates.blackbox.ensembles import read_ensemble
from surrogates.blackbox.tree_game import make_tree_game

RNG = np.random.default_rng(2)
N_COLUMNS = 6
X = RNG.normal(size=(150, N_COLUMNS))
X[:, 5] = RNG.integers(0, 5, 150)
GAPS = np.where(RNG.random(X.shape) < 0.15, np.nan, X)
SCORE = X[:, 0] * X[:, 1] + X[:, 2] * (X[:, 5] % 2) + np.sin(X[:, 3])
CLASSES = np.digitize(SCORE, [-0.5, 0.5])
WEIGHTS = RNG.random(9)

MODELS = [
    (DecisionTreeClassifier(max_depth=6, random_state=0), CLASSES, "predict_proba"),
    (DecisionTreeRegressor(random_state=0), SCORE, "predict"),
    (RandomForestClassifier(5, max_depth=6, random_state=0), CLASSES, "predict_proba"),
    (RandomForestRegressor(5, random_state=0), np.c_[SCORE, CLASSES], "predict"),
    (ExtraTreesRegressor(5, random_state=0), SCORE, "predict"),
    (GradientBoostingClassifier(n_estimators=5, random_state=0), CLASSES, "decision_function"),
    (GradientBoostingRegressor(n_estimators=5, random_state=0), SCORE, "predict"),
    (HistGradientBoostingClassifier(max_iter=5, categorical_features=[5]), CLASSES,
     "decision_function"),
    (HistGradientBoostingRegressor(max_iter=5, categorical_features=[5]), SCORE, "predict"),
]  # fmt: skip


def identify(case):
    return type(case).__name__ if hasattr(case, "fit") else ""


def fitted(model, target, method):
    has_gaps = not isinstance(model, (GradientBoostingClassifier, GradientBoostingRegressor))
    rows = GAPS if has_gaps else X
    model.fit(rows, target)

    def respond(some):
        return getattr(model, method)(some).reshape(len(some), -1)

    return rows, respond, read_ensemble(model, method)


@pytest.mark.parametrize(
    "owner", [[0, 1, 2, 3, 4, 5], [0, 1, 0, 2, 1, 3]], ids=["columns", "groups"]
)
@pytest.mark.parametrize(("model", "target", "method"), MODELS, ids=identify)
def test_values_equal_enumeration(model, target, method, owner):
    rows, respond, ensemble = fitted(model, target, method)
    references, explained, n_players = rows[:9], rows[100:102], max(owner) + 1
    game = make_tree_game(ensemble, references, WEIGHTS, owner, n_players)
    values = game.values(explained)
    for output in range(ensemble.n_outputs):
        for row, found in zip(explained, values[:, :, output], strict=True):
            exact = shapley_of_model(
                lambda some, j=output: respond(some)[:, j], row, references, WEIGHTS, owner
            )
            np.testing.assert_allclose(found, exact, rtol=0, atol=1e-10)
    base = np.average(respond(references), axis=0, weights=WEIGHTS)
    np.testing.assert_allclose(game.base_values, base, rtol=1e-12)
    np.testing.assert_allclose(
        values.sum(axis=1),
        respond(explained) - base,
        rtol=0,
        atol=1e-12 * np.abs(base).max() + 1e-12,
    )


@pytest.mark.parametrize(("model", "target", "method"), MODELS, ids=identify)
def test_moments_are_those_of_single_reference_rows(model, target, method):
    rows, _, ensemble = fitted(model, target, method)
    references, explained, owner = rows[:9], rows[100:103], np.arange(N_COLUMNS)
    game = make_tree_game(ensemble, references, WEIGHTS, owner, N_COLUMNS)
    values, variances = game.moments(explained)
    np.testing.assert_allclose(values, game.values(explained), rtol=1e-12, atol=1e-14)
    alone = np.array(
        [
            make_tree_game(ensemble, row[None], [1.0], owner, N_COLUMNS).values(explained)
            for row in references
        ]
    )
    spread = np.average((alone - values) ** 2, axis=0, weights=WEIGHTS)
    np.testing.assert_allclose(variances, spread, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(("model", "target", "method"), MODELS, ids=identify)
def test_interactions_sum_to_values_and_are_symmetric(model, target, method):
    rows, respond, ensemble = fitted(model, target, method)
    references, explained = rows[:9], rows[100:103]
    game = make_tree_game(ensemble, references, WEIGHTS, np.arange(N_COLUMNS), N_COLUMNS)
    pairs = game.interactions(explained)
    np.testing.assert_allclose(pairs, pairs.transpose(0, 2, 1, 3), atol=1e-14)
    np.testing.assert_allclose(pairs.sum(axis=2), game.values(explained), atol=1e-12)
    gap = respond(explained) - game.base_values
    np.testing.assert_allclose(pairs.sum(axis=(1, 2)), gap, rtol=0, atol=1e-12)


def test_interactions_of_an_additive_model_lie_on_the_diagonal():
    stumps = GradientBoostingRegressor(n_estimators=30, max_depth=1).fit(X, SCORE)
    game = make_tree_game(
        read_ensemble(stumps, "predict"), X[:20], np.ones(20), np.arange(6), N_COLUMNS
    )
    pairs = game.interactions(X[50:53])[..., 0]
    off = pairs[:, ~np.eye(N_COLUMNS, dtype=bool)]
    assert not off.any()


def test_interaction_of_an_and_between_two_columns():
    rows = np.array([[a, b] for a in (0.0, 1.0) for b in (0.0, 1.0)])
    model = DecisionTreeRegressor().fit(rows, rows.prod(axis=1))
    game = make_tree_game(read_ensemble(model, "predict"), rows[:1], [1.0], [0, 1], 2)
    expected = np.array([[0.0, 0.5], [0.5, 0.0]])
    np.testing.assert_allclose(game.interactions(rows[3:])[0, :, :, 0], expected, atol=1e-15)


@pytest.mark.parametrize("max_bytes", [0, 20_000, 200_000, 2**26])
def test_memory_for_tables_does_not_change_the_values(max_bytes):
    model = RandomForestRegressor(10, random_state=0).fit(GAPS, SCORE)
    ensemble, owner = read_ensemble(model, "predict"), np.arange(N_COLUMNS)
    roomy = make_tree_game(ensemble, GAPS[:80], np.ones(80), owner, N_COLUMNS)
    game = make_tree_game(ensemble, GAPS[:80], np.ones(80), owner, N_COLUMNS, max_bytes=max_bytes)
    if game.table is not None:
        assert game.table.nbytes <= max_bytes
    expected, variances = roomy.moments(GAPS)
    np.testing.assert_allclose(game.values(GAPS), expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(game.values(GAPS[:2]), expected[:2], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(game.moments(GAPS)[1], variances, rtol=1e-12, atol=1e-15)


def test_batches_of_any_composition_give_the_same_values():
    model = HistGradientBoostingRegressor(max_iter=20).fit(GAPS, SCORE)
    ensemble, owner = read_ensemble(model, "predict"), np.arange(N_COLUMNS)
    game = make_tree_game(ensemble, GAPS[:70], np.ones(70), owner, N_COLUMNS)
    many = np.tile(GAPS, (4, 1))
    order = RNG.permutation(len(many))
    values = game.values(many)
    np.testing.assert_array_equal(game.values(many[order]), values[order])
    np.testing.assert_array_equal(game.values(many[7:8]), values[7:8])
    np.testing.assert_array_equal(game.moments(many[7:8])[1], game.moments(many[:9])[1][7:8])


def test_players_must_fit_the_columns():
    ensemble = read_ensemble(DecisionTreeRegressor().fit(X, SCORE), "predict")
    for owner, n_players in ([0, 1], 6), (np.arange(6), 5), (np.arange(6) - 1, 6):
        with pytest.raises(ValueError, match="'player_of_column' must give one of"):
            make_tree_game(ensemble, X[:3], np.ones(3), owner, n_players)
    with pytest.raises(ValueError, match="X must have 6 columns"):
        make_tree_game(ensemble, X[:3, :5], np.ones(3), np.arange(6), 6)


def test_pickled_games_give_the_same_values_with_writable_arrays():
    model = RandomForestRegressor(3, random_state=0).fit(X, SCORE)
    game = make_tree_game(
        read_ensemble(model, "predict"), X[:20], np.ones(20), np.arange(6), N_COLUMNS
    )
    expected = [*game.moments(X[:5]), game.values(X[:5])]
    game.table.flags.writeable = game.references.flags.writeable = False
    copy = pickle.loads(pickle.dumps(game))
    assert copy.table.flags.writeable
    assert copy.references.flags.writeable
    for found, wanted in zip([*copy.moments(X[:5]), copy.values(X[:5])], expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_read_only_rows_are_explained():
    rows = X.copy()
    rows.flags.writeable = False
    model = HistGradientBoostingRegressor(max_iter=3).fit(X, SCORE)
    game = make_tree_game(
        read_ensemble(model, "predict"), rows[:20], np.ones(20), np.arange(6), N_COLUMNS
    )
    np.testing.assert_allclose(
        game.values(rows[:4]).sum(axis=(1, 2)), model.predict(X[:4]) - game.base_values, atol=1e-12
    )
