"""What explainers return: frozen results, their displays and their files."""

from surrogates.explanation.attribution import Attribution
from surrogates.explanation.counterfactuals import CounterfactualSet
from surrogates.explanation.displays import (
    BarDisplay,
    BeeswarmDisplay,
    CasesDisplay,
    ChangesDisplay,
    ComparisonDisplay,
    CurvesDisplay,
    EmbeddingDisplay,
    LeverageDisplay,
    ScatterDisplay,
    TreeDisplay,
    WaterfallDisplay,
)
from surrogates.explanation.influence import Influence
from surrogates.explanation.paths import DecisionPaths
from surrogates.explanation.reference import Reference
from surrogates.explanation.result import load

__all__ = [
    "Attribution",
    "BarDisplay",
    "BeeswarmDisplay",
    "CasesDisplay",
    "ChangesDisplay",
    "ComparisonDisplay",
    "CounterfactualSet",
    "CurvesDisplay",
    "DecisionPaths",
    "EmbeddingDisplay",
    "Influence",
    "LeverageDisplay",
    "Reference",
    "ScatterDisplay",
    "TreeDisplay",
    "WaterfallDisplay",
    "load",
]
