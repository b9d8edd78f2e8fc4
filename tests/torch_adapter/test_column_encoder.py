"""Columns of a table as numbers, and as codes for embeddings."""

# ruff: noqa: E402 - what needs torch is imported once it is known to be there

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

torch = pytest.importorskip("torch")

from polars_frames import to_polars

from surrogates.torch import ColumnEncoder


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "city": ["Rome", "Oslo", None, "Rome"],
            "pay": [1.0, 3.0, 5.0, np.nan],
            "owner": [True, False, True, True],
            "age": [30, 40, 50, 60],
            "kind": pd.Categorical(["b", "a", "b", "b"], categories=["b", "a", "c"]),
        }
    )


def test_numbers_and_codes(frame):
    encoder = ColumnEncoder().fit(frame)
    numbers, codes = encoder.transform(frame)
    assert numbers.dtype == np.float32
    assert codes.dtype == np.int64
    assert [owners.tolist() for owners in encoder.column_owners_] == [[1, 3], [0, 2, 4]]
    np.testing.assert_allclose(np.nanmean(numbers, axis=0), 0.0, atol=1e-7)
    np.testing.assert_allclose(np.nanstd(numbers, axis=0), 1.0, rtol=1e-6)
    assert np.isnan(numbers[3, 0])
    assert codes.tolist() == [[2, 2, 2], [1, 1, 1], [3, 2, 2], [2, 2, 2]]
    assert encoder.levels_ == (("Oslo", "Rome", None), (False, True), ("a", "b"))
    assert encoder.n_codes_ == (4, 3, 3)


def test_codes_fit_embeddings(frame):
    encoder = ColumnEncoder().fit(frame)
    unseen = frame.assign(city="Bonn", kind=pd.Categorical(["c"] * 4), owner=[True, None] * 2)
    codes = encoder.transform(unseen)[1]
    assert codes.tolist() == [[0, 2, 0], [0, 0, 0]] * 2
    for column, size in enumerate(encoder.n_codes_):
        torch.nn.Embedding(size, 2)(torch.from_numpy(codes[:, column]))


@pytest.mark.parametrize("embedded", [["age", "city"], pd.Index(["city", "age"])])
def test_columns_by_name(frame, embedded):
    encoder = ColumnEncoder(embedded=embedded, standardize=False).fit(frame[["city", "age", "pay"]])
    numbers, codes = encoder.transform(frame[["city", "age", "pay"]])
    np.testing.assert_array_equal(numbers[:, 0], frame["pay"].astype("float32"))
    assert codes.tolist() == [[2, 1], [1, 2], [3, 3], [2, 4]]


def test_blocks_without_columns_are_left_out(frame):
    for column, dtype in (("age", np.float32), ("city", np.int64)):
        (block,) = ColumnEncoder().fit(frame[[column]]).transform(frame[[column]])
        assert block.shape == (4, 1)
        assert block.dtype == dtype


def test_arrays():
    X = np.array([[1.0, 7.0], [2.0, 8.0], [1.0, 9.0]])
    numbers, codes = ColumnEncoder(embedded=[0]).fit(X).transform(X)
    assert codes.tolist() == [[1], [2], [1]]
    np.testing.assert_allclose(numbers[:, 0], [-np.sqrt(1.5), 0.0, np.sqrt(1.5)], rtol=1e-6)
    objects = np.array([["a", 1], ["b", 2]], dtype=object)
    assert ColumnEncoder(embedded=[0]).fit(objects).transform(objects)[1].tolist() == [[1], [2]]


def test_constant_and_missing_numbers():
    X = pd.DataFrame({"same": [2.0, 2.0], "none": [np.nan, np.nan]})
    (numbers,) = ColumnEncoder().fit(X).transform(X)
    np.testing.assert_array_equal(numbers, [[0.0, np.nan], [0.0, np.nan]])


def test_polars(frame):
    plain = frame.astype({"kind": str})
    expected = ColumnEncoder().fit(plain).transform(plain)
    table = to_polars(plain)
    for one, other in zip(ColumnEncoder().fit(table).transform(table), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_estimator_like_others(frame):
    encoder = ColumnEncoder(embedded=["city"], standardize=False)
    assert clone(encoder).get_params() == encoder.get_params()
    with pytest.raises(NotFittedError):
        encoder.transform(frame)
    loaded = pickle.loads(pickle.dumps(ColumnEncoder().fit(frame)))
    np.testing.assert_array_equal(
        loaded.transform(frame)[1], ColumnEncoder().fit(frame).transform(frame)[1]
    )
    assert list(loaded.feature_names_in_) == list(frame.columns)


def test_bad_input(frame):
    with pytest.raises(ValueError, match=r"columns that X lacks: \['town'\]"):
        ColumnEncoder(embedded=["town"]).fit(frame)
    with pytest.raises(ValueError, match="'embedded' parameter of ColumnEncoder must be a list"):
        ColumnEncoder(embedded="city").fit(frame)
    with pytest.raises(ValueError, match="feature names"):
        ColumnEncoder().fit(frame).transform(frame[["age", "city"]])
