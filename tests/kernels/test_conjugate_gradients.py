"""Conjugate gradients side by side solve what a direct solver does."""

import numpy as np

from surrogates._kernels.conjugate_gradients import advance


def solve(matrices, right, goals, most):
    """Return the solutions and the number of products."""
    solved, live = np.zeros_like(right), np.arange(len(right))
    left, direction, steps = right.copy(), right.copy(), np.zeros_like(right)
    squares, goes_on = np.square(right).sum(axis=1), np.ones(len(right), dtype=bool)
    for count in range(1, most + 1):
        turned = np.einsum("iab,ib->ia", matrices[live], direction)
        n_left = advance(turned, direction, left, squares, goals[live], steps, goes_on)
        assert n_left == goes_on.sum()
        solved[live] = steps
        live, left, direction = live[goes_on], left[goes_on], direction[goes_on]
        steps, squares, goes_on = steps[goes_on], squares[goes_on], goes_on[goes_on]
        if not n_left:
            return solved, count
    return solved, most


def test_systems_of_different_condition_are_solved_side_by_side():
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(5, 6, 6))
    strength = np.array([10.0, 1.0, 0.3, 100.0, 3.0])[:, None, None]
    matrices = factors @ np.swapaxes(factors, 1, 2) + strength * np.eye(6)
    right = rng.normal(size=(5, 6))
    found, count = solve(matrices, right, np.full(5, 1e-24), 30)
    np.testing.assert_allclose(found, np.linalg.solve(matrices, right[..., None])[..., 0])
    assert count < 30


def test_one_step_solves_multiples_of_the_identity():
    right = np.array([[1.0, 2.0], [-3.0, 0.5]])
    found, count = solve(np.array([2.0, 4.0])[:, None, None] * np.eye(2), right, np.zeros(2), 1)
    np.testing.assert_allclose(found, right / [[2.0], [4.0]])
    assert count == 1


def test_flat_directions_stop_where_they_are():
    found, count = solve(np.zeros((1, 2, 2)), np.array([[1.0, 1.0]]), np.zeros(1), 5)
    assert count == 1
    assert (found == 0.0).all()
