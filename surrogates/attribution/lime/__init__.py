"""LIME: a linear surrogate of the model around each row."""

from surrogates.attribution.lime.lime import LIME

__all__ = ["LIME"]
