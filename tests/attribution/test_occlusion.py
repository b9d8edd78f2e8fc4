"""Occlusion: closed forms, brute-force twins, conditional neighbors, errors, bad input."""

import numpy as np
import pandas as pd
import pytest
from polars_frames import to_polars
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from surrogates import Occlusion
from surrogates.datasets import load_german_credit
from surrogates.explanation import load

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))


def bent(Z):
    Z = np.asarray(Z, dtype=float)
    return Z[:, 0] * Z[:, 1] + np.sin(Z[:, 2]) + Z[:, 3]


def by_hand(model, row, reference, columns):
    mixed = reference.copy()
    others = [j for j in range(reference.shape[1]) if j not in columns]
    mixed[:, others] = row[others]
    return model(row[None])[0] - model(mixed).mean()


def test_equals_a_loop():
    explained = Occlusion(bent, n_background=None).fit(X).explain(X[:3])
    for i in range(3):
        expected = [by_hand(bent, X[i], X, [j]) for j in range(4)]
        np.testing.assert_allclose(explained.values[i, :, 0], expected, atol=1e-12)
    assert not explained.std_errors.any()  # every reference row was kept
    assert explained.n_model_rows == 3 * (4 * 60 + 1)


def test_groups_go_together():
    groups = {"both": [0, 1]}
    explained = Occlusion(bent, n_background=None, groups=groups).fit(X).explain(X[:2])
    position = explained.feature_names.index("both")
    expected = [by_hand(bent, X[i], X, [0, 1]) for i in range(2)]
    np.testing.assert_allclose(explained.values[:, position, 0], expected, atol=1e-12)


def test_additive_models_add_up():
    weights = np.array([1.0, -2.0, 0.5, 3.0])
    explained = Occlusion(lambda Z: Z @ weights, n_background=None).fit(X).explain(X[:5])
    np.testing.assert_allclose(explained.values[..., 0], (X[:5] - X.mean(axis=0)) * weights)
    np.testing.assert_allclose(explained.additivity_gap, 0.0, atol=1e-12)


def test_weights_of_evidence():
    labels = (bent(X) > 0).astype(int)
    model = LogisticRegression().fit(X, labels)
    occlusion = Occlusion(model, link="logit", n_background=None).fit(X)
    found = occlusion.explain(X[:1]).values[0, :, 0]
    for j in range(4):
        mixed = np.tile(X[0], (60, 1))
        mixed[:, j] = X[:, j]
        with_column = model.predict_proba(X[:1])[0, 1]
        without = model.predict_proba(mixed)[:, 1].mean()
        expected = np.log(with_column / (1 - with_column)) - np.log(without / (1 - without))
        assert found[j] == pytest.approx(expected, abs=1e-12)


def test_conditional_takes_the_nearest_in_all_other_columns():
    reference = np.array([[0.0, 0.0], [1.0, 10.0], [5.0, 0.1], [9.0, 9.0]])
    row = np.array([[0.2, 0.0]])
    occlusion = Occlusion(
        lambda Z: Z[:, 0] * 1.0, sampling="conditional", n_neighbors=2, n_background=None
    ).fit(reference)
    explained = occlusion.explain(row)
    # the second column is nearest in the first and the third row: 0 and 5 fill in
    assert explained.values[0, 0, 0] == pytest.approx(0.2 - 2.5)
    assert explained.values[0, 1, 0] == 0.0
    assert explained.std_errors is None


def test_conditional_does_not_leave_the_data():
    """Of two copies of a column the model reads one: given the other, it tells nothing new."""
    column = rng.normal(size=400)
    twins = np.column_stack([column, column])
    options = {"n_background": None, "n_neighbors": 5}
    marginal = Occlusion(lambda Z: Z[:, 0] * 1.0, **options).fit(twins).explain(twins[:20])
    conditional = Occlusion(lambda Z: Z[:, 0] * 1.0, sampling="conditional", **options)
    near = conditional.fit(twins).explain(twins[:20])
    assert np.abs(near.values[:, 0]).max() < 0.2 * np.abs(marginal.values[:, 0]).max()


def test_standard_errors_tell_the_draw_of_reference_rows():
    table = rng.normal(size=(300, 4))
    exact = Occlusion(bent, n_background=None).fit(table).explain(X[:4]).values
    drawn = [
        Occlusion(bent, n_background=60, random_state=seed).fit(table).explain(X[:4])
        for seed in range(80)
    ]
    errors = np.array([one.values for one in drawn]) - exact
    claimed = np.sqrt(np.mean([one.std_errors**2 for one in drawn], axis=0))
    np.testing.assert_allclose(np.sqrt((errors**2).mean(axis=0)), claimed, rtol=0.35)


@pytest.mark.parametrize("sampling", ["marginal", "conditional"])
def test_raw_frames(sampling, tmp_path):
    table, y = load_german_credit(return_X_y=True)
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
        remainder="passthrough",
    )
    model = make_pipeline(columns, RandomForestClassifier(5, random_state=0)).fit(table, y)
    options = {"target": "bad", "sampling": sampling, "n_background": 20, "random_state": 0}
    explainer = Occlusion(model, **options).fit(table)
    explained = explainer.explain(table.head(3))
    assert explained.feature_names == tuple(table.columns)
    assert explained.values.shape == (3, 20, 1)
    alone = explainer.explain(table.iloc[[1]])
    np.testing.assert_allclose(alone.values[0], explained.values[1], atol=1e-12)
    two = Occlusion(model, n_jobs=2, **options).fit(table).explain(table.head(3))
    np.testing.assert_array_equal(two.values, explained.values)
    explained.save(tmp_path / "one.npz")
    np.testing.assert_array_equal(load(tmp_path / "one.npz").values, explained.values)
    explained[0].plot()


def test_missing_values_and_polars():
    frame = pd.DataFrame({"a": [1.0, np.nan, 3.0, 4.0], "b": ["x", "y", None, "x"]})

    def model(table):
        values = table["a"].to_numpy()
        return np.where(np.isnan(values), -1.0, values)

    for sampling in ("marginal", "conditional"):
        options = {"sampling": sampling, "n_background": None, "n_neighbors": 2}
        pandas = Occlusion(model, **options).fit(frame).explain(frame)
        polars = Occlusion(model, **options).fit(to_polars(frame)).explain(to_polars(frame))
        np.testing.assert_allclose(polars.values, pandas.values)
        assert not pandas.values[:, 1].any()


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"sampling": "near"}, "'sampling' parameter of Occlusion"),
        ({"n_neighbors": 0}, "'n_neighbors' parameter of Occlusion"),
        ({"link": "probit"}, "'link' parameter of Occlusion"),
        ({"n_background": 0}, "'n_background' parameter of Occlusion"),
        ({"groups": {"g": [9]}}, "groups"),
    ],
)
def test_bad_parameters(params, match):
    with pytest.raises(ValueError, match=match):
        Occlusion(bent, **params).fit(X)


def test_logit_of_numbers_is_refused():
    with pytest.raises(ValueError, match="needs responses between 0 and 1"):
        Occlusion(bent, link="logit").fit(X + 5.0)
