"""Names, values and numbers as short text."""

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import pandas as pd

__all__ = ["clean", "decimals", "number_texts", "others_text", "player_text", "value_text", "wrap"]

_WIDTH = 30
_MINUS = "\N{MINUS SIGN}"


def clean(text: Any) -> str:
    """Return text on one line, without characters that cannot be printed."""
    printable = "".join(letter if letter.isprintable() else " " for letter in str(text))
    return " ".join(printable.split())


def wrap(text: Any, width: int = _WIDTH, lines: int = 2) -> str:
    """Return `text` broken into at most `lines` lines of `width` letters, the rest elided.

    Examples
    --------
    >>> print(wrap("number of existing credits at this bank", width=20))
    number of existing
    credits at this bank
    """
    broken = textwrap.wrap(clean(text), width) or [""]
    if len(broken) > lines:
        broken[lines - 1] = f"{broken[lines - 1][: width - 2]} \N{HORIZONTAL ELLIPSIS}"
    return "\n".join(broken[:lines])


def value_text(value: Any) -> str:
    """Return a cell of a table as short text.

    Examples
    --------
    >>> value_text(24), value_text(0.123456), value_text(None), value_text(250000.0)
    ('24', '0.1235', 'missing', '250000')
    """
    if value is None or pd.isna(value) is True:
        return "missing"
    if isinstance(value, pd.Timestamp) and value == value.normalize():
        return str(value.date())
    if not isinstance(value, float):
        return clean(value)
    if math.isfinite(value) and (value == round(value) or abs(value) >= 1e4) and abs(value) < 1e15:
        return _minus(f"{value:.0f}")
    return _minus(f"{value:.4g}")


def player_text(name: str, value: Any) -> str:
    """Return "name = value" in at most two lines."""
    text = f"{clean(name)} = {value_text(value)}"
    if len(text) <= _WIDTH:
        return text
    return f"{wrap(name, lines=1)}\n= {wrap(value_text(value), _WIDTH - 2, lines=1)}"


def others_text(count: int) -> str:
    """Return the label of the columns that share one line."""
    return f"{count} other column" + "s" * (count != 1)


def number_texts(numbers: Sequence[float], signed: bool = True, least: int = 0) -> list[str]:
    """Return numbers with as many decimals as the largest needs for three digits, or `least`.

    Examples
    --------
    >>> number_texts([0.25, -0.05])
    ['+0.250', '−0.050']
    """
    sign, largest = "+" if signed else "-", _largest(numbers)
    style = f"{sign}.{max(decimals(numbers), least)}f"
    if largest and not 1e-4 <= largest < 1e7:
        style = f"{sign}.2e"
    return [_minus(f"{number:{style}}" if not math.isnan(number) else "nan") for number in numbers]


def decimals(numbers: Sequence[float]) -> int:
    """Return how many decimals show three digits of the largest number, 7 at most.

    Examples
    --------
    >>> decimals([0.25, -0.05]), decimals([1250.0])
    (3, 0)
    """
    largest = _largest(numbers)
    return min(max(2 - math.floor(math.log10(largest)), 0), 7) if largest else 2


def _largest(numbers: Sequence[float]) -> float:
    return max((abs(number) for number in numbers if math.isfinite(number)), default=0.0)


def _minus(text: str) -> str:
    return text.replace("-", _MINUS)
