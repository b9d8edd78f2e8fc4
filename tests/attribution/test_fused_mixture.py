"""The mixture against hidden regimes, its single-component case and its invariances."""

import pickle

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from surrogates.attribution import ecm
from surrogates.attribution.ecm import MixtureProblem, finish, fit_mixture
from surrogates.attribution.fused_lasso import FusedLassoRegressor
from surrogates.attribution.fused_mixture import FusedLassoMixture

FIRST = np.repeat([0.0, 0.4, 0.0, -0.3, 0.0], [5, 5, 10, 6, 14])
SECOND = np.repeat([0.0, 0.5, 0.0], [12, 6, 22])
SIGMA = 0.01


def masks(rng, n=500, p=40):
    """Keep a subset of random size in each row, as LEMNA's neighbourhoods do."""
    order = rng.random((n, p)).argsort(axis=1)
    return (order >= rng.integers(1, p + 1, (n, 1))).astype(float)


def hidden_regimes(seed, n=500, intercept=0.0):
    """Draw rows whose regime does not depend on them."""
    rng = np.random.default_rng(seed)
    X, regime = masks(rng, n), rng.integers(0, 2, n)
    means = np.column_stack([X @ FIRST, X @ SECOND + intercept])
    return X, means[np.arange(n), regime] + SIGMA * rng.normal(size=n), regime, means


def matched(model):
    """Return the components nearest to the two regimes, and the coefficient error."""
    errors = np.abs(model.coefs_[:, None] - [FIRST, SECOND]).max(axis=2)
    return errors.argmin(axis=0), errors.min(axis=0).max()


def noise(seed, n=200, p=10):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, p)), rng.normal(size=n)


def penalised(model, X, y):
    """Compute the objective from its definition."""
    joint = np.log(model.weights_) + norm.logpdf(
        y[:, None], X @ model.coefs_.T + model.intercepts_, np.sqrt(model.variances_)
    )
    size = model.l1 * np.abs(model.coefs_).sum()
    jumps = model.fusion * np.abs(np.diff(model.coefs_, axis=1)).sum()
    return logsumexp(joint, axis=1).sum() - len(y) / y.std() * (size + jumps)


def never_decreases(model):
    path = model.log_likelihood_path_
    return (np.diff(path) >= -1e-9 * np.abs(path[-1])).all()


@parametrize_with_checks([FusedLassoMixture(random_state=0), FusedLassoMixture(2, n_init=2)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("n_components", [2, 6])
def test_hidden_regimes_are_recovered(n_components):
    recovered = 0
    for seed in range(20):
        X, y, _, means = hidden_regimes(seed)
        model = FusedLassoMixture(n_components, random_state=seed).fit(X, y)
        components, error = matched(model)
        joint = norm.logpdf(y[:, None], means, SIGMA)
        exact = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
        right = np.abs(model.responsibilities(X, y)[:, components] - exact).max(axis=1) < 0.5
        recovered += error <= 0.02 and right.mean() >= 0.99
        assert never_decreases(model)
    assert recovered >= 19


def test_distinguishable_rows_go_to_their_regime():
    for seed in range(5):
        X, y, regime, means = hidden_regimes(seed, intercept=0.03)
        model = FusedLassoMixture(2, random_state=seed).fit(X, y)
        components, _ = matched(model)
        apart = np.abs(np.diff(means, axis=1))[:, 0] > 6 * SIGMA
        resp = model.responsibilities(X, y)[np.arange(len(y)), components[regime]]
        assert (resp[apart] > 0.5).mean() >= 0.99
        assert abs(model.weights_[components[0]] - (regime == 0).mean()) < 0.05


def test_information_criterion_finds_the_number_of_regimes():
    X, y, _, _ = hidden_regimes(0)
    model = FusedLassoMixture(random_state=0).fit(X, y)
    assert model.n_components_ == 2
    assert matched(model)[1] <= 0.02
    assert model.bic_ < FusedLassoMixture(1).fit(X, y).bic_


def test_linear_responses_need_one_component():
    rng = np.random.default_rng(0)
    for sigma in (0.0, 0.01, 0.3):
        X = masks(rng, 200)
        y = X @ FIRST + sigma * rng.normal(size=200)
        assert FusedLassoMixture(random_state=0).fit(X, y).n_components_ == 1


def test_noise_needs_one_component_and_explains_nothing():
    single, scores = 0, []
    for seed in range(20):
        X, y = noise(seed)
        model = FusedLassoMixture(random_state=seed).fit(X, y)
        single += model.n_components_ == 1
        scores.append(r2_score(noise(seed + 1000)[1], model.predict(noise(seed + 1000)[0])))
    assert single >= 19
    assert max(scores) <= 0.02


def test_spikes_in_noise_are_removed_and_recorded():
    X, y = noise(0, 500, 40)
    model = FusedLassoMixture(6, l1=0.0, fusion=0.0, random_state=0).fit(X, y)
    assert len(model.removed_weights_) + model.n_merged_ + model.n_components_ == 6
    assert ((model.removed_weights_ > 0) & (model.removed_weights_ < 0.5)).all()
    if model.n_components_ > 1:
        assert (model.weights_ * 500 >= 3 * 40).all()


@pytest.mark.parametrize(("l1", "fusion"), [(0.1, 0.0), (0.05, 0.1), (0.0, 0.3), (0.0, 0.0)])
def test_one_component_is_the_fused_lasso(l1, fusion):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 40))
    y = X @ FIRST + 0.5 * rng.normal(size=300)
    model = FusedLassoMixture(1, l1=l1, fusion=fusion, tol=1e-14).fit(X, y)
    variance = model.variances_[0]
    assert variance == pytest.approx(((y - model.predict(X)) ** 2).mean(), rel=1e-6)
    worth = variance / y.std()
    single = FusedLassoRegressor(l1=l1 * worth, fusion=fusion * worth).fit(X, y)
    np.testing.assert_allclose(model.coefs_[0], single.coef_, atol=1e-6)
    np.testing.assert_array_equal(model.groups_[0], single.groups_)


def test_objective_and_responsibilities_follow_their_definitions():
    X, y, _, _ = hidden_regimes(3)
    model = FusedLassoMixture(3, random_state=0).fit(X, y)
    assert model.log_likelihood_path_[-1] == pytest.approx(penalised(model, X, y), rel=1e-12)
    densities = model.weights_ * norm.pdf(
        y[:, None], X @ model.coefs_.T + model.intercepts_, np.sqrt(model.variances_)
    )
    expected = densities / densities.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.responsibilities(X, y), expected, atol=1e-9)
    mean = (X @ model.coefs_.T + model.intercepts_) @ model.weights_
    np.testing.assert_allclose(model.predict(X), mean)
    assert (np.diff(model.weights_) <= 0).all()
    assert model.weights_.sum() == pytest.approx(1)


@pytest.mark.parametrize("penalty", [0.0, 0.003, 0.1])
def test_the_objective_never_decreases(penalty):
    for seed in range(5):
        for X, y in (hidden_regimes(seed, 150)[:2], noise(seed, 150)):
            model = FusedLassoMixture(4, l1=penalty, fusion=penalty, random_state=seed)
            assert never_decreases(model.fit(X, y))


def test_no_parameter_can_be_improved_alone():
    X, y, _, _ = hidden_regimes(4)
    model = FusedLassoMixture(2, tol=1e-14, random_state=0).fit(X, y)
    best, rng = penalised(model, X, y), np.random.default_rng(0)
    for name in ("intercepts_", "coefs_"):
        kept = getattr(model, name).copy()
        for scale in (1e-6, 1e-4, 1e-2):
            for _ in range(10):
                setattr(model, name, kept + scale * rng.normal(size=kept.shape))
                assert penalised(model, X, y) <= best + 1e-8 * abs(best)
        setattr(model, name, kept)


def test_units_of_the_responses_do_not_matter():
    X, y, _, _ = hidden_regimes(5)
    model = FusedLassoMixture(2, tol=1e-14, random_state=0).fit(X, y)
    other = FusedLassoMixture(2, tol=1e-14, random_state=0).fit(X, 1000 * y + 7)
    np.testing.assert_allclose(other.coefs_, 1000 * model.coefs_, atol=1e-4)
    np.testing.assert_allclose(other.variances_, 1e6 * model.variances_, rtol=1e-6)
    np.testing.assert_allclose(other.weights_, model.weights_, atol=1e-9)


def test_same_seed_same_fit():
    X, y, _, _ = hidden_regimes(6)
    first = FusedLassoMixture(3, random_state=7).fit(X, y)
    np.testing.assert_array_equal(clone(first).fit(X, y).coefs_, first.coefs_)
    again = pickle.loads(pickle.dumps(first))
    np.testing.assert_array_equal(again.predict(X), first.predict(X))


def test_labels_of_components_do_not_matter():
    X, y, _, _ = hidden_regimes(7)
    problem = MixtureProblem.of(X, y, 0.01, 0.01)
    resp = np.random.default_rng(0).dirichlet([1, 1, 1], len(y)).T.copy()
    one = problem.climb(problem.start(resp), 30, 0.0)
    other = problem.climb(problem.start(resp[[2, 0, 1]].copy()), 30, 0.0)
    assert one.value == pytest.approx(other.value, rel=1e-9)


def test_duplicate_components_are_merged():
    X, y, regime, _ = hidden_regimes(8)
    problem = MixtureProblem.of(X, y, 0.01, 0.01)
    resp = np.vstack([regime == 0, 0.5 * (regime == 1), 0.5 * (regime == 1)]).astype(float)
    climbed = problem.climb(problem.start(resp), 50, 1e-8)
    assert climbed.weights.size == 3
    np.testing.assert_allclose(climbed.coefs[1], climbed.coefs[2], atol=1e-9)
    merged = ecm._merge(problem, climbed)
    assert merged.weights.size == 2
    assert merged.n_merged == 1
    assert merged.value > climbed.value
    assert (np.diff(merged.path) >= 0).all()


def test_a_column_constant_within_components_is_left_to_the_intercept():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 8))
    switch = rng.random(400) < 0.5
    X[:, 4] = switch
    y = np.where(switch, X[:, 0] + 5, -X[:, 7]) + 0.01 * rng.normal(size=400)
    problem = MixtureProblem.of(X, y, 0.01, 0.0)
    resp = np.vstack([switch, ~switch]).astype(float)
    start = problem.start(resp)
    start.coefs[:, 4] = [-0.5, 3.0]  # what an earlier iteration may have left there
    climbed = problem.climb(start, 100, 1e-12)
    np.testing.assert_array_equal(climbed.coefs[:, 4], 0)
    np.testing.assert_allclose(climbed.intercepts, [5, 0], atol=0.01)


def test_maximum_of_two_planes():
    rng = np.random.default_rng(0)
    X = masks(rng)
    planes = np.zeros((40, 2))
    planes[5:10, 0], planes[20:26, 1] = 0.4, 0.3
    y = (X @ planes).max(axis=1) + SIGMA * rng.normal(size=500)
    model = FusedLassoMixture(2, random_state=0).fit(X, y)
    means = X @ model.coefs_.T + model.intercepts_
    single = FusedLassoRegressor(l1=1e-4, fusion=1e-4).fit(X, y)
    residual = y - np.take_along_axis(means, means.argmax(axis=1)[:, None], 1)[:, 0]
    assert np.sqrt((residual**2).mean()) < 0.5 * np.sqrt(((y - single.predict(X)) ** 2).mean())


def test_variances_have_a_floor():
    X, _ = noise(0)
    y = X @ np.arange(10.0)
    model = FusedLassoMixture(1, l1=0.0, fusion=0.0).fit(X, y)
    assert model.variances_[0] == pytest.approx(1e-4 * y.var())
    np.testing.assert_allclose(model.coefs_[0], np.arange(10), atol=1e-10)


@pytest.mark.parametrize("level", [0.0, 0.1, -1e9])
def test_constant_responses(level):
    X, _ = noise(0, 30)
    model = FusedLassoMixture(random_state=0).fit(X, np.full(30, level))
    assert model.n_components_ == 1
    np.testing.assert_array_equal(model.coefs_, 0)
    np.testing.assert_allclose(model.predict(X), level)


@pytest.mark.parametrize("n", [2, 3, 7])
def test_few_rows(n):
    X, y = noise(1, n, 3)
    model = FusedLassoMixture(5, random_state=0).fit(X, y)
    assert model.n_components_ == 1
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_components": 0}, "The 'n_components' parameter of FusedLassoMixture must be an int"),
        ({"n_components": "aic"}, r"a str among \{'bic'\}. Got 'aic' instead"),
        ({"l1": -0.1}, "The 'l1' parameter of FusedLassoMixture"),
        ({"fusion": None}, "The 'fusion' parameter of FusedLassoMixture"),
        ({"n_init": 0}, "The 'n_init' parameter of FusedLassoMixture"),
        ({"tol": -1}, "The 'tol' parameter of FusedLassoMixture"),
    ],
)
def test_parameters_are_checked(params, message):
    with pytest.raises(ValueError, match=message):
        FusedLassoMixture(**params).fit(*noise(0, 20))


def test_overflow_is_refused():
    X, y = noise(0)
    with pytest.raises(ValueError, match="The squares of X or y overflow"):
        FusedLassoMixture().fit(X, y * 1e200)


def test_stopping_early_warns(monkeypatch):
    monkeypatch.setattr(ecm, "LONG_RUN", 3)
    X, y, _, _ = hidden_regimes(0, 150)
    with pytest.warns(ConvergenceWarning, match="still gained"):
        FusedLassoMixture(2, tol=0.0, n_init=1, random_state=0).fit(X, y)


def test_search_is_finished_at_the_tolerance():
    X, y, _, _ = hidden_regimes(0)
    problem = MixtureProblem.of(X, y, 0.01, 0.01)
    found = fit_mixture(problem, 2, 3, np.random.default_rng(0))
    finished = finish(problem, found, 1e-12)
    assert finished.gained_at_most(1e-12)
    assert finished.value >= found.value
