"""A waterfall: from the base value to the prediction of one row."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from surrogates.explanation.displays.canvas import (
    WHISKERS,
    half_widths,
    horizontal_axes,
    join_notes,
    set_lines,
    set_titles,
    write_numbers,
)
from surrogates.explanation.displays.labels import (
    decimals,
    number_texts,
    others_text,
    player_text,
    wrap,
)
from surrogates.explanation.displays.order import by_magnitude, split_lines
from surrogates.explanation.displays.palette import GRID, INK, NEGATIVE, NEUTRAL, POSITIVE

__all__ = ["WaterfallDisplay"]

_ROUNDING = 1e-6


class WaterfallDisplay:
    """Steps from the base value (top) to the prediction (bottom), the largest first.

    What the attributions leave unexplained has a step of its own.

    Parameters
    ----------
    values : array-like of shape (n_features,)
        Attributions of one row.
    base_value, prediction : float
        Where the steps start and end.
    feature_names : sequence of str of length n_features
    feature_values : sequence of length n_features, default=None
        What the row holds in each feature.
    std_errors : array-like of shape (n_features,), default=None
        Drawn as 95 % intervals of the steps.
    response : str, default="response"
        Labels the axis.
    base_label : str, default="base value"
        Names the base value.
    title, note : str, default=None
        Heading, and a lighter line below it, such as the reference group.

    Attributes
    ----------
    ax_, figure_ : Axes, Figure
        Where it was drawn.
    bars_ : BarContainer
    intervals_ : ErrorbarContainer or None
    texts_ : list of Text
        The numbers: base value, steps, prediction.

    Raises
    ------
    ValueError
        The base value, the prediction or an attribution is not finite.

    Examples
    --------
    >>> from surrogates.explanation.displays import WaterfallDisplay
    >>> display = WaterfallDisplay(
    ...     values=[0.25, -0.05], base_value=0.5, prediction=0.7,
    ...     feature_names=["duration", "purpose"], feature_values=[24, "car"],
    ... )
    >>> display.frame()
        feature value  attribution  std_error  start   end
    0  duration    24         0.25        NaN   0.50  0.75
    1   purpose   car        -0.05        NaN   0.75  0.70
    """

    def __init__(
        self,
        *,
        values: ArrayLike,
        base_value: float,
        prediction: float,
        feature_names: Sequence[str],
        feature_values: Sequence[Any] | None = None,
        std_errors: ArrayLike | None = None,
        response: str = "response",
        base_label: str = "base value",
        title: str | None = None,
        note: str | None = None,
    ) -> None:
        self.values = np.asarray(values, dtype=np.float64)
        if not np.isfinite([base_value, prediction, *self.values]).all():
            raise ValueError(
                "A waterfall needs a finite base value, prediction and attributions. "
                f"Got {base_value}, {prediction} and {self.values}; draw a bar instead."
            )
        self.base_value = float(base_value)
        self.prediction = float(prediction)
        self.feature_names = tuple(feature_names)
        self.feature_values = None if feature_values is None else list(feature_values)
        self.std_errors = None if std_errors is None else np.asarray(std_errors, dtype=np.float64)
        self.response = response
        self.base_label = base_label
        self.title = title
        self.note = note

    def frame(self) -> pd.DataFrame:
        """Return one line per feature in the order of the steps.

        Returns
        -------
        DataFrame
            Columns feature, value, attribution, std_error, start and end.
        """
        order = by_magnitude(self.values)
        steps = self.values[order]
        ends = self.base_value + np.cumsum(steps)
        cells = [None] * len(order) if self.feature_values is None else self.feature_values
        errors = np.full(len(order), np.nan) if self.std_errors is None else self.std_errors[order]
        return pd.DataFrame(
            {
                "feature": [self.feature_names[position] for position in order],
                "value": pd.Series([cells[position] for position in order], dtype=object),
                "attribution": steps,
                "std_error": errors,
                "start": ends - steps,
                "end": ends,
            }
        )

    def plot(self, ax: Any = None, *, max_display: int = 12) -> Self:
        """Draw the steps.

        Parameters
        ----------
        ax : Axes, default=None
            None opens a new figure.
        max_display : int, default=12
            Number of steps of features; the last one sums up those without a step of their own.

        Returns
        -------
        self : WaterfallDisplay
        """
        steps, margins, labels, colors = self._steps(max_display)
        levels = self.base_value + np.concatenate([[0.0], np.cumsum(steps)])
        self.ax_ = horizontal_axes(ax, len(steps) + 2)
        self.figure_ = self.ax_.figure
        lines = np.arange(1, len(steps) + 1)
        self.bars_ = self.ax_.barh(lines, steps, left=levels[:-1], height=0.62, color=colors)
        self._draw_levels(levels)
        self._draw_intervals(lines, levels[1:], margins)
        self._draw_numbers(levels, steps, np.nan_to_num(margins))
        set_lines(self.ax_, [wrap(self.base_label), *labels, "prediction"])
        for texts in (self.ax_.get_yticklabels(), self.texts_):
            texts[0].set_fontweight("bold")
            texts[-1].set_fontweight("bold")
        note = join_notes(self.note, None if self.std_errors is None else WHISKERS)
        set_titles(self.ax_, self.title, note, self.response)
        return self

    def _steps(
        self, max_display: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str], list[str]]:
        shown, folded = split_lines(by_magnitude(self.values), max_display)
        steps = list(self.values[shown])
        labels = [self._label(position) for position in shown]
        colors = [POSITIVE if step >= 0 else NEGATIVE for step in steps]
        if folded.size:
            steps.append(self.values[folded].sum())
            labels.append(others_text(folded.size))
            colors.append(NEUTRAL)
        rest = self.prediction - self.base_value - self.values.sum()
        if abs(rest) > _ROUNDING * np.abs([self.base_value, self.prediction, *self.values]).max():
            steps.append(rest)
            labels.append("not attributed")
            colors.append(GRID)
        margins = np.full(len(steps), np.nan)
        if self.std_errors is not None:
            margins[: len(shown)] = half_widths(self.std_errors[shown])
        return np.array(steps), margins, labels, colors

    def _label(self, position: int) -> str:
        name = self.feature_names[position]
        if self.feature_values is None:
            return wrap(name)
        return player_text(name, self.feature_values[position])

    def _draw_levels(self, levels: NDArray[np.float64]) -> None:
        lines = np.arange(len(levels))
        self.ax_.vlines(levels, lines, lines + 1, color=INK, linewidth=0.7, linestyle=":")
        ends = [self.base_value, self.prediction]
        self.ax_.scatter(ends, [0, len(levels)], marker="D", s=28, color=INK, zorder=3)

    def _draw_intervals(self, lines: Any, ends: Any, margins: Any) -> None:
        self.intervals_ = None
        if self.std_errors is not None:
            known = np.isfinite(margins)
            self.intervals_ = self.ax_.errorbar(
                ends[known],
                lines[known],
                xerr=margins[known],
                fmt="none",
                ecolor=INK,
                elinewidth=1.0,
                capsize=2.5,
            )

    def _draw_numbers(self, levels: Any, steps: Any, reach: Any) -> None:
        forward = ~(steps < 0)
        tips = levels[1:] + np.where(forward, reach, -reach)
        least = decimals(list(steps))
        first, last = number_texts([self.base_value, self.prediction], signed=False, least=least)
        self.ax_.use_sticky_edges = False  # the first bar starts beside the base value
        self.texts_ = write_numbers(
            self.ax_,
            [first, *number_texts(list(steps)), last],
            np.array([self.base_value, *tips, self.prediction]),
            np.array([True, *forward, True]),
        )
