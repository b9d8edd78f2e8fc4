"""Something to keep: one self-contained page for one decision, and the check that it is unchanged.

Public names are imported when they are first used, so importing the package stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surrogates.report.decision_report import decision_report
    from surrogates.report.document import Report
    from surrogates.report.verification import Verification, verify_report

__all__ = ["Report", "Verification", "decision_report", "verify_report"]

_HOME_OF = {
    "Report": "surrogates.report.document",
    "Verification": "surrogates.report.verification",
    "decision_report": "surrogates.report.decision_report",
    "verify_report": "surrogates.report.verification",
}


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        value = getattr(import_module(_HOME_OF[name]), name)
        globals()[name] = value  # a module of the same name would hide the function
        return value
    raise AttributeError(f"module 'surrogates.report' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
