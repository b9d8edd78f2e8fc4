"""Columns of polars as plain arrays, and back."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["decode_polars", "encode_series"]

_NUMBERS = (
    *("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"),
    *("Float32", "Float64", "Boolean"),
)
_TICKS = ("Datetime", "Duration", "Time")  # finer than what Python's own types hold
_LEVELS = ("Categorical", "Enum")
_DTYPES = (*_NUMBERS, *_TICKS, *_LEVELS, "Date", "Decimal", "Null", "String")
_ARGUMENTS = {
    "Datetime": ("time_unit", "time_zone"),
    "Decimal": ("precision", "scale"),
    "Duration": ("time_unit",),
    "Enum": ("categories",),
}


def encode_series(keep: Callable[[NDArray[Any]], Any], series: Any) -> dict[str, Any]:
    """Return the node of a polars Series.

    Raises
    ------
    TypeError
        A dtype that has no place in a file, such as a list or a struct.
    """
    dtype, name = series.dtype, series.dtype.base_type().__name__
    if name not in _DTYPES:
        raise TypeError(f"a column of dtype {dtype}")
    arguments = [getattr(dtype, argument) for argument in _ARGUMENTS.get(name, ())]
    if name == "Enum":
        arguments = [arguments[0].to_list()]
    return {"name": series.name, "dtype": [name, *arguments], "values": keep(_plain(series, name))}


def _plain(series: Any, name: str) -> NDArray[Any]:
    """Return numbers as they are, and objects for what has missing values or is no number."""
    if name in _NUMBERS and not series.null_count():
        numbers: NDArray[Any] = series.to_numpy()
        return numbers
    if name in _TICKS:
        series = series.to_physical()
    objects = np.empty(len(series), dtype=object)
    objects[:] = series.to_list()
    return objects


def decode_polars(fetch: Callable[[Any], NDArray[Any]], nodes: list[dict[str, Any]]) -> Any:
    """Return the polars DataFrame of the nodes of its columns.

    Raises
    ------
    ImportError
        Polars is not installed.
    """
    try:
        import polars
    except ImportError as error:
        raise ImportError(
            "The rows in this file are a polars DataFrame: pip install polars to load it."
        ) from error
    try:
        return polars.DataFrame([_decode_series(polars, fetch, node) for node in nodes])
    except polars.exceptions.PanicException as error:  # not an Exception
        raise ValueError(str(error)) from None


def _decode_series(polars: Any, fetch: Callable[[Any], NDArray[Any]], node: dict[str, Any]) -> Any:
    name, *arguments = node["dtype"]
    if name not in _DTYPES:
        raise ValueError(f"polars has no column of dtype {name!r} in a file")
    dtype = getattr(polars, name)
    dtype = dtype(*arguments) if arguments else dtype
    plain = polars.Int64 if name in _TICKS else polars.String if name in _LEVELS else dtype
    values = fetch(node["values"])
    if values.ndim != 1 or values.dtype.kind not in "Obiuf":
        raise ValueError("a column of a polars frame is no list of single values")
    return polars.Series(node["name"], values.tolist(), dtype=plain).cast(dtype)
