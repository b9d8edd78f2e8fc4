"""LEMNA: known answers, held-out fidelity, what it takes and what it refuses."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import parallel_config
from polars_frames import to_polars
from scipy.special import ndtri
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from surrogates import LEMNA, FusedLassoRegressor, KernelSHAP
from surrogates.attribution.lemna.baseline import baseline_row
from surrogates.attribution.lemna.chain import correlation_chain
from surrogates.attribution.lemna.design import draw_masks
from surrogates.blackbox.players import make_players
from surrogates.blackbox.table import row_hashes
from surrogates.datasets import load_german_credit
from surrogates.explanation import load
from surrogates.explanation.displays.components import ComponentsDisplay

WEIGHTS = np.random.default_rng(1).normal(size=15)


def linear(X):
    return np.asarray(X) @ WEIGHTS + 3.0


def larger_half(X):
    """Two planes, one for each half of 12 columns."""
    X = np.asarray(X)
    return np.maximum(X[:, :6].sum(axis=1), 2.0 * X[:, 6:].sum(axis=1) - 3.0)


def noise(X):
    """A standard normal number that every row has for itself: a hash, mixed as by SplitMix64."""
    bits = row_hashes(X)  # linear in the columns, modulo 2**64
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(factor)
    return ndtri(((bits >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53)


def wavy(X):
    X = np.asarray(X)
    return np.sin(X[:, 0]) * X[:, 1] + np.tanh(X[:, 2] * X[:, 3]) + X[:, 4] * X[:, 5] + X[:, 6]


@pytest.fixture(scope="module")
def table():
    return np.random.default_rng(0).normal(size=(60, 15))


@pytest.fixture(scope="module")
def bent():
    """An explanation of the point where the second plane is the larger one, and of others."""
    X = np.random.default_rng(0).normal(size=(50, 12))
    lemna = LEMNA(larger_half, baseline="zero", random_state=0).fit(X)
    return lemna, lemna.explain(np.vstack([np.ones(12), 1.0 + 0.2 * X[:5]]))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(16, 300), st.integers(0, 2**31 - 1))
def test_masks_are_distinct_and_some_are_never_fitted(n_players, n_samples, seed):
    design = draw_masks(n_players, n_samples, np.full(4, 0.25), seed)
    assert (design.masks[0] == 1).all()
    assert (design.masks[1] == 0).all()
    assert len(np.unique(design.masks, axis=0)) == len(design.masks)
    assert design.n_fitted <= n_samples
    assert ((design.dealt >= 0) & (design.dealt < 4)).all()
    if n_players >= 4:
        assert design.n_fitted + design.n_held_out == len(design.masks)
        assert design.n_held_out > 0
    else:
        assert design.n_fitted == design.n_held_out == 2**n_players


def test_masks_are_spread_over_sizes_and_players():
    design = draw_masks(30, 500, np.ones(1), 0)
    assert (design.n_fitted, design.n_held_out) == (500, 250)
    counts = np.bincount(design.masks[:500].sum(axis=1, dtype=np.int64), minlength=31)
    assert counts[1:30].min() >= 8
    np.testing.assert_allclose(design.fitted.mean(axis=0), 0.5, atol=0.05)


def test_every_baseline_row_has_its_chance():
    design = draw_masks(20, 1000, np.array([0.5, 0.3, 0.2]), 0)
    shares = np.bincount(design.dealt) / len(design.dealt)
    np.testing.assert_allclose(shares, [0.5, 0.3, 0.2], atol=0.02)


def test_linear_model_has_one_component_and_its_coefficients(table):
    explanation = LEMNA(linear, random_state=0).fit(table).explain(table[:20])
    effects = (table[:20] - table.mean(axis=0)) * WEIGHTS
    np.testing.assert_allclose(explanation.values[:, :, 0], effects, atol=2e-4)
    np.testing.assert_allclose(explanation.base_values, linear(table).mean(), atol=2e-4)
    np.testing.assert_allclose(explanation.predictions[:, 0], linear(table[:20]))
    assert (explanation.details["n_components"] == 1).all()
    assert explanation.fidelity.min() > 0.99999
    assert explanation.converged.all()
    assert explanation.std_errors is None


def test_the_plane_of_the_row_is_found_and_the_other_one_reported(bent):
    lemna, explanation = bent
    assert (explanation.details["n_components"] == 2).all()
    np.testing.assert_allclose(explanation.values[0, :, 0], [0.0] * 6 + [2.0] * 6, atol=0.02)
    np.testing.assert_allclose(explanation.base_values[0], -3.0, atol=0.02)
    np.testing.assert_allclose(
        explanation.details["component_1_coefficients"][0, :, 0], [1.0] * 6 + [0.0] * 6, atol=0.02
    )
    np.testing.assert_allclose(explanation.details["component_1_intercept"][0], 0.0, atol=0.02)
    assert explanation.details["component_0_responsibility"].min() > 0.99
    weights = [explanation.details[f"component_{k}_weight"] for k in (0, 1)]
    np.testing.assert_allclose(sum(weights), 1.0)
    alone = clone(lemna).set_params(n_components=1).fit(explanation.data).explain(explanation.data)
    error = np.sqrt((1 - explanation.fidelity) / (1 - alone.fidelity))
    assert error.max() < 0.5


def test_fused_groups_of_a_row_are_those_of_the_model():
    def model(X):
        return X[:, 2:5].sum(axis=1) - 2.0 * X[:, 7:11].sum(axis=1)

    explanation = LEMNA(model, baseline="zero", random_state=0).fit(np.eye(12))
    groups = explanation.explain(np.ones((1, 12))).details["component_0_groups"][0, :, 0]
    assert groups.tolist() == [0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 3, 4]


@pytest.mark.parametrize("n_components", ["bic", 1, 2, 6])
def test_noise_is_not_explained(n_components):
    X = np.random.default_rng(0).normal(size=(12, 20))
    explanation = LEMNA(noise, n_components=n_components, random_state=0).fit(X).explain(X)
    assert explanation.fidelity.max() <= 0.02
    if n_components == "bic":
        assert (explanation.details["n_components"] == 1).mean() >= 0.95


def test_one_component_is_a_fused_lasso_regression(table):
    """With the penalties that the mixture's scaling gives: times variance over deviation."""
    lemna = LEMNA(wavy, n_components=1, l1=0.05, fusion=0.2, random_state=0).fit(table)
    explanation = lemna.explain(table[:1])
    design = lemna.neighbours_.regression.design
    y = lemna.neighbours_.responses(table[:1])[0, : design.n_fitted, 0]
    scale = explanation.details["component_0_variance"][0, 0] / y.std()
    alone = FusedLassoRegressor(l1=0.05 * scale, fusion=0.2 * scale).fit(design.fitted, y)
    np.testing.assert_allclose(explanation.values[0, :, 0], alone.coef_, atol=1e-4)
    truth = lemna.neighbours_.responses(table[:1])[0, -design.n_held_out :, 0]
    left = ((truth - alone.predict(design.held_out)) ** 2).sum() / ((truth - y.mean()) ** 2).sum()
    np.testing.assert_allclose(explanation.fidelity, 1.0 - left, atol=1e-3)


def test_scale_and_shift_of_the_response(table):
    first = LEMNA(wavy, random_state=0).fit(table).explain(table[:4])
    other = LEMNA(lambda X: 10.0 - 4.0 * wavy(X), random_state=0).fit(table).explain(table[:4])
    np.testing.assert_allclose(other.values, -4.0 * first.values, atol=1e-6)
    np.testing.assert_allclose(other.base_values, 10.0 - 4.0 * first.base_values, atol=1e-6)
    np.testing.assert_allclose(other.fidelity, first.fidelity, atol=1e-6)


def test_constant_model(table):
    def model(X):
        return np.full(len(X), 0.3)

    explanation = LEMNA(model, random_state=0).fit(table).explain(table[:2])
    np.testing.assert_array_equal(explanation.values, 0.0)
    np.testing.assert_allclose(explanation.base_values, 0.3)
    np.testing.assert_array_equal(explanation.fidelity, 1.0)


@pytest.mark.parametrize("n_columns", [1, 2, 3])
def test_few_columns(n_columns):
    X = np.random.default_rng(0).normal(size=(30, n_columns))
    explanation = LEMNA(lambda Z: Z.sum(axis=1), baseline="zero", random_state=0).fit(X).explain(X)
    np.testing.assert_allclose(explanation.values[:, :, 0], X, atol=0.03)


def test_explain_repeats_itself_and_rows_stand_alone(table):
    lemna = LEMNA(wavy, n_samples=200, random_state=3).fit(table)
    together = lemna.explain(table[:6])
    np.testing.assert_array_equal(lemna.explain(table[:6]).values, together.values)
    again = LEMNA(wavy, n_samples=200, random_state=3).fit(table[::-1]).explain(table[:6])
    np.testing.assert_allclose(again.values, together.values, rtol=1e-9, atol=1e-11)
    backwards = lemna.explain(table[5::-1])
    np.testing.assert_allclose(backwards.values[::-1], together.values, rtol=1e-12, atol=1e-13)
    alone = [lemna.explain(table[row : row + 1]).values[0] for row in range(6)]
    np.testing.assert_allclose(alone, together.values, rtol=1e-12, atol=1e-13)
    batches = list(lemna.explain_batches(table[:6], size=4))
    np.testing.assert_allclose(
        np.concatenate([batch.fidelity for batch in batches]), together.fidelity, rtol=1e-12
    )
    other = LEMNA(wavy, n_samples=200, random_state=4).fit(table).explain(table[:2])
    assert not np.allclose(other.values, together.values[:2])


def test_jobs_do_not_change_the_answer(table):
    params = {"n_components": 2, "n_samples": 200, "random_state": 0}
    one = LEMNA(wavy, **params).fit(table)
    two = LEMNA(wavy, n_jobs=2, **params).fit(table)
    first = one.explain(table[:40])
    with parallel_config(backend="threading"):
        second = two.explain(table[:40])
    np.testing.assert_array_equal(first.values, second.values)
    np.testing.assert_array_equal(first.fidelity, second.fidelity)


def test_model_rows_are_counted(table):
    asked = []

    def model(X):
        asked.append(len(X))
        return wavy(X)

    lemna = LEMNA(model, n_components=1, n_samples=100, random_state=0).fit(table)
    asked.clear()
    explanation = lemna.explain(table)
    assert explanation.n_model_rows == sum(asked) == 60 * 150
    assert max(asked) <= 8192


def test_containers_agree(table):
    names = [f"c{column}" for column in range(15)]
    values = [
        LEMNA(wavy_of_any, random_state=0).fit(X).explain(X[:3]).values
        for X in (table, pd.DataFrame(table, columns=names), pl.DataFrame(table, schema=names))
    ]
    np.testing.assert_array_equal(values[0], values[1])
    np.testing.assert_array_equal(values[0], values[2])


def wavy_of_any(X):
    return wavy(X if isinstance(X, np.ndarray) else X.to_numpy())


def test_raw_loan_table():
    X, y = load_german_credit(return_X_y=True)
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
        (StandardScaler(), make_column_selector(dtype_include="number")),
    )
    model = make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(X, y)
    lemna = LEMNA(
        model,
        response_method="decision_function",
        target="bad",
        order="correlation",
        random_state=0,
    ).fit(X)
    explanation = lemna.explain(X.iloc[:5])
    assert explanation.feature_names == tuple(X.columns)
    assert sorted(lemna.order_) == sorted(X.columns)
    assert (explanation.details["n_components"] == 1).all()
    baseline = lemna.baseline_.rows
    assert baseline.dtypes.equals(X.dtypes)
    same = X.iloc[:5].to_numpy() == baseline.to_numpy()
    np.testing.assert_allclose(explanation.values[..., 0][same], 0.0, atol=2e-3)
    for column in ("duration", "checking_status"):
        absent = X.iloc[:5].copy()
        absent[column] = baseline[column].repeat(5).to_numpy()
        lost = explanation.predictions[:, 0] + model.decision_function(absent)  # of "good"
        value = explanation.features(column).values[:, 0, 0]
        np.testing.assert_allclose(value, lost, atol=2e-3)


def test_baseline_of_every_kind_of_column():
    table = pd.DataFrame(
        {
            "float": [1.0, 2.0, np.nan, 6.0],
            "int": [1, 2, 3, 100],
            "nullable": pd.array([1, None, 5, 6], dtype="Int64"),
            "text": ["b", "a", "a", None],
            "level": pd.Categorical([3, 3, 4, 5]),
            "bool": [True, True, False, True],
            "date": pd.to_datetime(["2020-01-01", "2020-01-03", "2020-01-03", "2020-01-05"]),
        }
    )
    mean = baseline_row(table, np.ones(4), "mean")
    assert mean.dtypes.equals(table.dtypes)
    assert mean.iloc[0].tolist() == [3.0, 3, 5, "a", 3, True, pd.Timestamp("2020-01-03")]
    zero = baseline_row(table, np.ones(4), "zero")
    assert zero.dtypes.equals(table.dtypes)
    assert zero.iloc[0].tolist() == [0.0, 0, 0, "a", 3, False, pd.Timestamp("2020-01-03")]
    weighted = baseline_row(table, np.array([5.0, 0.0, 0.0, 1.0]), "mean")
    assert weighted.iloc[0, :4].tolist() == [11.0 / 6.0, 1, 1, "b"]
    columns = ["float", "int", "text", "bool"]
    frame = to_polars(table[columns])
    assert baseline_row(frame, np.ones(4), "zero").row(0) == (0.0, 0, "a", False)
    assert baseline_row(frame[:1], np.ones(1), "mean").schema == frame.schema
    assert baseline_row(table["int"].to_numpy()[:, None], np.ones(4), "mean").tolist() == [[3]]


def test_background_baseline_is_right_on_average():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 8))
    lemna = LEMNA(
        lambda Z: Z @ WEIGHTS[:8], baseline="background", n_samples=4000, random_state=0
    ).fit(X)
    assert len(lemna.baseline_) == 100
    row = np.full((1, 8), 2.0)
    effects = (2.0 - lemna.baseline_.weights @ lemna.baseline_.rows) * WEIGHTS[:8]
    np.testing.assert_allclose(lemna.explain(row).values[0, :, 0], effects, atol=0.3)


def test_correlated_columns_stand_together():
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(300, 3))
    X = np.repeat(hidden, 3, axis=1) + 0.1 * rng.normal(size=(300, 9))
    frame = pd.DataFrame(X, columns=list("abcdefghi"))
    frame["b"] = np.where(frame["b"] > 0, "high", "low")
    frame.loc[:20, "c"] = np.nan
    shuffled = frame[list("gadbhceif")]
    players = make_players(list(shuffled.columns), None, named=True, owner="LEMNA")
    chain = correlation_chain(shuffled, np.full(300, 1 / 300), players)
    names = [players.names[player] for player in chain]
    assert sorted("".join(sorted(names[start : start + 3])) for start in (0, 3, 6)) == [
        "abc",
        "def",
        "ghi",
    ]
    weighted = correlation_chain(shuffled, np.append(np.full(299, 1 / 299), 0.0), players)
    without = correlation_chain(shuffled[:299], np.full(299, 1 / 299), players)
    np.testing.assert_array_equal(weighted, without)


def test_answers_follow_the_chain_and_not_the_order_of_columns(table):
    names = [f"c{column}" for column in range(15)]
    frame = pd.DataFrame(table, columns=names)

    def model(Z):
        return wavy(Z[names].to_numpy())

    chain = names[::2] + names[1::2]
    first = LEMNA(model, n_components=1, fusion=0.3, order=chain, random_state=0).fit(frame)
    assert first.order_ == tuple(chain)
    explanation = first.explain(frame[:1])
    design = first.neighbours_.regression.design
    y = first.neighbours_.responses(frame[:1])[0, : design.n_fitted, 0]
    scale = explanation.details["component_0_variance"][0, 0] / y.std()
    places = [names.index(name) for name in chain]
    alone = FusedLassoRegressor(l1=0.01 * scale, fusion=0.3 * scale)
    alone.fit(design.fitted[:, places], y)
    np.testing.assert_allclose(explanation.values[0, places, 0], alone.coef_, atol=1e-4)
    positions = LEMNA(wavy, n_components=1, fusion=0.3, order=places, random_state=0).fit(table)
    np.testing.assert_allclose(positions.explain(table[:1]).values, explanation.values, atol=1e-9)


def test_groups_are_players(table):
    groups = {"first": [0, 1, 2], "last": [13, 14]}
    explanation = LEMNA(linear, groups=groups, random_state=0).fit(table).explain(table[:3])
    assert explanation.feature_names[0] == "first"
    assert explanation.values.shape == (3, 12, 1)
    effects = (table[:3] - table.mean(axis=0)) * WEIGHTS
    np.testing.assert_allclose(explanation.values[:, 0, 0], effects[:, :3].sum(axis=1), atol=1e-3)
    np.testing.assert_allclose(explanation.values[:, -1, 0], effects[:, 13:].sum(axis=1), atol=1e-3)


def test_outputs_of_a_classifier():
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=1000).fit(X, y.map(dict(enumerate("abc"))))
    explanation = LEMNA(model, random_state=0).fit(X).explain(X.iloc[[0, 70, 140]])
    assert explanation.output_names == ("a", "b", "c")
    np.testing.assert_allclose(explanation.predictions, model.predict_proba(X.iloc[[0, 70, 140]]))
    alone = LEMNA(model, target="c", random_state=0).fit(X).explain(X.iloc[[0, 70, 140]])
    np.testing.assert_allclose(alone.values[:, :, 0], explanation.values[:, :, 2], atol=1e-10)
    labels = LEMNA(model.predict, random_state=0).fit(X).explain(X.iloc[:1])
    assert labels.output_names == ("a", "b", "c")


def test_unfitted_model_and_weights(table):
    y = linear(table)
    lemna = LEMNA(LinearRegression(), random_state=0).fit(table, y)
    np.testing.assert_allclose(
        lemna.explain(table[:1]).values[0, :, 0],
        (table[0] - table.mean(axis=0)) * WEIGHTS,
        atol=2e-4,
    )
    weights = np.arange(60.0)
    weighted = LEMNA(linear, random_state=0).fit(table, sample_weight=weights)
    np.testing.assert_allclose(
        weighted.baseline_.rows[0], np.average(table, axis=0, weights=weights)
    )
    with pytest.raises(ValueError, match="requires y"):
        LEMNA(LinearRegression()).fit(table)


def test_components_as_a_frame(bent):
    lemna, explanation = bent
    frame = lemna.components(explanation)
    assert len(frame) == 6 * 2 * 12
    own = frame[(frame["component"] == 0) & (frame["row"] == 0)]
    np.testing.assert_array_equal(own["coefficient"], explanation.values[0, :, 0])
    assert (frame.groupby(["row", "component"])["weight"].nunique() == 1).all()
    some = lemna.components(explanation[2:4].features(["x3", "x7"]))
    assert set(some["feature"]) == {"x3", "x7"}
    assert len(some) == 2 * 2 * 2
    other = KernelSHAP(larger_half, n_coalitions=40, random_state=0).fit(explanation.data)
    with pytest.raises(ValueError, match="KernelSHAP has no components"):
        lemna.components(other.explain(explanation.data[:1]))


def test_rows_with_fewer_components_than_others():
    X = np.random.default_rng(0).normal(size=(50, 12))
    lemna = LEMNA(larger_half, baseline="zero", random_state=0).fit(X)
    rows = np.vstack([np.ones(12), np.r_[np.ones(6), np.zeros(6)]])
    explanation = lemna.explain(rows)  # the second plane is out of sight of the other row
    assert explanation.details["n_components"].ravel().tolist() == [2, 1]
    assert np.isnan(explanation.details["component_1_coefficients"][1]).all()
    assert (explanation.details["component_1_groups"][1] == -1).all()
    assert len(lemna.components(explanation)) == 3 * 12
    assert len(lemna.plot_components(explanation[1]).axes_) == 1


def test_files_and_pickles(bent, tmp_path):
    lemna, explanation = bent
    kept = load(explanation.save(tmp_path / "lemna"))
    np.testing.assert_array_equal(kept.values, explanation.values)
    assert lemna.components(kept).equals(lemna.components(explanation))
    again = pickle.loads(pickle.dumps(lemna))
    np.testing.assert_array_equal(again.explain(explanation.data).values, explanation.values)


def test_plots(bent):
    lemna, explanation = bent
    display = lemna.plot_components(explanation[0])
    assert isinstance(display, ComponentsDisplay)
    assert len(display.axes_) == 2
    assert [len(bars) for bars in display.bars_] == [12, 12]
    assert [len(shades) for shades in display.shades_] >= [1, 1]
    assert list(display.frame()["feature"][:12]) == list(lemna.order_)
    one = lemna.plot_components(explanation[0], max_components=1)
    assert len(one.axes_) == 1
    again = lemna.plot_components(explanation[0], axes=display.axes_)
    assert again.figure_ is display.figure_
    with pytest.raises(ValueError, match="one row"):
        lemna.plot_components(explanation)
    with pytest.raises(ValueError, match="2 panels"):
        lemna.plot_components(explanation[0], axes=display.axes_[:1])
    explanation[0].plot()
    explanation.plot()


def test_plots_follow_the_chain():
    X = np.random.default_rng(0).normal(size=(50, 12))
    order = list(range(11, -1, -1))
    lemna = LEMNA(larger_half, baseline="zero", order=order, random_state=0).fit(X)
    display = lemna.plot_components(lemna.explain(np.ones((1, 12))))
    assert list(display.feature_names) == [f"x{column}" for column in order]
    np.testing.assert_allclose(display.coefficients[0], [2.0] * 6 + [0.0] * 6, atol=0.02)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"n_components": 0}, "'n_components' parameter of LEMNA must be an int in the range"),
        ({"n_components": "aic"}, "'n_components'"),
        ({"n_samples": 15}, "'n_samples'"),
        ({"l1": -0.1}, "'l1'"),
        ({"fusion": "much"}, "'fusion'"),
        ({"order": "random"}, "'order'"),
        ({"order": [0, 1, 2]}, "'order' parameter of LEMNA must name every player exactly once"),
        ({"order": [*range(14), 13]}, "exactly once"),
        ({"order": [*range(14), 15]}, "exactly once"),
        ({"order": [*range(14), True]}, "exactly once"),
        ({"baseline": "median"}, "'baseline'"),
        ({"groups": {"a": [99]}}, "unknown column"),
        ({"target": "none"}, "'target'"),
    ],
    ids=str,
)
def test_bad_parameters(table, params, words):
    with pytest.raises(ValueError, match=words):
        LEMNA(linear, **params).fit(table)


def test_bad_rows(table):
    lemna = LEMNA(linear, random_state=0).fit(table)
    with pytest.raises(ValueError, match="15 features"):
        lemna.explain(table[:, :4])
    with pytest.raises(ValueError, match="0 sample"):
        lemna.explain(table[:0])
