"""Hashes are those of the content: of all of it, and of nothing else."""

import pickle
import threading

import numpy as np
import pandas as pd
import pytest
from polars_frames import to_polars
from sklearn.base import clone
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from surrogates.report.fingerprints import model_digest, row_digests, table_digest

MODELS = [
    LogisticRegression(),
    RandomForestClassifier(5, random_state=0),
    HistGradientBoostingClassifier(max_iter=5, random_state=0),
    GradientBoostingRegressor(n_estimators=5, random_state=0),
    MLPClassifier((4,), max_iter=40, tol=10.0, random_state=0),
    KNeighborsClassifier(),
    SVC(),
    make_pipeline(StandardScaler(), LogisticRegression()),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_models_keep_their_hash_when_saved_and_differ_when_changed(model):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    fitted = clone(model).fit(X, y)
    digest = model_digest(fitted)
    assert model_digest(pickle.loads(pickle.dumps(fitted))) == digest
    assert model_digest(clone(model).fit(X, y)) == digest
    assert model_digest(clone(model).fit(X[:50], y[:50])) != digest
    assert model_digest(clone(model)) != digest


def _times_two(X):
    return 2 * X[:, 0]


def _times_three(X):
    return 3 * X[:, 0]


def _by_factor(factor):
    def model(X):
        return factor * X[:, 0]

    return model


def test_functions_have_the_hash_of_what_they_do():
    assert model_digest(_times_two) != model_digest(_times_three)
    assert model_digest(_by_factor(2)) == model_digest(_by_factor(2))
    assert model_digest(_by_factor(2)) != model_digest(_by_factor(3))


def test_objects_of_all_kinds_have_a_hash():
    own = {
        "itself": None,
        "lock": threading.Lock(),
        "set": {1, "a"},
        "array": np.array([None, "a"]),
    }
    own["itself"] = own
    things = [
        own, pd.Series([1, 2]), pd.DataFrame({"a": ["x"]}), np.datetime64("2020-01-01"), np.sin,
        np.random.RandomState(0), np.random.default_rng(0), 3j, b"bytes", ..., pickle,
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    ]  # fmt: skip
    digests = [model_digest(thing) for thing in things]
    assert len(set(digests)) == len(things)
    assert digests == [model_digest(thing) for thing in things]


def test_padding_and_order_do_not_count():
    padded = np.zeros(2, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True))
    dirty = padded.copy()
    dirty.view(np.uint8).reshape(2, -1)[:, 3] = 255
    assert model_digest(padded) == model_digest(dirty)
    assert model_digest({"a": 1, "b": 2}) == model_digest({"b": 2, "a": 1})
    matrix = np.arange(6.0).reshape(2, 3)
    assert model_digest(matrix) == model_digest(np.asfortranarray(matrix))
    assert model_digest(matrix) != model_digest(matrix.reshape(3, 2))
    assert model_digest(1.0) != model_digest(1) != model_digest("1")


def test_tables_and_rows():
    table = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    assert table_digest(table) == table_digest(to_polars(table))
    assert table_digest(table) != table_digest(table.rename(columns={"a": "c"}))
    assert table_digest(table) != table_digest(table.iloc[::-1])
    assert table_digest(table) != table_digest(table, np.array([0.5, 0.5]))
    assert row_digests(table) == [table_digest(table.iloc[:1]), table_digest(table.iloc[1:])]
