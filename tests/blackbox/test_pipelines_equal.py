"""Preprocessing once per source row gives what preprocessing every mixture gives."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC

from surrogates.blackbox.model import make_model
from surrogates.blackbox.pipelines import preprocess_once, split_columnwise
from surrogates.datasets import load_german_credit

CREDIT, RISK = load_german_credit(return_X_y=True)
NUMBERS = CREDIT.select_dtypes(np.number).columns.tolist()
WORDS = [name for name in CREDIT if name not in NUMBERS]
CANCER, MALIGNANT = load_breast_cancer(return_X_y=True)


def _with_gaps():
    rng = np.random.default_rng(0)
    gaps = CREDIT.astype(dict.fromkeys(NUMBERS, float))
    for name in ["amount", "age", "purpose", "checking_status"]:
        gaps.loc[rng.random(len(gaps)) < 0.1, name] = np.nan
    return gaps


GAPS = _with_gaps()
LOGISTIC = LogisticRegression(max_iter=3000)
FOREST = RandomForestClassifier(5, random_state=0)
BOOSTING = HistGradientBoostingClassifier(max_iter=5, random_state=0)
BINS = {"strategy": "uniform"}


def one_hot(**params):
    return OneHotEncoder(handle_unknown="ignore", **params)


def dense_credit():
    return make_column_transformer(
        (one_hot(sparse_output=False), WORDS), (StandardScaler(), NUMBERS)
    )


def recombined(table, places):
    """Compose rows with cells of different rows, in plain pandas or numpy."""
    if isinstance(table, np.ndarray):
        return table[places, np.arange(table.shape[1])]
    columns = {
        name: table[name].iloc[places[:, j]].reset_index(drop=True)
        for j, name in enumerate(table.columns)
    }
    return pd.DataFrame(columns)


PIPELINES = {
    "sparse, logistic": (
        make_pipeline(
            make_column_transformer((one_hot(), WORDS), (StandardScaler(), NUMBERS)), LOGISTIC
        ),
        CREDIT,
    ),
    "dense, logistic": (make_pipeline(dense_credit(), LOGISTIC), CREDIT),
    "dense, boosting": (make_pipeline(dense_credit(), BOOSTING), CREDIT),
    "sparse, forest": (
        make_pipeline(make_column_transformer((one_hot(), WORDS), remainder="passthrough"), FOREST),
        CREDIT,
    ),
    "sparse, support vectors": (
        make_pipeline(
            make_column_transformer((one_hot(), WORDS), (StandardScaler(), NUMBERS)), SVC()
        ),
        CREDIT,
    ),
    "ordinal, columns out of order": (
        make_pipeline(
            make_column_transformer(
                (StandardScaler(), NUMBERS[::-1]),
                remainder=OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
            ),
            FOREST,
        ),
        CREDIT,
    ),
    "imputed, with indicators": (
        make_pipeline(
            make_column_transformer(
                (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), NUMBERS),
                (make_pipeline(SimpleImputer(strategy="most_frequent"), one_hot()), WORDS),
            ),
            LOGISTIC,
        ),
        GAPS,
    ),
    "missing values kept": (
        make_pipeline(
            make_column_transformer(
                (OneHotEncoder(min_frequency=20, handle_unknown="infrequent_if_exist",
                               sparse_output=False), WORDS),
                (StandardScaler(), NUMBERS),
            ),
            BOOSTING,
        ),
        GAPS,
    ),
    "bins, splines, powers": (
        make_pipeline(
            make_column_transformer(
                (KBinsDiscretizer(4, **BINS), ["amount", "age"]),
                (SplineTransformer(), ["amount", "duration"]),
                (PowerTransformer(), ["age"]),
                (QuantileTransformer(n_quantiles=50), ["duration"]),
                remainder="drop",
            ),
            LOGISTIC,
        ),
        CREDIT,
    ),
    "target encoded, frames": (
        make_pipeline(
            make_column_transformer(
                (TargetEncoder(), WORDS), remainder="passthrough"
            ).set_output(transform="pandas"),
            BOOSTING,
        ),
        CREDIT,
    ),
    "frames of integers and floats": (
        make_pipeline(
            ColumnTransformer(
                [("words", one_hot(sparse_output=False), WORDS)],
                remainder="passthrough",
                verbose_feature_names_out=False,
            ).set_output(transform="pandas"),
            FOREST,
        ),
        CREDIT,
    ),
    "categories to the model": (
        make_pipeline(
            make_column_transformer(
                (StandardScaler(), NUMBERS), remainder="passthrough"
            ).set_output(transform="pandas"),
            HistGradientBoostingClassifier(
                max_iter=5, categorical_features="from_dtype", random_state=0
            ),
        ),
        CREDIT.astype(dict.fromkeys(WORDS, "category")),
    ),
    "nested": (
        make_pipeline(
            "passthrough",
            make_column_transformer(
                (
                    make_pipeline(
                        make_column_transformer(
                            (one_hot(), make_column_selector(dtype_exclude=np.number)),
                            remainder="passthrough",
                            sparse_threshold=0,
                        ),
                        MinMaxScaler(),
                    ),
                    ["purpose", "age", "housing"],
                ),
                remainder="drop",
            ),
            make_pipeline(StandardScaler(), SelectKBest(k=4), make_pipeline(GaussianNB())),
        ),
        CREDIT,
    ),
    "functions": (
        make_pipeline(
            make_column_transformer(
                (FunctionTransformer(np.log1p), ["amount", "duration"]),
                (FunctionTransformer(lambda age: (age - 18) ** 2), ["age"]),
                (TfidfVectorizer(), "purpose"),
                sparse_threshold=0,
            ),
            StandardScaler(),
            LOGISTIC,
        ),
        CREDIT,
    ),
    "arrays": (make_pipeline(StandardScaler(), LOGISTIC), CANCER),
    "single precision": (
        make_pipeline(StandardScaler(), LOGISTIC), CANCER.astype(np.float32)
    ),
    "united": (
        make_pipeline(
            FeatureUnion([("a", StandardScaler()), ("b", KBinsDiscretizer(3, **BINS))]), LOGISTIC
        ),
        CANCER,
    ),
    "arrays of objects": (
        make_pipeline(
            make_column_transformer((one_hot(), [0, 2]), (StandardScaler(), [1, 4])), LOGISTIC
        ),
        CREDIT.to_numpy(object),
    ),
    "principal components after scaling": (
        make_pipeline(StandardScaler(), PCA(5, random_state=0), LOGISTIC), CANCER
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=list(PIPELINES))
def fitted(request):
    pipeline, X = PIPELINES[request.param]
    return pipeline.fit(X, RISK if len(X) == len(RISK) else MALIGNANT), X


def take(X, rows):
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]


@pytest.mark.parametrize("method", ["auto", "predict"])
def test_mixtures_of_preprocessed_rows_get_the_same_responses(fitted, method):
    pipeline, X = fitted
    reference = take(X, slice(0, 100))
    model, responses = make_model(pipeline, method, None, reference)
    inner, preprocessing = preprocess_once(model, reference)
    assert inner.output_names == model.output_names
    tolerance = 1e-5 if getattr(X, "dtype", None) == np.float32 else 1e-9
    np.testing.assert_allclose(
        inner(preprocessing.transform(reference)), responses, rtol=tolerance, atol=tolerance
    )
    # rows that were not there before, with levels and missing values of their own
    others = take(X, slice(100, 500))
    places = np.random.default_rng(1).integers(400, size=(300, X.shape[1]))
    composed = recombined(preprocessing.transform(others), places[:, preprocessing.source_column])
    np.testing.assert_allclose(
        inner(composed), model(recombined(others, places)), rtol=tolerance, atol=tolerance
    )


def test_only_the_steps_up_to_the_first_that_is_not_column_wise_are_taken():
    pipeline, X = PIPELINES["principal components after scaling"]
    pipeline.fit(X, MALIGNANT)
    preprocessing, final = split_columnwise(pipeline, "predict_proba", X)
    assert preprocessing.steps == (pipeline[0],)
    assert final.steps == pipeline.steps[1:]


def test_nested_pipelines_are_followed_to_the_last_estimator():
    pipeline, X = PIPELINES["nested"]
    pipeline.fit(X, RISK)
    preprocessing, final = split_columnwise(pipeline, "predict", X)
    assert [type(step).__name__ for step in preprocessing.steps] == [
        "ColumnTransformer", "StandardScaler", "SelectKBest",
    ]  # fmt: skip
    assert type(final) is GaussianNB
    of_purpose, of_age, of_housing = (X.columns.get_loc(n) for n in ("purpose", "age", "housing"))
    assert set(preprocessing.source_column) <= {of_purpose, of_age, of_housing}
