"""Reference rows: distinct, weighted, drawn by content."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogates.blackbox.reference import ReferenceRows, draw_reference
from surrogates.blackbox.table import row_hashes, take_rows

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 2))


def content(reference):
    """Map the hash of each row kept to its weight."""
    return dict(zip(row_hashes(reference.rows).tolist(), reference.weights.tolist(), strict=True))


def assert_same(first, second):
    first, second = content(first), content(second)
    assert list(first) == list(second)
    np.testing.assert_allclose(list(first.values()), list(second.values()), rtol=1e-12)


def test_all_rows_are_kept_with_equal_weights():
    for n_kept in (None, 40, 100):
        reference = draw_reference(X, None, n_kept, 0)
        assert len(reference) == reference.n_available == 40
        assert reference.share_left == 0.0
        np.testing.assert_allclose(reference.weights, 1 / 40)
        assert sorted(reference.rows[:, 0]) == sorted(X[:, 0])


def test_a_draw_keeps_rows_of_the_table():
    reference = draw_reference(X, None, 10, 0)
    assert len(reference) == 10
    assert reference.n_available == 40
    assert reference.share_left == 0.75
    assert set(reference.rows[:, 0]) < set(X[:, 0])
    assert len(set(reference.rows[:, 0])) == 10
    np.testing.assert_allclose(reference.weights, 0.1)


def test_seeds_draw_other_rows():
    kept = {tuple(sorted(draw_reference(X, None, 5, seed).rows[:, 0])) for seed in range(10)}
    assert len(kept) > 5


def test_equal_rows_merge_into_their_summed_weight():
    repeated = np.repeat(X[:3], [1, 2, 5], axis=0)
    reference = draw_reference(repeated, None, None, 0)
    assert reference.n_available == 3
    weights = content(reference)
    np.testing.assert_allclose(
        [weights[h] for h in row_hashes(X[:3]).tolist()], [1 / 8, 1 / 4, 5 / 8]
    )
    assert_same(reference, draw_reference(X[:3], np.array([1.0, 2.0, 5.0]), None, 0))


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.integers(1, 12))
def test_order_repetition_and_labels_do_not_matter(seed, n_kept):
    rng = np.random.default_rng(seed)
    repeats = rng.integers(0, 4, size=12)
    repeats[0] = 1
    weighted = draw_reference(X[:12], repeats.astype(float), n_kept, seed)
    rows = rng.permutation(np.repeat(np.arange(12), repeats))
    assert_same(weighted, draw_reference(X[rows], None, n_kept, seed))
    assert_same(
        weighted, draw_reference(X[:12][repeats > 0], repeats[repeats > 0] * 3.0, n_kept, seed)
    )
    labelled = pd.DataFrame(X[rows], index=rng.integers(0, 5, size=len(rows)), columns=["b", "a"])
    assert_same(weighted, draw_reference(labelled, None, n_kept, seed))


def test_dtypes_of_columns_do_not_matter():
    whole = RNG.integers(0, 50, size=(40, 2))
    expected = draw_reference(whole, None, 7, 3)
    tables = [
        whole.astype(float),
        whole.astype(object),
        pd.DataFrame(whole),
        pd.DataFrame(whole).astype({0: float}),
        pd.DataFrame(whole).astype({0: "Int64"}),
        pl.DataFrame(whole.astype(np.int16)),
    ]
    for table in tables:
        assert_same(expected, draw_reference(table, None, 7, 3))


def test_rows_that_only_look_alike_stay_apart():
    frame = pd.DataFrame({"a": pd.Series(["1", 1, None, "None", np.nan, "nan"], dtype=object)})
    assert draw_reference(frame, None, None, 0).n_available == 6
    assert draw_reference(np.array([[2**60], [2**60 + 1]]), None, None, 0).n_available == 2


def test_rows_without_weight_are_as_if_they_were_not_there():
    weight = np.ones(40)
    weight[::2] = 0.0
    assert_same(draw_reference(X, weight, 8, 0), draw_reference(X[1::2], None, 8, 0))


def test_heavy_rows_are_certain_and_the_others_share_what_is_left():
    weight = np.ones(40)
    weight[:2] = 1000.0
    for seed in range(20):
        kept = content(draw_reference(X, weight, 4, seed))
        heavy = [kept[h] for h in row_hashes(X[:2]).tolist()]
        np.testing.assert_allclose(heavy, 1000 / (2000 + 38))
        assert len(kept) == 4


@pytest.mark.parametrize("n_kept", [1, 5])
def test_weighted_means_are_estimated_without_bias(n_kept):
    weight = np.exp(RNG.normal(size=40))
    truth = np.average(X[:, 0], weights=weight)
    estimates = []
    for seed in range(2000):
        reference = draw_reference(X, weight, n_kept, seed)
        estimates.append(reference.weights @ reference.rows[:, 0])
    error = np.std(estimates) / np.sqrt(len(estimates))
    # without certain rows the estimate is unbiased; with them it is a ratio, biased by 1/n
    slack = 0.0 if n_kept == 1 else 0.01
    assert abs(np.mean(estimates) - truth) < 4 * error + slack


def test_every_row_is_as_likely():
    counts = np.zeros(40)
    for seed in range(2000):
        reference = draw_reference(X, None, 10, seed)
        counts[np.isin(X[:, 0], reference.rows[:, 0])] += 1
    assert counts.sum() == 20_000
    # chi-squared of 39 degrees of freedom: p about 1e-5
    assert ((counts - 500) ** 2 / (500 * 0.75)).sum() < 90


def test_a_row_alone():
    reference = draw_reference(X[:1], None, 100, 0)
    assert len(reference) == 1
    assert reference.weights.tolist() == [1.0]
    assert reference.share_left == 0.0


# pickles


def frames():
    index = pd.Index([3, 1, 2], name="id")
    columns = {
        "text": ["a", None, "b"],
        "thing": pd.Series(["a", 1, None], dtype=object),
        "level": pd.Categorical(["x", None, "y"], categories=["y", "x", "unused"], ordered=True),
        "object level": pd.Categorical.from_codes([1, 0, -1], pd.Index(["y", "x"], dtype=object)),
        "number level": pd.Categorical([1, 2, 1]),
        "flag": [True, False, True],
        "count": pd.array([1, None, 3], dtype="Int16"),
        "maybe": pd.array([True, None, False], dtype="boolean"),
        "share": pd.array([0.5, None, 1.5], dtype="Float32"),
        "day": pd.to_datetime(["2024-01-01", None, "2024-01-03"]),
        "span": pd.to_timedelta([1, 2, None], unit="D"),
        "zoned": pd.to_datetime(["2024-01-01", None, "2024-07-03"]).tz_localize("Europe/Oslo"),
        "period": pd.period_range("2024-01", periods=3, freq="M"),
        "old text": pd.array(["a", None, "b"], dtype=pd.StringDtype("python")),
        "real": [0.5, np.nan, np.inf],
    }
    whole = pd.DataFrame(columns).set_index(index)
    pairs = pd.MultiIndex.from_tuples([("a", 1), ("a", 2)], names=["u", "v"])
    return {
        "mixed": whole,
        "numbers": pd.DataFrame(X[:3]),
        "pairs": pd.DataFrame(X[:3], columns=pairs),
        "named": pd.DataFrame(X[:3], columns=pd.Index(["a", "b"], name="which")),
    }


@pytest.mark.parametrize("name", frames())
def test_pickled_frames_come_back_without_their_index(name):
    frame = frames()[name]
    reference = ReferenceRows(frame, np.full(3, 1 / 3), 5)
    restored = pickle.loads(pickle.dumps(reference))
    pd.testing.assert_frame_equal(
        restored.rows, frame.reset_index(drop=True), check_column_type=False
    )
    assert restored.n_available == 5
    np.testing.assert_array_equal(restored.weights, reference.weights)
    np.testing.assert_array_equal(row_hashes(restored.rows), row_hashes(frame))


def test_pickled_polars_and_arrays_come_back():
    frame = pl.DataFrame(
        {
            "text": ["a", None],
            "level": pl.Series(["x", "y"], dtype=pl.Categorical),
            "grade": pl.Series(["lo", None], dtype=pl.Enum(["lo", "hi"])),
            "count": [1, None],
        }
    )
    restored = pickle.loads(pickle.dumps(ReferenceRows(frame, np.ones(2) / 2, 2)))
    assert restored.rows.equals(frame)
    assert restored.rows.schema == frame.schema
    array = pickle.loads(pickle.dumps(ReferenceRows(X, np.ones(40) / 40, 40))).rows
    np.testing.assert_array_equal(array, X)


def test_taking_rows_after_a_pickle():
    frame = frames()["mixed"]
    restored = pickle.loads(pickle.dumps(ReferenceRows(frame, np.ones(3) / 3, 3)))
    assert take_rows(restored.rows, np.array([2, 0]))["text"].tolist() == ["b", "a"]
