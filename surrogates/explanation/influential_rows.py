"""Tidy frames of influence, with the raw training rows beside it."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.blackbox.table import column_names
from surrogates.explanation.cells import cell_objects
from surrogates.explanation.ranking import rank

if TYPE_CHECKING:
    from surrogates.explanation.influence import Influence

__all__ = [
    "long_influence",
    "taken",
    "top_influence",
    "train_cells",
    "valuation",
    "wide_influence",
]


def taken(labels: Any, positions: NDArray[np.intp]) -> pd.Index:
    """Return the labels at some positions, those of several levels as tuples."""
    index = pd.Index(labels)
    if isinstance(index, pd.MultiIndex):
        index = index.to_flat_index()
    return index.take(positions)


def long_influence(influence: "Influence") -> pd.DataFrame:
    """Return one line per test row and training row."""
    n_test, n_train = influence.values.shape
    return pd.DataFrame(
        {
            "row": taken(influence.index, np.repeat(np.arange(n_test), n_train)),
            "train": taken(influence.train_index, np.tile(np.arange(n_train), n_test)),
            "influence": influence.values.ravel(),
        }
    )


def wide_influence(influence: "Influence") -> pd.DataFrame:
    """Return one line per test row and one column per training row."""
    return pd.DataFrame(
        influence.values, index=influence.index, columns=influence.train_index, copy=True
    )


def top_influence(influence: "Influence", k: int, sign: str) -> pd.DataFrame:
    """Return one line per test row and rank up to `k`, with the raw training row beside it."""
    ranking = rank(influence.values[:, :, None], None, k, sign)
    listed = pd.DataFrame(
        {
            "index": taken(influence.index, ranking.rows),
            "rank": ranking.ranks,
            "train": taken(influence.train_index, ranking.features),
            "influence": influence.values[ranking.rows, ranking.features],
        }
    )
    return pd.concat([listed, train_cells(influence, ranking.features)], axis=1)


def train_cells(influence: "Influence", positions: NDArray[np.intp]) -> pd.DataFrame:
    """Return the targets and the raw cells of training rows; names in use get a prefix."""
    columns: dict[str, pd.Series] = {}
    if influence.train_targets is not None:
        columns["target"] = _cells(np.asarray(influence.train_targets)[positions])
    names = column_names(influence.train_data)
    used = {"index", "rank", "train", "influence", "self_influence", "value", *columns}
    for place, name in enumerate(names):
        label = name
        while label in used:
            label = f"train_{label}"
        used.add(label)
        columns[label] = _cells(cell_objects(influence.train_data, place)[positions])
    return pd.DataFrame(columns)


def _cells(values: NDArray[Any]) -> pd.Series:
    if values.ndim > 1:
        values = _tuples(values)
    return pd.Series(values).infer_objects()


def _tuples(values: NDArray[Any]) -> NDArray[Any]:
    tuples = np.empty(len(values), dtype=object)
    tuples[:] = [tuple(row) for row in values.tolist()]
    return tuples


def valuation(influence: "Influence") -> pd.DataFrame:
    """Return the mean influence of every training row over the test rows, the lowest first."""
    values = influence.values.mean(axis=0) if len(influence) else np.nan * influence.self_influence
    frame = pd.DataFrame(
        {
            "train": taken(influence.train_index, np.arange(len(values))),
            "value": values,
            "self_influence": influence.self_influence,
        }
    )
    frame = pd.concat([frame, train_cells(influence, np.arange(len(values)))], axis=1)
    return frame.sort_values("value", kind="stable", ignore_index=True)
