"""What explainers return: frozen results, their displays and their files."""

from surrogates.explanation.attribution import Attribution
from surrogates.explanation.displays import (
    BarDisplay,
    BeeswarmDisplay,
    ScatterDisplay,
    WaterfallDisplay,
)
from surrogates.explanation.reference import Reference
from surrogates.explanation.result import load

__all__ = [
    "Attribution",
    "BarDisplay",
    "BeeswarmDisplay",
    "Reference",
    "ScatterDisplay",
    "WaterfallDisplay",
    "load",
]
