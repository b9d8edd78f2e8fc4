"""Sums over neighbours that match a row, beside plain numpy."""

import numpy as np

from surrogates._kernels.neighbours import match_sums, match_weights, respond_to_matches


def test_matches_are_weighted_summed_and_answered():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, size=(5, 1400)).astype(np.int32)
    row = np.array([0, 1, 2, 3, -1], dtype=np.int32)
    matched = codes == row[:, None]
    by_misses = rng.random(6)
    weights = np.empty(1400)
    match_weights(codes, row, by_misses, weights)
    np.testing.assert_array_equal(weights, by_misses[5 - matched.sum(axis=0)])

    responses = rng.normal(size=(2, 1200))
    sums = np.zeros((2, 3, 6))
    match_sums(codes, row, weights, responses, 600, sums)
    columns = np.vstack([matched, np.ones(1400)])[:, :1200]
    outputs = np.vstack([responses, np.ones(1200)]) * weights[:1200]
    for scramble in range(2):
        part = slice(600 * scramble, 600 * (scramble + 1))
        expected = outputs[:, part] @ columns[:, part].T
        np.testing.assert_allclose(sums[scramble], expected, atol=1e-11)

    coefficients, intercept = rng.normal(size=(5, 2)), rng.normal(size=2)
    answers = np.zeros((2, 1400))
    respond_to_matches(codes, row, coefficients, intercept, 1200, answers)
    expected = coefficients.T @ matched + intercept[:, None]
    np.testing.assert_allclose(answers[:, 1200:], expected[:, 1200:], atol=1e-13)
    assert (answers[:, :1200] == 0.0).all()
