"""An additive score gives the reasons that a scorecard gives: points below the average."""

import numpy as np
import pytest

from surrogates import KernelSHAP
from surrogates.datasets import make_loan_applications
from surrogates.report import decision_report

THRESHOLD = 140.0


@pytest.fixture(scope="module")
def applications():
    return make_loan_applications(160, random_state=3)


def points_below_average(bunch, row, rows_that_just_pass):
    """Return the points of each column of a row minus their mean, by hand."""
    columns = bunch.feature_names
    return {
        name: float(
            bunch.function.functions[name](row[name])[0]
            - np.mean(bunch.function.functions[name](rows_that_just_pass[name]))
        )
        for name in columns
    }


@pytest.mark.parametrize("n_background", [None, 50])
def test_reasons_are_the_points_below_the_average_at_the_threshold(applications, n_background):
    X, score = applications.data, applications.function
    explainer = KernelSHAP(
        score,
        background="at_threshold",
        threshold=THRESHOLD,
        passing="above",
        n_background=n_background,
        random_state=0,
    ).fit(X)
    total = score(X)
    passing = np.flatnonzero(total >= THRESHOLD)
    kept = len(passing) if n_background is None else n_background
    near = X.iloc[passing[np.argsort(total[passing], kind="stable")][:kept]]
    tie = np.sort(total[passing])[kept - 1] == np.sort(total[passing])[min(kept, len(passing) - 1)]
    if n_background is not None and tie:  # several rows could be the last one kept
        near = explainer.reference_.rows
    denied = X[total < THRESHOLD]
    assert len(denied) > 20
    for place in range(len(denied)):
        report = decision_report(
            explainer, place, X=denied, outcomes=("approved", "denied"), date="2026-01-31"
        )
        gaps = points_below_average(applications, denied.iloc[[place]], near)
        low = [name for name in gaps if gaps[name] < -1e-9]
        expected = sorted(low, key=lambda name: round(gaps[name], 6))[:4]  # ties: as they stand
        reasons = report.reasons
        assert report.decision["outcome"] == "denied"
        assert reasons["column"].tolist() == expected
        np.testing.assert_allclose(
            reasons["attribution"], [gaps[name] for name in expected], atol=1e-8
        )
