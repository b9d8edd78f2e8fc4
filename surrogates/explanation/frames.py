"""Tidy frames of attributions."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.explanation.cells import cells_of
from surrogates.explanation.ranking import mean_magnitude, rank

if TYPE_CHECKING:
    from surrogates.explanation.attribution import Attribution

__all__ = ["importance_frame", "long_frame", "top_frame", "wide_frame"]


def long_frame(explanation: "Attribution") -> pd.DataFrame:
    """Return one line per row, output and feature, in this order."""
    n_rows, n_features, n_outputs = explanation.values.shape
    shape = (n_rows, n_outputs, n_features)
    rows, outputs, features = (axis.ravel() for axis in np.indices(shape))
    cells = np.broadcast_to(cells_of(explanation).matrix()[:, np.newaxis], shape).ravel()
    return pd.DataFrame(
        {
            "row": _taken(explanation.index, rows),
            "feature": _taken(explanation.feature_names, features),
            "output": _taken(explanation.output_names, outputs),
            "value": pd.Series(cells, dtype=object),
            "attribution": np.moveaxis(explanation.values, 1, 2).ravel(),
            "std_error": np.moveaxis(_errors(explanation), 1, 2).ravel(),
        }
    )


def wide_frame(explanation: "Attribution") -> pd.DataFrame:
    """Return one line per row, and a column per feature or per ``feature__output``."""
    features, outputs = explanation.feature_names, explanation.output_names
    columns = list(features)
    if len(outputs) > 1:
        columns = [f"{feature}__{output}" for feature in features for output in outputs]
    values = explanation.values.reshape(len(explanation), len(columns))
    return pd.DataFrame(values, index=explanation.index, columns=pd.Index(columns), copy=True)


def importance_frame(explanation: "Attribution") -> pd.DataFrame:
    """Return one line per feature and output, the most important first."""
    mean, std_error = mean_magnitude(explanation.values, explanation.std_errors)
    features, outputs = (axis.ravel() for axis in np.indices(mean.shape))
    frame = pd.DataFrame(
        {
            "feature": _taken(explanation.feature_names, features),
            "output": _taken(explanation.output_names, outputs),
            "importance": mean.ravel(),
            "std_error": std_error.ravel(),
        }
    )
    return frame.sort_values("importance", ascending=False, kind="stable", ignore_index=True)


def top_frame(explanation: "Attribution", k: int, sign: str) -> pd.DataFrame:
    """Return one line per row, output and rank up to `k`, in this order."""
    ranking = rank(explanation.values, explanation.std_errors, k, sign)
    listed = (ranking.rows, ranking.features, ranking.outputs)
    cells = cells_of(explanation).matrix()[ranking.rows, ranking.features]
    return pd.DataFrame(
        {
            "index": _taken(explanation.index, ranking.rows),
            "rank": ranking.ranks,
            "feature": _taken(explanation.feature_names, ranking.features),
            "output": _taken(explanation.output_names, ranking.outputs),
            "value": pd.Series(cells, dtype=object),
            "attribution": explanation.values[listed],
            "std_error": _errors(explanation)[listed],
            "tied_with_next": ranking.tied_with_next,
        }
    )


def _errors(explanation: "Attribution") -> NDArray[np.float64]:
    if explanation.std_errors is not None:
        return explanation.std_errors
    return np.broadcast_to(np.nan, explanation.values.shape)


def _taken(labels: Any, positions: NDArray[np.intp]) -> pd.Index:
    index = pd.Index(labels)
    if isinstance(index, pd.MultiIndex):
        index = index.to_flat_index()
    return index.take(positions)
