"""What reasons are called: the table of reason codes, and the columns that may not be reasons."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

__all__ = ["ReasonCode", "read_forbidden", "read_reason_codes"]


@dataclass(frozen=True)
class ReasonCode:
    """What a column is called as a reason.

    Parameters
    ----------
    code : str
        Empty where there is none.
    text : str
        In plain words.
    """

    code: str
    text: str


def read_reason_codes(codes: Any, known: Sequence[str]) -> dict[str, ReasonCode]:
    """Return the reason code of each column that has one.

    Parameters
    ----------
    codes : mapping, DataFrame or None
        Column -> text, (code, text), or a mapping with "code" and "text"; or a frame with the
        columns "column", "text" and, if there are any, "code".
    known : sequence of str
        Columns, and groups of columns, that there are.

    Raises
    ------
    ValueError, TypeError
        A column that does not exist, or an entry that is no code.

    Examples
    --------
    >>> read_reason_codes({"duration": ("07", "Length of the loan")}, ["duration"])
    {'duration': ReasonCode(code='07', text='Length of the loan')}
    """
    if codes is None:
        return {}
    if isinstance(codes, pd.DataFrame):
        codes = _from_frame(codes)
    if not isinstance(codes, Mapping):
        raise TypeError(
            "reason_codes must be a mapping of columns to texts, or a frame with the columns "
            f"'column', 'code' and 'text'. Got {type(codes).__name__} instead."
        )
    _check_known("reason_codes", codes, known)
    return {str(column): _read(column, entry) for column, entry in codes.items()}


def _from_frame(frame: pd.DataFrame) -> dict[str, tuple[str, str]]:
    lacking = [name for name in ("column", "text") if name not in frame.columns]
    if lacking:
        raise ValueError(f"The frame of reason_codes lacks the columns {lacking}.")
    codes = frame["code"] if "code" in frame.columns else pd.Series("", index=frame.index)
    entries = zip(frame["column"], codes, frame["text"], strict=True)
    return {
        str(column): ("" if pd.isna(code) else str(code), text) for column, code, text in entries
    }


def _read(column: Any, entry: Any) -> ReasonCode:
    if isinstance(entry, str):
        return ReasonCode("", entry)
    if isinstance(entry, Mapping) and isinstance(entry.get("text"), str):
        return ReasonCode(str(entry.get("code", "")), entry["text"])
    if isinstance(entry, (tuple, list)) and len(entry) == 2 and isinstance(entry[1], str):
        return ReasonCode(str(entry[0]), entry[1])
    raise TypeError(
        f"reason_codes[{column!r}] must be a text, a pair (code, text), or a mapping with 'code' "
        f"and 'text'. Got {entry!r} instead."
    )


def read_forbidden(forbidden: Any, known: Sequence[str]) -> frozenset[str]:
    """Return the names of the columns that may not be reasons.

    Raises
    ------
    ValueError
        A column that does not exist.
    """
    names = [forbidden] if isinstance(forbidden, str) else list(forbidden)
    _check_known("forbidden", names, known)
    return frozenset(map(str, names))


def _check_known(parameter: str, names: Iterable[Any], known: Sequence[str]) -> None:
    unknown = [name for name in names if str(name) not in set(known)]
    if unknown:
        raise ValueError(
            f"{parameter} has the columns {unknown}, which do not exist: the columns are "
            f"{list(known)}."
        )
