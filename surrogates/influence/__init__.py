"""Which training rows a model owes its answers to."""

from surrogates.influence.influence_functions import InfluenceFunctions

__all__ = ["InfluenceFunctions"]
