"""The same answer to the last bit, wherever blocks of rows are computed."""

import joblib
import numpy as np
import pytest
from sklearn.neural_network import MLPRegressor

from surrogates import KernelSHAP


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 12))
    model = MLPRegressor(hidden_layer_sizes=(8,), max_iter=30, tol=1.0, random_state=0).fit(
        X, X[:, 0] * X[:, 1]
    )
    explainer = KernelSHAP(model, n_coalitions=500, n_jobs=2, random_state=0).fit(X)
    with joblib.parallel_config(backend="sequential"):
        expected = explainer.explain(X[:20])
    return explainer, X[:20], expected


def check(problem):
    explainer, rows, expected = problem
    found = explainer.explain(rows)
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.std_errors, expected.std_errors)


def test_there_are_several_blocks(problem):
    explainer, rows, _ = problem
    assert explainer.engine_.rows_per_block < len(rows) / 2


@pytest.mark.parametrize("backend", ["sequential", "threading", "loky"])
def test_joblib_backends(problem, backend):
    with joblib.parallel_config(backend=backend):
        check(problem)


def test_dask(problem):
    distributed = pytest.importorskip("dask.distributed")
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    )
    with cluster, distributed.Client(cluster), joblib.parallel_config(backend="dask"):
        check(problem)
