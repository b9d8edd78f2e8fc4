"""Explanations in the forms that other programs read."""

import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from surrogates.blackbox.table import column_names, column_values
from surrogates.explanation.cells import as_numbers, cells_of

if TYPE_CHECKING:
    from surrogates.explanation.attribution import Attribution

__all__ = ["as_dict", "plain", "shap_explanation"]


def plain(value: Any) -> Any:
    """Return `value` built of what JSON knows: dicts, lists, text, numbers, booleans and None.

    Missing values become None, infinities the text "Infinity" or "-Infinity", and other objects
    (dates above all) their text.

    Examples
    --------
    >>> import numpy as np
    >>> plain({"values": np.array([1.0, np.nan]), "groups": ("a", "b")})
    {'values': [1.0, None], 'groups': ['a', 'b']}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray) and value.dtype.kind not in "mM":
        return plain(value.tolist())
    if isinstance(value, (list, tuple, np.ndarray, pd.Index)):
        return [plain(entry) for entry in value]
    return _plain_scalar(value.item() if isinstance(value, (np.number, np.bool_)) else value)


def _plain_scalar(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if pd.isna(value) is True:
        return None
    if not isinstance(value, float):
        return str(value)
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def as_dict(explanation: "Attribution") -> dict[str, Any]:
    """Return all fields in values that JSON knows; `data` as lists by name of column."""
    data, reference = explanation.data, explanation.reference
    values = {field.name: getattr(explanation, field.name) for field in fields(explanation)}
    values["data"] = {
        name: column_values(data, position) for position, name in enumerate(column_names(data))
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
