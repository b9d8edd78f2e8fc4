"""Tables as plain arrays, and back: what pickles, and files that refuse code, can hold."""

import io
from typing import Any

import numpy as np
import pandas as pd

from surrogates.blackbox.table import build_frame, is_polars, plain_column

__all__ = ["pack_table", "unpack_table"]

_MASKED: dict[str, Any] = {
    "b": pd.arrays.BooleanArray,
    "i": pd.arrays.IntegerArray,
    "u": pd.arrays.IntegerArray,
    "f": pd.arrays.FloatingArray,
}
_MASKED_ARRAYS: Any = tuple(_MASKED.values())


def pack_table(table: Any) -> Any:
    """Return a table as dicts of plain arrays, numbers and text.

    Parameters
    ----------
    table : ndarray or DataFrame of shape (n_rows, n_columns)
        The index of a pandas frame is left out. Columns of rare extension dtypes, such as periods,
        stay pandas arrays.

    Returns
    -------
    packed : ndarray or dict
        An array is returned as it is.

    Examples
    --------
    >>> packed = pack_table(pd.DataFrame({"city": pd.Categorical(["Rome", "Oslo"])}))
    >>> packed["columns"][0]["codes"]
    array([1, 0], dtype=int8)
    >>> unpack_table(packed)
       city
    0  Rome
    1  Oslo
    """
    if is_polars(table):
        stream = io.BytesIO()
        table.write_ipc(stream)
        return {"kind": "polars", "bytes": np.frombuffer(stream.getvalue(), dtype=np.uint8)}
    if isinstance(table, pd.DataFrame):
        columns = [_pack_column(table.iloc[:, place]) for place in range(table.shape[1])]
        return {"kind": "pandas", "names": _pack_names(table.columns), "columns": columns}
    return table


def unpack_table(packed: Any) -> Any:
    """Return the table that `pack_table` packed.

    Parameters
    ----------
    packed : ndarray or dict

    Returns
    -------
    table : ndarray or DataFrame
        Pandas frames are indexed from 0.

    Raises
    ------
    ImportError
        The table is a polars frame, and polars is not installed.
    """
    if isinstance(packed, np.ndarray):
        return packed
    if packed["kind"] == "polars":
        import polars

        return polars.read_ipc(io.BytesIO(packed["bytes"].tobytes()))
    names = _unpack_names(packed["names"])
    columns = [_unpack_column(column) for column in packed["columns"]]
    return build_frame(pd.DataFrame(columns=names), columns)


def _pack_names(names: pd.Index) -> dict[str, Any]:
    labels = names.tolist() if isinstance(names, pd.MultiIndex) else _pack_column(pd.Series(names))
    return {"labels": labels, "names": list(names.names)}


def _unpack_names(packed: dict[str, Any]) -> pd.Index:
    labels = packed["labels"]
    if isinstance(labels, list):
        return pd.MultiIndex.from_tuples(labels, names=packed["names"])
    return _as_index(_unpack_column(labels)).rename(packed["names"][0])


def _as_index(values: Any) -> pd.Index:
    return pd.Index(values, dtype=values.dtype)  # otherwise objects that are strings become text


def _pack_column(series: pd.Series) -> Any:
    column = plain_column(series)
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return np.array(column)
    if isinstance(dtype, pd.CategoricalDtype):
        categories = _pack_column(pd.Series(column.categories))
        return {
            "kind": "category",
            "codes": np.array(column.codes),
            "categories": categories,
            "ordered": bool(dtype.ordered),
        }
    if isinstance(dtype, pd.StringDtype):
        texts = column.to_numpy(dtype=object, na_value=None)
        return {"kind": "text", "values": texts, "dtype": _pack_text_dtype(dtype)}
    if isinstance(dtype, pd.DatetimeTZDtype):
        utc = column.tz_convert("UTC").tz_localize(None)
        return {"kind": "zoned", "values": np.array(utc), "zone": str(dtype.tz)}
    if isinstance(column, _MASKED_ARRAYS):
        values = column.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.type(0))
        return {"kind": "masked", "values": values, "mask": np.array(column.isna())}
    return {"kind": "other", "values": column}


def _pack_text_dtype(dtype: pd.StringDtype) -> tuple[str, bool]:
    return dtype.storage, getattr(dtype, "na_value", pd.NA) is pd.NA


def _unpack_column(packed: Any) -> Any:
    if isinstance(packed, np.ndarray):
        return packed
    kind, values = packed["kind"], packed.get("values")
    if kind == "category":
        categories = _as_index(_unpack_column(packed["categories"]))
        return pd.Categorical.from_codes(packed["codes"], categories, ordered=packed["ordered"])
    if kind == "text":
        return pd.array(values, dtype=_unpack_text_dtype(*packed["dtype"]))
    if kind == "zoned":
        return pd.DatetimeIndex(values).tz_localize("UTC").tz_convert(packed["zone"]).array
    if kind == "masked":
        return _MASKED[values.dtype.kind](values, packed["mask"])
    return values


def _unpack_text_dtype(storage: Any, keeps_na: bool) -> pd.StringDtype:
    return pd.StringDtype(storage) if keeps_na else pd.StringDtype(storage, na_value=np.nan)
