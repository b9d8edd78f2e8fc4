"""Traced columns: against the names that scikit-learn gives, and against changing one column."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import (
    RFE,
    SelectFromModel,
    SelectKBest,
    SelectorMixin,
    VarianceThreshold,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)

from surrogates.blackbox.columnwise import trace_columns

RNG = np.random.default_rng(0)
N = 90
NUMBERS = RNG.normal(size=(N, 4)) ** 2 + 0.1
LEVELS = np.column_stack([RNG.choice(list("abcdef")[: 2 + j], N) for j in range(4)]).astype(object)
Y2 = (NUMBERS.sum(axis=1) > np.median(NUMBERS.sum(axis=1))).astype(int)
Y3 = np.arange(N) % 3


def _with_missing(table, value, columns=(0, 1, 3)):
    table = table.copy()
    for column in columns:
        table[RNG.random(N) < 0.2, column] = value
    return table


GAPS = _with_missing(NUMBERS, np.nan)
EMPTY = GAPS.copy()
EMPTY[:, 1] = np.nan
BINS = {"strategy": "uniform"}

KNOWN = [
    (StandardScaler(), NUMBERS, None),
    (MinMaxScaler(), GAPS, None),
    (MaxAbsScaler(), GAPS, None),
    (RobustScaler(), GAPS, None),
    (Binarizer(threshold=1.0), NUMBERS, None),
    (PowerTransformer(), NUMBERS, None),
    (QuantileTransformer(n_quantiles=20, output_distribution="normal"), GAPS, None),
    (SplineTransformer(), NUMBERS, None),
    (SplineTransformer(degree=2, include_bias=False, extrapolation="periodic"), NUMBERS, None),
    (KBinsDiscretizer(4, **BINS), NUMBERS, None),
    (KBinsDiscretizer([2, 3, 4, 5], encode="onehot-dense", **BINS), NUMBERS, None),
    (KBinsDiscretizer(4, encode="ordinal", **BINS), NUMBERS, None),
    (OrdinalEncoder(), LEVELS, None),
    (OneHotEncoder(), LEVELS, None),
    (OneHotEncoder(drop="first", sparse_output=False), LEVELS, None),
    (OneHotEncoder(drop="if_binary"), LEVELS, None),
    (OneHotEncoder(drop=np.array(["a", "b", "c", "d"], dtype=object)), LEVELS, None),
    (OneHotEncoder(min_frequency=20, handle_unknown="infrequent_if_exist"), LEVELS, None),
    (OneHotEncoder(max_categories=3, drop="first"), LEVELS, None),
    (OneHotEncoder(max_categories=2, drop="if_binary"), LEVELS, None),
    (TargetEncoder(), LEVELS, Y2),
    (TargetEncoder(), LEVELS, Y3),
    (TargetEncoder(), LEVELS, NUMBERS[:, 0]),
    (SimpleImputer(), GAPS, None),
    (SimpleImputer(add_indicator=True), GAPS, None),
    (SimpleImputer(), EMPTY, None),
    (SimpleImputer(add_indicator=True), EMPTY, None),
    (SimpleImputer(strategy="most_frequent", add_indicator=True, missing_values=None),
     _with_missing(LEVELS, None), None),
    (MissingIndicator(), GAPS, None),
    (MissingIndicator(features="all"), GAPS, None),
    (SelectKBest(k=2), NUMBERS, Y2),
    (VarianceThreshold(0.5), NUMBERS, None),
    (RFE(LogisticRegression(), n_features_to_select=2), NUMBERS, Y2),
    (SelectFromModel(LogisticRegression(), threshold="median"), NUMBERS, Y2),
    (FunctionTransformer(feature_names_out="one-to-one"), NUMBERS, None),
    (FunctionTransformer(np.log1p, feature_names_out="one-to-one"), NUMBERS, None),
    (FrozenEstimator(StandardScaler().fit(NUMBERS)), NUMBERS, None),
    (make_pipeline(SimpleImputer(add_indicator=True), "passthrough", StandardScaler()), GAPS, None),
    (make_pipeline(SelectKBest(k=3), KBinsDiscretizer(3, **BINS), VarianceThreshold()),
     NUMBERS, Y2),
    (make_union(StandardScaler(), SplineTransformer()), NUMBERS, None),
    (FeatureUnion([("a", "passthrough"), ("b", "drop"), ("c", MinMaxScaler())]), NUMBERS, None),
]  # fmt: skip


def _name(case):
    return (
        re.sub(r"\s+", "", str(case))[:60] if not isinstance(case, (np.ndarray, type(None))) else ""
    )


@pytest.fixture
def inputs():
    return np.array([f"<{j}>" for j in range(4)], dtype=object)


@pytest.mark.filterwarnings("ignore:Skipping features without any observed values")
@pytest.mark.parametrize(("transformer", "X", "y"), KNOWN, ids=_name)
def test_columns_are_those_in_the_names_that_scikit_learn_gives(transformer, X, y, inputs):
    transformer.fit(X, y)
    traced = trace_columns(transformer, np.arange(4))
    names = transformer.get_feature_names_out(inputs)
    assert traced.tolist() == [int(re.search(r"<(\d)>", name)[1]) for name in names]


@pytest.mark.filterwarnings("ignore:Skipping features without any observed values")
@pytest.mark.parametrize(("transformer", "X", "y"), KNOWN, ids=_name)
def test_changing_a_column_changes_only_what_is_traced_to_it(transformer, X, y):
    transformer.fit(X, y)
    traced = trace_columns(transformer, np.arange(4))
    before = _dense(transformer.transform(X))
    assert before.shape[1] == len(traced)
    for column in range(4):
        changed = X.copy()
        changed[:, column] = np.roll(X[:, column], 7)
        after = _dense(transformer.transform(changed))
        differ = ((before != after) & ~(pd.isna(before) & pd.isna(after))).any(axis=0)
        assert set(traced[differ]) <= {column}


def _dense(table):
    return np.asarray(table.toarray() if hasattr(table, "toarray") else table)


def test_sources_are_passed_on():
    sources = np.array([7, 3, 3, 5])
    assert trace_columns(StandardScaler().fit(NUMBERS), sources).tolist() == [7, 3, 3, 5]
    encoder = OneHotEncoder().fit(LEVELS)
    assert trace_columns(encoder, sources).tolist() == [7] * 2 + [3] * 7 + [5] * 5


class MyScaler(StandardScaler):
    """A subclass may mix columns."""


class MySelector(SelectorMixin, StandardScaler):
    """Selects, but with a transform of its own."""

    def _get_support_mask(self):
        return np.ones(4, dtype=bool)

    def transform(self, X):
        return X + X.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    "transformer",
    [
        PCA(2),
        Normalizer(),
        PolynomialFeatures(2),
        KNNImputer(),
        KMeans(2, n_init=1, random_state=0),
        FunctionTransformer(np.cumsum, kw_args={"axis": 1}),
        FunctionTransformer(lambda X: X - X.mean(axis=1, keepdims=True)),
        MyScaler(),
        MySelector(),
        make_pipeline(StandardScaler(), Normalizer()),
        make_union(StandardScaler(), PCA(1)),
        make_column_transformer((PCA(1), [0, 1]), remainder="passthrough"),
    ],
    ids=_name,
)
def test_what_is_not_known_to_be_column_wise_is_refused(transformer):
    transformer.fit(NUMBERS)
    assert trace_columns(transformer, np.arange(4)) is None


def test_a_transformer_fitted_on_other_columns_is_refused():
    assert trace_columns(StandardScaler().fit(NUMBERS), np.arange(3)) is None


# columns of a ColumnTransformer

FRAME = pd.DataFrame(
    {"n0": NUMBERS[:, 0], "c0": LEVELS[:, 0], "n1": NUMBERS[:, 1], "c1": LEVELS[:, 1]}
)


@pytest.mark.parametrize(
    "columns",
    [
        ["n1", "n0"],
        [2, 0],
        [-2, -4],
        np.array([2, 0]),
        pd.Index(["n1", "n0"]),
        ("n1", "n0"),
        slice(0, 3, 2),
        [True, False, True, False],
        np.array([True, False, True, False]),
        make_column_selector("^n"),
        make_column_selector(dtype_include=np.number),
        lambda X: [2, 0],
    ],
    ids=str,
)
def test_columns_may_be_given_in_any_way(columns):
    transformer = ColumnTransformer([("scale", StandardScaler(), columns)], remainder="drop")
    scaled = transformer.fit_transform(FRAME)
    traced = trace_columns(transformer, np.arange(4))
    own = StandardScaler().fit_transform(NUMBERS[:, :2])
    np.testing.assert_allclose(scaled, own[:, traced // 2], rtol=1e-12)


@pytest.mark.parametrize("columns", [slice("n1", "c1"), slice(None, "c0"), slice("c0", None)])
def test_slices_of_names_include_their_end(columns):
    transformer = ColumnTransformer([("keep", "passthrough", columns)], remainder="drop")
    kept = transformer.fit(FRAME).get_feature_names_out()
    traced = trace_columns(transformer, np.arange(4))
    assert [f"keep__{FRAME.columns[j]}" for j in traced] == kept.tolist()


@pytest.mark.parametrize("remainder", ["drop", "passthrough", OrdinalEncoder()])
@pytest.mark.parametrize("sparse", [True, False])
def test_column_transformers(remainder, sparse):
    transformer = make_column_transformer(
        (OneHotEncoder(sparse_output=sparse), ["c1"]),
        (StandardScaler(), []),
        ("drop", ["n1"]),
        (make_pipeline(SimpleImputer(), KBinsDiscretizer(3, **BINS)), ["n0"]),
        (StandardScaler(), ["n0"]),
        remainder=remainder,
    )
    if remainder == "passthrough":
        transformer.set_params(sparse_threshold=0)
    transformer.fit(FRAME)
    rest = [] if remainder == "drop" else [1]
    assert trace_columns(transformer, np.arange(4)).tolist() == [3, 3, 3, 0, 0, 0, 0, *rest]
    assert trace_columns(transformer, np.array([4, 5, 6, 9])).tolist()[:4] == [9, 9, 9, 4]


def test_positions_of_an_array():
    transformer = make_column_transformer(
        (StandardScaler(), [3, 1]), (MinMaxScaler(), slice(-2, None)), remainder="passthrough"
    ).fit(NUMBERS)
    assert trace_columns(transformer, np.arange(4)).tolist() == [3, 1, 2, 3, 0]


def test_whatever_is_made_of_one_column_depends_on_it_alone():
    frame = FRAME.assign(text=["low pay", "rent arrears", "new job"] * (N // 3))
    transformer = make_column_transformer(
        (CountVectorizer(), "text"),
        (PolynomialFeatures(3, include_bias=False), ["n1"]),
        (FunctionTransformer(lambda column: np.hstack([column, column**2])), ["n0"]),
        (make_pipeline(SplineTransformer(), PCA(2)), ["n0"]),
    ).fit(frame)
    expected = [4] * 6 + [2] * 3 + [0] * 2 + [0] * 2
    assert trace_columns(transformer, np.arange(5)).tolist() == expected


def test_nested_column_transformers():
    inner = make_column_transformer((OneHotEncoder(), ["c0", "c1"]), remainder="passthrough")
    transformer = make_column_transformer(
        (make_pipeline(inner, StandardScaler(with_mean=False)), ["c1", "n1", "c0"]),
        remainder=MinMaxScaler(),
    ).fit(FRAME)
    assert trace_columns(transformer, np.arange(4)).tolist() == [1, 1, 3, 3, 3, 2, 0]


def test_nothing_is_made_of_dropped_columns():
    transformer = make_column_transformer(("drop", ["n0"]), remainder="drop").fit(FRAME)
    assert trace_columns(transformer, np.arange(4)).tolist() == []


PARTS = [
    "drop",
    "passthrough",
    StandardScaler(),
    KBinsDiscretizer(3, **BINS),
    SimpleImputer(add_indicator=True),
    VarianceThreshold(0.5),
    make_pipeline(SimpleImputer(), SplineTransformer(2)),
    make_union(MinMaxScaler(), OneHotEncoder(handle_unknown="ignore", max_categories=3)),
]
parts = st.sampled_from(PARTS)
columns = st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(parts, columns), min_size=1, max_size=3), st.sampled_from(PARTS[:3]))
def test_any_column_transformer(chosen, remainder):
    frame = pd.DataFrame(np.round(NUMBERS, 1), columns=[f"<{j}>" for j in range(4)])
    named = [(f"t{i}", part, [f"<{j}>" for j in own]) for i, (part, own) in enumerate(chosen)]
    transformer = ColumnTransformer(
        [("first", StandardScaler(), ["<2>"]), *named], remainder=remainder
    ).fit(frame)
    names = transformer.get_feature_names_out()
    traced = trace_columns(transformer, np.arange(4))
    assert traced.tolist() == [int(re.search(r"<(\d)>", name)[1]) for name in names]
