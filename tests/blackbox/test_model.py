"""Any predictor as a function to float64 responses."""

import pickle
import warnings
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from surrogates.blackbox.model import Model, can_be_asked, is_fitted, make_model
from surrogates.exceptions import ModelOutputError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
BINARY = np.where(X[:, 0] > 0, "bad", "good")
THREE = np.digitize(X[:, 0], [-0.4, 0.4])
FRAME = pd.DataFrame(X, columns=list("abc"))


class Unsorted(ClassifierMixin, BaseEstimator):
    """A classifier whose classes are not in order, as of some boosting libraries."""

    def __init__(self, classes=("good", "bad")):
        self.classes = classes

    def fit(self, X, y):
        self.classes_ = np.array(self.classes)
        return self

    def predict_proba(self, X):
        share = 1 / (1 + np.exp(-np.asarray(X)[:, 0]))
        return np.column_stack([share, 1 - share])

    def decision_function(self, X):
        return -np.asarray(X)[:, 0]

    def predict(self, X):
        return self.classes_[(np.asarray(X)[:, 0] < 0).astype(int)]


class Duck:
    """Predicts without being a BaseEstimator."""

    def __init__(self, answer):
        self.answer = answer

    def predict(self, X):
        return self.answer(X)


def first_column(X):
    return np.asarray(X)[:, 0]


def three_scores(X):
    return np.asarray(X) * 2


def word(X):
    return np.where(np.asarray(X)[:, 0] > 0, "up", "down")


def ask(predictor, rows=X, response_method="auto", target=None):
    model, responses = make_model(predictor, response_method, target, rows)
    assert responses.dtype == np.float64
    assert responses.shape == (len(rows), len(model.output_names))
    np.testing.assert_array_equal(model(rows), responses)
    return model, responses


# what counts as fitted


@pytest.mark.parametrize(
    ("estimator", "fitted"),
    [
        (LogisticRegression(), False),
        (LogisticRegression().fit(X, BINARY), True),
        (make_pipeline(StandardScaler(), LogisticRegression()), False),
        (make_pipeline(StandardScaler(), LogisticRegression()).fit(X, BINARY), True),
        (GridSearchCV(LogisticRegression(), {"C": [1.0]}), False),
        (FrozenEstimator(LogisticRegression().fit(X, BINARY)), True),
        (FunctionTransformer(), True),
        (Duck(first_column), True),
        (first_column, True),
    ],
)
def test_is_fitted(estimator, fitted):
    assert is_fitted(estimator) == fitted


def test_base_estimator_without_fit_cannot_be_unfitted():
    class Fixed(BaseEstimator):
        def predict(self, X):
            return first_column(X)

    assert is_fitted(Fixed())


@pytest.mark.parametrize("other", [None, "model", 3, np.ones(3), FRAME])
def test_other_objects_cannot_be_asked(other):
    assert not can_be_asked(other, "auto")


@pytest.mark.parametrize("model", [first_column, Duck(first_column), LinearRegression()])
def test_models_can_be_asked(model):
    assert can_be_asked(model, "auto")


def test_own_method_or_function_makes_an_object_a_model():
    class Survival:
        def risk(self, X):
            return first_column(X)

    assert can_be_asked(Survival(), "risk")
    assert can_be_asked(object(), lambda estimator, X: first_column(X))
    assert not can_be_asked(Survival(), "auto")


# outputs of classifiers


def test_binary_probability_is_that_of_the_second_class():
    classifier = LogisticRegression().fit(X, BINARY)
    model, responses = ask(classifier)
    assert model.method_name == "predict_proba"
    assert model.output_names == ("good",)
    np.testing.assert_array_equal(responses[:, 0], classifier.predict_proba(X)[:, 1])


@pytest.mark.parametrize("target", ["bad", np.str_("bad"), ["bad"], np.array(["bad"]), ("bad",)])
def test_target_is_a_label(target):
    classifier = LogisticRegression().fit(X, BINARY)
    model, responses = ask(classifier, target=target)
    assert model.output_names == ("bad",)
    np.testing.assert_array_equal(responses[:, 0], classifier.predict_proba(X)[:, 0])


def test_order_of_targets_is_kept():
    classifier = RandomForestClassifier(3, random_state=0).fit(X, THREE)
    model, responses = ask(classifier, target=[2, 0])
    assert model.output_names == ("2", "0")
    np.testing.assert_array_equal(responses, classifier.predict_proba(X)[:, [2, 0]])


def test_all_classes_of_several():
    classifier = RandomForestClassifier(3, random_state=0).fit(X, THREE)
    model, responses = ask(classifier)
    assert model.output_names == ("0", "1", "2")
    np.testing.assert_array_equal(responses, classifier.predict_proba(X))


@pytest.mark.parametrize("target", [None, "bad", "good", ["good", "bad"]])
def test_margin_of_the_first_class_is_negated(target):
    classifier = SVC().fit(X, BINARY)
    margin = classifier.decision_function(X)
    model, responses = ask(classifier, response_method="decision_function", target=target)
    expected = {"bad": -margin, "good": margin}
    for name, response in zip(model.output_names, responses.T, strict=True):
        np.testing.assert_array_equal(response, expected[name])
    assert model.output_names == {None: ("good",), "bad": ("bad",), "good": ("good",)}.get(
        target if not isinstance(target, list) else "", ("good", "bad")
    )


def test_unsorted_classes():
    classifier = Unsorted().fit(X, BINARY)
    expected = classifier.predict_proba(X)
    model, responses = ask(classifier)
    assert model.output_names == ("bad",)
    np.testing.assert_array_equal(responses[:, 0], expected[:, 1])
    np.testing.assert_array_equal(ask(classifier, target="good")[1][:, 0], expected[:, 0])
    margins = ask(classifier, response_method="decision_function", target="good")[1]
    np.testing.assert_array_equal(margins[:, 0], X[:, 0])


def test_multiclass_margins():
    classifier = RidgeClassifier().fit(X, THREE)
    model, responses = ask(classifier)
    assert (model.method_name, model.output_names) == ("decision_function", ("0", "1", "2"))
    np.testing.assert_array_equal(responses, classifier.decision_function(X))


@pytest.mark.parametrize("labels", [BINARY, THREE, X[:, 0] > 0, np.where(X[:, 0] > 0, 2.0, 1.0)])
def test_predicted_labels_become_indicators(labels):
    classifier = RandomForestClassifier(3, random_state=0).fit(X, labels)
    model, responses = ask(classifier, response_method="predict")
    predicted = classifier.predict(X)
    classes = classifier.classes_[1:] if len(classifier.classes_) == 2 else classifier.classes_
    assert model.output_names == tuple(str(label) for label in classes)
    np.testing.assert_array_equal(responses, predicted[:, None] == classes)


def test_multioutput_probabilities():
    rows, labels = make_multilabel_classification(40, 4, n_classes=2, random_state=0)
    for classifier in (
        RandomForestClassifier(3, random_state=0).fit(rows, labels),
        MultiOutputClassifier(LogisticRegression()).fit(rows, labels),
    ):
        model, responses = ask(classifier, rows)
        assert model.output_names == ("y0=0", "y0=1", "y1=0", "y1=1")
        np.testing.assert_array_equal(responses, np.hstack(classifier.predict_proba(rows)))
        chosen = ask(classifier, rows, target=["y1=1"])[1]
        np.testing.assert_array_equal(chosen[:, 0], responses[:, 3])


def test_multioutput_labels_are_numbers_per_target():
    rows, labels = make_multilabel_classification(40, 4, n_classes=2, random_state=0)
    classifier = RandomForestClassifier(3, random_state=0).fit(rows, labels)
    model, responses = ask(classifier, rows, response_method="predict")
    assert model.output_names == ("0", "1")
    np.testing.assert_array_equal(responses, classifier.predict(rows))


# outputs of all else


def test_regressors():
    model, responses = ask(LinearRegression().fit(X, X[:, 0]))
    assert (model.method_name, model.output_names) == ("predict", ("prediction",))
    np.testing.assert_allclose(responses[:, 0], X[:, 0], atol=1e-12)
    model, responses = ask(LinearRegression().fit(X, X @ np.ones((3, 2))))
    assert model.output_names == ("0", "1")
    np.testing.assert_array_equal(ask(model.predictor, target=1)[1], responses[:, [1]])


def test_regressor_of_integers_is_no_predictor_of_labels():
    class Counts(LinearRegression):
        def predict(self, X):
            return np.round(super().predict(X)).astype(int)

    model, responses = ask(Counts().fit(X, X[:, 0] * 3))
    assert model.output_names == ("prediction",)
    assert len(np.unique(responses)) > 2


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (word, ("down", "up")),
        (lambda X: first_column(X) > 0, ("False", "True")),
        (lambda X: np.digitize(first_column(X), [-1, 1]), ("0", "1", "2")),
        (lambda X: word(X).astype(object), ("down", "up")),
        (lambda X: pd.Series(word(X), dtype="category"), ("down", "up")),
        (lambda X: pl.Series(word(X)), ("down", "up")),
        (lambda X: word(X)[:, None], ("down", "up")),
        (lambda X: word(X).tolist(), ("down", "up")),
        (lambda X: [1 if value > 0 else "none" for value in first_column(X)], ("1", "none")),
    ],
)
@pytest.mark.parametrize("wrap", [lambda function: function, Duck])
def test_labels_of_callables_and_ducks(labels, names, wrap):
    model, responses = ask(wrap(labels))
    assert model.output_names == names
    np.testing.assert_array_equal(responses.sum(axis=1), 1)
    expected = np.asarray(labels(X)).ravel().astype(str)
    assert [names[place] for place in responses.argmax(axis=1)] == expected.tolist()


def test_label_not_seen_on_the_reference_rows_is_no_output():
    model, _ = make_model(word, "auto", None, X[X[:, 0] > 0])
    assert model.output_names == ("up",)
    assert model(X[X[:, 0] < 0]).max() == 0


@pytest.mark.parametrize(
    ("scores", "names"),
    [
        (first_column, ("prediction",)),
        (lambda X: first_column(X)[:, None], ("prediction",)),
        (three_scores, ("0", "1", "2")),
        (lambda X: first_column(X).tolist(), ("prediction",)),
        (lambda X: three_scores(X).tolist(), ("0", "1", "2")),
        (lambda X: three_scores(X).astype("f4").astype(object), ("0", "1", "2")),
        (lambda X: pd.Series(first_column(X)), ("prediction",)),
        (lambda X: pd.DataFrame(three_scores(X), columns=["u", "v", 3]), ("u", "v", "3")),
        (lambda X: pl.DataFrame(three_scores(X), schema=["u", "v", "w"]), ("u", "v", "w")),
        (lambda X: three_scores(X) > 0, ("0", "1", "2")),
    ],
)
def test_scores_of_callables(scores, names):
    model, responses = ask(scores)
    assert model.method_name == "the callable"
    assert model.output_names == names
    np.testing.assert_array_equal(responses, np.asarray(scores(X), float).reshape(len(X), -1))
    assert ask(scores, target=names[-1])[0].output_names == names[-1:]


def test_other_methods():
    density = KernelDensity().fit(X)
    model, responses = ask(density, response_method="score_samples")
    assert (model.method_name, model.output_names) == ("score_samples", ("prediction",))
    np.testing.assert_array_equal(responses[:, 0], density.score_samples(X))
    forest = RandomForestClassifier(3, max_depth=1, random_state=0).fit(X, BINARY)
    logs = ask(forest, response_method="predict_log_proba", target="bad")[1]
    np.testing.assert_array_equal(logs[:, 0], forest.predict_log_proba(X)[:, 0])
    outliers = IsolationForest(n_estimators=5, random_state=0).fit(X)
    assert ask(outliers)[0].method_name == "decision_function"
    clusters = KMeans(3, n_init=1, random_state=0).fit(X)
    assert ask(clusters)[0].output_names == ("0", "1", "2")


def odds(estimator, X):
    proba = estimator.predict_proba(X)
    return proba[:, 1] / proba[:, 0]


def both_risks(estimator, X):
    return pd.DataFrame(estimator.predict_proba(X), columns=["now", "later"])


def test_function_as_response_method():
    classifier = LogisticRegression().fit(X, BINARY)
    model, responses = ask(classifier, response_method=odds)
    assert (model.method_name, model.output_names) == ("odds", ("prediction",))
    np.testing.assert_array_equal(responses[:, 0], odds(classifier, X))
    model, responses = ask(classifier, response_method=both_risks)
    assert model.output_names == ("now", "later")
    assert ask(classifier, response_method=both_risks, target="later")[0].columns == (1,)
    partially = partial(lambda estimator, X, power: odds(estimator, X) ** power, power=2)
    assert ask(classifier, response_method=partially)[0].method_name == "partial"


def test_function_of_one_column_is_no_margin():
    classifier = LogisticRegression().fit(X, BINARY)
    with pytest.raises(ValueError, match="names no output"):
        make_model(classifier, odds, "bad", X)


def test_function_returning_integers_returns_scores():
    model, responses = ask(Duck(None), response_method=lambda duck, X: np.arange(len(X)))
    assert model.output_names == ("prediction",)
    assert responses[:, 0].tolist() == list(range(60))


# wrong targets and methods


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("worse", r"'target' parameter names no output of the model: got 'worse', .*'bad', 'good'"),
        (["bad", "bad"], "none twice"),
        (["bad", np.str_("bad")], "none twice"),
        ([], "at least one output"),
        (0, "names no output"),
    ],
)
def test_wrong_target(target, message):
    with pytest.raises(ValueError, match=message):
        make_model(LogisticRegression().fit(X, BINARY), "auto", target, X)


def test_text_finds_labels_that_are_numbers():
    classifier = LogisticRegression().fit(X, THREE)
    assert ask(classifier, target="2")[0].output_names == ("2",)


@pytest.mark.parametrize(
    ("predictor", "method", "message"),
    [
        (LinearRegression().fit(X, X), "predict_proba", "LinearRegression has no method predict_p"),
        (StandardScaler().fit(X), "auto", "has no method predict_proba or decision_function or"),
        (first_column, "predict", "function has no method predict"),
    ],
)
def test_unknown_method(predictor, method, message):
    with pytest.raises(ValueError, match=message):
        make_model(predictor, method, None, X)


# wrong answers


def raising(X):
    raise KeyError("lost")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (raising, "raised KeyError: 'lost'"),
        (lambda X: np.full(len(X), np.nan), "returned NaN or infinite values"),
        (lambda X: np.full((len(X), 2), np.inf), "returned NaN or infinite values"),
        (lambda X: np.ones(len(X) - 1), "returned 59 rows for 60 rows"),
        (lambda X: 1.0, "returned no rows for 60 rows"),
        (lambda X: None, "returned no rows for 60 rows"),
        (lambda X: np.ones((len(X), 2, 2)), r"shape \(60, 2, 2\). It must be \(n_rows,\) or"),
        (lambda X: np.ones((len(X), 0)), r"shape \(60, 0\)"),
        (lambda X: np.ones(len(X)) * 1j, "no real numbers: complex128"),
        (lambda X: np.full((len(X), 2), "a"), "no real numbers: <U1"),
        (lambda X: np.full((len(X), 2), "a", dtype=object), "values that are no numbers"),
        (lambda X: [[1.0, 2.0], *[[1.0]] * (len(X) - 1)], "something that is no array"),
        (lambda X: [np.ones((len(X), 2)), np.ones((3, 2))], "something that is no array"),
        (lambda X: ["a", None] * (len(X) // 2), "returned missing labels"),
    ],
)
def test_wrong_answers_name_the_method(answer, message):
    with pytest.raises(ModelOutputError, match=f"predict of Duck .*{message}"):
        make_model(Duck(answer), "auto", None, X)
    with pytest.raises(ModelOutputError, match="the callable "):
        make_model(answer, "auto", None, X)


def test_model_output_error_is_a_value_error_with_its_cause():
    with pytest.raises(ValueError, match="the callable raising raised KeyError") as caught:
        make_model(raising, "auto", None, X)
    assert isinstance(caught.value.__cause__, KeyError)


def test_memory_errors_pass():
    def exhausting(X):
        raise MemoryError

    with pytest.raises(MemoryError):
        make_model(exhausting, "auto", None, X)


def test_later_answers_are_checked_too():
    duck = Duck(three_scores)
    model, _ = make_model(duck, "auto", None, X)
    for answer, message in [
        (first_column, "returned 1 outputs where it returned 3 for the reference rows"),
        (lambda X: three_scores(X)[1:], "returned 59 rows for 60 rows"),
        (lambda X: three_scores(X) * np.nan, "returned NaN"),
    ]:
        duck.answer = answer
        with pytest.raises(ModelOutputError, match=message):
            model(X)
    duck.answer = word
    labels, _ = make_model(duck, "auto", None, X)
    duck.answer = lambda X: np.column_stack([word(X), word(X)])
    with pytest.raises(ModelOutputError, match="returned 2 labels for each row"):
        labels(X)


# how often and with what it is asked


def test_reference_rows_are_asked_about_once():
    calls = []

    def counted(X):
        calls.append(len(X))
        return first_column(X)

    make_model(counted, "auto", None, X)
    make_model(counted, "auto", None, FRAME)
    assert calls == [60, 60]


def test_model_fitted_on_arrays_gets_arrays_and_does_not_warn():
    classifier = LogisticRegression().fit(X, BINARY)
    mixed = FRAME.assign(b=np.arange(60))
    for frame in (FRAME, mixed, pl.DataFrame(FRAME)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model, _ = make_model(classifier, "auto", None, frame)
            assert model.as_array
            model(frame)
    np.testing.assert_allclose(
        make_model(classifier, "auto", None, FRAME)[1],
        make_model(classifier, "auto", None, X)[1],
        rtol=1e-12,
    )


def test_model_fitted_on_object_arrays_gets_them():
    words = pd.DataFrame({"w": ["a", "b"] * 30, "n": np.arange(60.0)})
    encoder = make_column_transformer((OneHotEncoder(), [0]), remainder="passthrough")
    classifier = make_pipeline(encoder, LogisticRegression())
    classifier.fit(words.to_numpy(dtype=object), BINARY)
    model, responses = ask(classifier, words)
    assert model.as_array
    np.testing.assert_array_equal(
        responses[:, 0], classifier.predict_proba(words.to_numpy(dtype=object))[:, 1]
    )


def test_model_fitted_on_a_frame_gets_frames():
    for frame in (FRAME, pl.DataFrame(FRAME)):
        classifier = LogisticRegression().fit(frame, BINARY)
        assert not ask(classifier, frame)[0].as_array


def test_model_that_takes_frames_without_remembering_names_gets_frames():
    class ByName(BaseEstimator):
        def fit(self, X, y=None):
            self.n_features_in_ = X.shape[1]
            return self

        def predict(self, X):
            return X["a"] + X["b"]

    assert not ask(ByName().fit(FRAME), FRAME)[0].as_array


def test_numbered_columns_stay_a_frame():
    frame = pd.DataFrame(X)
    assert not ask(LogisticRegression().fit(frame, BINARY), frame)[0].as_array


def test_other_warnings_come_through():
    def warning(X):
        warnings.warn("slow", UserWarning, stacklevel=1)
        return first_column(X)

    with pytest.warns(UserWarning, match="slow"):
        make_model(warning, "auto", None, FRAME)


def test_responses_are_contiguous_and_new():
    model, responses = ask(RandomForestClassifier(3, random_state=0).fit(X, THREE), target=[2, 0])
    assert responses.flags.c_contiguous
    own = np.ones((60, 2))
    assert isinstance(model, Model)
    assert not np.shares_memory(make_model(lambda X: own, "auto", None, X)[1], own)


def test_model_survives_pickling():
    model, responses = ask(LogisticRegression().fit(X, BINARY), response_method=odds)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model))(X), responses)
