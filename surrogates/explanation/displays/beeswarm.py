"""A beeswarm: every row's attribution to every feature."""

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
)
from surrogates.explanation.displays.labels import others_text, wrap
from surrogates.explanation.displays.order import by_magnitude, split_lines
from surrogates.explanation.displays.palette import GRID, INK, NEUTRAL, value_colors
from surrogates.explanation.displays.swarm import extent, swarm_offsets

__all__ = ["BeeswarmDisplay"]

_ROWS_WITH_INTERVALS = 100


class BeeswarmDisplay:
    """One point per row and feature, colored by the rank of the row's value in the feature.

    Parameters
    ----------
    values : array-like of shape (n_rows, n_features)
        Attributions.
    feature_names : sequence of str of length n_features
    feature_values : sequence of length n_features of (array of shape (n_rows,) or None), \
default=None
        Numbers behind the colors; None for a feature without numbers, drawn grey.
    std_errors : array-like of shape (n_rows, n_features), default=None
        Drawn as 95 % intervals where there are at most 100 rows.
    row_labels : sequence of length n_rows, default=None
        Labels of the rows in `frame`; None counts from 0.
    quantity : str, default="attribution"
        Labels the axis.
    title, note : str, default=None
        Heading, and a lighter line below it.

    Attributes
    ----------
    ax_, figure_ : Axes, Figure
        Where it was drawn.
    points_ : list of PathCollection
        One per line, from the top.
    intervals_ : LineCollection or None
    colorbar_ : Colorbar or None
        None where no feature has numbers.

    Examples
    --------
    >>> from surrogates.explanation.displays import BeeswarmDisplay
    >>> display = BeeswarmDisplay(
    ...     values=[[0.3, 0.1], [-0.2, 0.0]],
    ...     feature_names=["age", "purpose"],
    ...     feature_values=[[30.0, 40.0], None],
    ... )
    >>> display.frame()
       row  feature  attribution  std_error  value_rank
    0    0      age          0.3        NaN         0.0
    1    1      age         -0.2        NaN         1.0
    2    0  purpose          0.1        NaN         NaN
    3    1  purpose          0.0        NaN         NaN
    """

    def __init__(
        self,
        *,
        values: ArrayLike,
        feature_names: Sequence[str],
        feature_values: Sequence[ArrayLike | None] | None = None,
        std_errors: ArrayLike | None = None,
        row_labels: Sequence[Any] | None = None,
        quantity: str = "attribution",
        title: str | None = None,
        note: str | None = None,
    ) -> None:
        self.values = np.asarray(values, dtype=np.float64)
        self.feature_names = tuple(feature_names)
        unknown = [None] * len(self.feature_names)
        self.feature_values = unknown if feature_values is None else list(feature_values)
        self.std_errors = None if std_errors is None else np.asarray(std_errors, dtype=np.float64)
        self.row_labels = range(len(self.values)) if row_labels is None else row_labels
        self.quantity = quantity
        self.title = title
        self.note = note

    def _order(self) -> NDArray[np.intp]:
        return by_magnitude(np.abs(self.values).sum(axis=0))

    def _ranks(self) -> NDArray[np.float64]:
        ranks = np.full(self.values.shape, np.nan)
        for position, numbers in enumerate(self.feature_values):
            if numbers is not None:
                ranks[:, position] = _normalized_ranks(numbers)
        return ranks

    def frame(self) -> pd.DataFrame:
        """Return one line per feature, in the order of the lines, and row.

        Returns
        -------
        DataFrame
            Columns row, feature, attribution, std_error and value_rank: the rank of the row's
            value in the feature, from 0 (lowest) to 1; NaN without a number.
        """
        order = self._order()
        n_rows = len(self.values)
        labels = pd.Index(self.row_labels).take(np.tile(np.arange(n_rows), len(order)))
        unknown = np.full(self.values.shape, np.nan)
        errors = unknown if self.std_errors is None else self.std_errors
        return pd.DataFrame(
            {
                "row": labels,
                "feature": pd.Index(self.feature_names).take(np.repeat(order, n_rows)),
                "attribution": self.values[:, order].ravel(order="F"),
                "std_error": errors[:, order].ravel(order="F"),
                "value_rank": self._ranks()[:, order].ravel(order="F"),
            }
        )

    def plot(self, ax: Any = None, *, max_display: int = 15, size: float = 14.0) -> Self:
        """Draw the points.

        Parameters
        ----------
        ax : Axes, default=None
            None opens a new figure.
        max_display : int, default=15
            Number of lines; the last one sums up the features without a line of their own.
        size : float, default=14
            Area of a point, in square points.

        Returns
        -------
        self : BeeswarmDisplay
        """
        shown, folded = split_lines(self._order(), max_display)
        attributions, ranks = self.values[:, shown], self._ranks()[:, shown]
        labels = [wrap(self.feature_names[position]) for position in shown]
        if folded.size:
            rest = self.values[:, folded].sum(axis=1, keepdims=True)
            attributions = np.hstack([attributions, rest])
            ranks = np.hstack([ranks, np.full_like(rest, np.nan)])
            labels.append(others_text(folded.size))
        self.ax_ = horizontal_axes(ax, len(labels))
        self.figure_ = self.ax_.figure
        self.ax_.grid(visible=True, axis="y", color=GRID, linewidth=0.6)
        self.ax_.axvline(0, color=INK, linewidth=0.8)
        self._draw_points(attributions, ranks, shown, size)
        set_lines(self.ax_, labels)
        self._draw_colorbar(ranks)
        uncolored = self.colorbar_ and np.isnan(ranks[:, : len(shown)]).any()
        note = join_notes(
            self.note,
            None if self.intervals_ is None else WHISKERS,
            "grey: no number" if uncolored else None,
        )
        set_titles(self.ax_, self.title, note, self.quantity)
        return self

    def _draw_points(self, attributions: Any, ranks: Any, shown: Any, size: float) -> None:
        low, high = extent(attributions)
        heights = np.empty(attributions.shape)
        for line in range(heights.shape[1]):
            heights[:, line] = line + swarm_offsets(attributions[:, line], low, high)
        self._draw_intervals(attributions, heights, shown)
        colors = value_colors().with_extremes(bad=NEUTRAL)
        self.points_ = [
            self.ax_.scatter(
                attributions[:, line],
                heights[:, line],
                c=colors(ranks[:, line]),
                s=size,
                linewidths=0,
                zorder=3,
            )
            for line in range(heights.shape[1])
        ]

    def _draw_intervals(self, attributions: Any, heights: Any, shown: Any) -> None:
        self.intervals_ = None
        if self.std_errors is not None and len(self.values) <= _ROWS_WITH_INTERVALS:
            centers = attributions[:, : len(shown)]
            margins = half_widths(self.std_errors[:, shown])
            self.intervals_ = self.ax_.hlines(
                heights[:, : len(shown)].ravel(),
                (centers - margins).ravel(),
                (centers + margins).ravel(),
                color=NEUTRAL,
                linewidth=0.8,
                alpha=0.6,
            )

    def _draw_colorbar(self, ranks: NDArray[np.float64]) -> None:
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        self.colorbar_ = None
        if np.isnan(ranks).all():
            return
        mappable = ScalarMappable(Normalize(0, 1), value_colors())
        self.colorbar_ = self.figure_.colorbar(mappable, ax=self.ax_, aspect=40, pad=0.02)
        self.colorbar_.set_ticks([0, 1], labels=["low", "high"])
        self.colorbar_.set_label("column value", color=INK, fontsize=9, labelpad=-12)
        self.colorbar_.ax.tick_params(length=0, labelsize=9, colors=INK)
        self.colorbar_.outline.set_visible(False)


def _normalized_ranks(numbers: ArrayLike) -> NDArray[np.float64]:
    ranks = pd.Series(np.asarray(numbers, dtype=np.float64)).rank().to_numpy(dtype=np.float64)
    known = ranks[~np.isnan(ranks)]
    if known.size == 0 or known.min() == known.max():
        return np.where(np.isnan(ranks), np.nan, 0.5)
    normalized: NDArray[np.float64] = (ranks - known.min()) / (known.max() - known.min())
    return normalized
