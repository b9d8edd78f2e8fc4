"""Components of a mixture: coefficients along a chain, fused groups shaded, one panel each."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from surrogates.explanation.displays.canvas import PLAIN, set_titles
from surrogates.explanation.displays.labels import wrap
from surrogates.explanation.displays.palette import GRID, INK, NEGATIVE, POSITIVE

__all__ = ["ComponentsDisplay"]

_WIDEST, _PANEL_HEIGHT = 12.0, 1.9
_MOST_NAMES = 60


class ComponentsDisplay:
    """Coefficients of the components of a mixture along a chain of features.

    Parameters
    ----------
    coefficients : array-like of shape (n_components, n_features)
        Features in the order of the chain; the component that explains the row comes first.
    groups : array-like of shape (n_components, n_features)
        Numbers of the groups of features whose coefficients are fused.
    weights : array-like of shape (n_components,)
        Mixing weights.
    responsibilities : array-like of shape (n_components,)
        Of each component for the explained row.
    feature_names : sequence of str of length n_features
    quantity : str, default="coefficient"
        What the numbers are; labels the axes.
    title, note : str, default=None
        Heading, and a lighter line below it.

    Attributes
    ----------
    axes_ : ndarray of Axes of shape (n_panels,)
        One panel for each component drawn.
    ax_, figure_ : Axes, Figure
        The first panel, and the figure.
    bars_ : list of BarContainer
    shades_ : list of list of Polygon
        The shaded groups of every panel: those of at least two features, not at zero.

    Examples
    --------
    >>> from surrogates.explanation.displays.components import ComponentsDisplay
    >>> display = ComponentsDisplay(
    ...     coefficients=[[0.2, 0.2, 0.0]],
    ...     groups=[[0, 0, 1]],
    ...     weights=[1.0],
    ...     responsibilities=[1.0],
    ...     feature_names=["a", "b", "c"],
    ... )
    >>> display.frame()
       component  weight  responsibility feature  coefficient  group
    0          0     1.0             1.0       a          0.2      0
    1          0     1.0             1.0       b          0.2      0
    2          0     1.0             1.0       c          0.0      1
    """

    def __init__(
        self,
        *,
        coefficients: ArrayLike,
        groups: ArrayLike,
        weights: ArrayLike,
        responsibilities: ArrayLike,
        feature_names: Sequence[str],
        quantity: str = "coefficient",
        title: str | None = None,
        note: str | None = None,
    ) -> None:
        self.coefficients = np.asarray(coefficients, dtype=np.float64)
        self.groups = np.asarray(groups, dtype=np.int64)
        self.weights = np.asarray(weights, dtype=np.float64)
        self.responsibilities = np.asarray(responsibilities, dtype=np.float64)
        self.feature_names = tuple(feature_names)
        self.quantity = quantity
        self.title = title
        self.note = note

    def frame(self) -> pd.DataFrame:
        """Return one line per component and feature.

        Returns
        -------
        DataFrame
            Columns component, weight, responsibility, feature, coefficient and group.
        """
        n_components, n_features = self.coefficients.shape
        return pd.DataFrame(
            {
                "component": np.repeat(np.arange(n_components), n_features),
                "weight": np.repeat(self.weights, n_features),
                "responsibility": np.repeat(self.responsibilities, n_features),
                "feature": np.tile(np.array(self.feature_names, dtype=object), n_components),
                "coefficient": self.coefficients.ravel(),
                "group": self.groups.ravel(),
            }
        )

    def plot(self, axes: Any = None, *, max_components: int | None = None) -> Self:
        """Draw the panels.

        Parameters
        ----------
        axes : sequence of Axes, default=None
            One for each component drawn; None opens a new figure.
        max_components : int, default=None
            Draw only the first components. None draws all.

        Returns
        -------
        self : ComponentsDisplay

        Raises
        ------
        ValueError
            The number of axes is not the number of components drawn.
        """
        n_panels = len(self.coefficients[:max_components])
        self.axes_ = self._open(n_panels) if axes is None else np.atleast_1d(axes)
        if len(self.axes_) != n_panels:
            raise ValueError(f"axes must hold {n_panels} panels. Got {len(self.axes_)}.")
        self.ax_ = self.axes_[0]
        self.figure_ = self.ax_.figure
        panels = list(enumerate(self.axes_))
        self.shades_ = [self._shade(ax, component) for component, ax in panels]
        self.bars_ = [self._draw_bars(ax, component) for component, ax in panels]
        for component, ax in panels:
            self._decorate(ax, component)
        self._name_features(self.axes_[-1])
        set_titles(self.ax_, self.title, self.note, "")
        return self

    def _open(self, n_panels: int) -> NDArray[np.object_]:
        import matplotlib.pyplot as plt

        width = min(_WIDEST, 4.0 + 0.2 * len(self.feature_names))
        _, axes = plt.subplots(
            n_panels,
            figsize=(width, 1.5 + _PANEL_HEIGHT * n_panels),
            sharex=True,
            sharey=True,
            squeeze=False,
            layout="constrained",
        )
        panels: NDArray[np.object_] = axes[:, 0]
        return panels

    def _shade(self, ax: Any, component: int) -> list[Any]:
        starts = np.flatnonzero(np.diff(self.groups[component], prepend=-1))
        ends = np.append(starts[1:], len(self.feature_names))
        return [
            ax.axvspan(start - 0.46, end - 0.54, color=GRID, alpha=0.6, linewidth=0, zorder=0)
            for start, end in zip(starts, ends, strict=True)
            if end - start > 1 and self.coefficients[component, start] != 0.0
        ]

    def _draw_bars(self, ax: Any, component: int) -> Any:
        heights = self.coefficients[component]
        colors = np.where(heights >= 0, POSITIVE, NEGATIVE)
        return ax.bar(range(len(heights)), heights, width=0.8, color=colors, zorder=2)

    def _decorate(self, ax: Any, component: int) -> None:
        ax.axhline(0, color=INK, linewidth=0.8, zorder=3)
        ax.set_xlim(-0.6, len(self.feature_names) - 0.4)
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(axis="both", colors=INK, labelsize=9)
        weight, own = self.weights[component], self.responsibilities[component]
        ax.annotate(
            f"component {component}: weight {weight:.2f}, responsible for the row {own:.2f}",
            (1, 1),
            (0, -2),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=8,
            color=INK,
            **PLAIN,
        )
        if component == len(self.axes_) // 2:
            ax.set_ylabel(wrap(self.quantity, 40), color=INK, fontsize=10, **PLAIN)

    def _name_features(self, ax: Any) -> None:
        step = -(-len(self.feature_names) // _MOST_NAMES)
        names = [wrap(name, 24, 1) for name in self.feature_names[::step]]
        turned = max(map(len, names)) > 3
        ax.set_xticks(
            range(0, len(self.feature_names), step),
            names,
            rotation=90 if turned else 0,
            fontsize=8,
            **PLAIN,
        )
