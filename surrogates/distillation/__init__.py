"""A readable model instead: small trees that imitate any model, and how well they do."""

from surrogates.distillation.distilled_tree import (
    DistilledTreeClassifier,
    DistilledTreeRegressor,
)
from surrogates.distillation.soft_tree import SoftDecisionTreeClassifier
from surrogates.distillation.trepan import TrepanClassifier, TrepanRegressor

__all__ = [
    "DistilledTreeClassifier",
    "DistilledTreeRegressor",
    "SoftDecisionTreeClassifier",
    "TrepanClassifier",
    "TrepanRegressor",
]
