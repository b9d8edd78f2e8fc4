"""Plots over plain arrays and names; each keeps its data and what it drew."""

from surrogates.explanation.displays.bar import BarDisplay
from surrogates.explanation.displays.beeswarm import BeeswarmDisplay
from surrogates.explanation.displays.cases import CasesDisplay
from surrogates.explanation.displays.changes import ChangesDisplay
from surrogates.explanation.displays.comparison import ComparisonDisplay
from surrogates.explanation.displays.components import ComponentsDisplay
from surrogates.explanation.displays.curves import CurvesDisplay
from surrogates.explanation.displays.embedding import EmbeddingDisplay
from surrogates.explanation.displays.leverage import LeverageDisplay
from surrogates.explanation.displays.scatter import ScatterDisplay
from surrogates.explanation.displays.tree import TreeDisplay
from surrogates.explanation.displays.waterfall import WaterfallDisplay

__all__ = [
    "BarDisplay",
    "BeeswarmDisplay",
    "CasesDisplay",
    "ChangesDisplay",
    "ComparisonDisplay",
    "ComponentsDisplay",
    "CurvesDisplay",
    "EmbeddingDisplay",
    "LeverageDisplay",
    "ScatterDisplay",
    "TreeDisplay",
    "WaterfallDisplay",
]
