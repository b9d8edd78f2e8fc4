"""Explanations by models that were fitted again: folds, bootstrap samples, ROAR."""

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from surrogates import KernelSHAP
from surrogates.explanation import load
from surrogates.metrics import RefitStability, cross_val_explain, refit_stability, roar
from surrogates.metrics.retraining import _typical_row

X, Y = load_diabetes(return_X_y=True, as_frame=True)


def test_each_row_is_explained_by_a_model_that_has_not_seen_it():
    folds = KFold(3, shuffle=True, random_state=0)
    found = cross_val_explain(KernelSHAP(LinearRegression(), n_background=None), X, Y, cv=folds)
    for number, (train, test) in enumerate(folds.split(X)):
        model = LinearRegression().fit(X.iloc[train], Y.iloc[train])
        expected = model.coef_ * (X.iloc[test] - X.iloc[train].mean())
        np.testing.assert_allclose(found.values[test, :, 0], expected, atol=1e-9)
        np.testing.assert_allclose(found.predictions[test, 0], model.predict(X.iloc[test]))
        assert (found.details["fold"][test] == number).all()
    np.testing.assert_allclose(found.additivity_gap, 0.0, atol=1e-9)
    assert found.index.equals(X.index)
    assert found.std_errors is not None
    assert found.reference is None
    pd.testing.assert_frame_equal(found.data, X)
    assert len(found.to_frame()) == 4420


def test_fitted_explainers_are_not_changed_by_folds():
    model = Ridge().fit(X, Y)
    explainer = KernelSHAP(model, random_state=0).fit(X)
    cross_val_explain(explainer, X, Y, cv=2)
    assert explainer.estimator is model
    assert explainer.estimator_ is model


def test_classes_are_stratified_and_texts():
    iris = load_iris()
    y = np.array(["rose", "iris", "lily"])[iris.target]
    explainer = KernelSHAP(LogisticRegression(max_iter=1000), n_background=5)
    found = cross_val_explain(explainer, iris.data, y, cv=3)
    assert found.values.shape == (150, 4, 3)
    assert found.output_names == ("iris", "lily", "rose")


def test_groups_stay_together():
    groups = np.arange(len(X)) % 7
    found = cross_val_explain(KernelSHAP(Ridge()), X, Y, GroupKFold(3), groups=groups)
    assert all(len(set(found.details["fold"][groups == group])) == 1 for group in range(7))


def test_workers_do_not_change_folds():
    explainer = KernelSHAP(Ridge(), random_state=0)
    one = cross_val_explain(explainer, X, Y, 3)
    with parallel_config(backend="threading"):
        two = cross_val_explain(explainer, X, Y, 3, n_jobs=2)
    np.testing.assert_array_equal(two.values, one.values)


def test_folds_must_be_a_partition():
    with pytest.raises(ValueError, match="test every row exactly once"):
        cross_val_explain(KernelSHAP(Ridge()), X, Y, ShuffleSplit(2, random_state=0))


def test_a_class_that_a_fold_lacks():
    y = np.array(["a", "b", "c"])[np.r_[np.zeros(30, int), np.ones(30, int), np.full(30, 2)]]
    with pytest.raises(ValueError, match="different outputs"):
        cross_val_explain(
            KernelSHAP(LogisticRegression(), n_background=3, random_state=0),
            X[:90],
            y,
            cv=[(np.arange(60), np.arange(60, 90)), (np.arange(10, 90), np.arange(60))],
        )


def test_intervals_of_a_linear_model_cover_the_truth():
    """The sampling distribution of beta (x - mean) is known; so is its standard error."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(300, 3))
    beta = np.array([2.0, -1.0, 0.0])
    y = table @ beta + rng.normal(size=300)
    rows = np.array([[1.0, 1.0, 1.0], [2.0, 0.0, -1.0]])
    explainer = KernelSHAP(LinearRegression(), n_background=None)
    found = refit_stability(explainer, table, y, rows, 200, random_state=0)
    expected = np.sqrt((rows**2 + beta**2) / 300)
    np.testing.assert_allclose(found.std_errors[:, :, 0], expected, rtol=0.25)
    low, high = found.interval(0.99)
    truth = beta * rows
    assert ((low[:, :, 0] < truth) & (truth < high[:, :, 0])).all()
    plain = LinearRegression().fit(table, y)
    np.testing.assert_allclose(found.values[:, :, 0], plain.coef_ * (rows - table.mean(axis=0)))


@pytest.fixture(scope="module")
def stability():
    data, labels = load_breast_cancer(return_X_y=True, as_frame=True)
    model = RandomForestClassifier(5, max_depth=3, random_state=0)
    explainer = KernelSHAP(model, n_background=10, random_state=0)
    columns = data.columns[:6]
    names = np.where(labels == 1, "benign", "malignant")
    return refit_stability(explainer, data[columns], names, data[columns][:3], 12, random_state=0)


def test_rank_frequencies_by_hand(stability):
    ranks = stability.rank_frequencies
    assert ranks.shape == (3, 6, 6, 1)
    np.testing.assert_allclose(ranks.sum(axis=1), 1.0)
    np.testing.assert_allclose(ranks.sum(axis=2), 1.0)
    largest = np.abs(stability.refits).argmax(axis=2)
    np.testing.assert_allclose(ranks[0, 2, 0, 0], (largest[:, 0, 0] == 2).mean())


def test_frame(stability):
    frame = stability.to_frame(k=2)
    assert len(frame) == 18
    assert (frame["low"] <= frame["high"]).all()
    np.testing.assert_allclose(frame.groupby("row")["in_top"].sum(), 2.0)
    np.testing.assert_allclose(frame.groupby("row")["mean_rank"].sum(), 21.0)
    assert frame["same_sign"].between(0, 1).all()
    assert list(frame["output"].unique()) == ["malignant"]
    assert stability.to_frame()["feature"][1] == stability.feature_names[1]
    np.testing.assert_allclose(frame["attribution"][:6], stability.values[0, :, 0])


def test_picture_and_file(stability, tmp_path):
    display = stability.plot(1)
    assert display.intervals_ is not None
    again = load(stability.save(tmp_path / "stability"))
    assert isinstance(again, RefitStability)
    np.testing.assert_array_equal(again.refits, stability.refits)
    assert "<table>" in stability._repr_html_()
    with pytest.raises(ValueError, match="read-only"):
        stability.refits[0] = 0.0


def test_bootstrap_keeps_every_class():
    table, y = X[:40], np.r_[np.zeros(38, int), np.ones(2, int)]
    found = refit_stability(
        KernelSHAP(LogisticRegression(), random_state=0), table, y, table[:2], 20, random_state=0
    )
    assert found.refits.shape == (20, 2, 10, 1)


def test_bad_refits():
    with pytest.raises(ValueError, match="'n_refits' parameter of refit_stability"):
        refit_stability(KernelSHAP(Ridge()), X, Y, X[:2], 1)
    with pytest.raises(TypeError, match="must wrap a scikit-learn estimator"):
        refit_stability(KernelSHAP(lambda X: X.to_numpy()[:, 0]), X, Y, X[:2])
    with pytest.raises(ValueError, match="must have the shapes"):
        RefitStability(
            values=np.zeros((1, 2, 1)),
            refits=np.zeros((3, 1, 1, 1)),
            predictions=np.zeros((3, 1, 1)),
            feature_names=("a", "b"),
            output_names=("y",),
            index=[0],
        )


def test_removing_what_matters_hurts_more_than_removing_at_random():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(400, 8))
    y = 3.0 * table[:, 0] + 3.0 * table[:, 1] + 0.1 * rng.normal(size=400)
    curves = roar(KernelSHAP(LinearRegression()), table, y, fractions=[0.25, 0.5], random_state=0)
    assert curves.explained.shape == curves.random.shape == (3, 3)
    np.testing.assert_array_equal(curves.explained[:, 0], curves.random[:, 0])
    assert (curves.area > 0.1).all()
    assert (curves.explained[:, 0] > 0.99).all()
    frame = curves.to_frame()
    assert list(frame["removed"].unique()) == ["explained", "random"]
    assert len(curves.plot().lines_) == 2


def test_roar_of_raw_frames():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "purpose": rng.choice(["car", "tv", "school"], 150),
            "amount": rng.normal(size=150),
            "age": rng.integers(20, 60, 150),
        }
    )
    y = np.where(frame["purpose"] == "car", "good", "bad")
    from sklearn.compose import make_column_transformer

    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["purpose"]), (StandardScaler(), ["amount", "age"])
    )
    explainer = KernelSHAP(make_pipeline(encode, LogisticRegression()), n_background=20)
    curves = roar(explainer, frame, y, fractions=[0.34], n_repeats=2, random_state=0)
    assert (curves.area > 0.0).all()


def test_typical_row():
    frame = pd.DataFrame(
        {
            "a": [1.0, 2.0, 6.0, np.nan],
            "b": [5, 1, 9, 1],
            "c": ["x", "y", "y", None],
            "d": pd.Categorical(["u", "u", "v", "v"]),
        }
    )
    row = _typical_row(frame)
    assert row.iloc[0].tolist() == [3.0, 1, "y", "u"]
    assert list(row.dtypes) == list(frame.dtypes)


def test_bad_fractions():
    with pytest.raises(ValueError, match="fractions must hold floats"):
        roar(KernelSHAP(Ridge()), X, Y, fractions=[0.0, 1.5])
    with pytest.raises(ValueError, match="'test_size' parameter of roar"):
        roar(KernelSHAP(Ridge()), X, Y, test_size=1.0)
