"""Derivatives of networks, and what is made of them: attributions through the inside of a model."""

from surrogates.attribution.gradients.captum_attribution import CaptumAttribution
from surrogates.attribution.gradients.deep_lift import DeepLIFT
from surrogates.attribution.gradients.gradient import Gradient
from surrogates.attribution.gradients.gradient_times_input import GradientTimesInput
from surrogates.attribution.gradients.integrated_gradients import IntegratedGradients
from surrogates.attribution.gradients.lrp import LRP
from surrogates.attribution.gradients.smooth_grad import SmoothGrad

__all__ = [
    "LRP",
    "CaptumAttribution",
    "DeepLIFT",
    "Gradient",
    "GradientTimesInput",
    "IntegratedGradients",
    "SmoothGrad",
]
