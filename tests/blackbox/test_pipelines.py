"""Which preprocessing is taken off a model, how rows go through it, and what is left alone."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, OneToOneFeatureMixin, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.impute import KNNImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from surrogates.blackbox.maskers import Games, make_mixtures
from surrogates.blackbox.model import make_model
from surrogates.blackbox.pipelines import preprocess_once, split_columnwise
from surrogates.blackbox.players import make_players
from surrogates.datasets import load_german_credit
from surrogates.exceptions import ModelOutputError

CREDIT, RISK = load_german_credit(return_X_y=True)
NUMBERS = CREDIT.select_dtypes(np.number).columns.tolist()
WORDS = [name for name in CREDIT if name not in NUMBERS]
CANCER, MALIGNANT = load_breast_cancer(return_X_y=True)
LOGISTIC = LogisticRegression(max_iter=3000)


def one_hot(**params):
    return OneHotEncoder(handle_unknown="ignore", **params)


def dense_credit():
    return make_column_transformer(
        (one_hot(sparse_output=False), WORDS), (StandardScaler(), NUMBERS)
    )


@pytest.fixture
def credit_pipeline():
    return make_pipeline(dense_credit(), LOGISTIC).fit(CREDIT, RISK)


# unknown levels, missing values, other columns


def test_a_level_that_no_reference_row_has(credit_pipeline):
    reference = CREDIT[CREDIT["purpose"] != "education"].iloc[:80]
    model, _ = make_model(credit_pipeline, "auto", None, reference)
    inner, preprocessing = preprocess_once(model, reference)
    rows = CREDIT[CREDIT["purpose"] == "education"].head(1).copy()
    rows = pd.concat([rows, rows.assign(purpose="never seen")], ignore_index=True)
    np.testing.assert_allclose(inner(preprocessing.transform(rows)), model(rows), rtol=1e-12)
    before, after = preprocessing.transform(rows)
    changed = preprocessing.source_column[before != after]
    assert set(changed) == {CREDIT.columns.get_loc("purpose")}


def test_a_table_with_more_columns_in_another_order(credit_pipeline):
    wider = CREDIT[CREDIT.columns[::-1]].assign(extra=1.0)
    wider = wider[["extra", *CREDIT.columns[::-1]]]
    transformer = credit_pipeline[0]
    sources = split_columnwise(credit_pipeline, "predict", wider)[0].source_column
    names = [wider.columns[source] for source in sources]
    made = transformer.get_feature_names_out()
    assert all(name in feature for name, feature in zip(names, made, strict=True))
    model, _ = make_model(credit_pipeline, "auto", None, wider.iloc[:50])
    assert preprocess_once(model, wider.iloc[:50]) is not None


def test_frames_for_a_pipeline_fitted_on_arrays():
    frame = pd.DataFrame(CANCER, columns=[f"c{j}" for j in range(30)])
    pipeline = make_pipeline(StandardScaler(), LOGISTIC).fit(CANCER, MALIGNANT)
    model, responses = make_model(pipeline, "auto", None, frame)
    assert model.as_array
    inner, preprocessing = preprocess_once(model, frame)
    np.testing.assert_allclose(inner(preprocessing.transform(frame)), responses, rtol=1e-12)


@pytest.mark.parametrize("output", ["default", "polars"])
def test_polars_frames(output):
    frame = pl.DataFrame({name: CREDIT[name].to_list() for name in CREDIT})
    transformer = make_column_transformer(
        (one_hot(sparse_output=False), WORDS), (StandardScaler(), NUMBERS)
    ).set_output(transform=output)
    pipeline = make_pipeline(transformer, LOGISTIC).fit(frame, RISK)
    model, responses = make_model(pipeline, "auto", None, frame[:60])
    inner, preprocessing = preprocess_once(model, frame[:60])
    np.testing.assert_allclose(inner(preprocessing.transform(frame[:60])), responses, rtol=1e-12)


def test_a_single_reference_row(credit_pipeline):
    model, _ = make_model(credit_pipeline, "auto", None, CREDIT.iloc[:1])
    assert preprocess_once(model, CREDIT.iloc[:1]) is not None


# what is left to the direct path


class Ratio(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """An interaction of two columns, hidden in a transformer that looks column-wise."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        X = np.array(X)
        X[:, 0] = X[:, 0] / (1 + X[:, 1] ** 2)
        return X


class Lying(StandardScaler):
    """Hides an interaction behind the name of a scaler of scikit-learn."""

    def transform(self, X):
        return super().transform(X) * (1 + X[:, :1])


@pytest.mark.parametrize(
    "step",
    [
        PCA(3),
        PolynomialFeatures(2),
        Normalizer(),
        KNNImputer(),
        FunctionTransformer(lambda X: X - X.mean(axis=1, keepdims=True)),
        Ratio(),
        Lying(),
        make_column_transformer((Ratio(), [0, 1]), remainder="passthrough"),
    ],
)
def test_rows_whose_columns_are_mixed_are_refused(step):
    X = CANCER[:, :4]
    pipeline = make_pipeline(step, LinearRegression()).fit(X, MALIGNANT)
    model, _ = make_model(pipeline, "auto", None, X)
    assert preprocess_once(model, X) is None


@pytest.mark.parametrize("step", [Ratio(), Normalizer()])
def test_the_trial_finds_out_a_transformer_that_is_believed(step, monkeypatch):
    monkeypatch.setattr(
        "surrogates.blackbox.pipelines.trace_columns", lambda step, sources: sources
    )
    X = CANCER[:, :4]
    # the model does not even use the column that Ratio changes
    final = LinearRegression().fit(X, X[:, 3])
    model, _ = make_model(make_pipeline(step.fit(X), FrozenEstimator(final)), "auto", None, X)
    assert preprocess_once(model, X) is None


@pytest.mark.parametrize(
    "function", [lambda column: column - column.mean(), lambda column: column.cumsum()]
)
def test_functions_of_a_whole_column_are_refused(function):
    pipeline = make_pipeline(
        make_column_transformer((FunctionTransformer(function), ["amount"]), remainder="drop"),
        LOGISTIC,
    ).fit(CREDIT, RISK)
    model, _ = make_model(pipeline, "auto", None, CREDIT.iloc[:100])
    assert preprocess_once(model, CREDIT.iloc[:100]) is None


class SparseOnly(ClassifierMixin, BaseEstimator):
    """Accepts what it was fitted on, and nothing else."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.weights_ = np.arange(X.shape[1])
        return self

    def decision_function(self, X):
        return np.asarray(X.tocsr() @ self.weights_)


def test_a_model_that_needs_sparse_rows_is_left_alone():
    transformer = make_column_transformer((one_hot(), WORDS))
    pipeline = make_pipeline(transformer, SparseOnly()).fit(CREDIT, RISK)
    model, _ = make_model(pipeline, "decision_function", None, CREDIT.iloc[:50])
    assert preprocess_once(model, CREDIT.iloc[:50]) is None


def test_wide_tables_are_left_sparse():
    frame = pd.DataFrame({"name": [f"customer {j}" for j in range(300)], "x": np.arange(300.0)})
    pipeline = make_pipeline(
        make_column_transformer((one_hot(), ["name"]), remainder="passthrough"), LinearRegression()
    ).fit(frame, frame["x"])
    assert split_columnwise(pipeline, "predict", frame) is None


def test_responses_that_are_functions_of_the_whole_model(credit_pipeline):
    def second_class(pipeline, rows):
        return pipeline.predict_proba(rows)[:, 1]

    for predictor, response in (
        (credit_pipeline, second_class),
        (lambda rows: credit_pipeline.predict_proba(rows)[:, 1], "auto"),
    ):
        model, _ = make_model(predictor, response, None, CREDIT.iloc[:20])
        assert preprocess_once(model, CREDIT.iloc[:20]) is None


@pytest.mark.parametrize("model", [LOGISTIC, make_pipeline(LOGISTIC), DecisionTreeClassifier()])
def test_nothing_to_take_off(model):
    model, _ = make_model(model.fit(CANCER, MALIGNANT), "auto", None, CANCER)
    assert preprocess_once(model, CANCER) is None


# wrappers


@pytest.mark.parametrize("method", ["predict_proba", "decision_function"])
@pytest.mark.parametrize("wrap", ["search", "frozen", "threshold", "inside", "frozen steps"])
def test_wrappers_are_looked_through(wrap, method):
    pipeline = make_pipeline(dense_credit(), LogisticRegression(max_iter=3000, C=0.1))
    if wrap == "search":
        estimator = GridSearchCV(pipeline, {"logisticregression__C": [0.1, 0.2]}, cv=2)
    elif wrap == "frozen":
        estimator = FrozenEstimator(pipeline.fit(CREDIT, RISK))
    elif wrap == "threshold":
        estimator = FixedThresholdClassifier(pipeline, threshold=0.8)
    elif wrap == "inside":
        estimator = make_pipeline(dense_credit(), FixedThresholdClassifier(pipeline[-1]))
    else:
        steps = dense_credit().fit(CREDIT)
        estimator = make_pipeline(FrozenEstimator(steps), pipeline[-1])
    model, responses = make_model(estimator.fit(CREDIT, RISK), method, "bad", CREDIT)
    inner, preprocessing = preprocess_once(model, CREDIT)
    np.testing.assert_allclose(inner(preprocessing.transform(CREDIT)), responses, rtol=1e-12)


def test_a_moved_threshold_is_explained_as_it_decides():
    pipeline = make_pipeline(dense_credit(), LOGISTIC)
    wrapper = FixedThresholdClassifier(pipeline, threshold=0.8).fit(CREDIT, RISK)
    model, _ = make_model(wrapper, "predict", None, CREDIT.iloc[:50])
    assert preprocess_once(model, CREDIT.iloc[:50]) is None


# players


def _mixtures(model, rows, reference, players):
    """All mixtures of one row and one reference row with one player present, or all but one."""
    m = len(players)
    mixtures = make_mixtures(rows, reference, players, 2 * m)
    games = Games(
        row=0,
        references=np.array([3]),
        players=np.arange(m)[None],
        coalitions=np.eye(m, dtype=np.uint8)[None],
        design_of=np.zeros(1, dtype=np.int64),
        dealt=np.zeros(m, dtype=np.int64),
        first_pair=0,
        n_pairs=m,
    )
    mixtures.write(slice(0, 2 * m), games, 0)
    return model(mixtures.table(2 * m)), mixtures.differing(0)


@pytest.mark.parametrize("groups", [None, {"loan": ["amount", "purpose", "duration"]}])
@pytest.mark.parametrize(
    "transformer",
    [
        dense_credit(),
        make_column_transformer((OrdinalEncoder(), WORDS), (StandardScaler(), NUMBERS)),
        make_column_transformer((one_hot(sparse_output=False), ["purpose"]), remainder="drop"),
    ],
    ids=["one-hot", "one column each, in another order", "most dropped"],
)
def test_players_own_the_preprocessed_columns(transformer, groups):
    pipeline = make_pipeline(transformer, LOGISTIC).fit(CREDIT, RISK)
    reference, rows = CREDIT.iloc[:40], CREDIT.iloc[40:41]
    model, _ = make_model(pipeline, "auto", None, reference)
    players = make_players(list(CREDIT.columns), groups, named=True, owner="KernelSHAP")
    direct, differing = _mixtures(model, rows, reference, players)
    inner, preprocessing = preprocess_once(model, reference)
    once, still_differing = _mixtures(
        inner,
        preprocessing.transform(rows),
        preprocessing.transform(reference),
        preprocessing.players(players),
    )
    np.testing.assert_allclose(once, direct, rtol=1e-12)
    assert not (still_differing & ~differing).any()


# errors and storage


def test_a_row_that_the_preprocessing_refuses():
    transformer = make_column_transformer(
        (OneHotEncoder(sparse_output=False), WORDS), (StandardScaler(), NUMBERS)
    )
    pipeline = make_pipeline(transformer, LOGISTIC).fit(CREDIT, RISK)
    model, _ = make_model(pipeline, "auto", None, CREDIT)
    _, preprocessing = preprocess_once(model, CREDIT)
    unknown = CREDIT.iloc[:2].assign(purpose="boat")
    with pytest.raises(ModelOutputError, match=r"transform of ColumnTransformer raised .*unknown"):
        preprocessing.transform(unknown)


def test_a_transformer_that_makes_other_columns_of_other_rows():
    dummies = FunctionTransformer(pd.get_dummies)
    transformer = make_column_transformer((dummies, ["housing"]), remainder="drop")
    pipeline = make_pipeline(transformer, LOGISTIC).fit(CREDIT, RISK)
    preprocessing, _ = split_columnwise(pipeline, "predict", CREDIT)
    with pytest.raises(ModelOutputError, match=r"transform of ColumnTransformer .*shape \(5, "):
        preprocessing.transform(CREDIT[CREDIT["housing"] == "own"].head(5))


def test_the_pair_can_be_sent_to_another_process(credit_pipeline):
    model, responses = make_model(credit_pipeline, "auto", None, CREDIT)
    inner, preprocessing = pickle.loads(pickle.dumps(preprocess_once(model, CREDIT)))
    np.testing.assert_array_equal(
        inner(preprocessing.transform(CREDIT)), inner(preprocessing.transform(CREDIT))
    )
    np.testing.assert_allclose(inner(preprocessing.transform(CREDIT)), responses, rtol=1e-12)
