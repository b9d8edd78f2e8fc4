"""What would have to change for another decision."""

from surrogates.counterfactuals.counterfactuals import Counterfactuals

__all__ = ["Counterfactuals"]
