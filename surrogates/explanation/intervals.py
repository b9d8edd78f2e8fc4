"""Confidence intervals of shares."""

import numpy as np
from scipy.special import ndtri

__all__ = ["wilson_interval"]


def wilson_interval(hits: int, n: int, level: float) -> tuple[float, float]:
    """Return confidence limits of a share (Wilson, 1927).

    Examples
    --------
    >>> low, high = wilson_interval(9, 10, 0.95)
    >>> round(low, 3), round(high, 3)
    (0.596, 0.982)
    """
    if n == 0:
        return np.nan, np.nan
    z = float(ndtri((1.0 + level) / 2.0))
    share = hits / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return float(max(middle - half, 0.0)), float(min(middle + half, 1.0))
