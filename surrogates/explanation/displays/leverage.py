"""Influence against leverage: rows that could matter, and rows that do."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from surrogates.explanation.displays.canvas import (
    PLAIN,
    check_max_display,
    open_axes,
    set_titles,
)
from surrogates.explanation.displays.labels import wrap
from surrogates.explanation.displays.order import by_magnitude
from surrogates.explanation.displays.palette import GRID, INK, NEGATIVE, POSITIVE

__all__ = ["LeverageDisplay"]


class LeverageDisplay:
    """One point per training row: its leverage and its influence.

    Parameters
    ----------
    leverages : array-like of shape (n_train,)
    values : array-like of shape (n_train,)
        Influences.
    row_labels : sequence of length n_train, default=None
        None counts from 0.
    quantity : str, default="influence"
        Labels the vertical axis.
    title, note : str, default=None
        Heading, and a lighter line below it.

    Attributes
    ----------
    ax_, figure_ : Axes, Figure
        Where it was drawn.
    points_ : PathCollection
    texts_ : list of Annotation
        Labels of the rows with the largest influence.

    Examples
    --------
    >>> from surrogates.explanation.displays import LeverageDisplay
    >>> LeverageDisplay(leverages=[0.1, 0.4], values=[0.02, -0.3]).frame()
       row  leverage  influence
    0    0       0.1       0.02
    1    1       0.4      -0.30
    """

    def __init__(
        self,
        *,
        leverages: ArrayLike,
        values: ArrayLike,
        row_labels: Sequence[Any] | pd.Index | None = None,
        quantity: str = "influence",
        title: str | None = None,
        note: str | None = None,
    ) -> None:
        self.leverages = np.asarray(leverages, dtype=np.float64)
        self.values = np.asarray(values, dtype=np.float64)
        self.row_labels = range(len(self.values)) if row_labels is None else row_labels
        self.quantity = quantity
        self.title = title
        self.note = note

    def frame(self) -> pd.DataFrame:
        """Return the numbers behind the picture.

        Returns
        -------
        frame : DataFrame
            One line per training row with the columns row, leverage and influence.
        """
        return pd.DataFrame(
            {
                "row": pd.Index(self.row_labels),
                "leverage": self.leverages,
                "influence": self.values,
            }
        )

    def plot(self, ax: Any = None, *, max_display: int = 5) -> Self:
        """Draw the points.

        Parameters
        ----------
        ax : Axes, default=None
            None opens a new figure.
        max_display : int, default=5
            How many rows are labelled, those with the largest influence first.

        Returns
        -------
        self : LeverageDisplay

        Raises
        ------
        ValueError
            `max_display` is no positive integer.
        """
        count = check_max_display(max_display)
        self.ax_ = open_axes(ax)
        self.figure_ = self.ax_.figure
        colors = np.where(self.values >= 0.0, POSITIVE, NEGATIVE)
        self.points_ = self.ax_.scatter(
            self.leverages, self.values, s=16, c=colors, alpha=0.7, linewidths=0
        )
        self.ax_.axhline(0.0, color=GRID, linewidth=1.0, zorder=0)
        self.ax_.spines[["top", "right"]].set_visible(False)
        self.ax_.tick_params(axis="both", colors=INK, labelsize=9)
        self.ax_.set_ylabel(wrap(self.quantity, 48), color=INK, fontsize=10, **PLAIN)
        self.texts_ = [
            self.ax_.annotate(
                wrap(self.row_labels[place], 20, 1),
                (self.leverages[place], self.values[place]),
                (4, 3),
                textcoords="offset points",
                fontsize=8,
                color=INK,
                **PLAIN,
            )
            for place in by_magnitude(self.values)[:count]
        ]
        set_titles(self.ax_, self.title, self.note, "leverage")
        return self
