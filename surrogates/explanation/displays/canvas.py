"""Where displays draw: axes of a fitting size, plain text, titles."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.explanation.displays.labels import wrap
from surrogates.explanation.displays.palette import GRID, INK

__all__ = [
    "PLAIN",
    "WHISKERS",
    "check_max_display",
    "half_widths",
    "horizontal_axes",
    "join_notes",
    "open_axes",
    "set_lines",
    "set_titles",
    "write_numbers",
]

PLAIN: dict[str, Any] = {"parse_math": False, "usetex": False}
"""Text properties of names that users chose: a "$" is a dollar sign."""

WHISKERS = "whiskers: 95 % intervals"

_LINE_HEIGHT = 0.36
_WIDTH = 8.0
_GAP = 7.0
_NUMBER_SIZE = 9.0


def open_axes(ax: Any, n_lines: int | None = None) -> Any:
    """Return `ax`, or the axes of a new figure that is high enough for `n_lines` lines."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    height = 5.0 if n_lines is None else max(2.4, 1.5 + _LINE_HEIGHT * n_lines)
    _, ax = plt.subplots(figsize=(_WIDTH, height), layout="constrained")
    return ax


def horizontal_axes(ax: Any, n_lines: int) -> Any:
    """Return axes prepared for `n_lines` horizontal lines, the first at the top."""
    ax = open_axes(ax, n_lines)
    ax.set_ylim(n_lines - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="both", colors=INK, labelsize=9)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_color(GRID)
    ax.set_axisbelow(True)
    ax.grid(visible=True, axis="x", color=GRID, linewidth=0.6)
    return ax


def set_lines(ax: Any, texts: list[str]) -> None:
    """Label the horizontal lines."""
    ax.set_yticks(range(len(texts)), texts, **PLAIN)


def set_titles(ax: Any, title: str | None, note: str | None, xlabel: str) -> None:
    """Write a bold title, a lighter note below it and the label of the horizontal axis."""
    ax.set_xlabel(wrap(xlabel, 64, 1), color=INK, fontsize=10, **PLAIN)
    pad = 8.0
    if note:
        note = wrap(note, 68)
        place = {"xycoords": "axes fraction", "textcoords": "offset points"}
        ax.annotate(note, (0, 1), (0, 5), color=INK, fontsize=9, **place, **PLAIN)
        pad += 13.0 * (1 + note.count("\n"))
    if title:
        style = {"loc": "left", "fontweight": "bold", "fontsize": 11, "color": INK}
        ax.set_title(wrap(title, 54), pad=pad, **style, **PLAIN)


def half_widths(std_errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return half the widths of 95 % intervals, and NaN, which draws nothing, for endless ones."""
    return np.where(np.isfinite(std_errors), 1.96 * std_errors, np.nan)


def join_notes(*notes: str | None) -> str | None:
    """Return the notes that exist, in one line."""
    return "; ".join(note for note in notes if note) or None


def write_numbers(
    ax: Any, texts: list[str], places: NDArray[np.float64], forward: NDArray[np.bool_]
) -> list[Any]:
    """Write a number beside its place on every line: to the right where `forward`, else left.

    The limits of the axis, which other artists have set, are widened for them.
    """
    ax.margins(x=_margin(ax, max(map(len, texts))))
    return [
        ax.annotate(
            text,
            (place if np.isfinite(place) else 0.0, line),
            (_GAP if right else -_GAP, 0),
            textcoords="offset points",
            ha="left" if right else "right",
            va="center",
            fontsize=_NUMBER_SIZE,
            color=INK,
        )
        for line, (text, place, right) in enumerate(zip(texts, places, forward, strict=True))
    ]


def _margin(ax: Any, n_letters: int) -> float:
    """Return the share of the data's span that `n_letters` need beside it."""
    width = 0.8 * ax.get_window_extent().width / ax.figure.dpi * 72  # the labels will take some
    share = min((2 * _GAP + 0.6 * _NUMBER_SIZE * n_letters) / width, 0.3)
    return float(share / (1 - 2 * share))


def check_max_display(max_display: Any) -> int:
    """Return `max_display`, or raise ValueError when it is no positive integer."""
    valid = isinstance(max_display, (int, np.integer)) and not isinstance(max_display, bool)
    if not valid or max_display < 1:
        raise ValueError(
            f"max_display must be an int in the range [1, inf). Got {max_display!r} instead."
        )
    return int(max_display)
