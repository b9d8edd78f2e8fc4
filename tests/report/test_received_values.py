"""Missing values are marked, with what the model's own imputers make of them, and nothing else."""

import numpy as np
import pandas as pd
import pytest
from polars_frames import to_polars
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from surrogates.report.received_values import imputed_values, received_values


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=40).round(2),
            "b": rng.integers(0, 9, 40).astype(float),
            "word": pd.Series(rng.choice(["x", "y", "z"], 40), dtype=object),
        }
    )
    frame.loc[::5, ["a", "b"]] = np.nan
    frame.loc[::7, "word"] = np.nan
    return frame


def told(model, row):
    return {entry["column"]: entry["imputed"] for entry in received_values(model, row)}


@pytest.mark.parametrize(
    "columns", [["a", "b"], [0, 1], slice(0, 2), slice("a", "b"), [True, True, False]]
)
def test_columns_in_every_form(table, columns):
    preprocessing = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), columns),
            ("words", make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()),
             ["word"]),
        ]
    )  # fmt: skip
    model = make_pipeline(preprocessing, LinearRegression()).fit(table, np.arange(40))
    assert told(model, table.iloc[:1]) == {
        "a": f"{table['a'].median():.4g}".replace("-", "\N{MINUS SIGN}"),
        "b": f"{table['b'].median():.4g}",
        "word": table["word"].mode()[0],
    }
    assert set(told(model, table.iloc[1:2]).values()) == {None}


def test_imputers_that_do_not_see_raw_values_say_nothing(table):
    numbers = table[["a", "b"]]
    model = make_pipeline(StandardScaler(), SimpleImputer(), LinearRegression())
    assert told(model.fit(numbers, np.arange(40)), numbers.iloc[:1]) == {"a": None, "b": None}
    boosting = HistGradientBoostingRegressor(max_iter=2).fit(numbers, np.arange(40))
    assert told(boosting, numbers.iloc[:1]) == {"a": None, "b": None}


def test_values_that_an_imputer_leaves_missing(table):
    """None in a column of objects is no NaN to SimpleImputer, and passes it."""
    words = table[["word"]]
    imputer = SimpleImputer(strategy="most_frequent").fit(words)
    row = pd.DataFrame({"word": pd.Series([None], dtype=object)})
    assert told(make_pipeline(imputer, OneHotEncoder()), row) == {"word": None}


def test_wrappers_unions_and_neighbors(table):
    numbers, y = table[["a", "b"]], np.arange(40)
    median = f"{table['b'].median():.4g}"
    inner = make_pipeline(
        make_union(SimpleImputer(strategy="median", add_indicator=True)), LinearRegression()
    )
    row = numbers.iloc[:1]
    assert told(inner.fit(numbers, y), row)["b"] == median
    assert told(FrozenEstimator(inner), row)["b"] == median
    search = GridSearchCV(inner, {"linearregression__fit_intercept": [True]}, cv=2)
    assert told(search.fit(numbers, y), row)["b"] == median
    knn = make_pipeline("passthrough", KNNImputer(n_neighbors=3), LinearRegression())
    partly = numbers.assign(a=numbers["a"].fillna(0.0)).iloc[:1]
    expected = KNNImputer(n_neighbors=3).fit(numbers).transform(partly)[0, 1]
    assert told(knn.fit(numbers, y), partly)["b"] == f"{expected:.4g}"


def test_arrays_polars_and_empty_columns(table):
    numbers = table[["a", "b"]]
    array = numbers.to_numpy()
    model = make_pipeline(SimpleImputer(strategy="median"), LinearRegression())
    model.fit(array, np.arange(40))
    median = f"{table['b'].median():.4g}"
    assert told(model, array[:1])["x1"] == median
    assert told(model, to_polars(numbers)[:1])["b"] == median
    empty = np.column_stack([np.full(40, np.nan), array])
    imputer = SimpleImputer(strategy="median")
    with pytest.warns(UserWarning, match="without any observed values"):
        made = imputer.fit_transform(empty)
    assert made.shape[1] == 2
    assert told(imputer, empty[:1]) == {
        "x0": None,
        "x1": told(model, array[:1])["x0"],
        "x2": median,
    }


def test_parts_that_are_no_raw_columns(table):
    odd = make_column_transformer(
        (make_pipeline(FunctionTransformer(), SimpleImputer()), ["a", "b"]),
        ("drop", ["word"]),
    )
    model = make_pipeline(odd, LinearRegression()).fit(table, np.arange(40))
    assert set(told(model, table.iloc[:1]).values()) == {None}
    assert imputed_values(lambda X: X, table.iloc[:1]) == {}
