"""Which features a display shows on a line of their own."""

import numpy as np
from numpy.typing import NDArray

from surrogates.explanation.displays.canvas import check_max_display

__all__ = ["by_magnitude", "split_lines"]


def by_magnitude(sizes: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return positions by falling magnitude, ties in their order, NaN last."""
    return np.argsort(-np.nan_to_num(np.abs(sizes), nan=-1.0), kind="stable")


def split_lines(
    order: NDArray[np.intp], max_display: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the positions with a line of their own, and those that share the last line."""
    max_display = check_max_display(max_display)
    if len(order) <= max_display:
        return order, order[:0]
    return order[: max_display - 1], order[max_display - 1 :]
