"""LEMNA: a mixture of fused-lasso regressions around each row."""

from surrogates.attribution.lemna.lemna import LEMNA

__all__ = ["LEMNA"]
