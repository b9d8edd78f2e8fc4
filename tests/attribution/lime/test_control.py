"""The control variate: its fit against least squares, its limit against long draws and products."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from surrogates import LIME
from surrogates._kernels.additive import fit_additive, harmonics, places
from surrogates.attribution.lime.control import fit_control
from surrogates.attribution.lime.limits import bin_weights, contrasts, stacked_weights
from surrogates.attribution.lime.representation import make_representation
from surrogates.blackbox.neighbour_tables import draw_table
from surrogates.blackbox.samplers import ScrambledPoints

pytestmark = pytest.mark.filterwarnings("ignore:The surrogate explains less than")


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).normal(size=(300, 4))


def draws(table, n_points, seed=0):
    weights = np.full(len(table), 1 / len(table))
    seen = make_representation(table, weights, "quartile")
    points = ScrambledPoints(n_points, table.shape[1], seed)
    return seen, draw_table(table, seen.marginals, points, 0, 1)


def place_of(seen, drawn):
    shares = stacked_weights(seen.columns, 1.0).shares
    place = np.empty(drawn.uniforms.shape)
    places(drawn.uniforms, drawn.bins, np.cumsum(shares, axis=1) - shares, shares, place)
    return place, shares.shape


def test_places_are_uniform_in_every_bin_and_increase_with_the_value(X):
    seen, drawn = draws(X, 4096)
    place, _ = place_of(seen, drawn)
    assert np.abs(place).max() <= np.sqrt(3.0)
    for j in range(4):
        for b in range(4):
            inside = drawn.bins[j] == b
            own = place[j, inside]
            assert own.mean() == pytest.approx(0.0, abs=0.01)
            assert own.var() == pytest.approx(1.0, abs=0.01)
            order = np.argsort(own)
            assert (np.diff(drawn.numbers[j, inside][order]) >= 0.0).all()


def fit(drawn, place, n_bins, responses, n_leaders, n_passes):
    left = responses - responses.mean(axis=1, keepdims=True)
    levels, trends = np.zeros((2, len(place), len(responses), n_bins))
    used = fit_additive(drawn.bins, place, left, n_leaders, n_passes, levels, trends)
    return left, levels, trends, used


def test_backfitting_recovers_levels_and_trends(X):
    seen, drawn = draws(X, 512)
    place, (n_columns, n_bins) = place_of(seen, drawn)
    level, trend = np.random.default_rng(1).normal(size=(2, n_columns, n_bins))
    columns = np.arange(n_columns)[:, None]
    y = (level[columns, drawn.bins] + trend[columns, drawn.bins] * place).sum(axis=0)
    left, levels, trends, used = fit(drawn, place, n_bins, y[None], 1, 60)
    # the intercept is the mean response, and is not fitted again
    assert left.var() < 1e-6 * y.var()
    np.testing.assert_allclose(trends[:, 0], trend, atol=0.005)
    np.testing.assert_allclose(np.diff(levels[:, 0]), np.diff(level), atol=0.005)
    assert used == pytest.approx(28.0, abs=1e-3)


def test_shrinkage_keeps_signal_and_drops_noise(X):
    seen, drawn = draws(X, 2048)
    place, (_, n_bins) = place_of(seen, drawn)
    noise = np.random.default_rng(1).normal(size=2048)
    signal = 3.0 * place[0] + drawn.bins[1]
    left, levels, trends, used = fit(drawn, place, n_bins, (signal + noise)[None], 1, 4)
    np.testing.assert_allclose(trends[0], 3.0, atol=0.2)
    np.testing.assert_allclose(np.diff(levels[1]), 1.0, atol=0.3)
    assert np.abs(levels[2:]).max() < 0.1
    assert np.abs(trends[1:]).max() < 0.15
    assert 7.0 < used < 14.0  # of 28: 4 trends of the first column and 3 levels of the second
    assert left.var() == pytest.approx(1.0, abs=0.1)


def test_leaders_make_the_fit_linear(X):
    seen, drawn = draws(X, 1024)
    place, (_, n_bins) = place_of(seen, drawn)
    first, second, third = np.random.default_rng(2).normal(size=(3, 1024)) + drawn.bins[:3]
    together = np.stack([first, second, third, 2.0 * second - third])
    left, levels, _, _ = fit(drawn, place, n_bins, together, 2, 3)
    np.testing.assert_allclose(left[3], 2.0 * left[1] - left[2], atol=1e-11)
    np.testing.assert_allclose(levels[:, 3], 2.0 * levels[:, 1] - levels[:, 2], atol=1e-12)


def test_harmonics_are_the_cosines_and_sines():
    index = np.random.default_rng(2).normal(size=100)
    out, means = np.empty((7, 100)), np.empty(7)
    harmonics(index, 1.7, out, means)
    angles = 1.7 * np.arange(1, 4)[:, None] * index
    expected = np.vstack([index, np.cos(angles), np.sin(angles)])
    np.testing.assert_allclose(means, expected.mean(axis=1), atol=1e-14)
    np.testing.assert_allclose(out, expected - means[:, None], atol=1e-13)


def test_stacked_contrasts_are_those_of_each_column():
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"a": rng.normal(size=90), "s": rng.choice(["x", "y"], 90)})
    seen = make_representation(table, np.full(90, 1 / 90), "quartile")
    stacked = stacked_weights(seen.columns, 1.3)
    means = rng.normal(size=(2, 4, 3))
    together = contrasts(stacked, means)
    for j, n_bins in enumerate([4, 2]):
        weights = bin_weights(seen.columns[j], 1.3)
        alone = contrasts(weights, means[j, :n_bins])
        np.testing.assert_array_equal(stacked.inside[j, :n_bins], weights.inside[:-1])
        for one, other in zip(together, alone, strict=True):
            np.testing.assert_allclose(one[j, :n_bins], other[:-1], rtol=1e-13)
            np.testing.assert_allclose(one[j, -1], other[-1], rtol=1e-13)


@pytest.mark.parametrize("led", [True, False])
def test_its_limit_is_that_of_many_draws(led):
    rng = np.random.default_rng(4)
    table = pd.DataFrame(
        {
            "a": rng.normal(size=200),
            "n": rng.integers(0, 6, 200),
            "s": rng.choice(["x", "y", "z"], 200),
            "m": np.where(rng.random(200) < 0.2, np.nan, rng.normal(size=200)),
        }
    )
    seen, drawn = draws(table, 1 << 16)
    inner = np.tanh(2.0 * np.nan_to_num(drawn.numbers[[0, 1, 3]]).sum(axis=0) - 2.0)
    y = (inner * (1.0 + drawn.bins[2]))[None]
    width, every = 0.9, np.vstack([inner, -2.0 * inner + drawn.bins[2], y]) if led else None
    control = fit_control(seen, drawn.bins, drawn.uniforms, y, width, every)
    answers = y - control.left
    assert control.left.var() < 0.5 * y.var()
    rows, _ = seen.read(table[:12])
    for row in rows:
        matched = (drawn.bins == row[:, None]).T.astype(float)
        weights = np.exp((matched.sum(axis=1) - 4) / (2 * width**2))
        fit = LinearRegression().fit(matched, answers[0], sample_weight=weights)
        limit, inside = control.at(row)
        np.testing.assert_allclose(limit.coefficients[:, 0], fit.coef_, atol=0.01)
        assert limit.expectation[0] == pytest.approx(
            np.average(answers[0], weights=weights), abs=0.005
        )
        np.testing.assert_allclose(inside, weights @ matched / weights.sum(), atol=0.005)


def test_a_row_outside_of_all_bins_has_no_contrast(X):
    seen, drawn = draws(X, 512)
    y = drawn.numbers.sum(axis=0)[None] ** 3
    control = fit_control(seen, drawn.bins, drawn.uniforms, y, 1.0)
    for outside in (-1, 7):
        limit, inside = control.at(np.array([0, outside, 2, 3], dtype=np.int32))
        assert limit.coefficients[1, 0] == 0.0
        assert inside[1] == 0.0
        assert (limit.coefficients[[0, 2, 3], 0] != 0.0).all()


def test_too_few_neighbours_and_no_bins_have_none(X):
    seen, drawn = draws(X, 40)
    y = drawn.numbers[:1]
    assert fit_control(seen, drawn.bins, drawn.uniforms, y, 1.0) is None
    raw = make_representation(X, np.full(300, 1 / 300), None)
    assert fit_control(raw, drawn.bins, drawn.uniforms, y, 1.0) is None


def test_additive_functions_of_bins_have_no_error(X):
    seen = make_representation(X, np.full(300, 1 / 300), "quartile")
    parts = np.random.default_rng(5).normal(size=(4, 4))

    def steps(table):
        return sum(parts[j][seen.columns[j].bins_of(table[:, j])] for j in range(4))

    found = LIME(steps, exact=False, n_samples=2000, random_state=0).fit(X).explain(X[:10])
    bins, _ = seen.read(X[:10])
    for row in range(10):
        for j in range(4):
            others = np.delete(parts[j], bins[row, j]).mean()
            expected = parts[j][bins[row, j]] - others
            assert found.values[row, j, 0] == pytest.approx(expected, abs=0.01)


def _smooth_models():
    return [
        (make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=200, random_state=0)), 1024),
        (HistGradientBoostingClassifier(max_iter=30, random_state=0), 512),
        (make_pipeline(StandardScaler(), SVR(C=10.0)), 2048),
        (LogisticRegression(), 300),
    ]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("model", "n_samples"), _smooth_models())
def test_intervals_cover_for_models_that_it_follows_closely(model, n_samples):
    rng = np.random.default_rng(6)
    X = rng.normal(size=(300, 6))
    y = (X[:, 0] + X[:, 1] * X[:, 2] + X[:, 3] ** 2 > 0.8).astype(int)
    model.fit(X, y)
    keywords = {"exact": False, "discretizer": "quartile"}
    truth = LIME(model, n_samples=1 << 17, random_state=77, **keywords).fit(X).explain(X[:8])
    found = [
        LIME(model, n_samples=n_samples, random_state=seed, **keywords).fit(X).explain(X[:8])
        for seed in range(40)
    ]
    gaps = np.stack([one.values - truth.values for one in found])
    covered = np.abs(gaps) <= 1.96 * np.stack([one.std_errors for one in found])
    assert 0.92 <= covered.mean() <= 0.985
    # the mean over seeds is as close to the truth as its own error lets expect
    spread = gaps.std(axis=0, ddof=1)
    assert np.sqrt((gaps.mean(axis=0) ** 2).mean()) < 0.5 * np.sqrt((spread**2).mean())


def n_classes(X, kind):
    if kind == 2:
        return X[:, :4].sum(axis=1) + 0.5 * X[:, 4] * X[:, 5] > 0
    return np.digitize(X[:, :4].sum(axis=1), [-1.0, 0.0, 1.5])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", [2, 4])
def test_it_saves_neighbours(kind):
    X = np.random.default_rng(7).normal(size=(300, 8))
    net = make_pipeline(StandardScaler(), MLPClassifier((16,), max_iter=200, random_state=0))
    net.fit(X, n_classes(X, kind))
    truth = LIME(net, n_samples=1 << 16, random_state=99).fit(X).explain(X[:8]).values
    errors = {}
    for name, surrogate in (("plain", LinearRegression()), ("controlled", "ridge")):
        gaps = [
            LIME(net, n_samples=1024, surrogate=surrogate, random_state=seed)
            .fit(X)
            .explain(X[:8])
            .values
            - truth
            for seed in range(6)
        ]
        errors[name] = np.sqrt(np.mean(np.square(gaps)))
    assert errors["controlled"] < 0.7 * errors["plain"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_answer_for_a_class_does_not_depend_on_the_classes_asked_for():
    X = np.random.default_rng(8).normal(size=(200, 5))
    net = make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=100, random_state=0))
    net.fit(X, n_classes(X, 4))
    every = LIME(net, n_samples=800, random_state=0).fit(X).explain(X[:4])
    np.testing.assert_allclose(every.values.sum(axis=2), 0.0, atol=1e-12)
    for target in ([2], [3, 0]):
        some = LIME(net, n_samples=800, target=target, random_state=0).fit(X).explain(X[:4])
        np.testing.assert_allclose(some.values, every.values[..., target], atol=1e-12)
        np.testing.assert_allclose(some.std_errors, every.std_errors[..., target], rtol=1e-9)
