"""The dynamic programme against enumeration of all outcomes."""

from itertools import product

import numpy as np
import pytest

from surrogates._kernels import conditionals


def tail(chances, m):
    """Return the probability of at least m, by adding one bit after the other."""
    shares = np.ones(1)
    for chance in chances:
        shares = np.convolve(shares, [1.0 - chance, chance])
    return shares[m:].sum()


def bits(chances, needed):
    """Independent bits, of which `needed` must be true, as the kernels take them."""
    n = len(chances)
    shares = np.column_stack([1.0 - np.asarray(chances), chances]).ravel()
    adds = np.tile([[0], [1]], (n, 1)).astype(np.int64)
    required = np.array([needed], dtype=np.int64)
    strides = np.ones(1, dtype=np.int64)
    values = np.empty((n + 1, needed + 1))
    return 2 * np.arange(n + 1), shares, adds, required, strides, values


@pytest.mark.parametrize("kernel", [conditionals.completions, conditionals.completions.py_func])
@pytest.mark.parametrize(("m", "n"), [(1, 1), (2, 5), (4, 8), (8, 8)])
def test_probability_is_the_tail_of_the_poisson_binomial(kernel, m, n):
    chances = np.random.default_rng(m * n).random(n)
    programme = bits(chances, m)
    kernel(*programme)
    assert programme[-1][0, 0] == pytest.approx(tail(chances, m), abs=1e-12)


def test_literal_frequencies_are_the_exact_conditionals():
    chances, m, n = np.array([0.5, 0.2, 0.7, 0.05, 0.5]), 3, 60_000
    programme = bits(chances, m)
    conditionals.completions(*programme)
    u, cells = np.random.default_rng(0).random((n, 5)), np.empty((n, 5), dtype=np.int64)
    conditionals.draw_cells(u, *programme, cells)
    held = cells % 2
    assert (held.sum(axis=1) >= m).all()
    outcomes = np.array(list(product([0, 1], repeat=5)))
    weights = np.where(outcomes, chances, 1 - chances).prod(axis=1)
    weights[outcomes.sum(axis=1) < m] = 0.0
    exact = weights @ outcomes / weights.sum()
    errors = np.sqrt(exact * (1 - exact) / n)
    assert (np.abs(held.mean(axis=0) - exact) <= 4 * errors + 1e-12).all()
    pairs = (weights * outcomes[:, 0] * outcomes[:, 1]).sum() / weights.sum()
    assert (held[:, 0] * held[:, 1]).mean() == pytest.approx(pairs, abs=4 * np.sqrt(pairs / n))


def test_several_tests_that_share_columns():
    rng = np.random.default_rng(1)
    starts = np.array([0, 3, 5, 9])
    chances = np.concatenate([rng.dirichlet(np.ones(k)) for k in (3, 2, 4)])
    adds = rng.integers(0, 3, (9, 2)).astype(np.int64)
    required = np.array([2, 3])
    strides = np.array([1, 3])
    values = np.empty((4, 12))
    conditionals.completions(starts, chances, adds, required, strides, values)
    exact = 0.0
    for cells in product(range(3), range(3, 5), range(5, 9)):
        chosen = list(cells)
        if (adds[chosen].sum(axis=0) >= required).all():
            exact += chances[chosen].prod()
    assert values[0, 0] == pytest.approx(exact)
    cells = np.empty((500, 3), dtype=np.int64)
    arguments = (starts, chances, adds, required, strides, values)
    conditionals.draw_cells.py_func(rng.random((500, 3)), *arguments, cells)
    assert (adds[cells].sum(axis=1) >= required).all()
