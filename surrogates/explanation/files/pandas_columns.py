"""Columns and indexes of pandas as plain arrays, and back."""

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.explanation.files.scalars import decode_scalar, encode_scalar, zone_name

__all__ = ["decode_column", "decode_index", "encode_column", "encode_index"]

Keep = Callable[[NDArray[Any]], Any]
"""Keeps an array, also one of objects, and returns its node."""

Fetch = Callable[[Any], NDArray[Any]]
"""Returns the array of a node."""

_NAMED_DTYPE = re.compile(
    r"U?Int\d+|Float\d+|boolean|(period|Sparse|interval)\[[\w ,.:+-]*\]", re.ASCII
)


def encode_column(keep: Keep, column: Any) -> dict[str, Any]:
    """Return the node of a Series or an Index of any dtype.

    Raises
    ------
    TypeError
        A dtype or a value that has no place in a file.
    """
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return {"values": keep(np.asarray(column))}
    if isinstance(dtype, pd.CategoricalDtype):
        return {
            "codes": keep(np.asarray(column.array.codes)),
            "categories": encode_column(keep, dtype.categories),
            "ordered": bool(dtype.ordered),
        }
    if isinstance(dtype, pd.DatetimeTZDtype):
        utc = pd.Series(column).dt.tz_convert(None).to_numpy()
        return {"utc": keep(utc), "zone": zone_name(dtype.tz)}
    return {"values": keep(np.asarray(column, dtype=object)), "dtype": _encode_dtype(dtype)}


def decode_column(fetch: Fetch, node: dict[str, Any]) -> Any:
    """Return the Series, without labels, of a node."""
    if "codes" in node:
        categories = pd.Index(decode_column(fetch, node["categories"]))
        codes, ordered = fetch(node["codes"]), bool(node["ordered"])
        return pd.Series(pd.Categorical.from_codes(codes, categories=categories, ordered=ordered))
    if "utc" in node:
        utc: Any = pd.Series(fetch(node["utc"]))
        return utc.dt.tz_localize("UTC").dt.tz_convert(zone_name(node["zone"]))
    values = np.array(fetch(node["values"]))  # pandas wants to own what it holds
    dtype: Any = _decode_dtype(node["dtype"]) if "dtype" in node else values.dtype
    return pd.Series(values, dtype=dtype)


def _encode_dtype(dtype: Any) -> list[str]:
    if isinstance(dtype, pd.StringDtype):
        spelling = ["string", dtype.storage, "NA" if dtype.na_value is pd.NA else "nan"]
    elif isinstance(dtype, pd.ArrowDtype):
        spelling = ["arrow", str(dtype.pyarrow_dtype)]
    else:
        spelling = ["named", str(dtype)]
    try:
        restored = _decode_dtype(spelling)
    except Exception as error:
        raise TypeError(f"a column of dtype {dtype}") from error
    if restored != dtype:
        raise TypeError(f"a column of dtype {dtype}")
    return spelling


def _decode_dtype(spelling: list[str]) -> Any:
    kind, name, *rest = spelling
    if kind == "string":
        return _string_dtype(name, *rest)
    if kind == "arrow":
        return pd.ArrowDtype(import_module("pyarrow").type_for_alias(name))
    if kind == "named" and _NAMED_DTYPE.fullmatch(name):
        return pd.api.types.pandas_dtype(name)
    raise ValueError(f"there is no dtype {spelling}")


def _string_dtype(storage: str, missing: str) -> Any:
    if missing == "NA":
        return pd.StringDtype(storage)
    try:
        return pd.StringDtype(storage, na_value=np.nan)
    except TypeError:  # before pandas 2.3
        return np.dtype(object)


def encode_index(keep: Keep, index: pd.Index) -> dict[str, Any]:
    """Return the node of an index.

    Raises
    ------
    TypeError
        A dtype or a label that has no place in a file.
    """
    node = {"$": "index", "names": [encode_scalar(name) for name in index.names]}
    if isinstance(index, pd.MultiIndex):
        bare = index.set_names([None] * index.nlevels)  # since names may be numbers of levels
        levels = [bare.get_level_values(number) for number in range(index.nlevels)]
        return node | {"levels": [encode_index(keep, level) for level in levels]}
    if isinstance(index, pd.RangeIndex):
        return node | {"range": [index.start, index.stop, index.step]}
    frequency = index.freqstr if isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)) else None
    return node | {"labels": encode_column(keep, index), "frequency": frequency}


def decode_index(fetch: Fetch, node: dict[str, Any]) -> pd.Index:
    """Return the index of a node."""
    return _decode_labels(fetch, node).set_names([decode_scalar(name) for name in node["names"]])


def _decode_labels(fetch: Fetch, node: dict[str, Any]) -> pd.Index:
    if "levels" in node:
        return pd.MultiIndex.from_arrays([decode_index(fetch, level) for level in node["levels"]])
    if "range" in node:
        start, stop, step = node["range"]
        return pd.RangeIndex(start, stop, step)
    labels = decode_column(fetch, node["labels"])
    index: Any = pd.Index(labels, dtype=labels.dtype)
    if node["frequency"] is not None:
        index.freq = node["frequency"]
    return index
