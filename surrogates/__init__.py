"""Explain any fitted model from the outside, the scikit-learn way.

Wrap a model, `fit` on reference data, `explain` rows::

    from surrogates import KernelSHAP

    explanation = KernelSHAP(model, random_state=0).fit(X_reference).explain(X)

Public names are imported when they are first used, so importing the package stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surrogates.attribution.fused_lasso import FusedLassoRegressor
    from surrogates.attribution.fused_mixture import FusedLassoMixture
    from surrogates.attribution.gradients import (
        LRP,
        CaptumAttribution,
        DeepLIFT,
        Gradient,
        GradientTimesInput,
        IntegratedGradients,
        SmoothGrad,
    )
    from surrogates.attribution.lemna import LEMNA
    from surrogates.attribution.lime import LIME
    from surrogates.attribution.occlusion import Occlusion
    from surrogates.attribution.shapley import KernelSHAP
    from surrogates.counterfactuals import Counterfactuals
    from surrogates.distillation import (
        DistilledTreeClassifier,
        DistilledTreeRegressor,
        SoftDecisionTreeClassifier,
        TrepanClassifier,
        TrepanRegressor,
    )
    from surrogates.influence import InfluenceFunctions

__version__ = "0.1.0.dev0"

__all__ = [
    "LEMNA",
    "LIME",
    "LRP",
    "CaptumAttribution",
    "Counterfactuals",
    "DeepLIFT",
    "DistilledTreeClassifier",
    "DistilledTreeRegressor",
    "FusedLassoMixture",
    "FusedLassoRegressor",
    "Gradient",
    "GradientTimesInput",
    "InfluenceFunctions",
    "IntegratedGradients",
    "KernelSHAP",
    "Occlusion",
    "SmoothGrad",
    "SoftDecisionTreeClassifier",
    "TrepanClassifier",
    "TrepanRegressor",
    "__version__",
]

_HOME_OF = {
    "CaptumAttribution": "surrogates.attribution.gradients",
    "Counterfactuals": "surrogates.counterfactuals",
    "DeepLIFT": "surrogates.attribution.gradients",
    "DistilledTreeClassifier": "surrogates.distillation",
    "DistilledTreeRegressor": "surrogates.distillation",
    "FusedLassoMixture": "surrogates.attribution.fused_mixture",
    "FusedLassoRegressor": "surrogates.attribution.fused_lasso",
    "Gradient": "surrogates.attribution.gradients",
    "GradientTimesInput": "surrogates.attribution.gradients",
    "InfluenceFunctions": "surrogates.influence",
    "IntegratedGradients": "surrogates.attribution.gradients",
    "KernelSHAP": "surrogates.attribution.shapley",
    "LIME": "surrogates.attribution.lime",
    "LEMNA": "surrogates.attribution.lemna",
    "LRP": "surrogates.attribution.gradients",
    "Occlusion": "surrogates.attribution.occlusion",
    "SmoothGrad": "surrogates.attribution.gradients",
    "SoftDecisionTreeClassifier": "surrogates.distillation",
    "TrepanClassifier": "surrogates.distillation",
    "TrepanRegressor": "surrogates.distillation",
}


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'surrogates' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
