"""KernelSHAP: Shapley values of the columns, with their errors."""

from surrogates.attribution.shapley.kernel_shap import KernelSHAP

__all__ = ["KernelSHAP"]
