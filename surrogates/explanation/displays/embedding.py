"""Maps: rows as points in the plane, colored by group."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from surrogates.explanation.displays.canvas import PLAIN, open_axes, set_titles
from surrogates.explanation.displays.labels import wrap
from surrogates.explanation.displays.palette import INK, NEGATIVE, NEUTRAL, POSITIVE, UNSIGNED

__all__ = ["EmbeddingDisplay"]

# the rest of the palette of Okabe and Ito (2008)
_COLORS = (NEGATIVE, POSITIVE, UNSIGNED, "#CC79A7", "#E69F00", "#56B4E9", INK, NEUTRAL)
_MARKERS = "os^Dvp*X"


class EmbeddingDisplay:
    """Points of several groups, told apart by color and marker.

    Parameters
    ----------
    positions : array-like of shape (n_rows, 2)
    groups : sequence of str of length n_rows
        The group of each row, named in the legend in the order of their size.
    title : str, default=None

    Attributes
    ----------
    ax_, figure_ : Axes, Figure
        Where it was drawn.
    points_ : list of PathCollection
        One per group.

    Examples
    --------
    >>> from surrogates.explanation.displays import EmbeddingDisplay
    >>> EmbeddingDisplay(positions=[[0.0, 1.0]], groups=["a"]).frame()
         x    y group
    0  0.0  1.0     a
    """

    def __init__(
        self, *, positions: ArrayLike, groups: Sequence[str], title: str | None = None
    ) -> None:
        self.positions = np.asarray(positions, dtype=np.float64)
        self.groups = tuple(groups)
        self.title = title

    def frame(self) -> pd.DataFrame:
        """Return the numbers behind the picture.

        Returns
        -------
        frame : DataFrame
            One line per row: x, y, group.
        """
        x, y = self.positions.T
        return pd.DataFrame({"x": x, "y": y, "group": list(self.groups)})

    def plot(self, ax: Any = None) -> Self:
        """Draw the points.

        Parameters
        ----------
        ax : Axes, default=None
            None opens a new figure.

        Returns
        -------
        self : EmbeddingDisplay
        """
        self.ax_ = open_axes(ax)
        self.figure_ = self.ax_.figure
        self.points_ = []
        data = self.frame()
        for place, name in enumerate(data["group"].value_counts().index):
            own = data[data["group"] == name]
            look = {"color": _COLORS[place % len(_COLORS)], "marker": _MARKERS[place % 8]}
            self.points_.append(self.ax_.scatter(own["x"], own["y"], s=18, alpha=0.7, **look))
            self.points_[-1].set_label(wrap(name, 40))
        legend = self.ax_.legend(frameon=False, fontsize=8, labelcolor=INK)
        for text in legend.get_texts():
            text.set(**PLAIN)
        self.ax_.set_xticks([])
        self.ax_.set_yticks([])
        self.ax_.spines[["top", "right"]].set_visible(False)
        set_titles(self.ax_, self.title, None, "")
        return self
