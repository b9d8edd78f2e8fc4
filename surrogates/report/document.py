"""A report: the page, and what it says as frames."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import pandas as pd

from surrogates.report.page import page_digest, render

__all__ = ["MOST_BYTES", "Report"]

MOST_BYTES = 290_000
"""How large a page may be."""

_REASONS = ("rank", "column", "code", "text", "value", "typical", "attribution", "share",
            "std_error", "low", "high", "is_certain")  # fmt: skip
_CHANGES = ("rank", "column", "before", "after", "outcome", "response", "cost")


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """One decision on one self-contained page.

    Made by `decision_report`. The page needs no network and no script.

    Parameters
    ----------
    html : str
        The page.
    contents : mapping
        What the page says, as values that JSON knows; the page follows from it.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> from surrogates import KernelSHAP
    >>> from surrogates.report import decision_report
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> explainer = KernelSHAP(LinearRegression().fit(X, y), random_state=0).fit(X)
    >>> report = decision_report(explainer, X.iloc[:1], date="2026-01-31")
    >>> report
    Report(prediction 206, ok, officer's view, 4 reasons)
    >>> report.reasons["column"].tolist()
    ['s1', 'bmi', 's2', 's5']
    """

    html: str
    contents: Mapping[str, Any]

    @classmethod
    def of(cls, contents: dict[str, Any]) -> Self:
        """Return the report with given contents.

        Parameters
        ----------
        contents : dict

        Returns
        -------
        report : Report
        """
        return cls(render(contents), contents)

    def __post_init__(self) -> None:
        object.__setattr__(self, "contents", MappingProxyType(dict(self.contents)))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.html, dict(self.contents))

    def save(self, path: str | Path) -> Path:
        """Write the page to a file.

        Parameters
        ----------
        path : str or Path
            Where to write; ``.html`` is added to a name without a suffix.

        Returns
        -------
        path : Path
            The file that was written.
        """
        path = Path(path)
        path = path if path.suffix else path.with_name(path.name + ".html")
        path.write_bytes(self.html.encode("utf-8"))  # no system changes the ends of the lines
        return path

    @property
    def status(self) -> str:
        """What became of the report: "ok", "warning" (below a limit) or "blocked".

        A report is blocked when a forbidden column ranks among the principal reasons.
        """
        return str(self.contents["status"])

    @property
    def view(self) -> str:
        """For whom it is: "applicant" or "officer"."""
        return str(self.contents["view"])

    @property
    def decision(self) -> dict[str, Any]:
        """The outcome, the response and the threshold; empty where the report is withheld."""
        return dict(self.contents.get("decision", {}))

    @property
    def reasons(self) -> pd.DataFrame:
        """The principal reasons, one line each."""
        return _frame(self.contents.get("reasons", []), _REASONS)

    @property
    def counterfactuals(self) -> pd.DataFrame:
        """The changes shown that lead to another decision, one line each."""
        found = self.contents.get("alternatives") or {"shown": []}
        lines = [
            {**change, **{key: line[key] for key in ("rank", "outcome", "response", "cost")}}
            for line in found["shown"]
            for change in line["changes"]
        ]
        return _frame(lines, _CHANGES)

    @property
    def cases(self) -> pd.DataFrame:
        """The similar past cases, one line each; empty for applicants."""
        found = self.contents.get("cases")
        if not found:
            return pd.DataFrame()
        lines = [
            {"label": case["label"], "outcome": case["outcome"], found["kind"]: case["measure"]}
            for case in found["cases"]
        ]
        cells = pd.DataFrame([case["cells"] for case in found["cases"]], columns=found["columns"])
        return pd.concat([pd.DataFrame(lines), cells], axis=1)

    @property
    def inputs(self) -> pd.DataFrame:
        """What was received: column, value, missing, and what was imputed."""
        listed = self.contents.get("inputs", {"listed": []})["listed"]
        return _frame(listed, ("column", "value", "missing", "imputed"))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Which limits of reliability are not kept."""
        return tuple(self.contents.get("warnings", ()))

    @property
    def findings(self) -> tuple[str, ...]:
        """What an officer has to know; empty for applicants."""
        return tuple(self.contents.get("findings", ()))

    @property
    def audit(self) -> dict[str, Any]:
        """Versions, parameters, seeds, hashes and exact numbers."""
        return dict(self.contents["audit"])

    @property
    def digest(self) -> str:
        """The SHA-256 of the page: keep it elsewhere, and `verify_report` knows forgeries."""
        return page_digest(self.html)

    def _repr_html_(self) -> str:
        page = escape(self.html, quote=True)
        return (
            f'<iframe title="{escape(str(self.contents["title"]), quote=True)}" srcdoc="{page}" '
            'sandbox="" style="width:100%;height:40em;border:1px solid #bbb"></iframe>'
        )

    def __repr__(self) -> str:
        outcome = self.contents.get("decision", {}).get("outcome", "withheld")
        count = len(self.contents.get("reasons", ()))
        words = f"{count} reason{'s' * (count != 1)}"
        return f"Report({outcome}, {self.status}, {self.view}'s view, {words})"


def _frame(lines: list[dict[str, Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame([{name: line.get(name) for name in columns} for line in lines],
                        columns=list(columns))  # fmt: skip
