"""Responses to masked rows: against masking by hand, in any number of calls."""

import numpy as np
import pandas as pd
import pytest

from surrogates.blackbox import maskers, masking
from surrogates.blackbox.model import make_model
from surrogates.blackbox.players import make_players


def score(X):
    return X["a"].to_numpy() + 10.0 * (X["b"] == "yes").to_numpy() + 100.0 * X["c"].to_numpy()


@pytest.mark.parametrize("capacity", [1, 4, 7, 1000])
def test_masked_by_hand(capacity, monkeypatch):
    monkeypatch.setattr(masking, "rows_per_call", lambda _: capacity)
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"a": rng.normal(size=9), "b": rng.choice(["yes", "no"], 9), "c": rng.integers(0, 5, 9)}
    )
    rows, reference = table.iloc[:4], table.iloc[4:]
    players = make_players(["a", "b", "c"], {"both": ["a", "c"]}, named=True, owner="LEMNA")
    masks = rng.integers(0, 2, size=(6, 2)).astype(np.uint8)
    dealt = rng.integers(0, 5, size=6)
    model, _ = make_model(score, "auto", None, reference)
    found = masking.masked_responses(model, rows, reference, players, masks, dealt)
    assert found.shape == (4, 6, 1)
    for row in range(4):
        for place, (mask, other) in enumerate(zip(masks, dealt, strict=True)):
            mixed = reference.iloc[[other]].copy()
            for name, player in (("a", 0), ("b", 1), ("c", 0)):
                if mask[player]:
                    mixed[name] = rows[name].iloc[row]
            np.testing.assert_allclose(found[row, place, 0], score(mixed)[0])


def test_calls_are_few():
    sizes = []

    def model(X):
        sizes.append(len(X))
        return X.sum(axis=1)

    asked, _ = make_model(model, "auto", None, np.zeros((1, 3)))
    players = make_players(["x0", "x1", "x2"], None, named=False, owner="LEMNA")
    masks = np.ones((50, 3), dtype=np.uint8)
    sizes.clear()
    none = np.zeros(50, dtype=np.int64)
    masking.masked_responses(asked, np.ones((400, 3)), np.zeros((1, 3)), players, masks, none)
    most = maskers.rows_per_call(3)
    assert sizes == [most, most, 20000 - 2 * most]


@pytest.mark.parametrize("capacity", [1, 5, 1000])
def test_every_row_may_have_masks_of_its_own(capacity, monkeypatch):
    monkeypatch.setattr(masking, "rows_per_call", lambda _: capacity)
    rng = np.random.default_rng(0)
    rows, reference = rng.normal(size=(3, 4)), rng.normal(size=(5, 4))
    players = make_players([f"x{i}" for i in range(4)], None, named=False, owner="LEMNA")
    masks, dealt = rng.integers(0, 2, (3, 6, 4)).astype(np.uint8), rng.integers(0, 5, 6)
    model, _ = make_model(lambda X: X @ [1.0, 2.0, 4.0, 8.0], "auto", None, reference)
    found = masking.masked_responses(model, rows, reference, players, masks, dealt)
    mixed = np.where(masks, rows[:, None], reference[dealt])
    np.testing.assert_allclose(found[:, :, 0], mixed @ [1.0, 2.0, 4.0, 8.0])
