"""Explainers side by side: one panel per metric, one point per explainer."""

from typing import Any, Self

import numpy as np
import pandas as pd

from surrogates.explanation.displays.canvas import WHISKERS, half_widths, horizontal_axes, set_lines
from surrogates.explanation.displays.labels import wrap
from surrogates.explanation.displays.palette import INK, NEUTRAL, UNSIGNED

__all__ = ["ComparisonDisplay"]

_NEEDED = ("explainer", "metric", "mean", "std_error", "better")


class ComparisonDisplay:
    """Means of metrics by explainer, with 95 % intervals; the best of a metric has the color.

    Parameters
    ----------
    frame : DataFrame
        One line per metric and explainer, as ``surrogates.metrics.compare_explainers`` returns
        it: explainer, metric, mean, std_error, better.

    Attributes
    ----------
    axes_ : ndarray of Axes
        One per metric.
    ax_, figure_ : Axes, Figure
        The first of them, and where they are.

    Raises
    ------
    ValueError
        The frame lacks a column.

    Examples
    --------
    >>> import pandas as pd
    >>> from surrogates.explanation.displays import ComparisonDisplay
    >>> frame = pd.DataFrame(
    ...     {
    ...         "explainer": ["KernelSHAP", "LIME"],
    ...         "metric": ["abpc", "abpc"],
    ...         "mean": [0.4, 0.3],
    ...         "std_error": [0.02, 0.03],
    ...         "better": ["larger", "larger"],
    ...     }
    ... )
    >>> ComparisonDisplay(frame).plot().ax_.get_title()
    'abpc (larger is better)'
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        missing = [name for name in _NEEDED if name not in frame]
        if missing:
            raise ValueError(f"frame must have the columns {list(_NEEDED)}. Missing: {missing}.")
        self.data = frame

    def frame(self) -> pd.DataFrame:
        """Return the numbers behind the picture.

        Returns
        -------
        frame : DataFrame
            As given.
        """
        return self.data.copy()

    def plot(self, axes: Any = None) -> Self:
        """Draw one panel per metric, side by side.

        Parameters
        ----------
        axes : sequence of Axes, default=None
            As many as metrics. None opens a new figure.

        Returns
        -------
        self : ComparisonDisplay

        Raises
        ------
        ValueError
            The number of axes differs from that of the metrics.
        """
        parts = list(self.data.groupby("metric", sort=False))
        self.axes_ = np.atleast_1d(_open(len(parts), parts) if axes is None else axes)
        if len(self.axes_) != len(parts):
            raise ValueError(f"axes must hold {len(parts)} Axes. Got {len(self.axes_)}.")
        for ax, (metric, lines) in zip(self.axes_, parts, strict=True):
            _draw(horizontal_axes(ax, len(lines)), str(metric), lines)
        self.ax_ = self.axes_[0]
        self.figure_ = self.ax_.figure
        return self


def _open(n_panels: int, parts: list[Any]) -> Any:
    import matplotlib.pyplot as plt

    n_lines = max(len(lines) for _, lines in parts)
    size = (3.4 * n_panels + 0.8, max(2.2, 1.4 + 0.4 * n_lines))
    return plt.subplots(1, n_panels, figsize=size, layout="constrained", squeeze=False)[1][0]


def _draw(ax: Any, metric: str, lines: pd.DataFrame) -> None:
    means = lines["mean"].to_numpy(dtype=float)
    better = str(lines["better"].iloc[0])
    colors = np.full(len(means), NEUTRAL, dtype=object)
    if np.isfinite(means).any():
        colors[np.nanargmax(means if better == "larger" else -means)] = UNSIGNED
    margins = half_widths(lines["std_error"].to_numpy(dtype=float))
    for place, (mean, margin, color) in enumerate(zip(means, margins, colors, strict=True)):
        reach = margin if np.isfinite(margin) else None
        ax.errorbar(mean, place, xerr=reach, fmt="o", color=color, ecolor=INK, capsize=2.5)
    set_lines(ax, [wrap(name) for name in lines["explainer"]])
    ax.set_title(f"{metric} ({better} is better)", fontsize=10, color=INK)
    ax.set_xlabel(WHISKERS, fontsize=8, color=INK)
