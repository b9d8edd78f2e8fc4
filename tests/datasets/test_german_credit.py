"""The bundled German credit table against its documentation."""

from importlib import resources

import numpy as np
import pandas as pd
import pytest

from surrogates.datasets import load_german_credit

NUMBERS = [
    "duration",
    "amount",
    "installment_rate",
    "residence_since",
    "age",
    "existing_credits",
    "people_liable",
]
# counts of the codes A11 ... A202 in the repository's german.data
COUNTS = {
    "checking_status": {"no account": 394, "< 0 DM": 274, "0 to 200 DM": 269, ">= 200 DM": 63},
    "credit_history": {
        "paid back till now": 530,
        "critical/other credits": 293,
        "delay in the past": 88,
        "all paid back at this bank": 49,
        "none taken/all paid back": 40,
    },
    "purpose": {
        "radio/television": 280,
        "car (new)": 234,
        "furniture/equipment": 181,
        "car (used)": 103,
        "business": 97,
        "education": 50,
        "repairs": 22,
        "domestic appliances": 12,
        "others": 12,
        "retraining": 9,
    },
    "savings": {
        "< 100 DM": 603,
        "unknown/none": 183,
        "100 to 500 DM": 103,
        "500 to 1000 DM": 63,
        ">= 1000 DM": 48,
    },
    "employment_since": {
        "1 to 4 years": 339,
        ">= 7 years": 253,
        "4 to 7 years": 174,
        "< 1 year": 172,
        "unemployed": 62,
    },
    "installment_rate": {4: 476, 2: 231, 3: 157, 1: 136},
    "personal_status_sex": {
        "male single": 548,
        "female divorced/separated/married": 310,
        "male married/widowed": 92,
        "male divorced/separated": 50,
    },
    "other_debtors": {"none": 907, "guarantor": 52, "co-applicant": 41},
    "residence_since": {4: 413, 2: 308, 3: 149, 1: 130},
    "property": {
        "car or other": 332,
        "real estate": 282,
        "savings agreement/life insurance": 232,
        "unknown/none": 154,
    },
    "other_installment_plans": {"none": 814, "bank": 139, "stores": 47},
    "housing": {"own": 713, "rent": 179, "for free": 108},
    "existing_credits": {1: 633, 2: 333, 3: 28, 4: 6},
    "job": {
        "skilled employee/official": 630,
        "unskilled resident": 200,
        "management/self-employed": 148,
        "unemployed/unskilled non-resident": 22,
    },
    "people_liable": {1: 845, 2: 155},
    "telephone": {"none": 596, "yes": 404},
    "foreign_worker": {"yes": 963, "no": 37},
}


@pytest.fixture(scope="module")
def credit():
    return load_german_credit()


@pytest.mark.parametrize("column", COUNTS)
def test_levels_occur_as_often_as_documented(credit, column):
    assert credit.data[column].value_counts().to_dict() == COUNTS[column]


def test_numbers_have_the_documented_moments(credit):
    numbers = credit.data[["duration", "amount", "age"]]
    assert numbers.mean().round(3).tolist() == [20.903, 3271.258, 35.546]
    assert numbers.min().tolist() == [4, 250, 19]
    assert numbers.max().tolist() == [72, 18424, 75]


def test_target_has_700_good_and_300_bad(credit):
    assert credit.target.value_counts().to_dict() == {"good": 700, "bad": 300}
    assert credit.target_names.tolist() == ["bad", "good"]


@pytest.mark.parametrize(
    ("column", "level", "bad"),
    [
        ("checking_status", "< 0 DM", 135),
        ("checking_status", "no account", 46),
        ("personal_status_sex", "female divorced/separated/married", 109),
        ("personal_status_sex", "male single", 146),
        ("personal_status_sex", "male divorced/separated", 20),
        ("purpose", "car (used)", 17),
        ("foreign_worker", "no", 4),
    ],
)
def test_rows_keep_levels_and_target_together(credit, column, level, bad):
    # a shuffled column keeps its marginal counts, not these
    assert (credit.target[credit.data[column] == level] == "bad").sum() == bad


def test_first_and_last_rows_are_those_of_the_repository(credit):
    assert credit.data.iloc[0].tolist() == [
        "< 0 DM",
        6,
        "critical/other credits",
        "radio/television",
        1169,
        "unknown/none",
        ">= 7 years",
        4,
        "male single",
        "none",
        4,
        "real estate",
        67,
        "none",
        "own",
        2,
        "skilled employee/official",
        1,
        "yes",
        "yes",
    ]
    assert credit.data.loc[999, ["duration", "amount", "age"]].tolist() == [45, 4576, 27]
    assert credit.target.iloc[[0, 1, 999]].tolist() == ["good", "bad", "good"]


def test_columns_are_strings_and_integers_without_gaps(credit):
    assert credit.data.shape == (1000, 20)
    assert not credit.frame.isna().any(axis=None)
    default_string = pd.Series(["a"]).dtype
    for name, dtype in credit.data.dtypes.items():
        assert dtype == (np.int64 if name in NUMBERS else default_string)
    assert credit.target.dtype == default_string
    assert all(
        type(value) is str for value in credit.data.drop(columns=NUMBERS).to_numpy(object).ravel()
    )


def test_names_are_short(credit):
    names = credit.feature_names
    assert {"duration", "amount", "age", "personal_status_sex", "foreign_worker"} <= set(names)
    assert names == credit.data.columns.tolist()
    assert max(map(len, names)) < 24
    assert credit.frame.columns.tolist() == [*names, "credit_risk"]


def test_arrays(credit):
    arrays = load_german_credit(as_frame=False)
    assert arrays.frame is None
    assert arrays.data.dtype == arrays.target.dtype == object
    np.testing.assert_array_equal(arrays.data, credit.data.to_numpy(object))
    np.testing.assert_array_equal(arrays.target, credit.target.to_numpy(object))
    assert arrays.feature_names == credit.feature_names


@pytest.mark.parametrize("as_frame", [True, False])
def test_return_X_y(as_frame):
    bunch = load_german_credit(as_frame=as_frame)
    X, y = load_german_credit(return_X_y=True, as_frame=as_frame)
    assert type(X) is type(bunch.data)
    assert type(y) is type(bunch.target)
    np.testing.assert_array_equal(np.asarray(X, object), np.asarray(bunch.data, object))
    np.testing.assert_array_equal(np.asarray(y, object), np.asarray(bunch.target, object))


def test_every_call_returns_a_table_of_its_own():
    X, _ = load_german_credit(return_X_y=True)
    X.loc[0, "age"] = 0
    assert load_german_credit().data.loc[0, "age"] == 67


def test_description_attributes_the_source_and_lists_the_levels(credit):
    for words in ("Hofmann", "CC BY 4.0", "10.24432/C5NC77", "Changes"):
        assert words in credit.DESCR
    for counts in COUNTS.values():
        assert all(f'"{level}"' in credit.DESCR for level in counts if isinstance(level, str))


def test_the_bundled_file_is_small_and_reproducible(credit):
    content = resources.files(credit.data_module).joinpath(credit.filename).read_bytes()
    assert len(content) < 40_000
    assert content[4:8] == bytes(4)  # no time stamp


@pytest.mark.parametrize("name", ["return_X_y", "as_frame"])
def test_parameters_are_checked(name):
    message = f"The '{name}' parameter of load_german_credit must be a bool. Got 'yes' instead."
    with pytest.raises(ValueError, match=message):
        load_german_credit(**{name: "yes"})
