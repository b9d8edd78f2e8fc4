"""What a model decides about a row, and which players speak for that decision."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_regressor

from surrogates.blackbox.model import Model

__all__ = ["Decisions", "make_decisions"]

_DEFAULTS = {"predict_proba": 0.5, "decision_function": 0.0}


@dataclass(frozen=True)
class Decisions:
    """How responses become decisions.

    Parameters
    ----------
    threshold : float or None
        A single output decides by lying above it. None where the largest output decides.
    """

    threshold: float | None

    def __call__(self, responses: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return decisions as numbers; the outputs are the last axis of `responses`."""
        if self.threshold is None:
            return responses.argmax(axis=-1)
        return (responses[..., 0] > self.threshold).astype(np.int64)

    def support(
        self, values: NDArray[np.float64], decisions: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return how much each player speaks for the decision about its row.

        Parameters
        ----------
        values : ndarray of shape (n_rows, n_players, n_outputs)
            Attributions.
        decisions : ndarray of shape (n_rows,)

        Returns
        -------
        support : ndarray of shape (n_rows, n_players)
        """
        if self.threshold is None:
            return values[np.arange(len(values)), :, decisions]
        return np.where(decisions[:, None] == 1, values[..., 0], -values[..., 0])


def make_decisions(model: Model, threshold: float | None) -> Decisions:
    """Find out how the responses of a model become decisions.

    Raises
    ------
    ValueError
        The threshold is missing where it has no default, or there are several outputs for it.
    """
    if len(model.columns) > 1:
        if threshold is not None or _is_regressor(model.predictor):
            raise ValueError(
                f"There are {len(model.columns)} outputs, {list(model.output_names)}: choose one "
                "by 'target', and its 'threshold'."
            )
        return Decisions(None)
    if threshold is None:
        known = _DEFAULTS.get(model.method_name) if model.indicator_of is None else 0.5
        if known is None:
            raise ValueError(
                "Pass 'threshold', in units of the model's response: it is not known which values "
                f"of {model.method_name} are one decision and which another."
            )
        return Decisions(known)
    return Decisions(float(threshold))


def _is_regressor(predictor: Any) -> bool:
    return isinstance(predictor, BaseEstimator) and bool(is_regressor(predictor))
