"""Draws from columns: truncated normals, observed values, scrambled points."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import truncnorm

from surrogates._kernels.low_discrepancy import normal_quantile
from surrogates.blackbox.samplers import Pieces, ScrambledPoints, make_atoms, make_pieces


@given(st.floats(1e-300, 1.0, exclude_max=True))
def test_normal_quantile(p):
    assert normal_quantile(p) == pytest.approx(ndtri(p), rel=1e-12, abs=1e-15)


def test_normal_quantile_ends():
    assert normal_quantile(0.0) == -np.inf
    assert normal_quantile(1.0) == np.inf


def test_every_scramble_is_balanced_and_another_one():
    points = ScrambledPoints(64, 3, seed=5)
    drawn = [points.column(column, 0, 2).reshape(2, 64) for column in range(3)]
    for scrambles in drawn:
        for own in scrambles:
            assert sorted(np.floor(64 * own).astype(int)) == list(range(64))
        assert (scrambles[0] != scrambles[1]).any()
    cells = {tuple(cell) for cell in np.floor(8 * np.array([own[0] for own in drawn[:2]]).T)}
    assert len(cells) == 64


def test_scrambles_do_not_depend_on_how_many_are_asked_for():
    points = ScrambledPoints(16, 2, seed=1)
    whole = points.column(1, 0, 4)
    np.testing.assert_array_equal(whole[32:], points.column(1, 2, 2))


def test_scrambles_are_uniform_on_average():
    points = ScrambledPoints(2, 1, seed=0)
    drawn = points.column(0, 0, 20_000)
    counts = np.histogram(drawn, bins=20, range=(0, 1))[0]
    assert (np.abs(counts - 2000) < 5 * np.sqrt(2000)).all()


def test_pieces_have_the_moments_of_truncated_normals():
    rng = np.random.default_rng(0)
    values = rng.exponential(size=400)
    borders = np.array([0.3, 0.7, 1.4])
    pieces = make_pieces(values, np.full(400, 1 / 400), borders)
    drawn, bins = pieces.draw((np.arange(200_000) + 0.5) / 200_000)
    for b in range(4):
        inside = values[np.searchsorted(borders, values) == b]
        low, high = pieces.low[b], pieces.high[b]
        law = truncnorm(*((np.array([low, high]) - inside.mean()) / inside.std()),
                        inside.mean(), inside.std())  # fmt: skip
        own = drawn[bins == b]
        assert len(own) / 200_000 == pytest.approx(len(inside) / 400, abs=1e-4)
        assert own.mean() == pytest.approx(law.mean(), abs=1e-3)
        assert low <= own.min() <= own.max() <= high
        middle = 0.5 * (low + high)
        assert pieces.probability_below(middle)[b] == pytest.approx(law.cdf(middle), abs=1e-12)


def test_ties_and_constant_columns_stay():
    tied = make_pieces(np.array([7.0] * 9 + [9.0]), np.full(10, 0.1), np.array([7.0]))
    drawn, bins = tied.draw(np.linspace(0.001, 0.999, 500))
    assert set(drawn) == {7.0, 9.0}
    assert (drawn[bins == 0] == 7.0).all()
    constant = make_pieces(np.full(4, 5.0), np.full(4, 0.25), np.empty(0))
    assert set(constant.draw(np.linspace(0.1, 0.9, 9))[0]) == {5.0}


def test_missing_values_are_a_level():
    pieces = make_pieces(np.array([1.0, np.nan, 3.0, 4.0]), np.full(4, 0.25), np.array([1.0]))
    drawn, bins = pieces.draw((np.arange(1000) + 0.5) / 1000)
    assert np.isnan(drawn).mean() == pytest.approx(0.25, abs=0.002)
    assert (bins[np.isnan(drawn)] == 2).all()


def test_atoms_are_drawn_with_their_weights():
    codes = np.array([0, 1, 1, 2])
    atoms = make_atoms(codes, codes * 1.0, codes.astype(np.int32), np.array([0.1, 0.2, 0.3, 0.4]))
    counts = np.bincount(atoms.draw((np.arange(1000) + 0.5) / 1000))
    assert counts.tolist() == [100, 500, 400]


def test_reweighting():
    pieces = Pieces(*np.array([[0.5, 0.5], [0, 1], [0, 0], [0, 1], [0, 1]]), np.arange(2))
    assert pieces.reweighted(np.array([1.0, 3.0])).weights.tolist() == [0.25, 0.75]
