"""A loan table of mixed types, judged by a scorecard."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch, check_random_state

from surrogates._params import Interval, check_params
from surrogates.datasets.closed_form import ColumnFunction, Product, SumOfProducts, as_bunch
from surrogates.datasets.points import Bins, Levels
from surrogates.datasets.shapes import COUNT, RANDOM_STATE

__all__ = ["make_loan_applications"]

Codes = NDArray[np.int64]

_EMPLOYMENT = Levels(
    {
        "unemployed": 0,
        "under 1 year": 6,
        "1 to 4 years": 14,
        "4 to 10 years": 22,
        "over 10 years": 28,
    }
)
_PURPOSE = Levels(
    {
        "car": 14,
        "furniture": 10,
        "electronics": 6,
        "education": 12,
        "renovation": 18,
        "business": 0,
    }
)
_HOUSING = Levels({"own": 24, "rent": 12, "with family": 6}, missing=4)
_JOB = Levels({"unskilled": 0, "skilled": 12, "manager": 20, "self-employed": 6}, missing=5)
_REGION = Levels({"north": 4, "east": 0, "south": 8, "west": 6})

_SCORECARD: dict[str, ColumnFunction] = {
    "age": Bins((25, 35, 50, 65), (0, 12, 20, 26, 18)),
    "income": Bins((1200, 1800, 2600, 4000), (0, 10, 22, 34, 45), missing=8),
    "savings": Bins((500, 2500, 10_000, 30_000), (0, 8, 18, 28, 36), missing=6),
    "amount": Bins((2000, 5000, 10_000, 20_000), (24, 20, 14, 6, 0)),
    "duration": Bins((13, 25, 37, 49), (26, 20, 12, 6, 0)),
    "late_payments": Bins((1, 2, 3), (38, 20, 8, 0)),
    "purpose": _PURPOSE,
    "housing": _HOUSING,
    "job": _JOB,
    "employment": _EMPLOYMENT,
    "region": _REGION,
    "existing_customer": Levels({False: 0, True: 14}),
}
_EVEN_ODDS = 140
_POINTS_TO_DOUBLE_ODDS = 20


def make_loan_applications(
    n_samples: int = 1000,
    *,
    missing: float = 0.05,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    r"""Generate a raw loan table of mixed types, judged by a scorecard.

    The score of an applicant is the sum of the points of 12 columns, as in a bank's scorecard [1]_;
    missing values have points of their own. 140 points mean even odds of a good loan, and 20 points
    more double them: :math:`P(\text{good}) = 1 / (1 + 2^{(140 - score) / 20})`. About 30 % of the
    loans are bad. The score is additive, so its Shapley values are the points minus their mean over
    the reference rows. Columns depend on each other: income on job and employment, savings on
    income, amount on purpose and income, duration on amount, housing on age.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of applications.
    missing : float, default=0.05
        Chance that a value of `income`, `savings`, `housing` or `job` is missing, in [0, 1). With
        the same seed, other values do not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seed of the table and the target.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : DataFrame of shape (n_samples, 12)
            Integers `age` (years), `amount` (euros), `duration` (months), `late_payments`; floats
            `income` (euros a month), `savings` (euros); strings `purpose`, `housing`, `job`; an
            ordered category `employment`, an unordered one `region`; a boolean
            `existing_customer`. Missing values are NaN.
        target : Series of shape (n_samples,)
            "good" or "bad".
        feature_names : list of str
            Names of the columns.
        target_names : ndarray of shape (2,)
            "bad" and "good", sorted as a classifier sorts its `classes_`.
        function : SumOfProducts
            The score, `function(X) -> (n,)`; it can be pickled, and its attribute `functions` holds
            the points of each column.
        attributions : callable
            `attributions(X, reference, sample_weight=None) -> (n, 12)`: the exact interventional
            Shapley values of the score.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    See Also
    --------
    load_german_credit : A real table.

    References
    ----------
    .. [1] N. Siddiqi, "Credit Risk Scorecards", Wiley, 2006, chapter 6.

    Examples
    --------
    >>> from surrogates.datasets import make_loan_applications
    >>> loans = make_loan_applications(random_state=0)
    >>> loans.data.shape
    (1000, 12)
    >>> loans.function(loans.data[:3])
    array([228., 208., 152.])
    >>> reasons = loans.attributions(loans.data[:5], reference=loans.data)
    >>> reasons.shape
    (5, 12)
    """
    check_params(
        "make_loan_applications",
        {"n_samples": n_samples, "missing": missing, "random_state": random_state},
        {
            "n_samples": COUNT,
            "missing": [Interval("float", 0, 1, "left")],
            "random_state": RANDOM_STATE,
        },
    )
    rng = check_random_state(random_state)
    data = pd.DataFrame(_applications(n_samples, missing, rng))[list(_SCORECARD)]
    score = SumOfProducts(_SCORECARD, tuple(Product(1.0, (name,)) for name in _SCORECARD))
    good = rng.uniform(size=n_samples) < _probability_of_good(score(data))
    target = pd.Series(np.where(good, "good", "bad"), name="credit_risk", dtype=str)
    loans = as_bunch(score, data, target)
    loans.target_names = np.array(["bad", "good"], dtype=object)
    return loans


def _probability_of_good(score: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + 2 ** ((_EVEN_ODDS - score) / _POINTS_TO_DOUBLE_ODDS))


def _applications(n: int, missing: float, rng: np.random.RandomState) -> dict[str, Any]:
    age = (18 + 60 * rng.beta(1.6, 2.8, n)).astype(np.int64)
    job = rng.choice(4, n, p=[0.2, 0.55, 0.15, 0.1])
    employment = _employment(age, rng)
    income = _income(job, employment, rng)
    purpose = rng.choice(6, n, p=[0.32, 0.18, 0.16, 0.08, 0.16, 0.1])
    amount = _amount(purpose, income, rng)
    gaps = rng.uniform(size=(4, n)) < missing
    return {
        "age": age,
        "income": np.where(gaps[0], np.nan, income),
        "savings": np.where(gaps[1], np.nan, _savings(income, rng)),
        "amount": amount,
        "duration": _duration(amount, income, rng),
        "late_payments": np.minimum(rng.poisson(0.5, n), 5).astype(np.int64),
        "purpose": _strings(_PURPOSE, purpose),
        "housing": _strings(_HOUSING, np.where(gaps[2], -1, _housing(age, rng))),
        "job": _strings(_JOB, np.where(gaps[3], -1, job)),
        "employment": _categories(_EMPLOYMENT, employment, ordered=True),
        "region": _categories(_REGION, rng.randint(4, size=n), ordered=False),
        "existing_customer": rng.uniform(size=n) < 0.4,
    }


def _employment(age: Codes, rng: np.random.RandomState) -> Codes:
    years = np.minimum(rng.exponential(7.0, len(age)), age - 17)
    unemployed = rng.uniform(size=len(age)) < 0.07
    return np.where(unemployed, 0, 1 + np.searchsorted([1, 4, 10], years, "right"))


def _income(job: Codes, employment: Codes, rng: np.random.RandomState) -> NDArray[np.float64]:
    typical = np.array([1600.0, 2100.0, 3400.0, 2500.0])[job]
    employed = np.where(employment == 0, 0.5, 1.0)
    return np.round(typical * employed * rng.lognormal(0.0, 0.35, len(job)), -1)


def _savings(income: NDArray[np.float64], rng: np.random.RandomState) -> NDArray[np.float64]:
    months = np.where(rng.uniform(size=len(income)) < 0.2, 0, rng.lognormal(0.8, 1.2, len(income)))
    return np.round(income * months, -1)


def _amount(
    purpose: Codes, income: NDArray[np.float64], rng: np.random.RandomState
) -> NDArray[np.int64]:
    typical = np.array([9000.0, 3000.0, 1500.0, 6000.0, 8000.0, 12_000.0])[purpose]
    wanted = typical * np.sqrt(income / 2100) * rng.lognormal(0.0, 0.5, len(income))
    return np.maximum(100 * np.round(wanted / 100), 500).astype(np.int64)


def _duration(
    amount: NDArray[np.int64], income: NDArray[np.float64], rng: np.random.RandomState
) -> NDArray[np.int64]:
    affordable = 0.1 * income * rng.lognormal(0.0, 0.3, len(income))
    return 6 * np.clip(np.round(amount / affordable / 6), 1, 14).astype(np.int64)


def _housing(age: Codes, rng: np.random.RandomState) -> Codes:
    luck = rng.uniform(size=len(age))
    owns = np.clip((age - 20) / 70, 0.05, 0.6)
    return np.where(luck < owns, 0, np.where(luck < 1 - 0.25 * (age < 30), 1, 2))


def _strings(column: Levels, codes: Codes) -> pd.Series:
    # code -1 takes the last entry
    return pd.Series(np.array([*column.points, np.nan], dtype=object)[codes], dtype=str)


def _categories(column: Levels, codes: Codes, *, ordered: bool) -> pd.Categorical:
    return pd.Categorical.from_codes(codes, pd.Index(list(column.points)), ordered=ordered)
