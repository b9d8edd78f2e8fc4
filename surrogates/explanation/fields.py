"""Checks of the fields of results that are no arrays of numbers."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from surrogates.blackbox.table import is_frame
from surrogates.explanation.reference import Reference

__all__ = [
    "check_count",
    "check_data",
    "check_index",
    "check_params",
    "check_reference",
    "check_text",
]


def check_data(data: Any, n_rows: int) -> Any:
    """Return the explained rows, protected from later changes where that costs no copy."""
    if not is_frame(data) and not (isinstance(data, np.ndarray) and data.ndim == 2):
        raise TypeError(
            "data must be a 2-D numpy array, or a pandas or polars DataFrame. "
            f"Got {type(data).__name__} instead."
        )
    if data.shape[0] != n_rows:
        raise ValueError(f"data must have {n_rows} rows, as values do. Got {data.shape[0]}.")
    if isinstance(data, pd.DataFrame):
        return data.copy(deep=False)
    if isinstance(data, np.ndarray):
        data = data.view()
        data.flags.writeable = False
    return data


def check_index(index: Any, data: Any, n_rows: int) -> pd.Index:
    """Return the labels of the rows: those given, those of a pandas frame, or positions."""
    if index is None:
        return data.index if isinstance(data, pd.DataFrame) else pd.RangeIndex(n_rows)
    labels = index if isinstance(index, pd.Index) else pd.Index(index)
    if len(labels) != n_rows:
        raise ValueError(f"index must have {n_rows} labels, one per row. Got {len(labels)}.")
    return labels


def check_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters as a dict, or raise TypeError when JSON does not know a value."""
    if not isinstance(params, Mapping):
        raise TypeError(f"params must be a mapping. Got {type(params).__name__} instead.")
    for name, value in params.items():
        try:
            json.dumps(value, default=_number)
        except (TypeError, ValueError) as error:
            raise TypeError(f"params[{name!r}] must consist of JSON values: {error}.") from None
    groups = params.get("groups")
    if groups is not None and not isinstance(groups, Mapping):
        raise TypeError(f"params['groups'] must map names to columns. Got {groups!r} instead.")
    return dict(params)


def _number(value: Any) -> Any:
    if isinstance(value, (np.number, np.bool_)):
        return value.item()
    raise TypeError(f"{type(value).__name__} is none")


def check_text(name: str, value: Any) -> None:
    """Raise TypeError when `value` is no str."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str. Got {value!r} instead.")


def check_count(name: str, value: Any) -> int:
    """Return `value` as an int, or raise TypeError or ValueError when it is no count."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an int. Got {value!r} instead.")
    if value < 0:
        raise ValueError(f"{name} must be an int in the range [0, inf). Got {value!r} instead.")
    return int(value)


def check_reference(reference: Any, n_outputs: int) -> None:
    """Raise when `reference` is neither None nor a Reference with a mean for every output."""
    if reference is None:
        return
    if not isinstance(reference, Reference):
        raise TypeError(f"reference must be a Reference or None. Got {reference!r} instead.")
    if len(reference.mean_response) not in (0, n_outputs):
        raise ValueError(
            f"reference.mean_response must hold {n_outputs} numbers, one per output. "
            f"Got {len(reference.mean_response)}."
        )
