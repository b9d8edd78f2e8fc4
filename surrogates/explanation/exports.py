"""Explanations in the forms that other programs read."""

import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.blackbox.table import column_names
from surrogates.explanation.cells import as_numbers, cell_objects, cells_of

if TYPE_CHECKING:
    from surrogates.explanation.attribution import Attribution

__all__ = ["as_dict", "plain", "shap_explanation"]


def plain(value: Any) -> Any:
    """Return `value` built of what JSON knows: dicts, lists, text, numbers, booleans and None.

    Missing values become None, infinities the text "Infinity" or "-Infinity", dates their text in
    ISO 8601, and other objects their text.

    Examples
    --------
    >>> import numpy as np
    >>> plain({"values": np.array([1.0, np.nan]), "groups": ("a", "b")})
    {'values': [1.0, None], 'groups': ['a', 'b']}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufU":
        return _plain_array(value)
    if isinstance(value, (list, tuple, np.ndarray, pd.Index)):
        return [plain(entry) for entry in value]
    return _plain_scalar(value.item() if isinstance(value, (np.number, np.bool_)) else value)


def _plain_array(array: NDArray[Any]) -> list[Any]:
    if array.dtype.kind == "f":
        numbers = array.astype(np.float64)
        array = numbers.astype(object)
        array[np.isnan(numbers)] = None
        array[np.isposinf(numbers)] = "Infinity"
        array[np.isneginf(numbers)] = "-Infinity"
    plain_list: list[Any] = array.tolist()
    return plain_list


def _plain_scalar(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if pd.isna(value) is True:
        return None
    if not isinstance(value, float):
        return value.isoformat() if isinstance(value, date) else str(value)
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def as_dict(explanation: "Attribution") -> dict[str, Any]:
    """Return all fields in values that JSON knows; `data` as lists by name of column."""
    data, reference = explanation.data, explanation.reference
    values = {field.name: getattr(explanation, field.name) for field in fields(explanation)}
    values["data"] = {
        name: cell_objects(data, position) for position, name in enumerate(column_names(data))
    }
    values["reference"] = None if reference is None else asdict(reference)
    plain_values: dict[str, Any] = plain(values)
    return plain_values


def shap_explanation(explanation: "Attribution") -> Any:
    """Return a ``shap.Explanation``; arrays lose their last axis where there is one output."""
    try:
        import shap
    except ImportError as error:
        raise ImportError("to_shap() needs the package shap: pip install shap") from error
    cells = cells_of(explanation).matrix()
    columns = [as_numbers(cells[:, player]) for player in range(cells.shape[1])]
    numbers = [column for column in columns if column is not None]
    last = 0 if len(explanation.output_names) == 1 else slice(None)
    return shap.Explanation(
        values=explanation.values[..., last].copy(),
        base_values=explanation.base_values[:, last].copy(),
        data=np.column_stack(numbers) if len(numbers) == len(columns) else cells,
        feature_names=list(explanation.feature_names),
        output_names=None if last == 0 else list(explanation.output_names),
    )
