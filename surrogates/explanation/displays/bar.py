"""Bars: one size per feature."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from surrogates.explanation.displays.canvas import (
    WHISKERS,
    half_widths,
    horizontal_axes,
    join_notes,
    set_lines,
    set_titles,
    write_numbers,
)
from surrogates.explanation.displays.labels import number_texts, others_text, wrap
from surrogates.explanation.displays.order import by_magnitude, split_lines
from surrogates.explanation.displays.palette import INK, NEGATIVE, NEUTRAL, POSITIVE, UNSIGNED

__all__ = ["BarDisplay"]


class BarDisplay:
    """Bars of one number per feature, the largest magnitude at the top.

    Parameters
    ----------
    values : array-like of shape (n_features,)
        Importances, or the signed attributions of one row.
    feature_names : sequence of str of length n_features
    std_errors : array-like of shape (n_features,), default=None
        Drawn as 95 % intervals.
    signed : bool, default=True
        Whether the sign of a number is a direction, shown by color and sign.
    quantity : str, default="attribution"
        What the numbers are; labels the axis.
    title, note : str, default=None
        Heading, and a lighter line below it.

    Attributes
    ----------
    ax_, figure_ : Axes, Figure
        Where it was drawn.
    bars_ : BarContainer
    intervals_ : ErrorbarContainer or None
    texts_ : list of Text
        The number at the end of every bar.

    Examples
    --------
    >>> from surrogates.explanation.displays import BarDisplay
    >>> display = BarDisplay(values=[0.1, 0.3], feature_names=["age", "amount"])
    >>> display.frame()
      feature  attribution  std_error
    0  amount          0.3        NaN
    1     age          0.1        NaN
    """

    def __init__(
        self,
        *,
        values: ArrayLike,
        feature_names: Sequence[str],
        std_errors: ArrayLike | None = None,
        signed: bool = True,
        quantity: str = "attribution",
        title: str | None = None,
        note: str | None = None,
    ) -> None:
        self.values = np.asarray(values, dtype=np.float64)
        self.feature_names = tuple(feature_names)
        self.std_errors = None if std_errors is None else np.asarray(std_errors, dtype=np.float64)
        self.signed = signed
        self.quantity = quantity
        self.title = title
        self.note = note

    def frame(self) -> pd.DataFrame:
        """Return the numbers behind the picture.

        Returns
        -------
        frame : DataFrame
            One line per feature in the order of the bars: feature, number, std_error.
        """
        order = by_magnitude(self.values)
        errors = np.full(len(order), np.nan) if self.std_errors is None else self.std_errors[order]
        return pd.DataFrame(
            {
                "feature": [self.feature_names[position] for position in order],
                self.quantity: self.values[order],
                "std_error": errors,
            }
        )

    def plot(self, ax: Any = None, *, max_display: int = 15) -> Self:
        """Draw the bars.

        Parameters
        ----------
        ax : Axes, default=None
            None opens a new figure.
        max_display : int, default=15
            Number of bars; the last one sums up the features without a bar of their own.

        Returns
        -------
        self : BarDisplay
        """
        shown, folded = split_lines(by_magnitude(self.values), max_display)
        sizes = self.values[shown]
        labels = [wrap(self.feature_names[position]) for position in shown]
        if folded.size:
            sizes = np.append(sizes, self.values[folded].sum())
            labels.append(others_text(folded.size))
        self.ax_ = horizontal_axes(ax, len(sizes))
        self.figure_ = self.ax_.figure
        lengths = np.where(np.isfinite(sizes), sizes, np.nan)
        self.bars_ = self.ax_.barh(
            range(len(sizes)), lengths, height=0.62, color=self._colors(sizes, folded)
        )
        margins = np.full(len(sizes), np.nan)
        if self.std_errors is not None:
            margins[: len(shown)] = half_widths(self.std_errors[shown])
        self._draw_intervals(lengths, margins)
        forward, reach = ~(sizes < 0), np.nan_to_num(margins)
        tips = lengths + np.where(forward, reach, -reach)
        texts = number_texts(list(sizes), self.signed)
        self.texts_ = write_numbers(self.ax_, texts, tips, forward)
        self.ax_.axvline(0, color=INK, linewidth=0.8)
        set_lines(self.ax_, labels)
        note = join_notes(self.note, None if self.std_errors is None else WHISKERS)
        set_titles(self.ax_, self.title, note, self.quantity)
        return self

    def _colors(self, sizes: Any, folded: Any) -> list[str]:
        colors = [POSITIVE if size >= 0 else NEGATIVE for size in sizes]
        if not self.signed:
            colors = [UNSIGNED] * len(colors)
        return [*colors[:-1], NEUTRAL] if folded.size else colors

    def _draw_intervals(self, lengths: Any, margins: Any) -> None:
        self.intervals_ = None
        if self.std_errors is not None:
            known = np.isfinite(lengths + margins)
            self.intervals_ = self.ax_.errorbar(
                lengths[known],
                np.flatnonzero(known),
                xerr=margins[known],
                fmt="none",
                ecolor=INK,
                elinewidth=1.0,
                capsize=2.5,
            )
