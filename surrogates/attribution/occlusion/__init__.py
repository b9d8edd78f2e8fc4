"""Occlusion: what a prediction loses when the value of one column is taken away."""

from surrogates.attribution.occlusion.occlusion import Occlusion

__all__ = ["Occlusion"]
