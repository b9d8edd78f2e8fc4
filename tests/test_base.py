"""What all explainers share: the wrapped model, fit, explain, transform."""

import io
import pickle
import warnings
from typing import ClassVar

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from surrogates import KernelSHAP
from surrogates._params import ANY_CALLABLE, Instance
from surrogates.base import AttributionExplainer, Explainer, run_blocks
from surrogates.blackbox.model import make_model
from surrogates.blackbox.players import make_players
from surrogates.blackbox.reference import draw_reference
from surrogates.blackbox.table import column_names, is_frame
from surrogates.datasets import make_loan_applications
from surrogates.exceptions import ModelOutputError
from surrogates.explanation import Attribution

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = (X[:, 0] + 0.3 * X[:, 1] > 0).astype(int)
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])
LOANS = make_loan_applications(80, random_state=0)


class Evenly(AttributionExplainer):
    """Shares the response to a row, less the mean response, evenly among the players."""

    _constraints: ClassVar = {"response_method": [Instance(str, "a str"), ANY_CALLABLE]}

    def __init__(
        self, estimator, *, response_method="auto", target=None, groups=None, random_state=None
    ):
        self.estimator = estimator
        self.response_method = response_method
        self.target = target
        self.groups = groups
        self.random_state = random_state

    def fit(self, X, y=None, sample_weight=None):
        self._check_params()
        X = self._check_reference(X)
        weights = self._check_weights(X, sample_weight)
        self.estimator_ = self._fit_estimator(X, y, weights)
        self.reference_ = draw_reference(X, weights, None, self._root_seed())
        self.players_ = make_players(
            column_names(X), self.groups, named=is_frame(X), owner="Evenly"
        )
        self.model_, responses = make_model(
            self.estimator_, self.response_method, self.target, self.reference_.rows
        )
        self.mean_ = self.reference_.weights @ responses
        return self

    def _explain(self, X):
        responses = self.model_(X)
        n_players = len(self.players_)
        share = (responses - self.mean_)[:, None, :] / n_players
        return Attribution(
            values=np.repeat(share, n_players, axis=1),
            base_values=np.tile(self.mean_, (len(responses), 1)),
            predictions=responses,
            data=X,
            feature_names=self.players_.names,
            output_names=self.model_.output_names,
            method="Evenly",
        )


def first_column(X):
    return np.asarray(X, dtype=float)[:, 0]


class Duck:
    """Predicts without being a BaseEstimator."""

    def predict(self, X):
        return first_column(X)


class AsksForFrames:
    """Records what it is asked about."""

    def __init__(self):
        self.seen = []

    def __call__(self, X):
        self.seen.append(X)
        return np.asarray(X["a"], dtype=float)


@pytest.fixture(scope="module")
def classifier():
    return LogisticRegression().fit(X, Y)


@pytest.fixture(scope="module")
def loan_model():
    words = ["purpose", "housing", "job", "employment", "region", "existing_customer"]
    columns = make_column_transformer(
        (StandardScaler(), ["age", "amount", "duration"]),
        (OneHotEncoder(handle_unknown="ignore"), words),
    )
    return make_pipeline(columns, LogisticRegression()).fit(LOANS.data, LOANS.target)


# the wrapped model


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression().fit(X, Y),
        FrozenEstimator(LogisticRegression().fit(X, Y)),
        GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2).fit(X, Y),
        make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y),
        Duck(),
        first_column,
    ],
    ids=["estimator", "frozen", "search", "pipeline", "duck", "callable"],
)
def test_fitted_model_is_used_and_kept_as_it_is(model):
    explainer = Evenly(model, random_state=0)
    copied = clone(explainer)
    assert copied is not explainer
    assert copied.estimator is model
    assert clone(copied).estimator is model
    fitted = explainer.fit(X)
    assert fitted.estimator_ is fitted.estimator is model
    assert clone(fitted).estimator is model
    assert not hasattr(clone(fitted), "estimator_")
    assert explainer.get_params(deep=True).keys() == explainer.get_params(deep=False).keys()
    assert fitted.explain(X[:2]).values.shape == (2, 3, 1)


def test_clone_never_copies_the_model():
    class Uncopyable(Duck):
        def __deepcopy__(self, memo):
            raise AssertionError("copied")

        def get_params(self, deep=True):
            raise AssertionError("looked into")

    model = Uncopyable()
    assert clone(Evenly(model)).estimator is model


def test_clone_copies_the_other_parameters(classifier):
    groups = {"ab": [0, 1]}
    copied = clone(Evenly(classifier, groups=groups, target=1))
    assert copied.groups == groups
    assert copied.groups is not groups
    assert copied.target == 1
    assert copied.set_output(transform="pandas") is copied
    assert clone(copied)._sklearn_output_config == {"transform": "pandas"}


def test_unfitted_model_is_cloned_and_fitted():
    model = LogisticRegression(C=0.5)
    explainer = Evenly(model).fit(X, Y)
    assert not hasattr(model, "coef_")
    assert explainer.estimator is model
    assert explainer.estimator_.C == 0.5
    assert explainer.estimator_.coef_.shape == (1, 3)
    copied = clone(explainer)
    assert copied.estimator is not model
    assert copied.estimator.C == 0.5


def test_parameters_of_an_unfitted_model_are_listed_and_set():
    explainer = Evenly(LogisticRegression())
    assert explainer.get_params()["estimator__C"] == 1.0
    assert "estimator__C" not in explainer.get_params(deep=False)
    assert explainer.set_params(estimator__C=3.0) is explainer
    assert explainer.estimator.C == 3.0
    explainer.set_params(estimator=Ridge(), estimator__alpha=7.0)
    assert explainer.estimator.alpha == 7.0


def test_parameters_of_a_fitted_model_cannot_be_set(classifier):
    explainer = Evenly(classifier)
    with pytest.raises(ValueError, match="'estimator__C' would change a fitted model"):
        explainer.set_params(estimator__C=3.0)
    with pytest.raises(ValueError, match="would change a fitted model"):
        explainer.set_params(target=0, estimator__C=3.0)
    assert explainer.target is None
    with pytest.raises(ValueError, match="would change a fitted model"):
        Evenly(Ridge()).set_params(estimator=classifier, estimator__C=3.0)
    assert classifier.C == 1.0
    assert explainer.set_params(target=0).target == 0
    with pytest.raises(ValueError, match="Invalid parameter 'nothing'"):
        explainer.set_params(nothing=1)
    explainer.set_params(estimator=Ridge(), estimator__alpha=2.0)
    assert explainer.estimator.alpha == 2.0


def test_unfitted_model_needs_y():
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        Evenly(LogisticRegression()).fit(X)
    with pytest.raises(ValueError, match="LogisticRegression is not fitted: fit it first, or pass"):
        Evenly(LogisticRegression()).fit(X)


def test_class_instead_of_an_instance():
    for cls in (LogisticRegression, GridSearchCV):
        with pytest.raises(
            TypeError, match=rf"not the class {cls.__name__}: write {cls.__name__}\("
        ):
            Evenly(cls).fit(X, Y)


@pytest.mark.parametrize("other", [None, "model", 3, FRAME])
def test_what_cannot_predict_is_refused(other):
    with pytest.raises(TypeError, match="'estimator' parameter of Evenly must be a fitted or"):
        Evenly(other).fit(X)


def test_tags_follow_the_model(classifier):
    assert not Evenly(classifier).__sklearn_tags__().target_tags.required
    assert Evenly(LogisticRegression()).__sklearn_tags__().target_tags.required
    assert not Evenly(first_column).__sklearn_tags__().input_tags.allow_nan


def test_pipeline_step_and_search(classifier):
    step = make_pipeline(Evenly(classifier), KMeans(2, n_init=1, random_state=0))
    assert set(step.fit(X).predict(X)) == {0, 1}
    search = GridSearchCV(
        make_pipeline(Evenly(LogisticRegression()), LinearRegression()),
        {"evenly__estimator__C": [0.1, 1.0]},
        cv=2,
    )
    assert search.fit(X, Y).best_estimator_[0].estimator_.C in (0.1, 1.0)


def test_representation_of_an_explainer(classifier):
    assert repr(Evenly(classifier)) == "Evenly(estimator=LogisticRegression())"
    assert "LogisticRegression" in Evenly(classifier)._repr_html_()


def test_base_explains_nothing_by_itself(classifier):
    with pytest.raises(TypeError, match="abstract"):
        AttributionExplainer()
    assert issubclass(AttributionExplainer, Explainer)


# weights


def test_weights_count_rows(classifier):
    weights = np.arange(40.0)
    weighted = Evenly(classifier).fit(X, sample_weight=weights)
    repeated = Evenly(classifier).fit(np.repeat(X, weights.astype(int), axis=0))
    np.testing.assert_allclose(weighted.mean_, repeated.mean_, rtol=1e-12)


def test_weights_reach_an_unfitted_model():
    weights = np.where(np.arange(40) < 20, 1.0, 0.0)
    weighted = Evenly(LogisticRegression()).fit(X, Y, sample_weight=weights)
    half = LogisticRegression().fit(X[:20], Y[:20])
    np.testing.assert_allclose(weighted.estimator_.coef_, half.coef_, rtol=1e-3)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(39), r"one number for each of the 40 rows of X. Got an array of shape \(39,\)"),
        (np.ones((40, 1)), r"shape \(40, 1\)"),
        (2.0, r"shape \(\)"),
        (-np.ones(40), "not negative"),
        (np.zeros(40), "not zero everywhere"),
        (np.full(40, np.nan), "must be finite"),
        (np.full(40, np.inf), "must be finite"),
    ],
)
def test_wrong_weights(classifier, weights, message):
    with pytest.raises(ValueError, match=message):
        Evenly(classifier).fit(X, sample_weight=weights)


def test_weights_are_not_dropped_silently():
    with pytest.raises(ValueError, match="KNeighborsClassifier does not take the sample_weight"):
        Evenly(KNeighborsClassifier()).fit(X, Y, sample_weight=np.ones(40))
    fitted = KNeighborsClassifier().fit(X, Y)
    assert Evenly(fitted).fit(X, sample_weight=np.ones(40)).estimator_ is fitted


# explain


def test_explaining_needs_fit(classifier):
    explainer = Evenly(classifier)
    for ask in (explainer.explain, explainer.transform, explainer.explain_batches):
        with pytest.raises(NotFittedError):
            ask(X)
    with pytest.raises(NotFittedError):
        explainer.get_feature_names_out()


@pytest.mark.parametrize("size", [1, 7, 40, 1000, np.int64(9)])
def test_batches_are_the_whole(loan_model, size):
    data = LOANS.data.iloc[:40].set_axis([f"row {row}" for row in range(40)])
    for table in (data, data.to_numpy(dtype=object)):
        explainer = Evenly(loan_model).fit(LOANS.data)
        whole = explainer.explain(table)
        batches = list(explainer.explain_batches(table, size))
        assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
        values = np.concatenate([batch.values for batch in batches])
        np.testing.assert_allclose(values, whole.values, rtol=1e-12)
        labels = [label for batch in batches for label in batch.index]
        assert labels == list(whole.index) == list(data.index if table is data else range(40))


@pytest.mark.parametrize("size", [0, -1, 1.5, None, True])
def test_wrong_batches_fail_at_the_call(classifier, size):
    explainer = Evenly(classifier).fit(X)
    with pytest.raises(ValueError, match="'size' parameter of explain_batches must be an int in"):
        explainer.explain_batches(X, size)
    with pytest.raises(ValueError, match="X has 2 features"):
        explainer.explain_batches(X[:, :2])


def test_labels_of_the_caller_stay(classifier):
    explainer = Evenly(LogisticRegression().fit(FRAME, Y)).fit(FRAME)
    index = pd.MultiIndex.from_tuples([("x", 1), ("x", 2)], names=["k", "n"])
    explained = explainer.explain(FRAME.iloc[:2].set_axis(index))
    pd.testing.assert_index_equal(explained.index, index)
    pd.testing.assert_index_equal(explained.data.index, index)
    assert explainer.explain(pl.DataFrame(FRAME)[:2]).index.tolist() == [0, 1]
    on_array = Evenly(classifier).fit(X)
    with pytest.warns(UserWarning, match="X has feature names, but Evenly was fitted without"):
        explained = on_array.explain(FRAME.iloc[[5, 3]])
    assert explained.index.tolist() == [5, 3]


def test_array_takes_the_names_of_the_reference_frame():
    model = AsksForFrames()
    explainer = Evenly(model).fit(FRAME)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explained = explainer.explain(X[:3])
        same = explainer.explain(X[:3].tolist())
    np.testing.assert_array_equal(explained.values, explainer.explain(FRAME.iloc[:3]).values)
    np.testing.assert_array_equal(explained.values, same.values)
    assert all(list(seen.columns) == ["a", "b", "c"] for seen in model.seen)


def test_polars_and_pandas_explain_each_other():
    for reference in (FRAME, pl.DataFrame(FRAME)):
        model = AsksForFrames()
        explainer = Evenly(model).fit(reference)
        for rows in (FRAME.iloc[:3], pl.DataFrame(FRAME)[:3], X[:3]):
            values = explainer.explain(rows).values
            np.testing.assert_allclose(values[:, 0, 0], (X[:3, 0] - X[:, 0].mean()) / 3)
        assert {type(seen) for seen in model.seen} == {type(reference)}


def test_model_of_a_frame_is_never_warned():
    model = LogisticRegression().fit(FRAME, Y)
    explainer = Evenly(model).fit(FRAME)
    for rows in (FRAME, X, pl.DataFrame(FRAME), X.tolist()):
        explainer.explain(rows)


def test_model_of_an_array_is_never_warned(classifier):
    explainer = Evenly(classifier).fit(FRAME)
    for rows in (FRAME, X, FRAME.assign(a=1)):
        explainer.explain(rows)


@pytest.mark.parametrize("make", [lambda model: model, FrozenEstimator])
def test_array_without_names_is_refused_for_a_model_of_a_frame(make):
    model = make(LogisticRegression().fit(FRAME, Y))
    with pytest.raises(
        ValueError, match=r"array without column names, .* \['a', 'b', 'c'\]: pass a"
    ):
        Evenly(model).fit(X)


def test_model_of_other_columns_is_refused():
    model = LogisticRegression().fit(FRAME, Y)
    with pytest.raises(ModelOutputError, match="predict_proba of LogisticRegression raised Value"):
        Evenly(model).fit(FRAME[["b", "a", "c"]])
    with pytest.raises(ModelOutputError, match="unseen at fit time"):
        Evenly(model).fit(FRAME.rename(columns={"a": "z"}))


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (FRAME[["b", "a", "c"]], ValueError, "must be in the same order"),
        (FRAME[["a", "b"]], ValueError, "now missing:\n- c"),
        (FRAME.assign(d=1), ValueError, "unseen at fit time:\n- d"),
        (FRAME.set_axis(["a", "b", "a"], axis=1), ValueError, r"duplicate columns \['a'\]"),
        (FRAME.iloc[:0], ValueError, r"0 sample\(s\)"),
        (FRAME[[]], ValueError, r"0 feature\(s\)"),
        (pd.DataFrame(), ValueError, r"0 sample\(s\)"),
        (X[:0], ValueError, r"0 sample\(s\)"),
        (X[:, :2], ValueError, "X has 2 features, but Evenly is expecting 3 features"),
        (X[0], ValueError, "Expected 2D array"),
        (FRAME["a"], ValueError, "Expected a 2-dimensional container"),
        (None, ValueError, "Expected 2D array"),
        ("text", ValueError, "Expected 2D array"),
    ],
)
def test_wrong_rows(X, error, message):
    explainer = Evenly(AsksForFrames()).fit(FRAME)
    with pytest.raises(error, match=message):
        explainer.explain(X)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (FRAME.iloc[:0], r"0 sample\(s\)"),
        (FRAME[[]], r"0 feature\(s\)"),
        (FRAME.set_axis(["a", "b", "a"], axis=1), r"duplicate columns \['a'\]"),
        (
            FRAME.assign(b=np.nan),
            "Column 'b' of the reference data has no value that is not missing",
        ),
        (FRAME.assign(b=None), "Column 'b' of the reference data"),
        (pl.DataFrame(FRAME).with_columns(b=pl.lit(None)), "Column 'b' of the reference data"),
        (np.where(np.arange(3) == 1, np.nan, X), "Column 'x1' of the reference data"),
    ],
)
def test_wrong_reference(X, message):
    with pytest.raises(ValueError, match=message):
        Evenly(first_column).fit(X)


def test_one_reference_row_may_have_missing_values():
    assert Evenly(first_column).fit([[1.0, np.nan]]).explain([[2.0, 1.0]]).values.shape == (1, 2, 1)


def nothing(X):
    return np.full(len(X), np.nan)


def too_few(X):
    return np.ones(len(X) - 1)


def failing(X):
    raise OSError("no model server")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nothing, "the callable nothing returned NaN"),
        (too_few, "the callable too_few returned 39 rows for 40 rows"),
        (failing, "the callable failing raised OSError: no model server"),
    ],
)
def test_wrong_models(model, message):
    with pytest.raises(ModelOutputError, match=message):
        Evenly(model).fit(X)


def test_wrong_parameter_is_named(classifier):
    with pytest.raises(
        ValueError, match="'response_method' parameter of Evenly must be a str or a"
    ):
        Evenly(classifier, response_method=3).fit(X)


# transform


def test_transform_is_the_flattened_explanation():
    forest = RandomForestClassifier(3, random_state=0).fit(X, np.digitize(X[:, 0], [-0.5, 0.5]))
    explainer = Evenly(forest, groups={"ab": [0, 1]}).fit(X)
    values = explainer.explain(X[:4]).values
    transformed = explainer.transform(X[:4])
    names = explainer.get_feature_names_out()
    assert transformed.shape == (4, 6)
    assert transformed.flags.writeable
    for column, name in enumerate(names):
        player, output = name.split("__")
        at = (explainer.players_.names.index(player), explainer.model_.output_names.index(output))
        np.testing.assert_array_equal(transformed[:, column], values[:, *at])


def test_names_out(classifier):
    explainer = Evenly(classifier).fit(X)
    assert explainer.get_feature_names_out().tolist() == ["x0", "x1", "x2"]
    assert explainer.get_feature_names_out(["u", "v", "w"]).tolist() == ["u", "v", "w"]
    assert explainer.get_feature_names_out().dtype == object
    grouped = Evenly(classifier, groups={"x0": [0, 2]}).fit(X)
    assert grouped.get_feature_names_out(["u", "v", "w"]).tolist() == ["x0", "v"]
    with pytest.raises(ValueError, match=r"equal to number of features \(3\), got 2"):
        explainer.get_feature_names_out(["u", "v"])
    named = Evenly(LogisticRegression().fit(FRAME, Y)).fit(FRAME)
    assert named.get_feature_names_out(["a", "b", "c"]).tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="not equal to feature_names_in_"):
        named.get_feature_names_out(["a", "b", "z"])


def test_names_pass_through_a_pipeline():
    steps = make_pipeline(StandardScaler(), Evenly(LogisticRegression())).fit(FRAME, Y)
    assert steps.get_feature_names_out().tolist() == ["a", "b", "c"]


@pytest.mark.parametrize(("library", "kind"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
@pytest.mark.parametrize("rows", [FRAME, pl.DataFrame(FRAME)], ids=["pandas", "polars"])
def test_set_output(library, kind, rows):
    explainer = Evenly(AsksForFrames()).fit(rows).set_output(transform=library)
    made = explainer.transform(rows[3:6])
    assert isinstance(made, kind)
    assert list(made.columns) == ["a", "b", "c"]
    np.testing.assert_array_equal(made.to_numpy(), explainer.explain(rows[3:6]).values[:, :, 0])
    if kind is pd.DataFrame and isinstance(rows, pd.DataFrame):
        assert made.index.tolist() == [3, 4, 5]


# blocks of rows


def double(block, offset):
    return [2 * value + offset for value in block]


@pytest.mark.parametrize("n_jobs", [None, 1, 2])
def test_blocks_stay_in_order(n_jobs, capsys):
    tasks = [(list(range(start, start + 3)), 1) for start in range(0, 12, 3)]
    with joblib.parallel_config(backend="threading"):
        made = run_blocks(double, tasks, n_jobs=n_jobs, verbose=False, label="Doubling")
    assert [value for block in made for value in block] == [2 * value + 1 for value in range(12)]
    assert capsys.readouterr().err == ""


def test_verbose_blocks_show_a_bar(capsys):
    run_blocks(double, [([1], 0)] * 3, n_jobs=1, verbose=True, label="Doubling")
    assert "Doubling" in capsys.readouterr().err


# what the model receives


class Recorder:
    """Scores rows by a hash of their cells, and records schemas and levels."""

    def __init__(self):
        self.schemas, self.levels = [], {}

    def __call__(self, X):
        self.schemas.append(X.dtypes)
        for name in X.columns:
            self.levels.setdefault(name, set()).update(X[name].dropna().unique())
        return (pd.util.hash_pandas_object(X, index=False) % 1000).to_numpy() / 1000


@pytest.mark.parametrize("row", ["frame", "array", "transposed"])
def test_every_frame_that_a_model_receives_has_the_schema_of_the_reference(row):
    model, data = Recorder(), LOANS.data
    explainer = KernelSHAP(model, n_coalitions=64, n_background=8, random_state=0).fit(data)
    whole = data.dropna()
    rows = {
        "frame": data.iloc[:4],
        "array": whole.iloc[:2].to_numpy(dtype=object),
        "transposed": whole.iloc[0].to_frame().T,
    }
    explainer.explain(rows[row])
    assert len(model.schemas) > 2
    for schema in model.schemas:
        pd.testing.assert_series_equal(schema, data.dtypes)
    for name, levels in model.levels.items():
        assert levels <= set(data[name].dropna().unique())


# round trips


def round_trips():
    def by_joblib(value):
        stream = io.BytesIO()
        joblib.dump(value, stream)
        stream.seek(0)
        return joblib.load(stream)

    return {"pickle": lambda value: pickle.loads(pickle.dumps(value)), "joblib": by_joblib}


def by_skops(value):
    data = skops.io.dumps(value)
    untrusted = skops.io.get_untrusted_types(data=data)
    of_model = skops.io.get_untrusted_types(data=skops.io.dumps(value.estimator))
    own = {name.split(".")[0] for name in set(untrusted) - set(of_model)}
    assert own <= {"surrogates", "numpy"}
    return skops.io.loads(data, trusted=untrusted)


TRIPS = {**round_trips(), "skops": by_skops}


@pytest.mark.parametrize("trip", TRIPS)
def test_round_trip_on_arrays(trip, classifier):
    explainer = KernelSHAP(classifier, random_state=0).fit(X)
    restored = TRIPS[trip](explainer)
    np.testing.assert_array_equal(restored.explain(X[:3]).values, explainer.explain(X[:3]).values)


@pytest.mark.parametrize("trip", TRIPS)
def test_round_trip_on_a_mixed_frame(trip, loan_model):
    explainer = KernelSHAP(loan_model, n_coalitions=64, n_background=8, random_state=0)
    explainer.set_output(transform="pandas").fit(LOANS.data)
    rows = LOANS.data.iloc[:2]
    restored = TRIPS[trip](explainer)
    np.testing.assert_array_equal(restored.explain(rows).values, explainer.explain(rows).values)
    pd.testing.assert_frame_equal(restored.transform(rows), explainer.transform(rows))
    pd.testing.assert_series_equal(restored.reference_.rows.dtypes, LOANS.data.dtypes)


def test_unfitted_explainers_survive_too():
    explainer = KernelSHAP(make_pipeline(StandardScaler(), Ridge(alpha=2.0)), n_coalitions=16)
    for trip in TRIPS.values():
        assert trip(explainer).get_params()["estimator__ridge__alpha"] == 2.0


def test_base_estimator_with_own_state_is_unfitted_until_it_says_otherwise():
    class Stateful(BaseEstimator):
        def fit(self, X, y):
            self._mean = np.mean(y)
            return self

        def __sklearn_is_fitted__(self):
            return hasattr(self, "_mean")

        def predict(self, X):
            return np.full(len(X), self._mean)

    model = Stateful()
    with pytest.raises(ValueError, match="requires y"):
        Evenly(model).fit(X)
    model.fit(X, Y)
    assert Evenly(model).fit(X).estimator_ is model
