"""Feature flipping and erasure: by hand, and closed forms of additive models."""

import numpy as np
import pytest
from removal_by_hand import bent, worth

from surrogates.metrics import abpc, aopc, comprehensiveness, flipping_curve, sufficiency

RNG = np.random.default_rng(2)
X, BACKGROUND = RNG.normal(size=(5, 4)), RNG.normal(size=(6, 4))
VALUES = RNG.normal(size=(5, 4))


def curve_by_hand(row, order):
    present = np.ones(4, dtype=bool)
    points = [worth(bent, row, BACKGROUND, present)]
    for player in order:
        present[player] = False
        points.append(worth(bent, row, BACKGROUND, present))
    return np.array(points)


def test_curves_by_hand():
    curves = flipping_curve(bent, X, VALUES, background=BACKGROUND)
    for row, values, first, last in zip(
        X, VALUES, curves.most_relevant_first, curves.least_relevant_first, strict=True
    ):
        order = np.argsort(-values)
        np.testing.assert_allclose(first, curve_by_hand(row, order))
        np.testing.assert_allclose(last, curve_by_hand(row, order[::-1]))


def test_areas_by_hand():
    curves = flipping_curve(bent, X, VALUES, background=BACKGROUND)
    first, last = curves.most_relevant_first, curves.least_relevant_first
    np.testing.assert_allclose(curves.aopc, [(h[0] - h).sum() / 5 for h in first])
    inner = (last - first)[:, 1:-1].sum(axis=1)  # both ends are zero
    np.testing.assert_allclose(curves.abpc, inner / 4)
    np.testing.assert_allclose(curves.insertion - curves.deletion, curves.abpc)
    np.testing.assert_allclose(abpc(bent, X, VALUES, background=BACKGROUND), curves.abpc)
    np.testing.assert_allclose(aopc(bent, X, VALUES, background=BACKGROUND), curves.aopc)


def test_additive_models_lose_the_sorted_contributions():
    beta = np.array([3.0, -1.0, 0.5, 2.0])
    exact = beta * (X - BACKGROUND.mean(axis=0))
    curves = flipping_curve(lambda X: X @ beta, X, exact, background=BACKGROUND)
    lost = np.cumsum(-np.sort(-exact, axis=1), axis=1)
    full = (X @ beta)[:, None]
    np.testing.assert_allclose(curves.most_relevant_first[:, 1:], full - lost)
    ranked = -np.sort(-exact, axis=1)
    expected = ((3 - 2 * np.arange(4)) * ranked).sum(axis=1) / 4
    np.testing.assert_allclose(curves.abpc, expected)


def test_no_order_beats_the_exact_one_of_an_additive_model():
    beta = np.array([3.0, -1.0, 0.5, 2.0])
    exact = beta * (X - BACKGROUND.mean(axis=0))
    best = abpc(lambda X: X @ beta, X, exact, background=BACKGROUND)
    for seed in range(10):
        other = np.random.default_rng(seed).permuted(exact, axis=1)
        assert (abpc(lambda X: X @ beta, X, other, background=BACKGROUND) <= best + 1e-12).all()
    np.testing.assert_allclose(
        abpc(lambda X: X @ beta, X, -exact, background=BACKGROUND), -best, atol=1e-12
    )


def test_wide_tables_are_flipped_in_steps():
    rows = RNG.normal(size=(2, 120))
    curves = flipping_curve(lambda X: X.sum(axis=1), rows, rows, background=np.zeros((1, 120)))
    assert len(curves.n_removed) == 51
    assert (curves.n_removed[0], curves.n_removed[-1]) == (0, 120)
    np.testing.assert_allclose(curves.most_relevant_first[:, -1], 0.0, atol=1e-12)


def test_every_output_is_flipped_in_its_own_order():
    beta = RNG.normal(size=(4, 2))
    values = RNG.normal(size=(5, 4, 2))
    both = flipping_curve(lambda X: X @ beta, X, values, background=BACKGROUND)
    alone = [
        flipping_curve(lambda X, at=at: X @ beta[:, at], X, values[:, :, at], background=BACKGROUND)
        for at in range(2)
    ]
    np.testing.assert_allclose(
        both.most_relevant_first, (alone[0].most_relevant_first + alone[1].most_relevant_first) / 2
    )


@pytest.mark.parametrize(("metric", "alone"), [(comprehensiveness, False), (sufficiency, True)])
@pytest.mark.parametrize("sizes", [None, [1], [2, 4]])
def test_erasure_by_hand(metric, alone, sizes):
    found = metric(bent, X, VALUES, background=BACKGROUND, sizes=sizes)
    for row, values, score in zip(X, VALUES, found, strict=True):
        order = np.argsort(-values)
        gaps = []
        for size in sizes or [1, 2, 3, 4]:
            chosen = np.isin(np.arange(4), order[:size])
            left = worth(bent, row, BACKGROUND, chosen if alone else ~chosen)
            gaps.append(bent(row[None])[0] - left)
        np.testing.assert_allclose(score, np.mean(gaps), atol=1e-12)


def test_erasure_of_many_players_takes_shares():
    rows = np.abs(RNG.normal(size=(2, 40)))
    found = comprehensiveness(lambda X: X.sum(axis=1), rows, rows, background=np.zeros((1, 40)))
    ranked = np.cumsum(-np.sort(-rows, axis=1), axis=1)
    np.testing.assert_allclose(found, ranked[:, [0, 1, 3, 7, 19]].mean(axis=1))


def test_one_player():
    curves = flipping_curve(lambda X: X[:, 0], X[:, :1], VALUES[:, :1], background=[[0.0]])
    np.testing.assert_allclose(curves.most_relevant_first, np.column_stack([X[:, 0], np.zeros(5)]))
    np.testing.assert_allclose(curves.abpc, 0.0)


def test_frame_and_picture():
    curves = flipping_curve(bent, X, VALUES, background=BACKGROUND)
    frame = curves.to_frame()
    assert list(frame) == ["order", "n_removed", "response", "std_error"]
    assert len(frame) == 10
    display = curves.plot()
    drawn = display.lines_[0].get_ydata()
    np.testing.assert_allclose(drawn, curves.most_relevant_first.mean(axis=0))
    assert display.figure_ is display.ax_.figure


def test_parameters_out_of_range():
    with pytest.raises(ValueError, match="'n_steps' parameter of flipping_curve"):
        flipping_curve(bent, X, VALUES, n_steps=0)
    with pytest.raises(ValueError, match="sizes must hold ints"):
        sufficiency(bent, X, VALUES, sizes=[5])
