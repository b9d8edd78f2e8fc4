"""Numbers and quantities of a report in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from surrogates.explanation.displays.labels import number_texts

__all__ = [
    "effect",
    "number",
    "numbers",
    "quantity",
    "scale",
    "threshold_words",
]

_SCALES = {"logit": "log-odds", "log": "logarithm"}


def number(value: float | None) -> str:
    """Return a number with three digits.

    Examples
    --------
    >>> number(0.6712), number(None)
    ('0.671', 'unknown')
    """
    return "unknown" if value is None else numbers([value])[0]


def numbers(values: Sequence[float], signed: bool = False) -> list[str]:
    """Return numbers with as many decimals as the largest needs for three digits."""
    return number_texts(list(values), signed=signed)


def quantity(decision: Mapping[str, Any]) -> str:
    """Return what the response of the model is called."""
    output, unit = decision["output"], decision["unit"]
    if unit == "probability":
        return (
            f"probability of \N{LEFT DOUBLE QUOTATION MARK}{output}\N{RIGHT DOUBLE QUOTATION MARK}"
        )
    if output == "prediction":
        return "prediction"
    return f"{unit} of \N{LEFT DOUBLE QUOTATION MARK}{output}\N{RIGHT DOUBLE QUOTATION MARK}"


def scale(decision: Mapping[str, Any]) -> str:
    """Return what attributions add up to: the response, or what the link makes of it."""
    link = decision["link"]
    if link in ("identity", "None"):
        return f"the {quantity(decision)}"
    return f"the {_SCALES.get(link, link)} of the {quantity(decision)}"


def effect(
    decision: Mapping[str, Any], reason: Mapping[str, Any], largest: float, level: float
) -> str:
    """Return what a column does to the response, with its interval.

    Parameters
    ----------
    decision, reason : mapping
    largest : float
        The largest effect beside it: all have as many decimals as this one needs.
    level : float
        Of the interval.
    """
    value, low, high = reason["attribution"], reason.get("low"), reason.get("high")
    verb, sign = ("raises", 1.0) if value > 0 else ("lowers", -1.0)
    ends = [] if low is None or high is None else sorted((sign * low, sign * high))
    size, *told, _ = numbers([sign * value, *ends, largest])
    interval = f" ({100 * level:.0f} % interval {told[0]} to {told[1]})" if told else ""
    if decision["per_unit"]:
        return f"{verb} {scale(decision)} by {size} for each unit more{interval}"
    return f"{verb} {scale(decision)} by {size}{interval}"


def threshold_words(decision: Mapping[str, Any]) -> str | None:
    """Return the threshold and what passes, or None where none decides."""
    at = decision["threshold"]
    if at is None:
        return None
    passing = decision["passing"]
    if passing is None:
        return number(at)
    return f"{number(at)} (at or {passing} it passes)"
