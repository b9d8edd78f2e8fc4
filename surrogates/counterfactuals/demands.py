"""What is wanted of a model, as linear demands on the raw scores of trees or linear models."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates.counterfactuals.goal import Goal

__all__ = ["Demand", "demands_of", "responses_of"]


@dataclass(frozen=True, eq=False)
class Demand:
    """Scores that must all be large enough.

    Parameters
    ----------
    weights : ndarray of shape (n_demands, n_raw)
    need : ndarray of shape (n_demands,)
        Least value of ``weights @ raw``.
    """

    weights: NDArray[np.float64]
    need: NDArray[np.float64]


def demands_of(goal: Goal, start: int, n_raw: int) -> list[Demand] | None:
    """Return alternatives, any of which is what is wanted.

    Parameters
    ----------
    goal : Goal
    start : int
        Output predicted for the explained row.
    n_raw : int
        Raw scores: one for each class or number, or a single margin of two classes.

    Returns
    -------
    demands : list of Demand or None
        None where the demand is not linear in the scores.
    """
    if not goal.is_class:
        return [_between(goal.low, goal.high)]
    n_classes = len(goal.labels)
    wanted = [goal.desired] if goal.desired >= 0 else [c for c in range(n_classes) if c != start]
    if n_raw == 1:
        return [_margin(goal, one) for one in wanted] if n_classes == 2 else None
    return [_largest(goal, one, n_raw) for one in wanted]


def _between(low: float, high: float) -> Demand:
    weights, need = np.array([[1.0], [-1.0]]), np.array([low, -high])
    kept = np.isfinite(need)
    if not kept.any():
        kept[0] = True
    return Demand(weights[kept], need[kept])


def _margin(goal: Goal, wanted: int) -> Demand:
    need = 0.0
    least = goal.min_probability
    if np.isfinite(least):
        need = least
        if goal.is_probability:
            share = np.clip(least, 1e-15, 1 - 1e-15)
            need = float(np.log(share / (1.0 - share)))
        need = max(need, 0.0)
    return Demand(np.array([[1.0 if wanted == 1 else -1.0]]), np.array([need]))


def _largest(goal: Goal, wanted: int, n_raw: int) -> Demand:
    others = [one for one in range(n_raw) if one != wanted]
    weights = np.zeros((len(others), n_raw))
    weights[:, wanted] = 1.0
    weights[np.arange(len(others)), others] = -1.0
    need = np.zeros(len(others))
    if np.isfinite(goal.min_probability):
        own = np.zeros((1, n_raw))
        own[0, wanted] = 1.0
        weights, need = np.vstack([weights, own]), np.append(need, goal.min_probability)
    return Demand(weights, need)


def responses_of(raw: NDArray[np.float64], goal: Goal, link: str) -> NDArray[np.float64]:
    """Return responses (n, n_outputs) from raw scores (n, n_raw).

    Parameters
    ----------
    raw : ndarray of shape (n, n_raw)
    goal : Goal
    link : {"identity", "logit"}
        "logit" where the raw scores are logits and the responses probabilities.
    """
    if raw.shape[1] == 1 and len(goal.labels) == 2:
        margin = raw[:, 0]
        if link == "identity":
            return np.column_stack([-margin, margin])
        share = 1.0 / (1.0 + np.exp(-np.clip(margin, -700, 700)))
        return np.column_stack([1.0 - share, share])
    if link == "identity":
        return raw
    powers = np.exp(raw - raw.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares
