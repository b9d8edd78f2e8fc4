"""Smooth objectives: what is exact equals refits, and first order is the derivative."""

from inspect import signature

import numpy as np
import pytest
from refits import (
    TIGHT,
    gamma_deviance,
    leave_out,
    log_loss,
    poisson_deviance,
    refit,
    relative_error,
    squared_hinge,
)
from sklearn.linear_model import (
    GammaRegressor,
    LogisticRegression,
    PoissonRegressor,
    TweedieRegressor,
)
from sklearn.svm import LinearSVC
from sklearn.utils.class_weight import compute_class_weight

from surrogates import InfluenceFunctions
from surrogates.influence.losses import LogLoss
from surrogates.influence.objectives import Objective
from surrogates.influence.whitening import whiten

RNG = np.random.default_rng(1)
X = RNG.normal(size=(70, 4))
SCORE = X @ [1.5, -1.0, 0.5, 0.0] + RNG.logistic(size=70)
BINARY = np.where(SCORE > 0.3, "yes", "no")
CLASSES = np.array(["low", "mid", "top"])[np.digitize(SCORE, [-1.0, 1.0])]
COUNTS = RNG.poisson(np.exp(0.3 * SCORE)).astype(float)
SIZES = np.exp(0.3 * SCORE)
X_TEST = RNG.normal(size=(9, 4))
TEST = np.arange(9)
WEIGHTS = RNG.uniform(0.5, 2.0, size=70)
NEWTON = {"solver": "newton-cholesky", **TIGHT}
LIBLINEAR = {"solver": "liblinear", "tol": 1e-12, "max_iter": 10_000}
CASES = {
    "logistic": (LogisticRegression(**NEWTON), BINARY, log_loss),
    "no intercept": (LogisticRegression(fit_intercept=False, C=30.0, **NEWTON), BINARY, log_loss),
    "no penalty": (LogisticRegression(C=np.inf, **NEWTON), BINARY, log_loss),
    "liblinear": (LogisticRegression(intercept_scaling=2.0, **LIBLINEAR), BINARY, log_loss),
    "class weights": (
        LogisticRegression(class_weight={"no": 3.0, "yes": 0.5}, **NEWTON), BINARY, log_loss,
    ),
    "balanced": (LogisticRegression(class_weight="balanced", **NEWTON), BINARY, log_loss),
    "softmax": (LogisticRegression(C=10.0, **NEWTON), CLASSES, log_loss),
    "softmax, balanced": (LogisticRegression(class_weight="balanced", **NEWTON), CLASSES, log_loss),
    "poisson": (PoissonRegressor(alpha=0.2, **NEWTON), COUNTS, poisson_deviance),
    "gamma": (GammaRegressor(alpha=0.2, **NEWTON), SIZES, gamma_deviance),
    "gamma, no penalty": (GammaRegressor(alpha=0.0, **NEWTON), SIZES, gamma_deviance),
    "tweedie as poisson": (
        TweedieRegressor(power=1, alpha=0.2, **NEWTON), COUNTS, poisson_deviance,
    ),
    "squared hinge": (LinearSVC(tol=1e-12, max_iter=10**6), BINARY, squared_hinge),
    "squared hinge, classes": (
        LinearSVC(tol=1e-12, max_iter=10**6, class_weight="balanced"), CLASSES, squared_hinge,
    ),
}  # fmt: skip


def explained(model, y, weights=None, **options):
    model.fit(X, y, sample_weight=weights)
    explainer = InfluenceFunctions(model, **options).fit(X, y, sample_weight=weights)
    return explainer.explain(X_TEST, y[TEST])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_exact_equals_refits_and_auto_is_close(case, weights):
    model, y, loss = CASES[case]
    expected = leave_out(model, X, y, X_TEST, y[TEST], loss, sample_weight=weights)
    exact = explained(model, y, weights, method="exact")
    auto = explained(model, y, weights)
    assert relative_error(exact.values, expected) < 1e-5  # liblinear stops at about that
    assert relative_error(auto.values, expected) < 1e-2
    assert np.corrcoef(auto.values.ravel(), expected.ravel())[0, 1] > 0.9999
    assert auto.details["polished_rows"] <= exact.details["polished_rows"]


@pytest.mark.parametrize("case", CASES)
def test_groups_equal_refits(case):
    model, y, loss = CASES[case]
    model.fit(X, y, sample_weight=WEIGHTS)
    groups = [[3], list(range(0, 14, 2)), RNG.permutation(70)[:7]]
    expected = leave_out(model, X, y, X_TEST, y[TEST], loss, groups, WEIGHTS)
    explainer = InfluenceFunctions(model).fit(X, y, sample_weight=WEIGHTS)
    found = explainer.remove(groups, X_TEST, y[TEST])
    assert relative_error(found.values, expected) < 1e-5
    own = [
        np.mean(
            loss(refit(model, X, y, rows, WEIGHTS), X[rows], y[rows])
            - loss(model, X[rows], y[rows])
        )
        for rows in groups
    ]
    np.testing.assert_allclose(found.self_influence, own, rtol=1e-4)


@pytest.mark.parametrize("case", ["logistic", "softmax", "balanced", "poisson"])
def test_one_newton_step_for_a_group_is_closer_than_the_sum_of_rows(case):
    model, y, loss = CASES[case]
    model.fit(X, y)
    groups = [list(range(10)), list(range(30, 37))]
    expected = leave_out(model, X, y, X_TEST, y[TEST], loss, groups)
    errors = [
        relative_error(
            InfluenceFunctions(model, method=method)
            .fit(X, y)
            .remove(groups, X_TEST, y[TEST])
            .values,
            expected,
        )
        for method in ("first_order", "newton", "auto")
    ]
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("case", ["logistic", "softmax", "balanced", "poisson", "squared hinge"])
def test_newton_is_closer_than_first_order(case):
    model, y, loss = CASES[case]
    expected = leave_out(model, X, y, X_TEST, y[TEST], loss)
    errors = [
        relative_error(explained(model, y, method=method).values, expected)
        for method in ("first_order", "newton", "auto", "exact")
    ]
    assert errors[0] > errors[1] > 0.99 * errors[2] > errors[3]


@pytest.mark.parametrize(
    "case", ["logistic", "no penalty", "liblinear", "softmax", "gamma, no penalty"]
)
def test_first_order_is_the_derivative_by_the_weight(case):
    model, y, loss = CASES[case]
    found = explained(model, y, WEIGHTS, method="first_order").values
    step = 1e-3
    for row in (0, 11):
        losses = []
        for sign in (1.0, -1.0):
            weights = WEIGHTS.copy()
            weights[row] *= 1.0 + sign * step
            losses.append(loss(refit(model, X, y, [], weights), X_TEST, y[TEST]))
        slope = (losses[1] - losses[0]) / (2.0 * step)
        np.testing.assert_allclose(found[:, row], slope, rtol=1e-4, atol=1e-8)


def test_first_order_sums():
    """Gradients of rows add up to minus that of the penalty, and groups to sums of rows."""
    model, y, _ = CASES["no penalty"]
    rows = explained(model, y, method="first_order").values
    assert np.abs(rows.sum(axis=1)).max() < 1e-8 * np.abs(rows).max()
    model, y, _ = CASES["logistic"]
    explainer = InfluenceFunctions(model.fit(X, y), method="first_order").fit(X, y)
    rows = explainer.explain(X_TEST, y[TEST]).values
    group = [2, 3, 40]
    together = explainer.remove([group], X_TEST, y[TEST]).values[:, 0]
    np.testing.assert_allclose(together, rows[:, group].sum(axis=1), rtol=1e-10)


@pytest.mark.parametrize("case", ["logistic", "softmax", "squared hinge"])
def test_a_weight_of_three_is_three_copies(case):
    model, y, _ = CASES[case]
    weights = np.ones(70)
    weights[5] = 3.0
    copies = np.append(np.arange(70), [5, 5])
    weighted = InfluenceFunctions(model.fit(X, y, sample_weight=weights), method="exact")
    weighted.fit(X, y, sample_weight=weights)
    copied = InfluenceFunctions(model.fit(X[copies], y[copies]), method="exact")
    copied.fit(X[copies], y[copies])
    first = weighted.explain(X_TEST, y[TEST]).values
    second = copied.explain(X_TEST, y[TEST]).values
    keep = np.arange(70) != 5
    np.testing.assert_allclose(first[:, keep], second[:, :70][:, keep], atol=1e-6)
    together = copied.remove([[5, 70, 71]], X_TEST, y[TEST]).values[:, 0]
    np.testing.assert_allclose(first[:, 5], together, atol=1e-6)


@pytest.mark.parametrize("case", ["logistic", "balanced", "softmax", "poisson", "squared hinge"])
def test_a_row_without_weight_has_no_influence(case):
    if case == "balanced" and "sample_weight" not in signature(compute_class_weight).parameters:
        pytest.skip("before version 1.7 of scikit-learn, classes were counted without weights")
    model, y, _ = CASES[case]
    weights = WEIGHTS.copy()
    weights[[0, 9]] = 0.0
    values = explained(model, y, weights).values
    scale = np.abs(values).max()
    assert np.abs(values[:, [0, 9]]).max() <= 1e-12 * scale


def test_reparametrisation_changes_nothing_without_penalty():
    model, y, _ = CASES["no penalty"]
    turn = RNG.normal(size=(4, 4))
    first = explained(model, y, method="exact").values
    model.fit(X @ turn, y)
    second = InfluenceFunctions(model, method="exact").fit(X @ turn, y)
    np.testing.assert_allclose(
        second.explain(X_TEST @ turn, y[TEST]).values, first, rtol=1e-6, atol=1e-10
    )


def test_order_of_rows_is_of_no_account():
    model, y, _ = CASES["softmax"]
    order = RNG.permutation(70)
    first = explained(model, y).values
    shuffled = InfluenceFunctions(model.fit(X[order], y[order])).fit(X[order], y[order])
    second = shuffled.explain(X_TEST, y[TEST]).values
    np.testing.assert_allclose(second, first[:, order], rtol=1e-6, atol=1e-9)


def test_rows_beyond_the_margin_have_no_influence():
    model, y, _ = CASES["squared hinge"]
    model.fit(X, y)
    margins = np.where(y == "yes", 1.0, -1.0) * model.decision_function(X)
    values = explained(model, y).values
    beyond = margins > 1.0 + 1e-6
    assert beyond.sum() > 5
    assert (values[:, beyond] == 0.0).all()
    assert (np.abs(values[:, margins < 0.99]).max(axis=0) > 0.0).all()


def test_two_classes_as_a_softmax():
    """A softmax of two classes with half the margins has half the penalty."""
    from surrogates.influence.losses import LogLoss, SoftmaxLoss
    from surrogates.influence.newton import newton
    from surrogates.influence.objectives import Objective
    from surrogates.influence.whitening import whiten

    y = (BINARY == "yes").astype(float)
    model = LogisticRegression(C=2.0, fit_intercept=False, **NEWTON).fit(X, y)
    one = Objective(X, y, np.full(70, 2.0), np.ones(4), LogLoss(), model.coef_)
    both = np.vstack([-model.coef_ / 2.0, model.coef_ / 2.0])
    two = Objective(X, y, np.full(70, 2.0), np.full(4, 2.0), SoftmaxLoss(), both)
    assert np.abs(two.gradient()).max() < 1e-9
    first, second = whiten(one), whiten(two)
    single = first.parameters(newton(first))
    double = second.parameters(newton(second)).reshape(70, 2, 4)
    np.testing.assert_allclose(double[:, 1] - double[:, 0], single, rtol=1e-8, atol=1e-12)


def test_scaling_all_weights_of_a_mean_loss_changes_nothing():
    model, y, _ = CASES["gamma"]
    first = explained(model, y, WEIGHTS, method="exact").values
    second = explained(model, y, 7.0 * WEIGHTS, method="exact").values
    np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-9)


def test_default_tolerances_are_no_error():
    for model, y in ((LogisticRegression(), BINARY), (LogisticRegression(), CLASSES),
                     (PoissonRegressor(), COUNTS), (LinearSVC(), BINARY)):  # fmt: skip
        influence = explained(model, y)
        assert influence.details["stationarity_residual_at_optimum"] < 1e-6


@pytest.mark.parametrize("case", ["logistic", "no penalty", "softmax", "gamma, no penalty"])
def test_error_bounds_hold(case):
    from surrogates.influence.engine import Question, Training
    from surrogates.influence.newton import newton, newton_error_bounds
    from surrogates.influence.parametric import make_parametric_engine
    from surrogates.influence.polish import polish

    model, y, _ = CASES[case]
    model.fit(X, y)
    codes = y if case.startswith("gamma") else np.searchsorted(model.classes_, y)
    training = Training(model, X, codes, np.ones(70), False)
    engine = make_parametric_engine(training, Question("newton", "loss"), tol=None)
    whitened = engine.optima[0].whitened
    steps = newton(whitened)
    alone = list(np.arange(70)[:, None])
    left = polish(whitened, alone, steps, tol=np.inf, max_iter=0).residuals
    bounds = newton_error_bounds(whitened, steps)
    assert (left <= bounds * (1 + 1e-9) + 1e-12).all()


def test_squared_hinge_equals_newtons_method_on_active_rows():
    """Solvers stop short of the optimum; the minimum of a piecewise quadratic is found exactly."""
    model = LinearSVC(tol=1e-10, max_iter=10**6).fit(X, BINARY)
    influence = InfluenceFunctions(model, method="exact").fit(X, BINARY)
    values = influence.explain(X_TEST, BINARY[TEST]).values
    design, sign = np.column_stack([X, np.ones(len(X))]), np.where(BINARY == "yes", 1.0, -1.0)
    start = np.append(model.coef_, model.intercept_)

    def losses(theta):
        margins = np.column_stack([X_TEST, np.ones(len(X_TEST))]) @ theta
        return np.square(np.maximum(0.0, 1.0 - sign[TEST] * margins))

    def optimum(kept):
        theta = start
        for _ in range(100):
            active = kept & (sign * (design @ theta) < 1.0)
            matrix = np.eye(5) + 2.0 * design[active].T @ design[active]
            theta = np.linalg.solve(matrix, 2.0 * design[active].T @ sign[active])
            if np.array_equal(active, kept & (sign * (design @ theta) < 1.0)):
                return theta
        raise AssertionError

    everyone = np.ones(len(X), dtype=bool)
    base = losses(optimum(everyone))
    truth = [losses(optimum(np.arange(len(X)) != row)) - base for row in range(len(X))]
    assert relative_error(values, np.array(truth).T) < 1e-10


@pytest.mark.parametrize("copies", [0, 1])
def test_whitened_curvature_is_the_identity(copies):
    """Also where a column is the copy of another, so that there is a direction without any."""
    design = np.column_stack([X, X[:, :copies]])
    objective = Objective(
        design=design,
        targets=(BINARY == "yes").astype(float),
        weights=WEIGHTS,
        penalty=np.zeros(design.shape[1]),
        loss=LogLoss(),
        theta=np.full((1, design.shape[1]), 0.1),
    )
    whitened = whiten(objective)
    local = objective.loss.curvature(objective.targets, objective.margins())
    curvature = design.T @ ((WEIGHTS * local)[:, None] * design)
    assert whitened.rank == 4
    basis = whitened.basis
    np.testing.assert_allclose(basis.T @ curvature @ basis, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(basis @ basis.T, np.linalg.pinv(curvature), atol=1e-12)
