"""Where the points of a swarm stand so that few overlap."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["extent", "swarm_offsets"]


def extent(positions: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of an axis that holds all finite positions."""
    finite = positions[np.isfinite(positions)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def swarm_offsets(
    positions: NDArray[np.float64],
    low: float,
    high: float,
    n_bins: int = 90,
    spread: float = 0.38,
) -> NDArray[np.float64]:
    """Return offsets across the axis that stack the points of a bin around zero.

    Parameters
    ----------
    positions : ndarray of shape (n_points,)
        Places along the axis; those that are not finite count as `low`.
    low, high : float
        Ends of the axis.
    n_bins : int, default=90
        How many points fit beside each other.
    spread : float, default=0.38
        Largest offset; the distance of stacked points shrinks only where they would exceed it.

    Returns
    -------
    offsets : ndarray of shape (n_points,)
        Different for all points of a bin.

    Examples
    --------
    >>> import numpy as np
    >>> swarm_offsets(np.zeros(3), 0.0, 1.0, spread=0.3)
    array([ 0.  ,  0.06, -0.06])
    """
    width = (high - low) or 1.0
    places = np.where(np.isfinite(positions), positions, low)
    bins = np.floor((places - low) / width * n_bins).astype(np.int64)
    order = np.argsort(bins, kind="stable")
    starts = np.flatnonzero(np.diff(bins[order], prepend=bins[order][:1] - 1))
    counts = np.diff(starts, append=len(order))
    within = np.arange(len(order)) - np.repeat(starts, counts)
    steps = (within + 1) // 2 * np.where(within % 2, 1, -1)
    offsets = np.empty(len(order))
    offsets[order] = steps
    tallest = max(np.abs(steps).max(initial=0), 5)
    offsets *= spread / tallest
    return offsets
