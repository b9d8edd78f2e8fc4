"""Tables of every kind come back as they were given."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from surrogates import Counterfactuals

RNG = np.random.default_rng(1)
N = 200


def mixed_table():
    number = RNG.normal(size=N)
    count = RNG.integers(0, 30, N)
    word = RNG.choice(["red", "green", "blue"], N)
    gap = number.copy()
    gap[::7] = np.nan
    nullable = pd.array(count, dtype="Int64")
    nullable[::9] = pd.NA
    return pd.DataFrame(
        {
            "float": number,
            "single": number.astype(np.float32),
            "small": count.astype(np.int8),
            "nullable": nullable,
            "gaps": gap,
            "text": pd.Series(word, dtype=object),
            "string": pd.Series(word).astype("str"),
            "category": pd.Categorical(word, categories=["red", "green", "blue", "never"]),
            "flag": RNG.random(N) < 0.5,
            "maybe": pd.array(RNG.random(N) < 0.5, dtype="boolean"),
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(RNG.integers(0, 900, N), "D"),
        }
    ).set_axis([f"r{i}" for i in range(N)], axis=0)


X = mixed_table()


def score(table):
    """Use every column, whatever its container."""
    table = pd.DataFrame(table)
    day = (table["day"] - pd.Timestamp("2020-01-01")) / pd.Timedelta("300D")
    words = sum((table[name].astype(object) == "red") * 0.3 for name in ("text", "string"))
    return (
        table["float"]
        + table["single"].astype(float)
        + table["small"] / 10
        + table["nullable"].astype("Float64").fillna(5).astype(float) / 20
        + table["gaps"].fillna(0.5)
        + words
        + (table["category"].astype(object) == "blue") * 0.5
        + table["flag"].astype(float)
        + table["maybe"].astype(float) / 2
        + day
    ).to_numpy()


MEDIAN = float(np.median(score(X)))


def classify(table):
    """Return probabilities, as a callable without classes."""
    share = 1 / (1 + np.exp(-2.0 * (score(table) - MEDIAN)))
    return np.column_stack([1 - share, share])


def same_dtypes(frame, rows):
    assert list(frame.columns) == list(rows.columns)
    assert list(frame.dtypes) == list(rows.dtypes)
    for name in rows:
        if isinstance(rows[name].dtype, pd.CategoricalDtype):
            assert list(frame[name].cat.categories) == list(rows[name].cat.categories)


def test_every_dtype_survives():
    rows = X.iloc[[3, 0, 9, 14]]
    found = Counterfactuals(classify, n_counterfactuals=3).fit(X).explain(rows)
    same_dtypes(found.frame, rows)
    assert list(found.frame.index) == list(rows.index[found.row])
    after, before = classify(found.frame).argmax(axis=1), classify(rows).argmax(axis=1)
    assert (after != before[found.row]).all()
    assert np.array_equal(classify(found.frame), found.responses)
    assert set(found.frame.category.dropna()) <= {"red", "green", "blue"}


@pytest.mark.parametrize("column", list(X.columns))
def test_each_column_alone_can_carry_the_change(column):
    others = [name for name in X if name != column]
    score_of = score(X)
    near = X.iloc[np.argsort(np.abs(score_of - MEDIAN))[:12]]
    search = Counterfactuals(classify, immutable=others, max_model_rows=400).fit(X)
    found = search.explain(near)
    same_dtypes(found.frame, near)
    assert set(found.changes.feature) <= {column}
    assert len(found.row) > 0
    if column == "day":
        assert (found.frame.day == found.frame.day.dt.normalize()).all()


def test_object_columns_of_numbers_keep_their_types():
    table = pd.DataFrame({"whole": pd.Series(range(100), dtype=object), "b": RNG.normal(size=100)})

    def model(rows):
        return np.where(rows["whole"].astype(float) > 50, "high", "low")

    found = Counterfactuals(model, immutable=["b"]).fit(table).explain(table.iloc[[40, 60]])
    assert [type(value) for value in found.frame["whole"]] == [int, int]
    assert list(found.predictions) == ["high", "low"]


def test_large_integers_that_stay_are_exact():
    table = pd.DataFrame({"key": 2**60 + np.arange(60) * 7 + 1, "x": RNG.normal(size=60)})

    def model(rows):
        return np.column_stack([rows["x"] < 0, rows["x"] >= 0]).astype(float)

    found = Counterfactuals(model, immutable=["key"]).fit(table).explain(table.head(5))
    assert list(found.frame["key"]) == list(table["key"].head(5).iloc[found.row])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int8])
def test_arrays(dtype):
    array = (RNG.normal(size=(150, 4)) * 10).astype(dtype)
    y = array[:, 0].astype(float) - array[:, 1] > 1
    for estimator in (LogisticRegression(), RandomForestClassifier(10, random_state=0)):
        model = estimator.fit(array, y)
        found = Counterfactuals(model, immutable=[2]).fit(array).explain(array[:6])
        assert isinstance(found.frame, np.ndarray)
        assert found.frame.dtype == dtype
        assert (model.predict(found.frame) != model.predict(array[:6])[found.row]).all()
        assert (found.frame[:, 2] == array[found.row, 2]).all()
        assert set(found.status) == {"optimal"} or dtype == np.float32


def test_arrays_of_objects():
    array = np.empty((120, 3), dtype=object)
    array[:, 0] = RNG.choice(["a", "b", "c"], 120)
    array[:, 1] = RNG.integers(0, 9, 120).tolist()
    array[:, 2] = RNG.normal(size=120).tolist()

    def model(rows):
        value = (rows[:, 0] == "a") * 2.0 + rows[:, 1].astype(float) / 3 + rows[:, 2].astype(float)
        share = 1 / (1 + np.exp(-(value - 2)))
        return np.column_stack([1 - share, share])

    found = Counterfactuals(model).fit(array).explain(array[:5])
    assert found.frame.dtype == object
    assert set(found.frame[:, 0]) <= {"a", "b", "c"}
    assert {type(value) for value in found.frame[:, 1]} == {int}
    assert (model(found.frame).argmax(1) != model(array[:5]).argmax(1)[found.row]).all()


def test_polars_frames():
    pl = pytest.importorskip("polars")
    table = pl.DataFrame(
        {
            "a": RNG.normal(size=150),
            "n": RNG.integers(0, 20, 150),
            "c": RNG.choice(["x", "y"], 150).tolist(),
            "d": [f"2020-01-{1 + day:02d}" for day in RNG.integers(0, 28, 150)],
        }
    ).with_columns(pl.col("d").str.to_date())

    def model(rows):
        value = rows["a"].to_numpy() + rows["n"].to_numpy() / 9 + (rows["c"] == "x").to_numpy()
        value = value + rows["d"].dt.day().to_numpy() / 20
        share = 1 / (1 + np.exp(-(value - 2.2)))
        return np.column_stack([1 - share, share])

    found = Counterfactuals(model).fit(table).explain(table[:6])
    assert isinstance(found.frame, pl.DataFrame)
    assert found.frame.schema == table.schema
    assert (model(found.frame).argmax(1) != model(table[:6]).argmax(1)[found.row]).all()
    for column in ("n", "d"):
        others = [name for name in table.columns if name != column]
        alone = Counterfactuals(model, immutable=others).fit(table).explain(table[:20])
        assert alone.frame.schema == table.schema
        assert set(alone.changes.feature) <= {column}


def test_missing_values_and_unseen_levels():
    table = X[["gaps", "small", "text"]].reset_index(drop=True)
    table.loc[::11, "text"] = None
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["text"]),
        (make_pipeline(SimpleImputer(), StandardScaler()), ["gaps", "small"]),
    )
    y = score(X) > MEDIAN
    rows = table.head(24).copy()
    rows.loc[5, "text"] = "violet"
    rows.loc[6, ["text", "gaps"]] = ["violet", np.nan]
    for estimator in (LogisticRegression(), RandomForestClassifier(10, random_state=0)):
        model = make_pipeline(columns, estimator).fit(table, y)
        for method in ("auto", "beam"):
            search = Counterfactuals(model, method=method, n_counterfactuals=2).fit(table)
            found = search.explain(rows)
            assert (model.predict(found.frame) != model.predict(rows)[found.row]).all()
            assert set(found.status) <= {"optimal", "valid"}
            before = rows.iloc[found.row].reset_index(drop=True)
            after = found.frame.reset_index(drop=True)
            became = after.isna() & ~before.isna()
            assert not became.any().any()
            new = after.text[(after.text != before.text) & after.text.notna()]
            assert set(new) <= {"red", "green", "blue"}
            filled = after.gaps[before.gaps.isna() & after.gaps.notna()]
            assert filled.between(table.gaps.min(), table.gaps.max()).all()


def test_labels_of_any_kind():
    array = RNG.normal(size=(150, 3))
    for labels in ([True, False], [3, 7], ["b", "a"], [10, 20, 30]):
        y = np.array(labels)[np.digitize(array[:, 0], [0.0, 1.0][: len(labels) - 1])]
        model = RandomForestClassifier(8, random_state=0).fit(array, y)
        for wanted in ("opposite", *labels):
            found = Counterfactuals(model, desired_class=wanted).fit(array).explain(array[:6])
            said = model.predict(found.frame)
            assert (said == found.predictions).all()
            if isinstance(wanted, str) and wanted == "opposite":
                assert (said != model.predict(array[:6])[found.row]).all()
            else:
                assert (said == wanted).all()
                reached = model.predict(array[:6]) == wanted
                assert ((found.status == "already_target") == reached).all()


def test_frames_and_arrays_agree():
    array = RNG.normal(size=(150, 3))
    model = RandomForestClassifier(8, random_state=0).fit(array, array[:, 0] > 0)
    frame = pd.DataFrame(array, columns=list("abc"))
    of_array = Counterfactuals(model).fit(array).explain(array[:6])
    of_frame = Counterfactuals(model).fit(frame).explain(frame.head(6))
    assert np.array_equal(of_array.frame, of_frame.frame.to_numpy())
    mixed = Counterfactuals(model).fit(frame).explain(array[:6])
    assert np.array_equal(mixed.frame.to_numpy(), of_array.frame)


def test_thresholds_of_wrappers_are_kept():
    table = X[["float", "small", "string"]]
    columns = make_column_transformer(
        (OneHotEncoder(), make_column_selector(dtype_exclude="number")), remainder="passthrough"
    )
    y = np.where(score(X) > MEDIAN, "yes", "no")
    inner = make_pipeline(columns, RandomForestClassifier(20, random_state=0))
    model = FixedThresholdClassifier(inner, threshold=0.8, pos_label="yes").fit(table, y)
    found = Counterfactuals(model).fit(table).explain(table.head(10))
    assert (model.predict(found.frame) != model.predict(table.head(10))[found.row]).all()
    assert set(found.status) == {"valid"}
    assert found.n_model_rows <= 2000 * 10


def test_pickle_gives_the_same_answers():
    table = X[["float", "small", "string"]]
    columns = make_column_transformer((OneHotEncoder(), ["string"]), remainder="passthrough")
    y = score(X) > MEDIAN
    for estimator in (LogisticRegression(), RandomForestClassifier(10, random_state=0)):
        model = make_pipeline(columns, estimator).fit(table, y)
        search = Counterfactuals(model).fit(table)
        again = pickle.loads(pickle.dumps(search))
        first, second = search.explain(table.head(4)), again.explain(table.head(4))
        assert first.frame.equals(second.frame)
        assert np.array_equal(first.cost, second.cost)
