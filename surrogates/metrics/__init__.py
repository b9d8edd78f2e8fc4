"""Which explanation to believe: what attributions say against what the model does."""

from surrogates.metrics.agreement import (
    feature_agreement,
    pairwise_rank_agreement,
    rank_agreement,
    rank_correlation,
    sign_agreement,
    signed_rank_agreement,
)
from surrogates.metrics.axioms import completeness_gap, non_sensitivity
from surrogates.metrics.comparison import compare_explainers
from surrogates.metrics.complexity import effective_size, entropy, gini
from surrogates.metrics.counterfactual_quality import (
    counterfactual_diversity,
    counterfactual_quality,
)
from surrogates.metrics.cross_validation import cross_val_explain
from surrogates.metrics.erasure import comprehensiveness, sufficiency
from surrogates.metrics.faithfulness import faithfulness_correlation, infidelity, sensitivity_n
from surrogates.metrics.fidelity_tests import (
    FidelityTest,
    augmentation_test,
    deduction_test,
    synthetic_test,
)
from surrogates.metrics.flipping import FlippingCurves, abpc, aopc, flipping_curve
from surrogates.metrics.influence_quality import influence_correlation
from surrogates.metrics.randomization import (
    label_randomization,
    model_randomization,
    permute_parameters,
)
from surrogates.metrics.refit_stability import RefitStability, refit_stability
from surrogates.metrics.retraining import Roar, roar
from surrogates.metrics.scoring import ExplanationScorer, make_explanation_scorer
from surrogates.metrics.stability import (
    average_sensitivity,
    local_lipschitz,
    max_sensitivity,
    relative_input_stability,
    relative_output_stability,
)
from surrogates.metrics.surrogate_fit import local_fidelity, shapley_kernel_r2
from surrogates.metrics.surrogate_quality import SurrogateFidelity, surrogate_fidelity

__all__ = [
    "ExplanationScorer",
    "FidelityTest",
    "FlippingCurves",
    "RefitStability",
    "Roar",
    "SurrogateFidelity",
    "abpc",
    "aopc",
    "augmentation_test",
    "average_sensitivity",
    "compare_explainers",
    "completeness_gap",
    "comprehensiveness",
    "counterfactual_diversity",
    "counterfactual_quality",
    "cross_val_explain",
    "deduction_test",
    "effective_size",
    "entropy",
    "faithfulness_correlation",
    "feature_agreement",
    "flipping_curve",
    "gini",
    "infidelity",
    "influence_correlation",
    "label_randomization",
    "local_fidelity",
    "local_lipschitz",
    "make_explanation_scorer",
    "max_sensitivity",
    "model_randomization",
    "non_sensitivity",
    "pairwise_rank_agreement",
    "permute_parameters",
    "rank_agreement",
    "rank_correlation",
    "refit_stability",
    "relative_input_stability",
    "relative_output_stability",
    "roar",
    "sensitivity_n",
    "shapley_kernel_r2",
    "sign_agreement",
    "signed_rank_agreement",
    "sufficiency",
    "surrogate_fidelity",
    "synthetic_test",
]
