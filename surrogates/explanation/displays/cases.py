"""A table-plot of cases: bars of influence beside what the rows hold."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from surrogates.explanation.displays.canvas import (
    PLAIN,
    check_max_display,
    horizontal_axes,
    set_lines,
    set_titles,
    write_numbers,
)
from surrogates.explanation.displays.labels import number_texts, value_text, wrap
from surrogates.explanation.displays.order import by_magnitude
from surrogates.explanation.displays.palette import INK, NEGATIVE, POSITIVE

__all__ = ["CasesDisplay"]

_LETTER, _GAP = 5.2, 12.0
_LONGEST = 18
_ROOM = 0.3
_LINE_HEIGHT, _BARS_WIDTH = 0.36, 4.2


class CasesDisplay:
    """Bars of influence, one per training row, with the raw row beside each of them.

    Parameters
    ----------
    values : array-like of shape (n_train,)
        Influences.
    cells : DataFrame of length n_train
        What the rows hold.
    row_labels : sequence of length n_train, default=None
        None counts from 0.
    quantity : str, default="influence"
        Labels the axis of the bars.
    title, note : str, default=None
        Heading, and a lighter line below it.

    Attributes
    ----------
    ax_, figure_ : Axes, Figure
        Where it was drawn.
    bars_ : BarContainer
    texts_ : list of Annotation
        The number at the end of every bar.
    cells_ : list of list of Annotation
        The columns of the table, each with its heading first.

    Examples
    --------
    >>> import pandas as pd
    >>> from surrogates.explanation.displays import CasesDisplay
    >>> cells = pd.DataFrame({"amount": [1000, 9000]})
    >>> CasesDisplay(values=[0.02, -0.05], cells=cells, row_labels=[101, 102]).frame()
       row  influence  amount
    0  102      -0.05    9000
    1  101       0.02    1000
    """

    def __init__(
        self,
        *,
        values: ArrayLike,
        cells: pd.DataFrame,
        row_labels: Sequence[Any] | pd.Index | None = None,
        quantity: str = "influence",
        title: str | None = None,
        note: str | None = None,
    ) -> None:
        self.values = np.asarray(values, dtype=np.float64)
        self.cells = cells.reset_index(drop=True)
        self.row_labels = range(len(self.values)) if row_labels is None else row_labels
        self.quantity = quantity
        self.title = title
        self.note = note

    def frame(self) -> pd.DataFrame:
        """Return the table behind the picture.

        Returns
        -------
        frame : DataFrame
            One line per training row, the largest influence first, with the columns row,
            influence, and those of the cells.
        """
        order = by_magnitude(self.values)
        labels = pd.Index(self.row_labels).take(order)
        listed = pd.DataFrame({"row": labels, "influence": self.values[order]})
        return pd.concat([listed, self.cells.take(order).reset_index(drop=True)], axis=1)

    def plot(self, ax: Any = None, *, max_display: int = 10, max_columns: int = 6) -> Self:
        """Draw the bars and the table.

        Parameters
        ----------
        ax : Axes, default=None
            None opens a new figure that is wide enough for the table.
        max_display : int, default=10
            Training rows at most.
        max_columns : int, default=6
            Columns of the table at most: those whose values differ most among the rows shown
            would hide the others, so the first ones are taken.

        Returns
        -------
        self : CasesDisplay

        Raises
        ------
        ValueError
            A limit is no positive integer.
        """
        count = check_max_display(max_display)
        table = self.frame().iloc[:count]
        columns = [
            _column_texts(table, name)
            for name in self.cells.columns[: check_max_display(max_columns)]
        ]
        ax = self._open(len(table), columns) if ax is None else ax
        self.ax_ = horizontal_axes(ax, len(table))
        self.figure_ = self.ax_.figure
        sizes = table["influence"].to_numpy()
        colors = np.where(sizes >= 0.0, POSITIVE, NEGATIVE)
        self.bars_ = self.ax_.barh(range(len(table)), sizes, height=0.62, color=colors)
        self.ax_.axvline(0.0, color=INK, linewidth=0.8)
        set_lines(self.ax_, [wrap(label, 24, 1) for label in table["row"]])
        self.texts_ = write_numbers(self.ax_, number_texts(list(sizes)), sizes, sizes >= 0.0)
        self.ax_.margins(x=_ROOM)  # the table makes the axes narrower than the numbers expect
        set_titles(self.ax_, self.title, self.note, self.quantity)
        self.cells_ = self._write(columns)
        return self

    def _open(self, n_lines: int, columns: list[list[str]]) -> Any:
        import matplotlib.pyplot as plt

        points = sum(_LETTER * max(map(len, column)) + _GAP for column in columns)
        height = max(2.4, 1.7 + _LINE_HEIGHT * n_lines)
        size = (_BARS_WIDTH + points / 72.0, height)
        _, ax = plt.subplots(figsize=size, layout="constrained")
        return ax

    def _write(self, columns: list[list[str]]) -> list[list[Any]]:
        """Write the table to the right of the axes, the headings above the first line."""
        written, start = [], _GAP
        for texts in columns:
            written.append([self._cell(line - 1, text, start) for line, text in enumerate(texts)])
            start += _LETTER * max(map(len, texts)) + _GAP
        return written

    def _cell(self, line: int, text: str, start: float) -> Any:
        return self.ax_.annotate(
            text,
            (1.0, line if line >= 0 else -0.75),
            (start, 0.0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            fontsize=8,
            fontweight="bold" if line < 0 else "normal",
            color=INK,
            annotation_clip=False,
            **PLAIN,
        )


def _column_texts(table: pd.DataFrame, name: str) -> list[str]:
    texts = [value_text(value) for value in table[name]]
    return [wrap(text, _LONGEST, 1) for text in (name, *texts)]
