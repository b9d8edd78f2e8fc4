"""The solver against its optimality conditions, linear programs and weak duality."""

import numpy as np
import pytest
from scipy.optimize import linprog

from surrogates._kernels.chain import dual_norm, duality_gap, penalty
from surrogates._kernels.fused_lasso import fused_lasso


def quadratic(X, y):
    """Return Gram matrix, moments and mean square of centred data."""
    X, y = X - X.mean(axis=0), y - y.mean()
    gram, moments = X.T @ X / len(y), X.T @ y / len(y)
    constant = gram.diagonal() <= 1e-20
    gram[constant], gram[:, constant], moments[constant] = 0, 0, 0
    return gram, moments, y @ y / len(y)


def hard_table(rng):
    """Draw a table that may have duplicate, constant, binary or cumulated columns, and p > n."""
    n, p = rng.integers(2, 60), rng.integers(1, 50)
    X = rng.normal(size=(n, p))
    if rng.random() < 0.3:
        X = X.cumsum(axis=1)
    if rng.random() < 0.3:
        X = (X > 0).astype(float)
    for source, target in rng.integers(0, p, (rng.integers(0, 4), 2)):
        X[:, target] = X[:, source]
    for column in rng.integers(0, p, rng.integers(0, 3)):
        X[:, column] = rng.normal()
    signal = X @ np.repeat(rng.normal(size=p // 4 + 1), 4)[:p]
    return X, signal * rng.integers(0, 2) + rng.normal(size=n)


def kkt_residual(gram, moments, coef, l1, fusion):
    """Measure how far the dual variables along the chain are from existing.

    The running sum of gradient and L1 subgradients is the dual variable of each difference; it
    must lie within the fusion penalty, and at its sign where neighbours differ.
    """
    gradient, low, high, worst = gram @ coef - moments, 0.0, 0.0, 0.0
    for j, value in enumerate(coef):
        low += gradient[j] + l1 * (np.sign(value) if value else -1)
        high += gradient[j] + l1 * (np.sign(value) if value else 1)
        jump = np.sign(coef[j + 1] - value) if j + 1 < len(coef) else 0.0
        allowed = fusion * (jump if jump else -1), fusion * (jump if jump else 1)
        if j + 1 == len(coef):
            allowed = 0.0, 0.0
        worst = max(worst, low - allowed[1], allowed[0] - high)
        low, high = np.clip([low, high], *allowed)
    return worst


def random_penalties(rng, moments):
    unit = np.abs(moments).max() + 1e-300
    l1 = rng.choice([0, unit * 10 ** rng.uniform(-3, 0.3)], p=[0.3, 0.7])
    return float(l1), float(rng.choice([0, unit * 10 ** rng.uniform(-3, 0.5)], p=[0.2, 0.8]))


def test_optimality_and_gap_on_1000_problems():
    rng = np.random.default_rng(0)
    for _ in range(1000):
        gram, moments, y_square = quadratic(*hard_table(rng))
        l1, fusion = random_penalties(rng, moments)
        coef = np.zeros(moments.size)
        rss, gap, converged = fused_lasso(gram, moments, y_square, l1, fusion, coef, 1e-9)
        assert converged
        assert gap <= 1e-9 * (rss / 2 + penalty(coef, l1, fusion)) + 1e-12 * y_square
        assert kkt_residual(gram, moments, coef, l1, fusion) <= 1e-8 * np.abs(moments).max()
        expected = coef @ gram @ coef - 2 * moments @ coef + y_square
        assert rss == pytest.approx(expected, rel=1e-9, abs=1e-12 * y_square)


def test_never_raises_the_objective():
    rng = np.random.default_rng(1)
    for _ in range(200):
        gram, moments, y_square = quadratic(*hard_table(rng))
        l1, fusion = random_penalties(rng, moments)
        start = rng.normal(size=moments.size)
        before = start @ gram @ start / 2 - moments @ start + y_square / 2
        before += penalty(start, l1, fusion)
        rss, _, _ = fused_lasso(gram, moments, y_square, l1, fusion, start, 1e-9)
        assert rss / 2 + penalty(start, l1, fusion) <= before * (1 + 1e-12)


def test_gap_bounds_the_distance_to_the_minimum():
    rng = np.random.default_rng(2)
    for _ in range(200):
        gram, moments, y_square = quadratic(*hard_table(rng))
        if not gram.any():
            continue
        l1, fusion = 0.1 * np.abs(moments).max(), 0.1 * np.abs(moments).max()
        coef = np.zeros(moments.size)
        rss, _, _ = fused_lasso(gram, moments, y_square, l1, fusion, coef, 1e-12)
        lowest = rss / 2 + penalty(coef, l1, fusion)
        point = coef + 0.1 * rng.normal(size=coef.size)
        rss = y_square - 2 * moments @ point + point @ gram @ point
        value = rss / 2 + penalty(point, l1, fusion)
        gap = duality_gap(point, gram @ point - moments, rss, l1, fusion)
        assert gap >= value - lowest - 1e-10 * y_square


@pytest.mark.parametrize("l1", [0.0, 0.7])
def test_dual_norm_is_the_solution_of_a_linear_program(l1):
    rng, fusion = np.random.default_rng(3), 1.3
    for p in (2, 3, 7):
        vector = rng.normal(size=p)
        vector -= vector.mean() * (l1 == 0)
        difference = np.diff(np.eye(p), axis=0)
        # scale, subgradients of the sizes, subgradients of the differences, each times the scale
        equations = np.hstack([np.zeros((p, 1)), l1 * np.eye(p), fusion * difference.T])
        box = np.vstack([np.eye(2 * p - 1), -np.eye(2 * p - 1)])
        within = np.hstack([-np.ones((len(box), 1)), box])
        cost = np.eye(2 * p)[0]
        solution = linprog(cost, within, np.zeros(len(box)), equations, vector, bounds=(None, None))
        assert dual_norm(vector, l1, fusion) == pytest.approx(solution.fun, rel=1e-9)


def test_columns_without_variance_take_the_smallest_optimal_value():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(100, 6))
    X[:, [0, 3, 5]] = 2.0
    gram, moments, y_square = quadratic(X, X @ [0, 1, 1, 0, 3, 0])
    coef = np.full(6, 7.0)
    fused_lasso(gram, moments, y_square, 0.0, 1e-3, coef, 1e-12)
    np.testing.assert_array_equal(coef[[0, 3, 5]], coef[[1, 2, 4]])
    coef = np.full(6, 7.0)
    fused_lasso(gram, moments, y_square, 0.0, 0.0, coef, 1e-12)
    np.testing.assert_allclose(coef, [0, 1, 1, 0, 3, 0], atol=1e-12)
    gram, moments, y_square = quadratic(X, X @ [0, 1, -1, 0, 1, 0])
    coef = np.full(6, 7.0)
    fused_lasso(gram, moments, y_square, 0.0, 1e-3, coef, 1e-12)
    assert coef[2] < 0 == coef[3] < coef[4]


def test_nothing_varies():
    coef = np.ones(3)
    found = fused_lasso(np.zeros((3, 3)), np.zeros(3), 2.0, 0.1, 0.1, coef, 1e-9)
    assert found == (2.0, 0.0, True)
    np.testing.assert_array_equal(coef, 0)


def test_penalty():
    assert penalty(np.array([0.0, 0.0, 2.0, 2.0, -1.0]), 0.5, 2.0) == 0.5 * 5 + 2 * 5
