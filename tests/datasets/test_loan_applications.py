"""The generated loan table."""

import numpy as np
import pandas as pd
import pytest
from polars_frames import to_polars

from surrogates.datasets import make_loan_applications
from surrogates.datasets.points import Bins, Levels

WITH_GAPS = ["income", "savings", "housing", "job"]


@pytest.fixture(scope="module")
def loans():
    return make_loan_applications(20_000, random_state=0)


def test_types_are_mixed(loans):
    string = pd.Series(["a"]).dtype
    assert loans.data.dtypes.astype(str).to_dict() == {
        "age": "int64",
        "income": "float64",
        "savings": "float64",
        "amount": "int64",
        "duration": "int64",
        "late_payments": "int64",
        "purpose": str(string),
        "housing": str(string),
        "job": str(string),
        "employment": "category",
        "region": "category",
        "existing_customer": "bool",
    }
    assert loans.data["employment"].cat.ordered
    assert not loans.data["region"].cat.ordered


@pytest.mark.parametrize("missing", [0.0, 0.05, 0.4])
def test_missing_rates(missing):
    data = make_loan_applications(20_000, missing=missing, random_state=0).data
    rates = data.isna().mean()
    spread = 5 * np.sqrt(missing * (1 - missing) / len(data))
    np.testing.assert_allclose(rates[WITH_GAPS], missing, rtol=0, atol=spread)
    assert not rates.drop(WITH_GAPS).any()


@pytest.mark.parametrize("missing", [0.3, 0.999])
def test_the_rate_of_missing_values_changes_nothing_else(missing):
    full = make_loan_applications(50, missing=0, random_state=0).data
    gaps = make_loan_applications(50, missing=missing, random_state=0).data
    assert gaps.dtypes.equals(full.dtypes)
    assert ((gaps == full) | gaps.isna()).all(axis=None)


def test_missing_strings_are_nan():
    housing = make_loan_applications(200, missing=0.3, random_state=0).data["housing"]
    assert {type(value) for value in housing.to_numpy(object)} == {str, float}


def test_values_are_plausible(loans):
    data = loans.data
    assert data["age"].between(18, 78).all()
    assert data["amount"].ge(500).all()
    assert data["duration"].isin(range(6, 85, 6)).all()
    assert data["income"].dropna().gt(0).all()
    assert data["savings"].dropna().ge(0).all()
    assert data["late_payments"].isin(range(6)).all()
    for name in ("purpose", "housing", "job", "employment", "region"):
        assert data[name].value_counts(normalize=True).min() > 0.02


def test_columns_depend_on_each_other(loans):
    ranks = loans.data[["income", "savings", "amount", "duration"]].rank().corr()
    assert ranks.loc["income", "savings"] > 0.2
    assert ranks.loc["income", "amount"] > 0.1
    assert ranks.loc["amount", "duration"] > 0.6


def test_twenty_points_double_the_odds(loans):
    good = loans.target == "good"
    probability = 1 / (1 + 2 ** ((140 - loans.function(loans.data)) / 20))
    for low, high in [(0, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1)]:
        chosen = (probability >= low) & (probability < high)
        error = np.sqrt(0.25 / chosen.sum())
        assert abs(good[chosen].mean() - probability[chosen].mean()) < 4 * error
    assert 0.25 < 1 - good.mean() < 0.35


def test_the_score_is_the_sum_of_documented_points(loans):
    row = pd.DataFrame(
        {
            "age": [40],
            "income": [np.nan],
            "savings": [500.0],
            "amount": [1999],
            "duration": [84],
            "late_payments": [0],
            "purpose": ["business"],
            "housing": [None],
            "job": ["manager"],
            "employment": pd.Categorical(["1 to 4 years"]),
            "region": ["south"],
            "existing_customer": [True],
        }
    )
    assert loans.function(row) == 20 + 8 + 8 + 24 + 0 + 38 + 0 + 4 + 20 + 14 + 8 + 14


def test_attributions_of_missing_values_are_their_points(loans):
    rows = loans.data[loans.data["income"].isna()][:5]
    points = loans.function.functions["income"]
    expected = points.missing - points(loans.data["income"]).mean()
    column = loans.feature_names.index("income")
    values = loans.attributions(rows, loans.data)[:, column]
    np.testing.assert_allclose(values, expected, atol=1e-10)


def test_target(loans):
    assert set(loans.target) == {"good", "bad"}
    assert loans.target.name == "credit_risk"
    assert loans.target_names.tolist() == ["bad", "good"]


def test_unknown_levels_are_named(loans):
    rows = loans.data[:2].assign(purpose="yacht")
    with pytest.raises(
        ValueError, match=r"Column 'purpose': 'yacht' is none of the levels \['car'"
    ):
        loans.function(rows)


def test_polars(loans):
    rows = loans.data[:200]
    np.testing.assert_array_equal(loans.function(to_polars(rows)), loans.function(rows))


def test_bins_own_their_lower_edge():
    bins = Bins((10, 20), (1, 2, 3), missing=9)
    assert bins(np.array([-5.0, 10.0, 19.9, 20.0, np.nan, np.inf])).tolist() == [1, 2, 2, 3, 9, 3]


def test_levels_look_up_points():
    levels = Levels({False: 0, True: 5}, missing=2)
    assert levels(np.array([True, False, None], dtype=object)).tolist() == [5, 0, 2]


@pytest.mark.parametrize("missing", [-0.1, 1.0, "some", None])
def test_missing_is_checked(missing):
    with pytest.raises(ValueError, match=r"The 'missing' .* a float in the range \[0, 1\)"):
        make_loan_applications(missing=missing)
