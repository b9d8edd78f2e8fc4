"""One thing that was looked at in a report."""

from dataclasses import dataclass

__all__ = ["Check"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Parameters
    ----------
    name : str
    passed : bool or None
        None where it could not be looked at.
    detail : str
    """

    name: str
    passed: bool | None
    detail: str
