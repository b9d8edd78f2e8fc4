"""Trees of fixed structure: replays, leaf weights, BoostIn."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from surrogates import InfluenceFunctions

CANCER, LABELS = (part[::4] for part in load_breast_cancer(return_X_y=True))
WINE, KINDS = (part[::2] for part in load_wine(return_X_y=True))
AMOUNT = CANCER[:, 0] + np.random.default_rng(0).normal(size=len(CANCER))
WEIGHTS = np.random.default_rng(1).uniform(0.5, 2.0, size=len(CANCER))
BOOSTING = {
    "binary": (GradientBoostingClassifier(n_estimators=12, random_state=0), CANCER, LABELS),
    "classes": (GradientBoostingClassifier(n_estimators=6, random_state=0), WINE, KINDS),
    "numbers": (GradientBoostingRegressor(n_estimators=12, random_state=0), CANCER, AMOUNT),
    "from zero": (
        GradientBoostingRegressor(n_estimators=12, init="zero", random_state=0), CANCER, AMOUNT,
    ),
    "histogram, binary": (HistGradientBoostingClassifier(max_iter=12), CANCER, LABELS),
    "histogram, classes": (HistGradientBoostingClassifier(max_iter=6), WINE, KINDS),
    "histogram, numbers": (
        HistGradientBoostingRegressor(max_iter=12, l2_regularization=0.7), CANCER, AMOUNT,
    ),
    "histogram, balanced": (
        HistGradientBoostingClassifier(max_iter=6, class_weight="balanced"), CANCER, LABELS,
    ),
}  # fmt: skip
FORESTS = {
    "forest": (RandomForestClassifier(12, random_state=0), CANCER, LABELS),
    "classes": (RandomForestClassifier(12, max_depth=3, random_state=0), WINE, KINDS),
    "numbers": (RandomForestRegressor(12, random_state=0), CANCER, AMOUNT),
    "extra": (ExtraTreesRegressor(12, random_state=0), CANCER, AMOUNT),
    "balanced": (
        ExtraTreesClassifier(12, class_weight="balanced", random_state=0), CANCER, LABELS,
    ),
    "subsample": (
        RandomForestClassifier(12, class_weight="balanced_subsample", random_state=0),
        CANCER, LABELS,
    ),
    "tree": (DecisionTreeClassifier(max_depth=3, random_state=0), CANCER, LABELS),
    "regression tree": (DecisionTreeRegressor(max_depth=3, random_state=0), CANCER, AMOUNT),
}  # fmt: skip


def fitted(case, cases, weights=None, **options):
    model, X, y = cases[case]
    weights = None if weights is None else weights[: len(y)]
    model.fit(X, y, sample_weight=weights)
    return InfluenceFunctions(model, **options).fit(X, y, sample_weight=weights), X, y


@pytest.mark.parametrize("case", BOOSTING)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_replay_without_removal_is_the_model(case, weights):
    explainer, _, _ = fitted(case, BOOSTING, weights)
    assert explainer.details_["stationarity_residual"] < 1e-12
    assert explainer.details_["formula"] == "LeafRefit"


def test_leaf_refit_equals_a_replay_by_hand():
    """Boost the residuals of all rows but one through the leaves of the fitted trees."""
    explainer, X, y = fitted("numbers", BOOSTING)
    model, removed = explainer.estimator_, 5
    kept = np.arange(len(y)) != removed
    raw = np.full(len(y), y[kept].mean())
    for tree in model.estimators_[:, 0]:
        leaves = tree.apply(X)
        step = np.zeros(len(y))
        for leaf in np.unique(leaves):
            inside = kept & (leaves == leaf)
            if inside.any():
                step[leaves == leaf] = model.learning_rate * (y - raw)[inside].mean()
        raw += step
    expected = np.square(raw - y) - np.square(model.predict(X) - y)
    found = explainer.explain(X, y).values[:, removed]
    np.testing.assert_allclose(found, expected, atol=1e-10)
    assert explainer.self_influence_[removed] == pytest.approx(expected[removed])


def test_leaf_refit_of_a_classifier_equals_a_replay_by_hand():
    explainer, X, y = fitted("binary", BOOSTING)
    model, removed = explainer.estimator_, 7
    kept = np.arange(len(y)) != removed
    raw = np.full(len(y), np.log(y[kept].mean() / (1 - y[kept].mean())))
    for tree in model.estimators_[:, 0]:
        share = 1.0 / (1.0 + np.exp(-raw))
        leaves = tree.apply(X)
        step = np.zeros(len(y))
        for leaf in np.unique(leaves):
            inside = kept & (leaves == leaf)
            if inside.any():
                step[leaves == leaf] = (y - share)[inside].sum() / (share * (1 - share))[
                    inside
                ].sum()
        raw += model.learning_rate * step
    before = np.logaddexp(0.0, np.where(y == 1, -1, 1) * model.decision_function(X))
    expected = np.logaddexp(0.0, np.where(y == 1, -1, 1) * raw) - before
    found = explainer.explain(X, y).values[:, removed]
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("case", BOOSTING)
def test_boostin_of_training_rows_is_their_self_influence(case):
    explainer, X, y = fitted(case, BOOSTING, method="first_order")
    assert explainer.details_["formula"] == "BoostIn"
    own = explainer.explain(X, y).values
    np.testing.assert_allclose(np.diag(own), explainer.self_influence_, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", ["binary", "classes"])
def test_boostin_is_the_derivative_by_the_weight(case):
    """A slow first tree: slopes before and after it are the same."""
    model, X, y = BOOSTING[case]
    model = clone(model).set_params(n_estimators=1, learning_rate=1e-4, init="zero").fit(X, y)
    explainer = InfluenceFunctions(model, method="first_order").fit(X, y)
    values = explainer.explain(X, y).values
    boosted, step = explainer.engine_.changes.boosted, 1e-3
    for row in (0, 13):
        weights = np.ones((2, len(y)))
        weights[:, row] += [-step, step]
        steps = np.subtract(*boosted.refit(weights)) / (2.0 * step)
        by_output = np.array([steps[leaves] for leaves in boosted.leaves]).T
        raw = np.zeros(len(y)) if case == "binary" else np.zeros((len(y), 3))
        slopes = boosted.loss.slope(y.astype(float), raw).reshape(len(y), -1)
        np.testing.assert_allclose(
            values[:, row], (slopes * by_output).sum(axis=1), rtol=2e-3, atol=1e-12
        )


def test_boostin_of_one_stump_is_exact_to_first_order():
    """One tree, no change of the start: the change of a leaf mean, at first order."""
    model = GradientBoostingRegressor(n_estimators=1, max_depth=1, learning_rate=1.0, init="zero")
    model.fit(CANCER, AMOUNT)
    explainer = InfluenceFunctions(model, method="first_order").fit(CANCER, AMOUNT)
    values = explainer.explain(CANCER, AMOUNT).values
    leaves = model.apply(CANCER)[:, 0]
    same = leaves[:, None] == leaves
    means = model.predict(CANCER)
    change = same * (means - AMOUNT) / same.sum(axis=1)
    np.testing.assert_allclose(values, 2.0 * (0.0 - AMOUNT)[:, None] * change, rtol=1e-9)
    assert (values[~same] == 0.0).all()


@pytest.mark.parametrize("case", FORESTS)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_leaf_weights_make_up_the_prediction(case, weights):
    explainer, X, y = fitted(case, FORESTS, weights)
    model = explainer.estimator_
    shares = explainer.similarity(X[:20])
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    if hasattr(model, "predict_proba"):
        found, expected = shares @ (y[:, None] == model.classes_), model.predict_proba(X[:20])
    else:
        found, expected = shares @ y, model.predict(X[:20])
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_a_tree_of_fixed_splits_without_a_row():
    """A shallow tree whose splits do not depend on the row is the refitted tree."""
    steps = np.repeat([0.0, 1.0, 2.0, 3.0], 10)[:, None]
    y = 10.0 * steps[:, 0] + np.random.default_rng(2).normal(size=40)
    model = DecisionTreeRegressor(max_depth=2).fit(steps, y)
    explainer = InfluenceFunctions(model).fit(steps, y)
    values = explainer.explain(steps, y).values
    for row in (0, 17, 39):
        kept = np.arange(40) != row
        refit = DecisionTreeRegressor(max_depth=2).fit(steps[kept], y[kept])
        expected = np.square(refit.predict(steps) - y) - np.square(model.predict(steps) - y)
        np.testing.assert_allclose(values[:, row], expected, atol=1e-10)
    leverage_one = DecisionTreeRegressor().fit(np.arange(8.0)[:, None], np.arange(8.0))
    alone = InfluenceFunctions(leverage_one).fit(np.arange(8.0)[:, None], np.arange(8.0))
    assert (alone.self_influence_ > 0.0).all()  # the empty leaf takes the mean of its parent


@pytest.mark.parametrize("cases", [BOOSTING, FORESTS], ids=["boosting", "forests"])
def test_groups_of_one_row_equal_rows(cases):
    for case in cases:
        explainer, X, y = fitted(case, cases)
        rows = explainer.explain(X[:6], y[:6]).values[:, :3]
        groups = explainer.remove([[0], [1], [2]], X[:6], y[:6])
        np.testing.assert_allclose(groups.values, rows, rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(
            groups.self_influence, explainer.self_influence_[:3], rtol=1e-9, atol=1e-13
        )


def test_predictions_and_losses_tell_the_same():
    for cases, case in ((BOOSTING, "binary"), (FORESTS, "forest"), (BOOSTING, "classes")):
        explainer, X, _ = fitted(case, cases, of="prediction", target=1)
        change = explainer.explain(X[:5]).values
        model = explainer.estimator_
        moved = model.predict_proba(X[:5])[:, [1]] + change
        assert ((moved > -1e-12) & (moved < 1 + 1e-12)).all()
        if case == "binary":
            loss = fitted(case, cases)[0].explain(X[:5], np.ones(5, dtype=int)).values
            expected = -np.log(moved) + np.log(model.predict_proba(X[:5])[:, [1]])
            np.testing.assert_allclose(loss, expected, rtol=1e-6, atol=1e-12)


def test_trees_behind_a_scaler():
    model = make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=5))
    model.fit(CANCER, LABELS)
    influence = InfluenceFunctions(model).fit(CANCER, LABELS).explain(CANCER[:3], LABELS[:3])
    assert influence.details["preprocessing"] == "frozen"
    assert np.isfinite(influence.values).all()


def test_what_does_not_follow_from_the_rows_is_refused():
    cases = [
        (GradientBoostingClassifier(n_estimators=4, subsample=0.5), LABELS, "do not follow"),
        (HistGradientBoostingClassifier(max_iter=4, early_stopping=True), LABELS, "do not follow"),
        (GradientBoostingRegressor(n_estimators=4, loss="huber"), AMOUNT, "loss='huber'"),
        (DecisionTreeRegressor(criterion="absolute_error"), AMOUNT, "do not hold means"),
    ]
    for model, y, words in cases:
        with pytest.raises(ValueError, match=words):
            InfluenceFunctions(model.fit(CANCER, y)).fit(CANCER, y)
    model = RandomForestClassifier(3, random_state=0).fit(CANCER, LABELS)
    with pytest.raises(ValueError, match="do not hold means over the rows passed"):
        InfluenceFunctions(model).fit(CANCER, 1 - LABELS)
    boosted = GradientBoostingClassifier(n_estimators=3).fit(CANCER, LABELS)
    for trees in (model, boosted):
        with pytest.raises(ValueError, match="cannot be 'exact'"):
            InfluenceFunctions(trees, method="exact").fit(CANCER, LABELS)
    with pytest.raises(ValueError, match="needs leverages"):
        InfluenceFunctions(model).fit(CANCER, LABELS).explain(CANCER, LABELS).plot("leverage")
