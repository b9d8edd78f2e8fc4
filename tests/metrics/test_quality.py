"""Quality of surrogates, counterfactuals and influences."""

import numpy as np
import pandas as pd
import pytest
from polars_frames import to_polars
from scipy.stats import spearmanr
from sklearn.metrics import r2_score

from surrogates.explanation import CounterfactualSet, Influence
from surrogates.metrics import (
    counterfactual_diversity,
    counterfactual_quality,
    influence_correlation,
    surrogate_fidelity,
)

RNG = np.random.default_rng(0)


def real_rows(n=50):
    return pd.DataFrame(
        {
            "amount": np.where(RNG.random(n) < 0.1, np.nan, RNG.normal(100.0, 20.0, n)),
            "years": RNG.integers(0, 30, n),
            "purpose": RNG.choice(["car", "tv"], n),
            "constant": np.ones(n),
        }
    )


REAL = real_rows()
ROWS = pd.DataFrame(
    {"amount": [100.0, 80.0], "years": [3, 9], "purpose": ["car", "tv"], "constant": [1.0, 1.0]},
    index=["p", "q"],
)
CHANGED = pd.DataFrame(
    {
        "amount": [90.0, 100.0, 80.0],
        "years": [3, 5, 9],
        "purpose": ["car", "tv", "car"],
        "constant": [1.0, 1.0, 1.0],
    }
)


def decide(frame):
    cars = np.asarray(frame["purpose"]) == "car"
    return np.where(cars & (np.asarray(frame["amount"], float) > 95), "bad", "good")


def mad(numbers):
    known = numbers.dropna()
    return (known - known.median()).abs().median()


def by_hand(before, after):
    cost = abs(after["amount"] - before["amount"]) / mad(REAL["amount"])
    cost += abs(after["years"] - before["years"]) / mad(REAL["years"])
    gower = abs(after["amount"] - before["amount"]) / np.ptp(REAL["amount"].dropna())
    gower += abs(after["years"] - before["years"]) / np.ptp(REAL["years"])
    level = float(after["purpose"] != before["purpose"])
    return cost + level, (gower + level) / 4


def test_counterfactuals_by_hand():
    found = counterfactual_quality(decide, ROWS, CHANGED, background=REAL, row=[0, 0, 1])
    assert found["row"].tolist() == ["p", "p", "q"]
    assert found["valid"].tolist() == [True, True, False]
    assert found["sparsity"].tolist() == [1, 2, 1]
    for line, (place, after) in zip(
        found.itertuples(), zip([0, 0, 1], CHANGED.iloc, strict=False), strict=True
    ):
        cost, gower = by_hand(ROWS.iloc[place], after)
        np.testing.assert_allclose([line.proximity, line.gower], [cost, gower])


def test_real_rows_are_plausible():
    found = counterfactual_quality(decide, REAL, REAL, background=REAL)
    assert (found["implausibility"] == 0.0).all()
    assert (found[["proximity", "gower", "sparsity"]] == 0.0).all().all()
    assert not found["valid"].any()
    far = CHANGED.assign(amount=1e6)
    far = counterfactual_quality(decide, ROWS, far, background=REAL, row=[0, 0, 1])
    assert (far["implausibility"] >= 0.25).all()


def test_desired_labels_and_ranges():
    keywords = {"background": REAL, "row": [0, 0, 1]}
    wanted = counterfactual_quality(decide, ROWS, CHANGED, desired="good", **keywords)
    assert wanted["valid"].tolist() == [True, True, True]

    def amount(frame):
        return np.asarray(frame["amount"], dtype=float)

    inside = counterfactual_quality(amount, ROWS, CHANGED, desired=(None, 90.0), **keywords)
    assert inside["valid"].tolist() == [True, False, True]
    above = counterfactual_quality(amount, ROWS, CHANGED, desired=(85.0, None), **keywords)
    assert above["valid"].tolist() == [True, True, False]
    with pytest.raises(ValueError, match="pass 'desired'"):
        counterfactual_quality(amount, ROWS, CHANGED, **keywords)


def counterfactual_set(**params):
    n = len(CHANGED)
    return CounterfactualSet(
        data=ROWS,
        frame=CHANGED,
        row=[0, 0, 1],
        rank=[1, 2, 1],
        cost=np.ones(n),
        lower_bound=np.zeros(n),
        predictions=["good"] * n,
        status=["valid", "valid"],
        before=["bad", "good"],
        responses=np.ones((n, 1)),
        output_names=["good"],
        feature_names=list(ROWS),
        params=params,
    )


def test_sets_bring_their_rows_and_goals():
    tables = counterfactual_quality(decide, ROWS, CHANGED, background=REAL, row=[0, 0, 1])
    found = counterfactual_quality(decide, ROWS, counterfactual_set(), background=REAL)
    pd.testing.assert_frame_equal(found, tables)
    asked = counterfactual_set(desired_class="good")
    assert counterfactual_quality(decide, ROWS, asked, background=REAL)["valid"].all()
    opposite = counterfactual_set(desired_class="opposite")
    assert not counterfactual_quality(decide, ROWS, opposite, background=REAL)["valid"].all()


def test_diversity():
    found = counterfactual_diversity(ROWS, CHANGED, background=REAL, row=[0, 0, 1])
    apart = 10.0 / np.ptp(REAL["amount"].dropna()) + 2.0 / np.ptp(REAL["years"]) + 1.0
    np.testing.assert_allclose(found, [apart / 4, np.nan])
    both = counterfactual_diversity(ROWS, counterfactual_set(), background=REAL)
    np.testing.assert_array_equal(both, found)


def test_polars_counterfactuals():
    known = REAL.dropna()
    expected = counterfactual_quality(decide, ROWS, CHANGED, background=known, row=[0, 0, 1])
    found = counterfactual_quality(
        decide, to_polars(ROWS), to_polars(CHANGED), background=to_polars(known), row=[0, 0, 1]
    )
    pd.testing.assert_frame_equal(found.drop(columns="row"), expected.drop(columns="row"))


def test_missing_cells_cost_one():
    before = pd.DataFrame({"amount": [np.nan, 3.0, np.nan]})
    after = pd.DataFrame({"amount": [1.0, np.nan, np.nan]})
    found = counterfactual_quality(
        lambda frame: frame["amount"].isna().to_numpy(), before, after, background=REAL[["amount"]]
    )
    assert found["proximity"].tolist() == [1.0, 1.0, 0.0]
    assert found["gower"].tolist() == [1.0, 1.0, 0.0]
    assert found["sparsity"].tolist() == [1, 1, 0]


def test_no_counterfactuals():
    found = counterfactual_quality(decide, ROWS, CHANGED[:0], background=REAL, row=[])
    assert len(found) == 0
    assert np.isnan(counterfactual_diversity(ROWS, CHANGED[:0], background=REAL, row=[])).all()


@pytest.mark.parametrize("row", [None, [0, 0, 2], [0, -1, 1], [0, 1]])
def test_rows_that_do_not_fit(row):
    with pytest.raises(ValueError, match="row must hold"):
        counterfactual_quality(decide, ROWS, CHANGED, background=REAL, row=row)


def test_fidelity_of_labels():
    X = np.arange(100.0)[:, None]
    found = surrogate_fidelity(lambda X: X[:, 0] > 49, lambda X: X[:, 0] > 39, X)
    assert found.fidelity == 0.9
    assert found.n_rows == 100
    np.testing.assert_allclose([found.low, found.high], [0.8256, 0.9448], atol=1e-4)
    np.testing.assert_allclose(found.kappa, 0.8)
    texts = surrogate_fidelity(
        lambda X: np.repeat("a", len(X)), lambda X: np.repeat("a", len(X)), X
    )
    assert texts.fidelity == 1.0
    assert np.isnan(texts.kappa)


def test_fidelity_of_numbers():
    X = RNG.normal(size=(300, 2))

    def model(X):
        return X[:, 0] + 0.3 * X[:, 1]

    def surrogate(X):
        return X[:, 0]

    found = surrogate_fidelity(model, surrogate, X, random_state=0)
    np.testing.assert_allclose(found.fidelity, r2_score(model(X), surrogate(X)))
    assert found.low < found.fidelity < found.high
    wider = surrogate_fidelity(model, surrogate, X, level=0.999, random_state=0)
    assert wider.low < found.low
    assert wider.high > found.high
    assert np.isnan(surrogate_fidelity(lambda X: np.ones(len(X)), surrogate, X).fidelity)


def test_intervals_of_fidelity_cover():
    """95 % intervals from 60 rows cover the fidelity on all rows."""
    X = RNG.normal(size=(20000, 2))

    def model(X):
        return (X[:, 0] + 0.3 * X[:, 1] > 0).astype(int)

    def surrogate(X):
        return (X[:, 0] > 0).astype(int)

    truth = surrogate_fidelity(model, surrogate, X).fidelity
    drawn = np.random.default_rng(1).integers(20000, size=(500, 60))
    found = [surrogate_fidelity(model, surrogate, X[some]) for some in drawn]
    assert np.mean([one.low <= truth <= one.high for one in found]) > 0.9


def test_fidelity_of_different_things():
    X = np.ones((4, 1))
    with pytest.raises(ValueError, match="both predict labels or both numbers"):
        surrogate_fidelity(lambda X: X[:, 0], lambda X: X[:, 0] > 0, X)
    with pytest.raises(ValueError, match="A prediction is needed for each row"):
        surrogate_fidelity(lambda X: X[:2, 0], lambda X: X[:, 0], X)
    with pytest.raises(TypeError, match="has no predict"):
        surrogate_fidelity("model", lambda X: X[:, 0], X)


def test_influence_by_scipy():
    predicted, actual = RNG.normal(size=(4, 30)), RNG.normal(size=(4, 30))
    expected = [spearmanr(a, b).statistic for a, b in zip(predicted, actual, strict=True)]
    np.testing.assert_allclose(influence_correlation(predicted, actual), expected)
    influence = Influence(
        values=predicted,
        self_influence=np.zeros(30),
        data=np.zeros((4, 1)),
        train_data=np.zeros((30, 1)),
    )
    np.testing.assert_allclose(influence_correlation(influence, predicted**3), 1.0)
    with pytest.raises(ValueError, match="must have the shape"):
        influence_correlation(predicted, actual[:3])
    with pytest.raises(ValueError, match="must be finite"):
        influence_correlation(predicted, actual + np.inf)
