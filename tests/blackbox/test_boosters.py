"""Trees read from XGBoost and LightGBM."""

from inspect import signature

import numpy as np
import pandas as pd
import pytest

from surrogates.blackbox.boosters import CategoryCodes, is_lightgbm, is_xgboost
from surrogates.blackbox.ensembles import matches, read_ensemble

RNG = np.random.default_rng(1)
X = RNG.normal(size=(300, 4))
GAPS = np.where(RNG.random(X.shape) < 0.2, np.nan, X)
SCORE = X[:, 0] * X[:, 1] + X[:, 2]
CLASSES = np.digitize(SCORE, [-0.5, 0.5])
FRAME = pd.DataFrame(GAPS, columns=list("abcd"))
FRAME["b"] = pd.Categorical(RNG.choice(["x", "y", "z", "large"], 300))
FRAME["d"] = pd.Categorical(RNG.integers(0, 80, 300) * 10)
FRAME.loc[::9, ["b", "d"]] = np.nan
EFFECT = SCORE + 3.0 * FRAME["b"].isin(["x", "large"]) + (FRAME["d"].astype(float) > 300)


@pytest.fixture(scope="module")
def xgb():
    return pytest.importorskip("xgboost")


@pytest.fixture(scope="module")
def lgb():
    return pytest.importorskip("lightgbm")


def raw_margin(model, rows):
    if is_xgboost(model):
        return model.predict(rows, output_margin=True)
    return model.predict(rows, raw_score=True)


def check(model, method, rows):
    ensemble = read_ensemble(model, method)
    expected = model.predict(rows) if method == "predict" else raw_margin(model, rows)
    expected = expected.reshape(len(rows), -1)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(ensemble.predict(rows), expected, atol=ensemble.tolerance * scale)
    assert matches(ensemble, expected, rows)
    return ensemble


@pytest.mark.parametrize("rows", [X, GAPS], ids=["complete", "gaps"])
def test_xgboost_margins(xgb, rows):
    options = {"n_estimators": 15, "max_depth": 4}
    check(xgb.XGBClassifier(**options).fit(rows, SCORE > 0.3), "decision_function", rows)
    three = check(xgb.XGBClassifier(**options).fit(rows, CLASSES), "decision_function", rows)
    assert three.n_outputs == 3
    check(xgb.XGBRegressor(**options).fit(rows, SCORE), "predict", rows)
    check(xgb.XGBRFRegressor(**options).fit(rows, SCORE), "predict", rows)
    both = np.column_stack([SCORE, CLASSES])
    check(xgb.XGBRegressor(**options).fit(rows, both), "predict", rows)
    counts = xgb.XGBRegressor(**options, objective="count:poisson").fit(rows, CLASSES)
    check(counts, "decision_function", rows)
    assert read_ensemble(counts, "predict") is None


def test_xgboost_thresholds_are_strict_and_in_single_precision(xgb):
    low, high = 16777216.0, 16777220.0
    model = xgb.XGBRegressor(n_estimators=1, base_score=0.0, min_child_weight=0)
    model.fit(np.repeat([[low], [high]], 10, axis=0), np.repeat([0.0, 1.0], 10))
    rows = np.arange(low - 2, high + 3, 0.25)[:, None]
    ensemble = check(model, "predict", rows)
    assert len(np.unique(ensemble.predict(rows))) == 2


def test_xgboost_predicts_by_the_best_round(xgb):
    model = xgb.XGBRegressor(n_estimators=60, early_stopping_rounds=2, learning_rate=0.9)
    model.fit(X[:150], SCORE[:150], eval_set=[(X[150:], SCORE[150:])], verbose=False)
    ensemble = check(model, "predict", X)
    assert len(ensemble.trees.roots) - 1 == model.best_iteration + 1 < 60


@pytest.mark.parametrize("one_hot", [2, 100])
def test_xgboost_categories(xgb, one_hot):
    model = xgb.XGBRegressor(n_estimators=15, enable_categorical=True, max_cat_to_onehot=one_hot)
    ensemble = check(model.fit(FRAME, EFFECT), "predict", FRAME)
    assert (ensemble.trees.set_start >= 0).any()
    reordered = FRAME.assign(b=FRAME["b"].cat.reorder_categories(["z", "large", "y", "x"]))
    np.testing.assert_array_equal(ensemble.predict(reordered), ensemble.predict(FRAME))


def test_xgboost_categories_with_cut_names_are_not_read(xgb):
    frame = FRAME.assign(b=FRAME["b"].cat.rename_categories({"large": "größe"}))
    model = xgb.XGBRegressor(n_estimators=3, enable_categorical=True).fit(frame, EFFECT)
    assert read_ensemble(model, "predict") is None


def test_xgboost_models_that_are_not_read(xgb):
    for options in ({"booster": "dart"}, {"booster": "gblinear"}, {"missing": -1.0}):
        model = xgb.XGBRegressor(n_estimators=3, **options).fit(X, SCORE)
        assert read_ensemble(model, "predict") is None
    classifier = xgb.XGBClassifier(n_estimators=3).fit(X, SCORE > 0)
    assert read_ensemble(classifier, "predict_proba") is None
    assert read_ensemble(classifier, "predict") is None


@pytest.mark.parametrize("rows", [X, GAPS], ids=["complete", "gaps"])
def test_lightgbm_margins(lgb, rows):
    options = {"n_estimators": 15, "verbose": -1, "n_jobs": 1}
    check(lgb.LGBMClassifier(**options).fit(rows, SCORE > 0.3), "decision_function", rows)
    three = check(lgb.LGBMClassifier(**options).fit(rows, CLASSES), "decision_function", rows)
    assert three.n_outputs == 3
    check(lgb.LGBMRegressor(**options).fit(rows, SCORE), "predict", rows)
    check(lgb.LGBMRegressor(**options, boosting_type="dart").fit(rows, SCORE), "predict", rows)
    forest = {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1}
    check(lgb.LGBMRegressor(**options, **forest).fit(rows, SCORE), "predict", rows)
    counts = lgb.LGBMRegressor(**options, objective="poisson").fit(rows, CLASSES)
    check(counts, "decision_function", rows)
    assert read_ensemble(counts, "predict") is None


def test_lightgbm_takes_unexpected_gaps_for_zero(lgb):
    model = lgb.LGBMRegressor(n_estimators=15, verbose=-1, n_jobs=1).fit(X, SCORE)
    check(model, "predict", GAPS)


def test_lightgbm_categories(lgb):
    model = lgb.LGBMRegressor(
        n_estimators=15, min_data_per_group=2, cat_smooth=1, verbose=-1, n_jobs=1
    )
    ensemble = check(model.fit(FRAME, EFFECT), "predict", FRAME)
    assert (ensemble.trees.set_start >= 0).any()
    reordered = FRAME.assign(b=FRAME["b"].cat.reorder_categories(["z", "large", "y", "x"]))
    np.testing.assert_array_equal(ensemble.predict(reordered), ensemble.predict(FRAME))


def test_lightgbm_predicts_by_the_best_round(lgb):
    model = lgb.LGBMRegressor(n_estimators=60, learning_rate=0.9, verbose=-1, n_jobs=1)
    held_out = {"eval_set": [(X[150:], SCORE[150:])]}
    if "eval_X" in signature(model.fit).parameters:
        held_out = {"eval_X": (X[150:],), "eval_y": (SCORE[150:],)}
    callbacks = [lgb.early_stopping(2, verbose=False)]
    model.fit(X[:150], SCORE[:150], callbacks=callbacks, **held_out)
    ensemble = check(model, "predict", X)
    assert len(ensemble.trees.roots) - 1 == model.best_iteration_ < 60


def test_lightgbm_models_that_are_not_read(lgb):
    for options in ({"linear_tree": True}, {"zero_as_missing": True}, {"reg_sqrt": True}):
        model = lgb.LGBMRegressor(n_estimators=3, verbose=-1, n_jobs=1, **options).fit(X, SCORE)
        assert read_ensemble(model, "predict") is None
    classifier = lgb.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1).fit(X, SCORE > 0)
    assert read_ensemble(classifier, "predict_proba") is None


def test_models_of_other_libraries_are_told_apart():
    class NotABooster:
        pass

    assert not is_xgboost(NotABooster())
    assert not is_lightgbm(NotABooster())
    assert read_ensemble(NotABooster(), "predict") is None


def test_category_codes():
    frame = pd.DataFrame(
        {
            "u": pd.Categorical(["b", "a", None, "new"]),
            "v": [1.0, np.nan, 3.0, 4.0],
            "w": pd.Categorical([7, 5, 7, 5]),
        }
    )
    codes = CategoryCodes([["a", "b"]]).transform(frame)
    np.testing.assert_array_equal(codes[:, 0], [1, 0, np.nan, np.nan])
    np.testing.assert_array_equal(codes[:, 1], frame["v"])
    np.testing.assert_array_equal(codes[:, 2], [1, 0, 1, 0])  # by its own categories, 5 and 7
    np.testing.assert_array_equal(CategoryCodes([]).transform(codes), codes)
