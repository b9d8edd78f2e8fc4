"""Plots over plain arrays and names; each keeps its data and what it drew."""

from surrogates.explanation.displays.bar import BarDisplay
from surrogates.explanation.displays.beeswarm import BeeswarmDisplay
from surrogates.explanation.displays.scatter import ScatterDisplay
from surrogates.explanation.displays.waterfall import WaterfallDisplay

__all__ = ["BarDisplay", "BeeswarmDisplay", "ScatterDisplay", "WaterfallDisplay"]
