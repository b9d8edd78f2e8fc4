"""One step of layer-wise relevance propagation through an affine layer."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates.blackbox.relevance import RelevanceRule

__all__ = ["Shares", "relevance_below"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shares:
    """What has been handed down so far.

    Parameters
    ----------
    units : ndarray of shape (n_wanted, n_rows, n_units)
        Relevances of the units of a layer, or of the inputs.
    bias, stabilizer : ndarray of shape (n_wanted, n_rows)
    """

    units: Floats
    bias: Floats
    stabilizer: Floats


def relevance_below(
    shares: Shares,
    values: Floats,
    sums: Floats,
    coef: Floats,
    intercept: Floats,
    kind: str,
    rule: RelevanceRule,
) -> Shares:
    """Return the relevances of the values that enter an affine layer.

    Parameters
    ----------
    shares : Shares
        Of the units above.
    values : ndarray of shape (n_rows, n_below)
    sums : ndarray of shape (n_rows, n_above)
        What the layer makes of them.
    coef : ndarray of shape (n_below, n_above)
    intercept : ndarray of shape (n_above,)
    kind : {"zero", "epsilon", "gamma", "zB", "w2"}
    rule : RelevanceRule
    """
    parts, bias = _parts(values, coef, intercept, kind, rule)
    if kind not in ("zero", "epsilon"):
        sums = np.broadcast_to(sum((own @ weights for own, weights in parts), bias), sums.shape)
    added = np.copysign(rule.stabilizer(kind), sums)
    whole = sums + added
    is_empty = whole == 0.0
    lost = np.where(is_empty, shares.units, 0.0).sum(axis=2) if is_empty.any() else 0.0
    per_sum = shares.units / np.where(is_empty, np.inf, whole)
    below = np.sum([own * (per_sum @ weights.T) for own, weights in parts], axis=0)
    return Shares(
        below,
        shares.bias + per_sum @ bias,
        shares.stabilizer + (per_sum * added).sum(axis=2) + lost,
    )


def _parts(
    values: Floats, coef: Floats, intercept: Floats, kind: str, rule: RelevanceRule
) -> tuple[list[tuple[Floats, Floats]], Floats]:
    """Return pairs (values, weights) whose products are the shares of inputs, and of the bias."""
    if kind == "zB":
        up, down = np.maximum(coef, 0.0), np.minimum(coef, 0.0)
        # the bias is an input of 1, between 1 and 1
        parts = [(values, coef), (-rule.low[None], up), (-rule.high[None], down)]
        return parts, np.zeros_like(intercept)
    if kind == "w2":
        return [(np.ones((1, len(coef))), coef**2)], np.zeros_like(intercept)
    if kind == "gamma":
        coef = coef + rule.gamma * np.maximum(coef, 0.0)
        intercept = intercept + rule.gamma * np.maximum(intercept, 0.0)
    return [(values, coef)], intercept
