"""The colors of all displays, told apart by readers of every color vision."""

from typing import Any

__all__ = ["GRID", "INK", "NEGATIVE", "NEUTRAL", "POSITIVE", "UNSIGNED", "value_colors"]

# Okabe and Ito (2008), "Color universal design": vermillion, blue and bluish green
POSITIVE = "#D55E00"
NEGATIVE = "#0072B2"
UNSIGNED = "#009E73"
NEUTRAL = "#9A9A9A"
INK = "#333333"
GRID = "#DDDDDD"

_PLASMA = (0.03, 0.82)  # without its last, pale part, which vanishes on white


def value_colors() -> Any:
    """Return the color map from low to high values, perceptually uniform."""
    import matplotlib as mpl
    import numpy as np
    from matplotlib.colors import ListedColormap

    colors = mpl.colormaps["plasma"](np.linspace(*_PLASMA, 256))
    return ListedColormap(colors, name="values")
