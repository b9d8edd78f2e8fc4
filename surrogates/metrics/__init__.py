"""Which explanation to believe: what attributions say against what the model does."""

from surrogates.metrics.fidelity_tests import (
    FidelityTest,
    augmentation_test,
    deduction_test,
    synthetic_test,
)

__all__ = ["FidelityTest", "augmentation_test", "deduction_test", "synthetic_test"]
