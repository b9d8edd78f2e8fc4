"""Shapley values of nearest neighbors equal their definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from truths import shapley_by_enumeration

from surrogates import InfluenceFunctions
from surrogates.influence.neighbors import shapley_of_neighbors

RNG = np.random.default_rng(0)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 10))
def test_values_equal_enumeration(seed, k, n_train):
    rng = np.random.default_rng(seed)
    distances, train = rng.uniform(size=(1, n_train)), rng.integers(0, 3, n_train)
    order = np.argsort(distances[0])

    def utility(present):
        nearest = [row for row in order if present[row]][:k]
        return sum(train[row] == 1 for row in nearest) / k

    found = shapley_of_neighbors(distances, train, np.array([1]), k)[0]
    np.testing.assert_allclose(found, shapley_by_enumeration(utility, n_train), atol=1e-12)


def test_values_add_up_to_the_utility_of_all_rows():
    distances, train = RNG.uniform(size=(40, 500)), RNG.integers(0, 4, 500)
    test = RNG.integers(0, 4, 40)
    values = shapley_of_neighbors(distances, train, test, 7)
    nearest = np.argsort(distances, axis=1)[:, :7]
    right = (train[nearest] == test[:, None]).mean(axis=1)
    np.testing.assert_allclose(values.sum(axis=1), right, atol=1e-12)


def test_explain_a_classifier_in_a_pipeline():
    X = RNG.normal(size=(80, 3)) * [1.0, 100.0, 0.01]
    y = np.where(X[:, 0] > 0, "b", "a")
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(3)).fit(X, y)
    explainer = InfluenceFunctions(model).fit(X, y)
    influence = explainer.explain(X[:10] + 0.01, y[:10])
    scaled = model[0].transform(X)
    distances = np.linalg.norm(model[0].transform(X[:10] + 0.01)[:, None] - scaled, axis=2)
    expected = shapley_of_neighbors(distances, y == "b", y[:10] == "b", 3)
    np.testing.assert_allclose(influence.values, expected, atol=1e-12)
    own = explainer.explain(X, y).values
    np.testing.assert_allclose(explainer.self_influence_, np.diag(own))
    groups = explainer.remove([[0, 5]], X[:4], y[:4])
    np.testing.assert_allclose(groups.values[:, 0], own[:4, [0, 5]].sum(axis=1))
    prediction = InfluenceFunctions(model, of="prediction", target="b").fit(X, y)
    labels = np.array(["b"] * 80)
    np.testing.assert_allclose(
        prediction.explain(X).values, -explainer.explain(X, labels).values, atol=1e-15
    )


def test_refusals():
    X, y = RNG.normal(size=(30, 2)), RNG.integers(0, 2, 30)
    model = KNeighborsClassifier(3).fit(X, y)
    with pytest.raises(ValueError, match="other rows"):
        InfluenceFunctions(model).fit(X + 1.0, y)
    with pytest.raises(ValueError, match="fitted on 30 rows"):
        InfluenceFunctions(model).fit(X[:20], y[:20])
    with pytest.raises(ValueError, match="weights='uniform'"):
        InfluenceFunctions(KNeighborsClassifier(3, weights="distance").fit(X, y)).fit(X, y)
    with pytest.raises(ValueError, match="'auto', 'exact' or 'retrain'"):
        InfluenceFunctions(model, method="newton").fit(X, y)
    with pytest.raises(ValueError, match="takes no sample_weight"):
        InfluenceFunctions(model).fit(X, y, sample_weight=np.arange(30.0))
    with pytest.raises(ValueError, match="are exact"):
        InfluenceFunctions(model).fit(X, y).validate(2)
