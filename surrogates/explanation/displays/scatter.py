"""A scatter: the attribution to one feature against its values."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from surrogates.explanation.cells import are_times, as_numbers
from surrogates.explanation.displays.canvas import (
    PLAIN,
    WHISKERS,
    half_widths,
    join_notes,
    open_axes,
    set_titles,
)
from surrogates.explanation.displays.labels import clean, value_text, wrap
from surrogates.explanation.displays.palette import GRID, INK, NEGATIVE, NEUTRAL
from surrogates.explanation.displays.swarm import extent, swarm_offsets

__all__ = ["ScatterDisplay"]

_MOST_LEVELS = 20


class ScatterDisplay:
    """One point per row: what the column holds, and the attribution to it.

    Text has one place per level on the horizontal axis; missing values have one of their own.

    Parameters
    ----------
    feature_values : array-like of shape (n_rows,)
        What the rows hold in the column.
    values : array-like of shape (n_rows,)
        Attributions to the column.
    feature_name : str
    std_errors : array-like of shape (n_rows,), default=None
    levels : sequence, default=None
        The order of the levels of a column of text; None sorts them.
    row_labels : sequence of length n_rows, default=None
        Labels of the rows in `frame`; None counts from 0.
    quantity : str, default="attribution"
        Labels the vertical axis.
    title, note : str, default=None
        Heading, and a lighter line below it.

    Attributes
    ----------
    ax_, figure_ : Axes, Figure
        Where it was drawn.
    points_ : PathCollection
    intervals_ : ErrorbarContainer or None

    Examples
    --------
    >>> from surrogates.explanation.displays import ScatterDisplay
    >>> ScatterDisplay(feature_values=[24, 6], values=[0.2, -0.1], feature_name="duration").frame()
       row value  attribution  std_error
    0    0    24          0.2        NaN
    1    1     6         -0.1        NaN
    """

    def __init__(
        self,
        *,
        feature_values: ArrayLike,
        values: ArrayLike,
        feature_name: str,
        std_errors: ArrayLike | None = None,
        levels: Sequence[Any] | None = None,
        row_labels: Any = None,
        quantity: str = "attribution",
        title: str | None = None,
        note: str | None = None,
    ) -> None:
        self.feature_values = np.asarray(feature_values)
        self.values = np.asarray(values, dtype=np.float64)
        self.feature_name = feature_name
        self.std_errors = None if std_errors is None else np.asarray(std_errors, dtype=np.float64)
        self.levels = None if levels is None else list(levels)
        self.row_labels = range(len(self.values)) if row_labels is None else row_labels
        self.quantity = quantity
        self.title = title
        self.note = note

    def frame(self) -> pd.DataFrame:
        """Return the numbers behind the picture.

        Returns
        -------
        frame : DataFrame
            One line per row with the columns row, value, attribution and std_error.
        """
        unknown = np.full(len(self.values), np.nan)
        return pd.DataFrame(
            {
                "row": pd.Index(self.row_labels),
                "value": pd.Series(self.feature_values.astype(object), dtype=object),
                "attribution": self.values,
                "std_error": unknown if self.std_errors is None else self.std_errors,
            }
        )

    def plot(self, ax: Any = None, *, error_bars: bool = True, size: float = 22.0) -> Self:
        """Draw the points.

        Parameters
        ----------
        ax : Axes, default=None
            None opens a new figure.
        error_bars : bool, default=True
            Whether to draw 95 % intervals where standard errors are known.
        size : float, default=22
            Area of a point, in square points.

        Returns
        -------
        self : ScatterDisplay
        """
        self.ax_ = open_axes(ax)
        self.figure_ = self.ax_.figure
        places, missing = self._places()
        self.intervals_ = None
        if error_bars and self.std_errors is not None:
            self.intervals_ = self._draw_intervals(places, self.std_errors)
        self.points_ = self.ax_.scatter(
            places,
            self.values,
            s=size,
            c=np.where(missing, NEUTRAL, NEGATIVE),
            linewidths=0,
            zorder=3,
        )
        self._decorate()
        return self

    def _places(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        numbers = as_numbers(self.feature_values)
        if numbers is None or set(numbers[np.isfinite(numbers)]) <= {0.0, 1.0}:
            return self._level_places()
        if are_times(self.feature_values):
            self._set_dates()
        missing = ~np.isfinite(numbers)
        if not missing.any():
            return numbers, missing
        known = numbers[~missing]
        span = np.ptp(known) or 1.0
        left = float(np.min(known)) - 0.1 * span
        self.ax_.axvspan(left - 0.04 * span, left + 0.04 * span, color=GRID, alpha=0.5, linewidth=0)
        self.ax_.annotate(
            "missing",
            (left, 0),
            (0, 4),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=INK,
            rotation=90,
        )
        return np.where(missing, left, numbers), missing

    def _set_dates(self) -> None:
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator()
        self.ax_.xaxis.set_major_locator(locator)
        self.ax_.xaxis.set_major_formatter(ConciseDateFormatter(locator))

    def _level_places(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        missing = np.asarray(pd.isna(self.feature_values), dtype=bool)
        texts = [value_text(value) for value in self.feature_values]
        seen = {text for text, gone in zip(texts, missing, strict=True) if not gone}
        levels = [text for text in map(value_text, self.levels or ()) if text in seen]
        levels += sorted(seen.difference(levels))
        codes = {level: float(code) for code, level in enumerate(levels)}
        if missing.any():
            levels.append("missing")
        places = np.where(missing, len(levels) - 1.0, [codes.get(text, 0.0) for text in texts])
        self._label_levels(levels)
        low, high = extent(self.values)
        for place in range(len(levels)):
            here = places == place
            places[here] += swarm_offsets(self.values[here], low, high, spread=0.3)
        return places, missing

    def _label_levels(self, levels: list[str]) -> None:
        turned = len(levels) > 6
        shown = slice(None, None, -(-len(levels) // _MOST_LEVELS))
        self.ax_.set_xticks(
            range(len(levels))[shown],
            [wrap(level, 24 if turned else 16) for level in levels[shown]],
            rotation=40 if turned else 0,
            ha="right" if turned else "center",
            rotation_mode="anchor" if turned else "default",
            **PLAIN,
        )
        self.ax_.set_xlim(-0.6, len(levels) - 0.4)

    def _draw_intervals(self, places: NDArray[np.float64], std_errors: NDArray[np.float64]) -> Any:
        return self.ax_.errorbar(
            places,
            self.values,
            yerr=half_widths(std_errors),
            fmt="none",
            ecolor=NEUTRAL,
            elinewidth=0.8,
        )

    def _decorate(self) -> None:
        self.ax_.axhline(0, color=INK, linewidth=0.8)
        self.ax_.grid(visible=True, axis="y", color=GRID, linewidth=0.6)
        self.ax_.set_axisbelow(True)
        self.ax_.spines[["top", "right"]].set_visible(False)
        self.ax_.spines[["left", "bottom"]].set_color(GRID)
        self.ax_.tick_params(axis="both", colors=INK, labelsize=9)
        self.ax_.set_ylabel(clean(self.quantity), color=INK, fontsize=10, **PLAIN)
        note = join_notes(self.note, None if self.intervals_ is None else WHISKERS)
        set_titles(self.ax_, self.title, note, self.feature_name)
