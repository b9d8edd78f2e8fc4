"""A tree of tests, drawn from left to right."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from surrogates.explanation.displays.canvas import PLAIN, set_titles
from surrogates.explanation.displays.labels import wrap
from surrogates.explanation.displays.palette import GRID, INK, POSITIVE

__all__ = ["TreeDisplay"]

_LEAF_HEIGHT, _LEVEL_WIDTH = 0.75, 3.1
_TEXT_WIDTH, _TEXT_LINES = 34, 9
_LINE = 0.19


class TreeDisplay:
    """Tests as boxes, each with its true branch above its false branch.

    Parameters
    ----------
    texts : sequence of str of length n_nodes
        What stands in each box; lines are separated by ";".
    if_true, if_false : array-like of int of shape (n_nodes,)
        Children; -1 at leaves. Node 0 is the root.
    weights : array-like of shape (n_nodes,)
        Share of the rows at each node, which is the width of the line that leads to it.
    path : sequence of int, default=()
        Nodes that are highlighted.
    title, note : str, default=None
        Heading, and a lighter line below it.

    Attributes
    ----------
    ax_, figure_ : Axes, Figure
    boxes_ : list of Text
        One for each node.

    Examples
    --------
    >>> from surrogates.explanation.displays.tree import TreeDisplay
    >>> display = TreeDisplay(
    ...     texts=["duration > 24", "bad", "good"],
    ...     if_true=[1, -1, -1],
    ...     if_false=[2, -1, -1],
    ...     weights=[1.0, 0.3, 0.7],
    ... )
    >>> display.frame()
       node  parent branch           text  weight
    0     0      -1         duration > 24     1.0
    1     1       0   true            bad     0.3
    2     2       0  false           good     0.7
    """

    def __init__(
        self,
        *,
        texts: Sequence[str],
        if_true: ArrayLike,
        if_false: ArrayLike,
        weights: ArrayLike,
        path: Sequence[int] = (),
        title: str | None = None,
        note: str | None = None,
    ) -> None:
        self.texts = tuple(texts)
        self.if_true = np.asarray(if_true, dtype=np.int64)
        self.if_false = np.asarray(if_false, dtype=np.int64)
        self.weights = np.asarray(weights, dtype=np.float64)
        self.path = tuple(int(node) for node in path)
        self.title = title
        self.note = note

    def frame(self) -> pd.DataFrame:
        """Return one line per node.

        Returns
        -------
        DataFrame
            Columns node, parent (-1 for the root), branch, text and weight.
        """
        parents = np.full(len(self.texts), -1)
        branches = np.full(len(self.texts), "", dtype=object)
        for name, children in (("true", self.if_true), ("false", self.if_false)):
            inner = np.flatnonzero(children >= 0)
            parents[children[inner]] = inner
            branches[children[inner]] = name
        return pd.DataFrame(
            {
                "node": np.arange(len(self.texts)),
                "parent": parents,
                "branch": branches,
                "text": list(self.texts),
                "weight": self.weights,
            }
        )

    def plot(self, ax: Any = None) -> Self:
        """Draw the tree.

        Parameters
        ----------
        ax : Axes, default=None
            None opens a new figure, as large as the tree needs.

        Returns
        -------
        self : TreeDisplay
        """
        boxes = [_box_text(text) for text in self.texts]
        places = self._places([_LINE * (1 + box.count("\n")) + 0.25 for box in boxes])
        self.ax_ = _open(ax, places)
        self.figure_ = self.ax_.figure
        for node in range(len(self.texts)):
            for name, child in (("yes", self.if_true[node]), ("no", self.if_false[node])):
                if child >= 0:
                    self._connect(places[node], places[child], name, int(child))
        self.boxes_ = [self._box(node, boxes[node], places[node]) for node in range(len(boxes))]
        self.ax_.set_axis_off()
        set_titles(self.ax_, self.title, self.note, "")
        return self

    def _places(self, heights: list[float]) -> list[tuple[float, float]]:
        """Return where the nodes stand: leaves one below the other, parents between children."""
        places: dict[int, tuple[float, float]] = {}
        bottom = 0.0

        def place(node: int, depth: int) -> float:
            nonlocal bottom
            if self.if_true[node] < 0:
                bottom += max(heights[node], _LEAF_HEIGHT)
                middle = bottom - max(heights[node], _LEAF_HEIGHT) / 2
            else:
                first = place(int(self.if_true[node]), depth + 1)
                start = bottom
                second = place(int(self.if_false[node]), depth + 1)
                missing = heights[node] - (bottom - start) - _LEAF_HEIGHT
                bottom += max(missing, 0.0) / 2
                middle = (first + second) / 2
            places[node] = (depth * _LEVEL_WIDTH, -middle)
            return middle

        place(0, 0)
        return [places[node] for node in range(len(heights))]

    def _connect(
        self, parent: tuple[float, float], child: tuple[float, float], name: str, node: int
    ) -> None:
        on_path = node in self.path
        bend = (parent[0] + child[0]) / 2  # boxes are narrower than a level
        self.ax_.plot(
            [parent[0], bend, bend, child[0]],
            [parent[1], parent[1], child[1], child[1]],
            color=POSITIVE if on_path else GRID,
            linewidth=1.0 + 5.0 * float(self.weights[node]),
            zorder=1,
            solid_joinstyle="round",
        )
        self.ax_.annotate(
            name,
            (bend, child[1]),
            (3, 3),
            textcoords="offset points",
            fontsize=7,
            color=INK,
            zorder=3,
        )

    def _box(self, node: int, text: str, place: tuple[float, float]) -> Any:
        on_path = node in self.path
        is_leaf = self.if_true[node] < 0
        style = {
            "boxstyle": "round,pad=0.35" if is_leaf else "square,pad=0.35",
            "facecolor": "white" if not is_leaf else "#F3F3F3",
            "edgecolor": POSITIVE if on_path else INK,
            "linewidth": 1.6 if on_path else 0.8,
        }
        return self.ax_.text(
            *place,
            text,
            ha="center",
            va="center",
            fontsize=8,
            color=INK,
            bbox=style,
            zorder=2,
            **PLAIN,
        )


def _box_text(text: str) -> str:
    lines = [wrap(part, _TEXT_WIDTH, 2) for part in text.split(";")]
    if len(lines) > _TEXT_LINES:
        lines = [*lines[: _TEXT_LINES - 1], f"... {len(lines) - _TEXT_LINES + 1} more"]
    return "\n".join(lines)


def _open(ax: Any, places: list[tuple[float, float]]) -> Any:
    right = max(place[0] for place in places)
    low, high = min(place[1] for place in places), max(place[1] for place in places)
    if ax is None:
        import matplotlib.pyplot as plt

        size = (min(right + _LEVEL_WIDTH, 30.0), min(max(high - low + 1.6, 2.4), 40.0))
        _, ax = plt.subplots(figsize=size, layout="constrained")
    ax.set_xlim(-_LEVEL_WIDTH / 2, right + _LEVEL_WIDTH / 2)
    ax.set_ylim(low - 0.6, high + 0.6)
    return ax
