"""Curves: how a number moves over steps, one line per kind, with its scatter over rows."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from surrogates.explanation.displays.canvas import PLAIN, half_widths, open_axes, set_titles
from surrogates.explanation.displays.palette import GRID, INK, NEGATIVE, NEUTRAL, POSITIVE, UNSIGNED

__all__ = ["CurvesDisplay"]

_COLORS = (POSITIVE, NEGATIVE, UNSIGNED, NEUTRAL, INK)


class CurvesDisplay:
    """Mean curves over rows, with bands of 95 % intervals of the mean.

    Parameters
    ----------
    steps : array-like of shape (n_points,)
        Positions on the horizontal axis.
    curves : mapping of str to array-like of shape (n_rows, n_points)
        One line each.
    quantity : str, default="response"
        What the numbers are; labels the vertical axis.
    step : str, default="step"
        Name of the steps, for `frame`.
    key : str, default="curve"
        Name of the kind of line, for `frame`.
    title : str, default=None
    xlabel : str, default=None
        None is `step`.

    Attributes
    ----------
    ax_, figure_ : Axes, Figure
        Where it was drawn.
    lines_ : list of Line2D

    Examples
    --------
    >>> from surrogates.explanation.displays import CurvesDisplay
    >>> CurvesDisplay(steps=[0, 1], curves={"a": [[4.0, 1.0], [2.0, 1.0]]}).frame()
      curve  step  response  std_error
    0     a     0       3.0        1.0
    1     a     1       1.0        0.0
    """

    def __init__(
        self,
        *,
        steps: ArrayLike,
        curves: Mapping[str, ArrayLike],
        quantity: str = "response",
        step: str = "step",
        key: str = "curve",
        title: str | None = None,
        xlabel: str | None = None,
    ) -> None:
        self.steps = np.asarray(steps)
        self.curves = {name: np.asarray(curve, dtype=np.float64) for name, curve in curves.items()}
        self.quantity = quantity
        self.step = step
        self.key = key
        self.title = title
        self.xlabel = xlabel

    def frame(self) -> pd.DataFrame:
        """Return the numbers behind the picture.

        Returns
        -------
        frame : DataFrame
            One line per curve and step: the mean over rows and its standard error.
        """
        parts = [
            pd.DataFrame(
                {
                    self.key: name,
                    self.step: self.steps,
                    self.quantity: curve.mean(axis=0),
                    "std_error": _std_errors(curve),
                }
            )
            for name, curve in self.curves.items()
        ]
        return pd.concat(parts, ignore_index=True)

    def plot(self, ax: Any = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : Axes, default=None
            None opens a new figure.

        Returns
        -------
        self : CurvesDisplay
        """
        self.ax_ = open_axes(ax)
        self.figure_ = self.ax_.figure
        self.lines_ = []
        for place, (name, curve) in enumerate(self.curves.items()):
            color, mean = _COLORS[place % len(_COLORS)], curve.mean(axis=0)
            margin = half_widths(_std_errors(curve))
            self.lines_ += self.ax_.plot(self.steps, mean, color=color, marker="o", markersize=3)
            self.ax_.fill_between(
                self.steps, mean - margin, mean + margin, color=color, alpha=0.2, linewidth=0
            )
            self.lines_[-1].set_label(name)
        self.ax_.legend(frameon=False, labelcolor=INK)
        for text in self.ax_.get_legend().get_texts():
            text.set(**PLAIN)
        self.ax_.grid(visible=True, color=GRID, linewidth=0.6)
        self.ax_.set_axisbelow(True)
        self.ax_.spines[["top", "right"]].set_visible(False)
        self.ax_.set_ylabel(self.quantity, color=INK, **PLAIN)
        set_titles(self.ax_, self.title, None, self.xlabel or self.step)
        return self


def _std_errors(curve: Any) -> Any:
    if len(curve) < 2:
        return np.full(curve.shape[1], np.nan)
    return curve.std(axis=0, ddof=1) / np.sqrt(len(curve))
