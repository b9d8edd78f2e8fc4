"""Whether a report is as it was made, and whether model and data still give its numbers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import surrogates
from surrogates.base import AttributionExplainer
from surrogates.exceptions import FileFormatError
from surrogates.report.checks import Check
from surrogates.report.contents import FORMAT, LAYOUT
from surrogates.report.document import Report
from surrogates.report.page import is_sealed, page_digest, read_contents, render
from surrogates.report.recomputation import compute_again

__all__ = ["Verification", "verify_report"]

_MOST_BYTES = 4_000_000


@dataclass(frozen=True)
class Verification:
    """What was found about a report; true where no check failed.

    Parameters
    ----------
    checks : tuple of Check
        In the order in which they were made: name, passed (None where a check could not be made),
        and detail.

    Examples
    --------
    >>> from surrogates.report import Verification
    >>> bool(Verification(()))
    False
    """

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether something was checked, and nothing failed."""
        return bool(self.checks) and all(check.passed is not False for check in self.checks)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        marks = {True: "ok", False: "FAILED", None: "skipped"}
        lines = [f"{marks[check.passed]:8s}{check.name}: {check.detail}" for check in self.checks]
        return "\n".join(
            [*lines, "The report is verified." if self.ok else "The report is REFUSED."]
        )


def verify_report(
    report: Any,
    *,
    explainer: Any = None,
    model: Any = None,
    X: Any = None,
    X_reference: Any = None,
    digest: str | None = None,
) -> Verification:
    """Check that a report is as it was made, and compute it again where model and data are given.

    The hash in the page covers every character of it, and the page is written anew from its own
    audit block and compared. Somebody who writes a whole new page, hash included, is only found
    out by `digest`, or by computing again: the attributions, the decision, and what the model
    decides about every counterfactual shown.

    Parameters
    ----------
    report : str, Path or Report
        A file, or the report itself.
    explainer : AttributionExplainer, default=None
        A fitted explainer that computes the numbers again.
    model : object, default=None
        Instead of `explainer`: the fitted model. The explainer is built as the report says.
    X : {array-like, DataFrame} of shape (n_rows, n_columns), default=None
        A table that has the row of the report. Needed to compute again.
    X_reference : {array-like, DataFrame}, default=None
        With `model`: the table that the explainer is fitted on. None is `X`.
    digest : str, default=None
        The `Report.digest` that was noted when the report was made.

    Returns
    -------
    verification : Verification
        True where nothing failed; ``str`` of it says what was checked.

    Raises
    ------
    OSError
        The file cannot be opened.
    ValueError, TypeError
        `model` or `explainer` without `X`, or both.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> from surrogates import KernelSHAP
    >>> from surrogates.report import decision_report, verify_report
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> explainer = KernelSHAP(LinearRegression().fit(X, y), random_state=0).fit(X)
    >>> report = decision_report(explainer, 3, X=X)
    >>> verify_report(report).ok, verify_report(report, explainer=explainer, X=X).ok
    (True, True)
    """
    if explainer is not None and model is not None:
        raise ValueError("Pass an explainer or a model, not both.")
    if (explainer is not None or model is not None) and X is None:
        raise ValueError("To compute again, pass a table that has the row of the report as X.")
    if explainer is not None and not isinstance(explainer, AttributionExplainer):
        raise TypeError(f"explainer must be a fitted explainer. Got {type(explainer).__name__}.")
    try:
        html = _read(report)
        contents, checks = _check_page(html, digest)
    except (FileFormatError, UnicodeDecodeError) as error:
        return Verification((Check("page", False, str(error)),))
    if X is not None and all(check.passed is not False for check in checks):
        try:
            checks += compute_again(contents, explainer, model, X, X_reference)
        except (KeyError, AttributeError, IndexError) as error:
            checks.append(Check("numbers", False, f"the audit block is damaged: {error!r}"))
    return Verification(tuple(checks))


def _read(report: Any) -> str:
    if isinstance(report, Report):
        return report.html
    content = Path(report).read_bytes()
    if len(content) > _MOST_BYTES:
        raise FileFormatError(f"The file has {len(content)} bytes, which no report has.")
    return content.decode("utf-8")


def _check_page(html: str, digest: str | None) -> tuple[dict[str, Any], list[Check]]:
    sealed = is_sealed(html)
    said = "every character is as it was" if sealed else "the page was changed after it was made"
    checks = [Check("checksum", sealed, said)]
    if digest is not None:
        same = page_digest(html) == digest.strip().lower()
        checks.append(Check("digest", same, "the one noted" if same else "not the one noted"))
    contents = read_contents(html)
    if contents.get("format") != FORMAT or contents.get("layout") != LAYOUT:
        raise FileFormatError("The audit block is not of this kind of report.")
    checks.append(_check_text(html, contents))
    return contents, checks


def _check_text(html: str, contents: dict[str, Any]) -> Check:
    """Write the page anew: what is visible follows from the audit block."""
    try:
        made_by = contents["audit"]["versions"]["surrogates"]
        if made_by != surrogates.__version__:
            detail = f"made by surrogates {made_by}, this is {surrogates.__version__}"
            return Check("text", None, detail)
        same = render(contents) == html
    except Exception as error:  # whatever a forged audit block makes of the page
        return Check("text", False, f"the audit block is damaged: {error!r}")
    return Check("text", same, "follows from the audit block" if same else
                 "does not follow from the audit block")  # fmt: skip
