"""LIME as an explainer: containers, invariances, choices, stopping, picking, bad input."""

import pickle
import warnings
from itertools import combinations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from joblib import parallel_config
from polars_frames import to_polars
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

from surrogates import LIME
from surrogates.attribution.lime.neighbourhood import explained_rows, see
from surrogates.attribution.lime.pick import cover_greedily

pytestmark = pytest.mark.filterwarnings("ignore:The surrogate explains less than")


def smooth(X):
    X = np.asarray(X, dtype=float)
    return np.sin(X[:, 0]) * X[:, 1] + np.tanh(X[:, 2])


def mixed(X):
    """Answer rows of a frame, whatever its library, without choking on what is missing."""
    frame = pd.DataFrame(X.to_dict(as_series=False)) if isinstance(X, pl.DataFrame) else X
    a = frame["a"].to_numpy(dtype=float, na_value=np.nan)
    s = frame["s"].astype(object).to_numpy()
    n = frame["n"].to_numpy(dtype=float)
    return np.nan_to_num(a, nan=-1.0) + 2.0 * (s == "x") + n * (s == "y")


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).normal(size=(150, 4))


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "a": rng.normal(size=200),
            "s": rng.choice(["x", "y", "z"], 200),
            "n": rng.integers(1, 4, 200),
            "b": rng.random(200) < 0.5,
        }
    )
    table.loc[rng.random(200) < 0.2, "a"] = np.nan
    return table


SAMPLINGS = [
    {},
    {"discretizer": None},
    {"sampling": "local"},
    {"sampling": "local", "discretizer": None},
    {"sampling": "background"},
    {"kernel_width": 0.2},
    {"tol": 0.05},
    {"n_features": 2},
]


@pytest.mark.parametrize("keywords", SAMPLINGS)
def test_answers_depend_on_nothing_but_the_row(X, keywords):
    explainer = LIME(smooth, n_samples=512, random_state=0, **keywords).fit(X)
    rows = X[:6]
    whole = explainer.explain(rows)
    again = explainer.explain(rows)
    np.testing.assert_array_equal(whole.values, again.values)
    reverse = explainer.explain(rows[::-1])
    one = explainer.explain(rows[2:3])
    for name in ("values", "std_errors", "base_values", "fidelity"):
        own = getattr(whole, name)
        np.testing.assert_allclose(getattr(reverse, name)[::-1], own, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(getattr(one, name), own[2:3], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_jobs_do_not_change_a_bit(X, backend):
    rows = np.vstack([X] * 2)
    one = LIME(smooth, n_samples=512, random_state=0).fit(X)
    with parallel_config(backend=backend):
        two = clone(one).set_params(n_jobs=2).fit(X).explain(rows)
    np.testing.assert_array_equal(two.values, one.explain(rows).values)
    np.testing.assert_array_equal(two.std_errors, one.explain(rows).std_errors)


def test_order_of_the_reference_rows_does_not_matter(X):
    shuffled = np.random.default_rng(3).permutation(len(X))
    first = LIME(smooth, random_state=0).fit(X).explain(X[:3])
    second = LIME(smooth, random_state=0).fit(X[shuffled]).explain(X[:3])
    np.testing.assert_array_equal(first.values, second.values)


def test_weights_are_repetitions(X):
    weights = np.random.default_rng(4).integers(0, 3, len(X))
    repeated = np.repeat(X, weights, axis=0)
    first = LIME(smooth, random_state=0).fit(X, sample_weight=weights).explain(X[:3])
    second = LIME(smooth, random_state=0).fit(repeated).explain(X[:3])
    np.testing.assert_allclose(first.values, second.values, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("keywords", SAMPLINGS)
def test_frames_reach_the_model_unchanged(frame, keywords):
    seen = []

    def watch(table):
        seen.append(table)
        return mixed(table)

    explanation = (
        LIME(watch, n_samples=256, random_state=0, **keywords).fit(frame).explain(frame[:3])
    )
    assert explanation.values.shape == (3, 4, 1)
    for table in seen:
        assert (table.dtypes == frame.dtypes).all()
        assert list(table.columns) == list(frame.columns)
        assert set(table["s"]) <= {"x", "y", "z"}
        if keywords.get("discretizer", "") is not None:
            assert set(table["n"]) <= {1, 2, 3}
        known = table["a"].dropna()
        assert known.between(frame["a"].min(), frame["a"].max()).all()
    assert any(table["a"].isna().any() for table in seen)


def test_pandas_polars_and_arrays_agree(frame, X):
    names = ["p", "q", "r", "t"]
    pandas, polars = pd.DataFrame(X, columns=names), pl.DataFrame(X, schema=names)
    found = [
        LIME(smooth, random_state=0).fit(table).explain(table[:3]).values
        for table in (X, pandas, polars)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    mixed_polars = to_polars(frame)
    both = [
        LIME(mixed, random_state=0).fit(table).explain(table[:3]).values
        for table in (frame, mixed_polars)
    ]
    np.testing.assert_allclose(both[0], both[1], rtol=1e-12)


def test_object_arrays_and_nullable_dtypes(frame):
    nullable = frame.convert_dtypes()
    first = LIME(mixed, random_state=0).fit(frame).explain(frame[:3]).values
    second = LIME(mixed, random_state=0).fit(nullable).explain(nullable[:3]).values
    np.testing.assert_allclose(first, second, rtol=1e-9)

    def by_position(array):
        return mixed(pd.DataFrame(array, columns=list(frame.columns)))

    array = frame.to_numpy(dtype=object)
    third = LIME(by_position, random_state=0).fit(array).explain(array[:3]).values
    np.testing.assert_allclose(first, third, rtol=1e-9)


def test_strings_and_missing_values_are_levels(frame):
    explanation = LIME(mixed, n_samples=20_000, random_state=0).fit(frame).explain(frame)
    mean_n = frame["n"].mean()
    shares = frame["s"].value_counts(normalize=True)
    x_rows = (frame["s"] == "x").to_numpy()
    expected = 2.0 - mean_n * shares["y"] / (1 - shares["x"])
    np.testing.assert_allclose(explanation.values[x_rows, 1, 0], expected, atol=0.15)
    gone = frame["a"].isna().to_numpy()
    assert (explanation.values[gone, 0, 0] < -0.5).all()


def test_constant_and_tied_columns():
    rng = np.random.default_rng(5)
    X = np.column_stack([np.full(100, 5.0), rng.choice([7.0, 9.0], 100, p=[0.9, 0.1])])
    seen = []

    def watch(table):
        seen.append(table)
        return table.sum(axis=1)

    explanation = LIME(watch, random_state=0).fit(X).explain(X[:5])
    drawn = np.concatenate(seen)
    assert set(drawn[:, 0]) == {5.0}
    assert set(drawn[:, 1]) == {7.0, 9.0}
    assert (explanation.values[:, 0] == 0.0).all()
    np.testing.assert_allclose(np.abs(explanation.values[:, 1]), 2.0, atol=1e-9)


def test_all_outputs_come_from_one_pass():
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=1000).fit(X, y)
    every = LIME(model, random_state=0).fit(X).explain(X[::50])
    assert every.values.shape == (3, 4, 3)
    np.testing.assert_allclose(every.values.sum(axis=2), 0.0, atol=1e-12)
    one = LIME(model, target=2, random_state=0).fit(X).explain(X[::50])
    np.testing.assert_allclose(one.values[..., 0], every.values[..., 2], atol=1e-13)
    binary = LogisticRegression().fit(X[:100], y[:100])
    both = LIME(binary, target=[0, 1], random_state=0).fit(X[:100]).explain(X[:3])
    np.testing.assert_allclose(both.values[..., 0], -both.values[..., 1], atol=1e-12)


@pytest.mark.parametrize("selection", ["forward_selection", "highest_weights", "lasso_path"])
@pytest.mark.parametrize("exact", [True, False])
def test_selection_keeps_the_columns_that_matter(X, selection, exact):
    model = LinearRegression().fit(X, 5.0 * X[:, 1] - 3.0 * X[:, 3] + 0.01 * X[:, 0])
    explainer = LIME(model, n_features=2, feature_selection=selection, exact=exact, random_state=0)
    rows = X[(np.abs(X[:, 1]) > 1) & (np.abs(X[:, 3]) > 1)][:5]
    values = explainer.fit(X).explain(rows).values[..., 0]
    assert ((values != 0.0) == [False, True, False, True]).all()


@pytest.mark.parametrize("n_samples", [40, 5000])
def test_selected_values_are_those_of_a_refit(X, n_samples):
    explainer = LIME(smooth, n_features=2, random_state=0, n_samples=n_samples).fit(X)
    explanation = explainer.explain(X[:4])
    for row, seen in enumerate(explained_rows(explainer.representation_, X[:4])):
        near = see(explainer.engine_.shared.at(0), seen, explainer.kernel_width_)
        kept = np.flatnonzero(explanation.values[row, :, 0])
        fitted = slice(near.n_fitted)
        again = LinearRegression().fit(
            near.table[kept].T[fitted],
            near.responses[0][fitted],
            sample_weight=near.weights[fitted],
        )
        # a control variate leaves less noise than the refit has
        exact = explainer.engine_.shared.at(0).control is None
        assert exact == (n_samples == 40)
        margin = 1e-9 if exact else 0.01
        np.testing.assert_allclose(explanation.values[row, kept, 0], again.coef_, atol=margin)
        fresh = slice(near.n_fitted, None)
        r2 = again.score(
            near.table[kept].T[fresh], near.responses[0][fresh], sample_weight=near.weights[fresh]
        )
        assert explanation.fidelity[row, 0] == pytest.approx(r2, abs=1e-3)


@pytest.mark.parametrize("surrogate", ["lasso", Ridge(1e-6), DecisionTreeRegressor(max_depth=3)])
def test_other_surrogates(X, surrogate):
    explainer = LIME(smooth, surrogate=surrogate, n_samples=512, random_state=0).fit(X)
    explanation = explainer.explain(X[:3])
    ridge = LIME(smooth, n_samples=512, random_state=0).fit(X).explain(X[:3])
    strongest = np.argmax(np.abs(ridge.values[..., 0]), axis=1)
    assert (explanation.values[np.arange(3), strongest, 0] != 0.0).all()
    assert (explanation.std_errors[explanation.values != 0.0] > 0.0).all()
    assert np.isfinite(explanation.details["surrogate_predictions"]).all()
    if isinstance(surrogate, Ridge):
        np.testing.assert_allclose(
            explanation.values, ridge.values, atol=4 * ridge.std_errors.max()
        )


def test_rows_stop_when_they_are_known(X):
    explainer = LIME(smooth, tol=0.02, n_samples=20_000, random_state=0).fit(X)
    explanation = explainer.explain(X[:20])
    used = explanation.details["n_neighbours"]
    assert explanation.converged.any()
    assert len(set(used)) > 1
    small = explanation.converged & (used < used.max())
    half = 1.96 * explanation.std_errors[small].max(axis=1)
    assert (half <= 0.02 * np.abs(explanation.values[small]).max(axis=1) + 1e-12).all()
    assert LIME(smooth, random_state=0).fit(X).explain(X[:2]).converged is None


def test_separated_columns_stop_a_row(X):
    loose = LIME(smooth, tol=1e-9, n_features=1, n_samples=20_000, random_state=0).fit(X)
    assert loose.explain(X[:10]).converged.any()


def test_background_sampling_invents_no_value(frame):
    seen = []

    def watch(table):
        seen.append(table)
        return mixed(table)

    row = pd.DataFrame({"a": [9.0], "s": ["new"], "n": [7], "b": [True]})
    explainer = LIME(watch, sampling="background", n_samples=512, random_state=0).fit(frame)
    explanation = explainer.explain(row)
    values = set(pd.concat(seen)["a"].dropna())
    assert values <= set(frame["a"].dropna()) | {9.0}
    assert explanation.n_model_rows > 512
    assert explanation.values[0, 0, 0] == pytest.approx(
        9.0 - np.nan_to_num(frame["a"], nan=-1.0).mean(), abs=0.2
    )


def test_levels_that_the_reference_lacks(frame):
    explainer = LIME(mixed, random_state=0).fit(frame)
    row = pd.DataFrame({"a": [0.0], "s": ["new"], "n": [2], "b": [True]})
    with pytest.warns(UserWarning, match=r"The columns \['s'\] hold levels"):
        assert explainer.explain(row).values[0, 1, 0] == 0.0


def test_low_fidelity_is_said():
    X = np.random.default_rng(0).uniform(-1, 1, size=(200, 3))

    def parity(table):
        return np.sign(table).prod(axis=1)

    with pytest.warns(UserWarning, match="explains less than 10%"):
        LIME(parity, discretizer=None, random_state=0).fit(X).explain(X[:2])


def test_entropy_bins(X):
    y = X[:, 0] > 0.7
    explainer = LIME(smooth, discretizer="entropy", random_state=0).fit(X, y)
    borders = explainer.representation_.columns[0].borders
    assert ((borders > X[~y, 0].max()) & (borders < X[y, 0].min())).any()
    numbers = LIME(smooth, discretizer="entropy", random_state=0).fit(X, X[:, 1])
    assert len(numbers.representation_.columns[1].borders) >= 3
    with pytest.raises(ValueError, match="pass y to fit"):
        LIME(smooth, discretizer="entropy").fit(X)


def test_greedy_cover_is_close_to_the_best():
    rng = np.random.default_rng(7)
    for _ in range(30):
        weights = rng.random((8, 6)) * (rng.random((8, 6)) < 0.3)
        importance = np.sqrt(weights.sum(axis=0))
        best = max(
            importance[(weights[list(rows)] > 0).any(axis=0)].sum()
            for rows in combinations(range(8), 3)
        )
        rows, coverage = cover_greedily(weights, 3)
        assert len(set(rows)) == 3
        assert coverage[-1] * importance.sum() >= (1 - 1 / np.e) * best - 1e-12
        assert (np.diff(coverage) >= 0.0).all()


def test_pick(X):
    explainer = LIME(smooth, n_features=1, random_state=0).fit(X)
    picked = explainer.pick(pd.DataFrame(X[:30], index=range(100, 130)), 2)
    assert len(picked) == 2
    position, coverage = picked.details["position"], picked.details["coverage"]
    assert list(picked.index) == list(100 + position)
    assert 0.0 < coverage[0] <= coverage[1] <= 1.0
    np.testing.assert_array_equal(picked.values, explainer.explain(X[:30]).values[position])
    assert len(explainer.pick(X[:3], 10)) == 3
    with pytest.raises(ValueError, match="'k' parameter of pick"):
        explainer.pick(X, 0)


def test_pickle_clone_and_params(X):
    model = RandomForestClassifier(5, random_state=0).fit(X, X[:, 0] > 0)
    for exact in (True, False):
        explainer = LIME(model, exact=exact, random_state=0).fit(X)
        again = pickle.loads(pickle.dumps(explainer))
        np.testing.assert_array_equal(again.explain(X[:2]).values, explainer.explain(X[:2]).values)
    assert clone(explainer).estimator is model
    assert "estimator__max_depth" not in explainer.get_params()


def test_reports(X):
    explanation = LIME(smooth, random_state=0).fit(X).explain(X[:2])
    assert explanation.n_model_rows == 2
    assert explanation.params["n_samples"] <= 5000
    assert explanation.method == "LIME"
    explanation[0].plot()
    explanation.plot("bar")
    many = LIME(smooth, random_state=0).fit(X)
    batches = [batch.values for batch in many.explain_batches(X[:5], 2)]
    np.testing.assert_allclose(np.concatenate(batches), many.explain(X[:5]).values, rtol=1e-12)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"n_samples": 3}, "'n_samples' parameter of LIME must be an int in the range"),
        ({"kernel_width": 0.0}, "'kernel_width' parameter of LIME"),
        ({"discretizer": "thirds"}, "'discretizer' parameter of LIME"),
        ({"discretizer": 1}, "'discretizer' parameter of LIME"),
        ({"surrogate": "forest"}, "'surrogate' parameter of LIME"),
        ({"surrogate": KNeighborsRegressor()}, "takes sample_weight. KNeighborsRegressor does not"),
        ({"exact": "no"}, "'exact' parameter of LIME"),
        ({"tol": -1}, "'tol' parameter of LIME"),
    ],
)
def test_bad_parameters(X, keywords, words):
    with pytest.raises(ValueError, match=words):
        LIME(smooth, **keywords).fit(X)


def test_no_warning_for_a_good_surrogate(X):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LIME(LinearRegression().fit(X, X[:, 0]), discretizer=None).fit(X).explain(X[:3])
