"""Stability: closed forms of linear models, neighbours by hand, mixed tables."""

import numpy as np
import pandas as pd
import pytest
from polars_frames import to_polars
from sklearn.linear_model import LogisticRegression

from surrogates import KernelSHAP
from surrogates.metrics import (
    average_sensitivity,
    local_lipschitz,
    max_sensitivity,
    relative_input_stability,
    relative_output_stability,
)
from surrogates.metrics.neighbors import Coordinates, draw_neighbors

METRICS = [
    average_sensitivity,
    local_lipschitz,
    max_sensitivity,
    relative_input_stability,
    relative_output_stability,
]
RNG = np.random.default_rng(4)
X = RNG.normal(size=(30, 3)) * [1.0, 10.0, 0.1]
BETA = np.array([3.0, -0.2, 5.0])
MEAN, SPREAD = X.mean(axis=0), X.std(axis=0)


def linear(X):
    return np.asarray(X) @ BETA


def explain_linear(X):
    return BETA * (np.asarray(X) - MEAN)


def test_real_neighbours_by_hand():
    values = explain_linear(X)
    points = X / SPREAD
    far = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(far, np.inf)
    near = np.argsort(far, axis=1)[:, :4]
    change = np.linalg.norm(values[:, None] - values[near], axis=2)
    size = np.linalg.norm(values, axis=1, keepdims=True)
    steps = np.take_along_axis(far, near, axis=1)
    moved = steps / np.linalg.norm(points, axis=1, keepdims=True)
    answers = np.abs(linear(X)[:, None] - linear(X)[near])
    expected = {
        max_sensitivity: (change / size).max(axis=1),
        average_sensitivity: (change / size).mean(axis=1),
        local_lipschitz: (change / steps).max(axis=1),
        relative_input_stability: (change / size / moved).max(axis=1),
        relative_output_stability: (change / size / answers).max(axis=1),
    }
    for metric, scores in expected.items():
        np.testing.assert_allclose(metric(linear, X, values, n_samples=4), scores)


def test_elementwise_stability_by_hand():
    values, points = explain_linear(X[:2]), X[:2] / X[:2].std(axis=0)
    change = np.linalg.norm((values[0] - values[1]) / np.abs(values), axis=1)
    moved = np.linalg.norm((points[0] - points[1]) / np.abs(points), axis=1)
    found = relative_input_stability(linear, X[:2], values, relative="elementwise")
    np.testing.assert_allclose(found, change / moved)
    answers = np.abs(linear(X[:1]) - linear(X[1:2]))
    found = relative_output_stability(linear, X[:2], values, relative="elementwise")
    np.testing.assert_allclose(found, change / answers)


def test_drawn_neighbours_of_a_linear_model():
    """No step makes its attributions change by more than the largest slope per deviation."""
    found = local_lipschitz(
        linear, X, explain_linear(X), explainer=explain_linear, n_samples=200, random_state=0
    )
    slopes = np.abs(BETA) * SPREAD
    assert (found <= slopes.max() + 1e-9).all()
    assert (found > 0.95 * slopes.max()).all()
    values = explain_linear(X)
    share = max_sensitivity(
        linear, X, values, explainer=explain_linear, radius=0.1, n_samples=500, random_state=0
    )
    bound = np.linalg.norm(0.1 * slopes) / np.linalg.norm(values, axis=1)
    assert (share <= bound + 1e-12).all()
    assert (share > 0.8 * bound).all()


def test_constant_explanations_do_not_move():
    def same(rows):
        return np.ones((len(rows), 3))

    for metric in METRICS:
        assert (metric(linear, X, same(X), explainer=same, random_state=0) == 0.0).all()
        assert (metric(linear, X, same(X)) == 0.0).all()


def test_average_is_below_maximum():
    keywords = {"explainer": explain_linear, "random_state": 0}
    largest = max_sensitivity(linear, X, explain_linear(X), **keywords)
    assert (average_sensitivity(linear, X, explain_linear(X), **keywords) < largest).all()


def test_neighbours_keep_the_decision():
    X = np.array([[-0.2], [-0.1], [0.1], [0.2]])
    model = LogisticRegression().fit(X, [0, 0, 1, 1])
    values = np.array([[1.0], [1.1], [50.0], [51.0]])
    found = max_sensitivity(model, X, values, n_samples=3)
    np.testing.assert_allclose(found, [0.1, 0.1 / 1.1, 0.02, 1 / 51])
    lonely = max_sensitivity(model, X[1:3], values[1:3], background=X)
    assert np.isnan(lonely).all()


def test_explainers_as_attributions():
    model = LogisticRegression().fit(X, X[:, 0] > 0)
    explainer = KernelSHAP(model, random_state=0).fit(X)
    for metric in METRICS:
        given = metric(model, X[:5], explainer, random_state=0)
        named = metric(model, X[:5], explainer.explain(X[:5]), explainer=explainer, random_state=0)
        np.testing.assert_array_equal(given, named)
        assert np.isfinite(given).all()


def mixed(n=40):
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "amount": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "age": rng.integers(20, 70, n),
            "purpose": rng.choice(["car", "tv"], n),
            "flag": rng.integers(0, 2, n).astype(float),
            "day": pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 90, n), "D"),
            "constant": np.ones(n),
            "count": pd.array(rng.integers(0, 50, n), dtype="Int64"),
        }
    )


def test_drawn_rows_stay_on_the_data():
    frame = mixed()
    joined, drawn = draw_neighbors(frame, frame[:6], 0.5, 20, seed=0)
    assert list(drawn.dtypes) == list(frame.dtypes)
    assert drawn.shape == (120, 7)
    own = frame[:6].loc[np.repeat(np.arange(6), 20)].reset_index(drop=True)
    for name in ("purpose", "flag", "constant"):
        assert (drawn[name] == own[name]).all()
    for name in ("age", "day", "count"):
        assert drawn[name].isin(frame[name]).all()
        assert (drawn[name] != own[name]).any()
    assert (drawn["amount"].isna() == own["amount"].isna()).all()
    step = (drawn["amount"] - own["amount"]).abs().max()
    assert 0.0 < step <= 0.5 * np.nanstd(frame["amount"])
    assert (drawn["age"] - own["age"]).abs().max() <= frame["age"].std()
    points = Coordinates.of(joined, len(frame))
    assert points.steps(40, 46).shape == (7,)


def test_steps_of_mixed_columns():
    frame = pd.DataFrame(
        {"a": [0.0, 2.0, np.nan, 2.0], "b": ["x", "y", "x", None], "c": [1.0, 1.0, 1.0, 5.0]}
    )
    points = Coordinates.of(frame, 3)
    np.testing.assert_allclose(points.steps(0, 1), [2.0, 1.0, 0.0])
    np.testing.assert_allclose(points.steps(0, 2), [1.0, 0.0, 0.0])
    np.testing.assert_allclose(points.steps(2, 2), [0.0, 0.0, 0.0])
    np.testing.assert_allclose(points.steps(1, 3), [0.0, 1.0, 1.0])
    np.testing.assert_allclose(points.sizes(1), [2.0, 1.0, 0.0])


def test_dates_count_from_the_first():
    days = pd.to_datetime("2024-01-01") + pd.to_timedelta([0, 4, 8], "D")
    points = Coordinates.of(pd.DataFrame({"day": days}), 3)
    unit = np.std([0.0, 4.0, 8.0])
    np.testing.assert_allclose(points.sizes([0, 1, 2]).ravel(), np.array([0.0, 4.0, 8.0]) / unit)
    np.testing.assert_allclose(points.steps(0, 1), [4.0 / unit])


def test_embedded_points_are_as_far_apart_as_the_steps_are_long():
    table = mixed().drop(columns="amount")
    points = Coordinates.of(table, 30)
    flat = points.embedded(np.arange(40))
    steps = np.array([points.steps(place, np.arange(40)) for place in range(40)])
    apart = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    np.testing.assert_allclose(apart, np.linalg.norm(steps, axis=2), atol=1e-9)
    assert Coordinates.of(mixed(), 30).embedded(np.arange(40)) is None


@pytest.mark.parametrize("convert", [lambda frame: frame, to_polars])
def test_mixed_frames(convert):
    frame = convert(mixed()[["amount", "age", "purpose", "flag"]].fillna({"amount": 0.0}))

    def model(table):
        return np.asarray(table["amount"], float) + (np.asarray(table["purpose"]) == "car")

    def explain(table):
        amounts, cars = np.asarray(table["amount"], float), np.asarray(table["purpose"]) == "car"
        return np.column_stack([amounts, 0 * amounts, cars - 0.5, 0 * amounts])

    for metric in METRICS:
        for explainer in (None, explain):
            scores = metric(
                model, frame[:8], explain(frame[:8]), explainer=explainer, background=frame
            )
            assert scores.shape == (8,)
            assert np.isfinite(scores).all()


def test_rows_that_cannot_move_have_no_score():
    levels = pd.DataFrame({"a": ["x", "y", "x"], "b": ["u", "u", "v"]})

    def explain(table):
        return np.ones((len(table), 2))

    found = local_lipschitz(
        lambda table: (table["a"] == "x").to_numpy() * 1.0,
        levels,
        explain(levels),
        explainer=explain,
    )
    assert np.isnan(found).all()


def test_attributions_of_zero_have_no_relative_change():
    found = max_sensitivity(linear, X[:3], np.array([[0.0] * 3, [1.0] * 3, [2.0] * 3]))
    assert np.isnan(found[0])
    assert np.isfinite(found[1:]).all()


def test_parameters_out_of_range():
    values = explain_linear(X)
    with pytest.raises(ValueError, match="'radius' parameter of a stability metric"):
        max_sensitivity(linear, X, values, radius=0)
    with pytest.raises(ValueError, match="'relative' parameter"):
        relative_input_stability(linear, X, values, relative="ratio")
    with pytest.raises(TypeError, match="'explainer' parameter must be"):
        max_sensitivity(linear, X, values, explainer="LIME")
