"""Before and after: what changes in a counterfactual, and what each change costs."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from surrogates.explanation.displays.canvas import PLAIN, horizontal_axes, set_lines, set_titles
from surrogates.explanation.displays.labels import clean, value_text, wrap
from surrogates.explanation.displays.palette import GRID, INK, NEGATIVE, NEUTRAL, POSITIVE

__all__ = ["ChangesDisplay"]


class ChangesDisplay:
    """Changed cells, before and after, one group of lines per counterfactual.

    A line is as long as the change costs. Numbers that grow point to the right, numbers that
    shrink to the left; levels, which have no direction, point to the right in grey.

    Parameters
    ----------
    ranks : sequence of int of length n_changes
        The counterfactual that each change belongs to; ascending.
    feature_names : sequence of str of length n_changes
    before, after : sequence of length n_changes
        Cells of the tables.
    costs : array-like of shape (n_changes,)
    outcomes : mapping of int to str, default={}
        What is predicted for each counterfactual.
    title, note : str, default=None
        Heading, and a lighter line below it.

    Attributes
    ----------
    ax_, figure_ : Axes, Figure
        Where it was drawn.
    lines_ : list of Line2D
        One per change.
    texts_ : list of Text
        "before → after" of every change.

    Examples
    --------
    >>> from surrogates.explanation.displays import ChangesDisplay
    >>> display = ChangesDisplay(
    ...     ranks=[1], feature_names=["duration"], before=[24], after=[12], costs=[2.0]
    ... )
    >>> display.frame()
       rank   feature before after  cost
    0     1  duration     24    12   2.0
    """

    def __init__(
        self,
        *,
        ranks: Sequence[int],
        feature_names: Sequence[str],
        before: Sequence[Any],
        after: Sequence[Any],
        costs: ArrayLike,
        outcomes: Mapping[int, str] | None = None,
        title: str | None = None,
        note: str | None = None,
    ) -> None:
        self.ranks = tuple(ranks)
        self.feature_names = tuple(feature_names)
        self.before = tuple(before)
        self.after = tuple(after)
        self.costs = np.asarray(costs, dtype=np.float64)
        self.outcomes = dict(outcomes or {})
        self.title = title
        self.note = note

    def frame(self) -> pd.DataFrame:
        """Return what the picture shows.

        Returns
        -------
        frame : DataFrame
            One line per change: rank, feature, before, after, cost.
        """
        return pd.DataFrame(
            {
                "rank": self.ranks,
                "feature": self.feature_names,
                "before": pd.Series(self.before, dtype=object),
                "after": pd.Series(self.after, dtype=object),
                "cost": self.costs,
            }
        )

    def plot(self, ax: Any = None) -> Self:
        """Draw the changes.

        Parameters
        ----------
        ax : Axes, default=None
            None opens a new figure.

        Returns
        -------
        self : ChangesDisplay
        """
        labels, places = self._lines()
        self.ax_ = horizontal_axes(ax, max(len(labels), 1))
        self.figure_ = self.ax_.figure
        directions = [_direction(*pair) for pair in zip(self.before, self.after, strict=True)]
        self.lines_: list[Any] = []
        self.texts_: list[Any] = []
        for change, (line, direction) in enumerate(zip(places, directions, strict=True)):
            self._draw(change, line, direction)
        self.ax_.axvline(0, color=INK, linewidth=0.8)
        self.ax_.margins(x=0.3)
        set_lines(self.ax_, labels)
        for tick in np.setdiff1d(np.arange(len(labels)), places):
            self.ax_.get_yticklabels()[tick].set_fontweight("bold")
            self.ax_.axhline(tick - 0.5, color=GRID, linewidth=0.8)
        set_titles(self.ax_, self.title, self.note, "cost of the change, by its direction")
        return self

    def _lines(self) -> tuple[list[str], list[int]]:
        """Return the texts of all lines, and the line of each change."""
        labels: list[str] = []
        places = []
        for rank in sorted(set(self.ranks) | set(self.outcomes)):
            labels.append(wrap(f"{rank}: {self.outcomes.get(rank, '')}".rstrip(": "), lines=1))
            for change, own in enumerate(self.ranks):
                if own == rank:
                    places.append((change, len(labels)))
                    labels.append(wrap(self.feature_names[change]))
        return labels, [line for _, line in sorted(places)]

    def _draw(self, change: int, line: int, direction: int) -> None:
        color = {1: POSITIVE, -1: NEGATIVE, 0: NEUTRAL}[direction]
        cost = self.costs[change]
        end = (direction or 1) * (cost if np.isfinite(cost) else 0.0)
        style = {"color": color, "linewidth": 3, "solid_capstyle": "butt"}
        (drawn,) = self.ax_.plot([0.0, end], [line, line], **style)
        self.ax_.plot([end], [line], marker="o", color=color, markersize=7)
        self.lines_.append(drawn)
        words = f"{clean(value_text(self.before[change]))} → {value_text(self.after[change])}"
        text = self.ax_.annotate(  # always on the right: on the left are the names
            wrap(words, 48, 1),
            (max(end, 0.0), line),
            (9.0, 0),
            textcoords="offset points",
            ha="left",
            va="center",
            fontsize=9,
            color=INK,
            **PLAIN,
        )
        self.texts_.append(text)


def _direction(before: Any, after: Any) -> int:
    """Return 1 where a number grows, -1 where it shrinks, 0 where there is no direction."""
    if any(isinstance(value, (str, bool, np.bool_)) for value in (before, after)):
        return 0
    try:
        return int(after > before) - int(after < before)
    except TypeError:
        return 0
