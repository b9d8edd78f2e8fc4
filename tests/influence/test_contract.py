"""Tables, labels, Pipelines, clones and refusals."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from polars_frames import to_polars
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.ensemble import AdaBoostClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Lasso, LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC

from surrogates import InfluenceFunctions
from surrogates.datasets import load_german_credit

X, Y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)[:120, :6]
Y = Y[:120]
MODEL = LogisticRegression().fit(X, Y)
# what an L1 penalty is called: by its share since version 1.8 of scikit-learn, by its name before
LASSO = (
    {"penalty": "l1"} if LogisticRegression().get_params()["penalty"] == "l2" else {"l1_ratio": 1.0}
)


@pytest.fixture(scope="module")
def loans():
    table, labels = load_german_credit(return_X_y=True)
    return table.iloc[:150], labels.iloc[:150]


def loan_model(table):
    text = [name for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
    numbers = [name for name in table.columns if name not in text]
    encoder = OneHotEncoder(handle_unknown="ignore")
    columns = make_column_transformer((encoder, text), (StandardScaler(), numbers))
    return make_pipeline(columns, LogisticRegression(max_iter=2000))


def dense(table):
    return table.toarray() if hasattr(table, "toarray") else table


def test_a_pipeline_on_raw_loans(loans):
    table, labels = loans
    model = loan_model(table).fit(table, labels)
    explainer = InfluenceFunctions(model).fit(table, labels)
    influence = explainer.explain(table.iloc[:3], labels.iloc[:3])
    inner = InfluenceFunctions(model[-1]).fit(dense(model[:-1].transform(table)), labels)
    same = inner.explain(dense(model[:-1].transform(table.iloc[:3])), labels.iloc[:3])
    np.testing.assert_allclose(influence.values, same.values, rtol=1e-9)
    assert influence.details["preprocessing"] == "frozen"
    assert same.details["preprocessing"] == "none"
    top = influence[0].top(2)
    assert list(top["train"]) == list(np.argsort(-np.abs(influence.values[0]))[:2])
    assert (top["purpose"].to_numpy() == table["purpose"].iloc[top["train"]].to_numpy()).all()


def test_frames_of_both_libraries_and_arrays_agree():
    names = [f"c{i}" for i in range(6)]
    frame = pd.DataFrame(X, columns=names, index=np.arange(120) + 1000)
    expected = InfluenceFunctions(MODEL).fit(X, Y).explain(X[:4], Y[:4])
    model = LogisticRegression().fit(frame, Y)
    found = InfluenceFunctions(model).fit(frame, Y).explain(frame.iloc[:4], pd.Series(Y[:4]))
    np.testing.assert_array_equal(found.values, expected.values)
    assert list(found.index) == [1000, 1001, 1002, 1003]
    assert list(found.train_index) == list(range(1000, 1120))
    polars = to_polars(frame.reset_index(drop=True))
    model = LogisticRegression().fit(polars, Y)
    found = InfluenceFunctions(model).fit(polars, Y).explain(polars[:4], Y[:4])
    np.testing.assert_array_equal(found.values, expected.values)
    assert list(found.top(1).columns)[-6:] == names


def test_frames_for_a_model_of_arrays_and_arrays_for_an_explainer_of_frames():
    frame = pd.DataFrame(X, columns=list("abcdef"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = InfluenceFunctions(MODEL).fit(frame, Y).explain(X[:2], Y[:2])
    expected = InfluenceFunctions(MODEL).fit(X, Y).explain(X[:2], Y[:2])
    np.testing.assert_array_equal(found.values, expected.values)


@pytest.mark.parametrize(
    "labels",
    [
        np.where(Y == 1, "b", "a"),
        Y.astype(bool),
        np.where(Y == 1, 7, -3),
        np.where(Y == 1, 0.5, 0.25).astype(str).astype(object),
        pd.Series(np.where(Y == 1, "b", "a"), dtype="category"),
        pd.Series(Y).astype("boolean"),
    ],
    ids=["text", "bool", "ints", "objects", "category", "nullable"],
)
def test_labels_of_any_type(labels):
    plain = np.asarray(labels, dtype=object if hasattr(labels, "cat") else None)
    plain = plain.astype(bool) if getattr(labels, "dtype", None) == "boolean" else plain
    model = LogisticRegression().fit(X, plain)
    found = InfluenceFunctions(model).fit(X, labels).explain(X[:3], labels[:3])
    expected = InfluenceFunctions(MODEL).fit(X, Y).explain(X[:3], Y[:3])
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-6, atol=1e-12)


def test_searches_thresholds_and_frozen_models_are_looked_through():
    expected = InfluenceFunctions(MODEL).fit(X, Y).explain(X[:3], Y[:3]).values
    search = GridSearchCV(LogisticRegression(), {"C": [1.0]}).fit(X, Y)
    frozen = FrozenEstimator(MODEL)
    threshold = FixedThresholdClassifier(frozen, threshold=0.3).fit(X, Y)
    for model in (search, frozen, threshold):
        found = InfluenceFunctions(model).fit(X, Y).explain(X[:3], Y[:3]).values
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-12)


def test_an_unfitted_model_is_cloned_and_fitted():
    weights = np.linspace(0.5, 2.0, 120)
    model = make_pipeline(StandardScaler(), PCA(4), LogisticRegression())
    explainer = InfluenceFunctions(model).fit(X, Y, sample_weight=weights)
    fitted = clone(model).fit(X, Y, logisticregression__sample_weight=weights)
    same = InfluenceFunctions(fitted).fit(X, Y, sample_weight=weights)
    np.testing.assert_array_equal(explainer.self_influence_, same.self_influence_)
    assert explainer.estimator_ is not model
    assert not hasattr(model[-1], "coef_")


def test_a_fitted_model_is_kept_and_not_changed():
    before = pickle.dumps(MODEL)
    explainer = InfluenceFunctions(MODEL)
    assert clone(explainer).estimator is MODEL
    explainer.fit(X, Y).explain(X[:2], Y[:2])
    assert pickle.dumps(MODEL) == before
    with pytest.raises(ValueError, match="fitted model"):
        explainer.set_params(estimator__C=2.0)


def test_pickles_give_the_same_answers():
    explainer = InfluenceFunctions(MODEL).fit(X, Y)
    copy = pickle.loads(pickle.dumps(explainer))
    first, second = (e.explain(X[:5], Y[:5]).values for e in (explainer, copy))
    np.testing.assert_array_equal(first, second)


def test_blocks_batches_and_jobs_do_not_change_answers(monkeypatch):
    explainer = InfluenceFunctions(MODEL).fit(X, Y)
    expected = explainer.explain(X, Y).values
    batches = list(explainer.explain_batches(X, Y, size=50))
    assert [len(batch) for batch in batches] == [50, 50, 20]
    assert list(batches[1].index) == list(range(50, 100))
    joined = np.vstack([batch.values for batch in batches])
    np.testing.assert_allclose(joined, expected, rtol=1e-12, atol=1e-18)
    monkeypatch.setattr("surrogates.influence.blocks._BLOCK_BYTES", 8 * 120 * 7)
    blocks = explainer.explain(X, Y).values
    np.testing.assert_allclose(blocks, expected, rtol=1e-12, atol=1e-18)
    with parallel_config(backend="threading"):
        threads = InfluenceFunctions(MODEL, n_jobs=2).fit(X, Y).explain(X, Y).values
    np.testing.assert_array_equal(threads, blocks)


@pytest.mark.parametrize("method", ["first_order", "auto", "exact"])
def test_predictions_change_as_those_of_refits(method):
    explainer = InfluenceFunctions(MODEL, of="prediction", method=method).fit(X, Y)
    found = explainer.explain(X[:5])
    assert found.details["unit"] == "prediction"
    assert found.targets is None
    tight = LogisticRegression(tol=1e-10)
    base = clone(tight).fit(X, Y).predict_proba(X[:5])[:, 1]
    for row in (0, 50):
        kept = np.arange(120) != row
        change = clone(tight).fit(X[kept], Y[kept]).predict_proba(X[:5])[:, 1] - base
        tolerance = {"first_order": 0.4, "auto": 0.05, "exact": 1e-4}[method]
        scale = np.abs(change).max()
        np.testing.assert_allclose(found.values[:, row], change, atol=tolerance * scale)
    other = InfluenceFunctions(MODEL, of="prediction", method=method, target=0).fit(X, Y)
    np.testing.assert_allclose(other.explain(X[:5]).values, -found.values, rtol=1e-9)


def test_one_row_one_column():
    explainer = InfluenceFunctions(LogisticRegression()).fit(X[:, :1], Y)
    assert explainer.explain(X[:1, :1], Y[:1]).values.shape == (1, 120)
    constant = np.column_stack([X[:, 0], np.ones(120)])
    with_constant = InfluenceFunctions(LogisticRegression()).fit(constant, Y)
    first = with_constant.explain(constant[:3], Y[:3]).values
    np.testing.assert_allclose(first, explainer.explain(X[:3, :1], Y[:3]).values, atol=1e-6)


def test_refusals_of_models():
    cases = [
        (AdaBoostClassifier(n_estimators=3), "pass method='retrain'"),
        (SGDClassifier(random_state=0), "pass method='retrain'"),
        (SVC(), "pass method='retrain'"),
        (Lasso(), "pass method='retrain'"),
        (LinearSVC(loss="hinge"), "smooth objective.*loss='hinge'"),
        (LogisticRegression(solver="saga", max_iter=5000, **LASSO), "L1 penalty"),
    ]
    for model, words in cases:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, Y)
        with pytest.raises(ValueError, match=words):
            InfluenceFunctions(model).fit(X, Y)


def test_refusals_of_rows():
    explainer = InfluenceFunctions(MODEL).fit(X, Y)
    with pytest.raises(ValueError, match="never seen: \\[5\\]"):
        explainer.explain(X[:2], [0, 5])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        explainer.explain(X[:2], Y[:3])
    with pytest.raises(ValueError, match="requires y to be passed"):
        explainer.explain(X[:2])
    with pytest.raises(ValueError, match="features"):
        explainer.explain(X[:2, :3], Y[:2])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        InfluenceFunctions(MODEL).fit(X, Y[:-1])
    with pytest.raises(ValueError, match="contains NaN"):
        InfluenceFunctions(MODEL).fit(X, np.where(Y == 1, 1.0, np.nan))
    with pytest.raises(ValueError, match="sample_weight"):
        InfluenceFunctions(MODEL).fit(X, Y, sample_weight=-np.ones(120))
    with pytest.raises(NotFittedError):
        InfluenceFunctions(MODEL).explain(X, Y)


def test_other_rows_than_those_fitted_on_are_refused():
    with pytest.raises(ValueError, match=r"not at the optimum.*Pass the X, y and sample_weight"):
        InfluenceFunctions(MODEL).fit(X, 1 - Y)
    line = Ridge().fit(X, X[:, 0])
    with pytest.raises(ValueError, match="not at the optimum"):
        InfluenceFunctions(line).fit(X[::-1], X[:, 0])


def test_unconverged_models_are_warned_about_or_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        first = LogisticRegression(max_iter=1, C=100.0).fit(X, Y)
        later = LogisticRegression(max_iter=6, C=100.0).fit(X, Y)
        close = LogisticRegression(max_iter=15).fit(X, Y)
    with pytest.raises(ValueError, match="fit it to convergence"):
        InfluenceFunctions(first).fit(X, Y)
    with pytest.warns(ConvergenceWarning, match=r"gradient is .* Influence is that of the optimum"):
        InfluenceFunctions(later).fit(X, Y)
    found = InfluenceFunctions(close, method="exact").fit(X, Y).self_influence_
    tight = LogisticRegression(tol=1e-10).fit(X, Y)
    expected = InfluenceFunctions(tight, method="exact").fit(X, Y).self_influence_
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_separable_classes_without_a_penalty_are_refused():
    labels = (X[:, 0] > 0).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(C=np.inf, max_iter=1000).fit(X, labels)
        with pytest.raises(ValueError, match="separable"):
            InfluenceFunctions(model).fit(X, labels)


def test_refusals_of_parameters():
    for name, value in {"method": "best", "of": "margin", "tol": 0, "damping": -1.0}.items():
        with pytest.raises(ValueError, match=f"'{name}' parameter of InfluenceFunctions"):
            InfluenceFunctions(MODEL, **{name: value}).fit(X, Y)
    with pytest.raises(TypeError, match="must be an estimator that was fitted on rows"):
        InfluenceFunctions(np.mean).fit(X, Y)
    with pytest.raises(ValueError, match="'target' parameter"):
        InfluenceFunctions(MODEL, of="prediction", target="maybe").fit(X, Y)
    three = LogisticRegression().fit(X, np.arange(120) % 3)
    with pytest.raises(ValueError, match="follows one output"):
        InfluenceFunctions(three, of="prediction").fit(X, np.arange(120) % 3)
    explainer = InfluenceFunctions(MODEL).fit(X, Y)
    for groups, words in (([], "at least one"), ([[]], "remove some"), ([[500]], "row 500"),
                          ({"a": "text"}, "positions"), ([[True, False]], "mask")):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            explainer.remove(groups)
