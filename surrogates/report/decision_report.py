"""One decision on one page."""

from collections.abc import Mapping, Sequence
from datetime import date as Date  # noqa: N812
from typing import Any

from sklearn.utils.validation import check_is_fitted

from surrogates._params import NONE, Constraint, Instance, Interval, Options, check_params
from surrogates.base import AttributionExplainer
from surrogates.blackbox.table import column_names
from surrogates.report.alternatives import find_alternatives
from surrogates.report.case import Case, case_columns, make_case
from surrogates.report.confidence import read_limits
from surrogates.report.contents import make_contents
from surrogates.report.decision import predicted, read_rule
from surrogates.report.document import MOST_BYTES, Report
from surrogates.report.markup import shortened
from surrogates.report.past_cases import influential_cases, nearest_cases
from surrogates.report.reason_codes import read_forbidden, read_reason_codes
from surrogates.report.row_reading import read_row

__all__ = ["decision_report"]

_LISTED = (200, 60, 20, 5)
_MOST_CASES = 10
_MOST_LETTERS = 300  # of a title
_CONSTRAINTS: dict[str, list[Constraint]] = {
    "view": [Options("applicant", "officer")],
    "threshold": [Interval("float", None, None), NONE],
    "passing": [Options("above", "below"), NONE],
    "n_reasons": [Interval("int", 1, 4, "both")],
    "n_cases": [Interval("int", 1, _MOST_CASES, "both")],
    "outcomes": [Instance((tuple, list), "a pair (passed, failed)"), NONE],
    "limits": [Instance(Mapping, "a mapping"), NONE],
    "reference_name": [Instance(str, "a str"), NONE],
    "title": [Instance(str, "a str")],
    "date": [Instance((str, Date), "a date"), NONE],
}


def decision_report(
    explainer: Any,
    row: Any,
    *,
    X: Any = None,
    view: str = "officer",
    output: str | None = None,
    threshold: float | None = None,
    passing: str | None = None,
    outcomes: Sequence[str] | None = None,
    reason_codes: Any = None,
    forbidden: Any = (),
    n_reasons: int = 4,
    counterfactuals: Any = None,
    influence: Any = None,
    X_train: Any = None,
    y_train: Any = None,
    n_cases: int = 3,
    limits: Mapping[str, float] | None = None,
    reference_name: str | None = None,
    title: str = "Report of a decision",
    date: str | Date | None = None,
) -> Report:
    """Write down one decision, its reasons and what is known of them, as one page.

    The principal reasons are the columns whose attributions speak for the decision made, the
    strongest first, against the reference group of the explainer. With a reference group at the
    threshold these are, for an additive score, the columns whose points fall furthest below the
    average of those who just passed: one of the ways named by the official interpretation of
    Regulation B (12 CFR 1002, comment 9(b)(2)), which also holds that more than four reasons are
    not likely to help.

    Parameters
    ----------
    explainer : AttributionExplainer
        Fitted; it says what is explained, and against whom.
    row : int, Series, mapping, array-like or DataFrame of one row
        The row decided upon. An int is a position in `X`.
    X : {array-like, DataFrame} of shape (n_rows, n_columns), default=None
        The table of which `row` is a position.
    view : {"officer", "applicant"}, default="officer"
        For whom: the applicant is not shown findings about forbidden columns, past cases, or
        columns that are no principal reason.
    output : str, default=None
        The output to report, where several are explained. None is the class decided on, or the
        largest response.
    threshold : float, default=None
        Where the decision is made, in units of the response. None takes the threshold of the
        explainer, if it has one, and else leaves the decision to ``predict``; for a model of
        numbers there is none then, and the reasons are those of the number.
    passing : {"above", "below"}, default=None
        The side of the threshold that passes; a response at the threshold passes.
    outcomes : pair of str, default=None
        Words for passing and for failing, such as ``("approved", "denied")``; they need `passing`.
    reason_codes : mapping or DataFrame, default=None
        What columns are called as reasons: column -> text or (code, text); or a frame with the
        columns "column", "code" and "text". Columns of arrays are called x0, x1, ...
    forbidden : sequence of str, default=()
        Columns that may not be reasons. If one ranks among the principal reasons, the status is
        "blocked" and nothing about the decision is written for the applicant.
    n_reasons : int, default=4
        How many principal reasons, at most; between 1 and 4.
    counterfactuals : Counterfactuals or CounterfactualSet, default=None
        A fitted explainer, or its answer about the row. Up to three counterfactuals that the model,
        asked again, decides otherwise are shown; none that changes a forbidden column.
    influence : InfluenceFunctions or Influence, default=None
        A fitted explainer, or its answer about the row: the training rows with the largest
        influence are the similar past cases.
    X_train : {array-like, DataFrame} of shape (n_train, n_columns), default=None
        Without `influence`: the nearest of these rows, by Gower's distance, are the past cases.
    y_train : array-like of shape (n_train,), default=None
        What became of them.
    n_cases : int, default=3
        How many past cases; between 1 and 10.
    limits : mapping, default=None
        Below which the report warns: "fidelity" (0.5) of a surrogate, and "error" (0.25), the norm
        of the standard errors over that of the attributions.
    reference_name : str, default=None
        What the reference group is called, such as "applicants approved in 2025".
    title : str, default="Report of a decision"
        Heading of the page.
    date : str or date, default=None
        None is today.

    Returns
    -------
    report : Report
        With ``html``, ``save(path)``, ``status`` and what it says as frames.

    Raises
    ------
    NotFittedError
        The explainer is not fitted.
    ValueError, TypeError
        Not exactly one row, columns that do not exist, or a parameter out of range.
    ModelOutputError
        The model raised, or returned something other than finite numbers.

    See Also
    --------
    verify_report : Check that a saved report is unchanged, and compute it again.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from surrogates import KernelSHAP
    >>> from surrogates.report import decision_report
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    >>> explainer = KernelSHAP(model, response_method="decision_function").fit(X)
    >>> report = decision_report(explainer, 0, X=X)
    >>> report.status, len(report.reasons)
    ('ok', 4)
    """
    given = {name: value for name, value in locals().items() if name in _CONSTRAINTS}
    check_params("decision_report", given, _CONSTRAINTS)
    _check_explainer(explainer)
    if outcomes is not None and len(outcomes) != 2:
        raise ValueError(f"outcomes must be a pair (passed, failed). Got {outcomes!r} instead.")
    rows, label = read_row(row, X, explainer.reference_.rows)
    explanation = explainer.explain(rows)
    rule, decision = read_rule(
        explainer, explanation.data, output=output, threshold=threshold, passing=passing,
        outcomes=outcomes,
    )  # fmt: skip
    known = [*dict.fromkeys((*explanation.feature_names, *column_names(explanation.data)))]
    case = make_case(
        explainer, explanation, label, rule, decision,
        codes=read_reason_codes(reason_codes, known),
        forbidden=read_forbidden(forbidden, known),
        most_reasons=int(n_reasons),
        limits=read_limits(limits),
    )  # fmt: skip
    return _fitting_report(
        case,
        view=view,
        title=shortened(title, _MOST_LETTERS),
        date=_day(date),
        reference_name=None if reference_name is None else shortened(reference_name),
        alternatives=_alternatives(case, counterfactuals),
        cases=_past_cases(case, influence, X_train, y_train, n_cases),
    )


def _check_explainer(explainer: Any) -> None:
    if not isinstance(explainer, AttributionExplainer):
        raise TypeError(
            "explainer must be one that attributes to columns, such as KernelSHAP(model).fit(X). "
            f"Got {type(explainer).__name__} instead."
        )
    check_is_fitted(explainer)


def _day(date: str | Date | None) -> str:
    day = Date.today() if date is None else date
    return shortened(day) if isinstance(day, str) else day.isoformat()


def _alternatives(case: Case, counterfactuals: Any) -> dict[str, Any] | None:
    if counterfactuals is None:
        return None
    return find_alternatives(counterfactuals, case.row, case.rule, case.decision, case.forbidden)


def _past_cases(
    case: Case, influence: Any, X_train: Any, y_train: Any, n_cases: int
) -> dict[str, Any] | None:
    columns = case_columns(case, [reason.player for reason in case.reasons])[:8]
    if influence is not None:
        decided = case.decision.label
        if decided is None:
            labels = predicted(case.rule.estimator, case.rule.model, case.row)
            decided = None if labels is None else labels[0]
        return influential_cases(influence, case.row, decided, columns, int(n_cases))
    if X_train is None:
        if y_train is not None:
            raise ValueError("y_train needs X_train: the rows that it belongs to.")
        return None
    return nearest_cases(case.row, X_train, y_train, columns, int(n_cases))


def _fitting_report(case: Case, **parts: Any) -> Report:
    """Return the report with as many columns listed as a page has room for."""
    for most in _LISTED:
        report = Report.of(make_contents(case, most=most, **parts))
        if len(report.html.encode("utf-8")) <= MOST_BYTES:
            break
    return report
