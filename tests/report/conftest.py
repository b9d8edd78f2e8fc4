"""Reports that several tests look at."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from surrogates import KernelSHAP

NASTY = ("</script><img onerror=1>", r"$\frac{$")


@pytest.fixture(scope="session")
def loans():
    """A mixed table with missing values and names that attack pages, and its outcomes."""
    rng = np.random.default_rng(0)
    n = 240
    X = pd.DataFrame(
        {
            "age": rng.integers(20, 70, n),
            "income": np.round(rng.lognormal(7.5, 0.4, n)),
            NASTY[0]: rng.normal(size=n).round(2),
            NASTY[1]: rng.normal(size=n).round(2),
            "purpose": rng.choice(["car", "tv", "<b>boat</b>"], n),
        },
        index=[f"case {place}" for place in range(n)],
    )
    X.loc[rng.random(n) < 0.2, "income"] = np.nan
    X.loc[rng.random(n) < 0.2, "purpose"] = np.nan
    points = (
        X["age"] / 15
        + X["income"].fillna(1800) / 700
        + 1.5 * X[NASTY[0]]
        - X[NASTY[1]]
        + (X["purpose"] == "tv") * 2
    )
    y = pd.Series(np.where(points > points.median(), "good", "bad"), index=X.index)
    return X, y


@pytest.fixture(scope="session")
def model(loans):
    X, y = loans
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    levels = make_pipeline(
        SimpleImputer(strategy="most_frequent"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    columns = make_column_transformer((numbers, ["age", "income", *NASTY]), (levels, ["purpose"]))
    return make_pipeline(columns, LogisticRegression()).fit(X, y)


@pytest.fixture(scope="session")
def explainer(loans, model):
    return KernelSHAP(model, target="bad", random_state=0).fit(loans[0])


@pytest.fixture(scope="session")
def denied(loans, model):
    """Rows that are denied, those with missing values first."""
    X, _ = loans
    rows = X[model.predict(X) == "bad"]
    return rows.iloc[np.argsort(-rows.isna().sum(axis=1).to_numpy(), kind="stable")]
