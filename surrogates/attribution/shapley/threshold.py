"""The reference group at the threshold: rows that just pass the decision."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.blackbox.model import Model
from surrogates.blackbox.reference import ReferenceRows, draw_reference
from surrogates.blackbox.table import take_rows

__all__ = ["Threshold", "rows_at_threshold"]

_DEFAULTS = {"predict_proba": 0.5, "decision_function": 0.0}


@dataclass(frozen=True)
class Threshold:
    """Where a decision is made on the explained output.

    Parameters
    ----------
    at : float or None
        In units of the model's response; None is 0.5 for probabilities and 0 for margins.
    passing : {"above", "below"}
        The side that passes; a response at the threshold passes.
    """

    at: float | None
    passing: str


def rows_at_threshold(
    model: Model,
    X: Any,
    sample_weight: NDArray[np.float64] | None,
    threshold: Threshold,
    n_kept: int | None,
    seed: int,
) -> tuple[ReferenceRows, dict[str, Any]]:
    """Keep the rows on the passing side that are nearest to the threshold.

    Parameters
    ----------
    model : Model
        With one output.
    X : ndarray or DataFrame of shape (n_rows, n_columns)
    sample_weight : ndarray of shape (n_rows,) or None
    threshold : Threshold
    n_kept : int or None
        How many distinct rows; None keeps all that pass.
    seed : int
        Orders rows that are equally near.

    Returns
    -------
    rows : ReferenceRows
        All of the group: nothing is left to a draw.
    record : dict
        Threshold, side, number of rows, and the band of their responses.
    """
    if len(model.columns) != 1:
        raise ValueError(
            "background='at_threshold' needs a single output. Choose one of "
            f"{list(model.output_names)} by the 'target' parameter."
        )
    at = threshold.at if threshold.at is not None else _DEFAULTS.get(model.method_name)
    if at is None:
        raise ValueError(
            "background='at_threshold' needs the 'threshold' parameter, in units of "
            f"{model.method_name}."
        )
    everything = draw_reference(X, sample_weight, None, seed)
    sign = 1.0 if threshold.passing == "above" else -1.0
    distance = sign * (model(everything.rows)[:, 0] - at)
    passing = np.flatnonzero(distance >= 0.0)
    if not len(passing):
        raise ValueError(
            f"No reference row has a response {threshold.passing} the threshold {at:g}: check "
            "the 'threshold' and 'passing' parameters, which are in units of the explained output."
        )
    nearest = passing[np.argsort(distance[passing], kind="stable")][:n_kept]
    weights = everything.weights[nearest]
    band = at + sign * distance[nearest[[0, -1]]]
    record = {
        "threshold": float(at),
        "passing": threshold.passing,
        "n_at_threshold": len(nearest),
        "band": sorted(band.tolist()),
    }
    kept = replace(
        everything,
        rows=take_rows(everything.rows, nearest),
        weights=weights / weights.sum(),
        n_available=len(nearest),
    )
    return kept, record
