"""Neural networks: a trained torch module as a fitted scikit-learn predictor."""

try:
    import torch as _torch
except ImportError as error:
    raise ImportError(
        "surrogates.torch needs torch, which is not installed: "
        'pip install "scikit-surrogates[torch]"'
    ) from error

from surrogates.torch.classifier import TorchClassifier
from surrogates.torch.column_encoder import ColumnEncoder
from surrogates.torch.regressor import TorchRegressor

del _torch

__all__ = ["ColumnEncoder", "TorchClassifier", "TorchRegressor"]
