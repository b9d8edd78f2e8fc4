"""Values of any depth as a tree of JSON whose leaves may be arrays kept beside it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.blackbox.table import is_polars
from surrogates.explanation.files.archive import ARRAY_KINDS
from surrogates.explanation.files.pandas_columns import (
    decode_column,
    decode_index,
    encode_column,
    encode_index,
)
from surrogates.explanation.files.polars_columns import decode_polars, encode_series
from surrogates.explanation.files.scalars import decode_scalar, encode_scalar
from surrogates.explanation.reference import Reference

__all__ = ["Decoder", "Encoder"]


class Encoder:
    """Turns values into JSON and collects the arrays that they hold.

    Attributes
    ----------
    arrays : dict of str to ndarray
        What the leaves of the trees refer to.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}

    def encode(self, value: Any, where: str) -> Any:
        """Return a JSON tree for `value`; `where` names it in errors.

        Raises
        ------
        TypeError
            A value that has no place in a file, with its name.
        """
        if isinstance(value, Mapping):
            items = [
                [_named(where, encode_scalar, key), self.encode(entry, f"{where}[{key!r}]")]
                for key, entry in value.items()
            ]
            return {"$": "map", "items": items}
        if isinstance(value, (list, tuple)):
            items = [self.encode(entry, f"{where}[{i}]") for i, entry in enumerate(value)]
            return {"$": "tuple", "items": items} if isinstance(value, tuple) else items
        if isinstance(value, Reference):
            return {"$": "reference", "fields": self.encode(asdict(value), where)}
        if isinstance(value, pd.DataFrame):
            return self._encode_pandas(value, where)
        if is_polars(value):
            return self._encode_polars(value, where)
        return _named(where, self._encode_leaf, value)

    def _encode_leaf(self, value: Any) -> Any:
        if isinstance(value, pd.Index):
            return encode_index(self._keep, value)
        return self._keep(value) if isinstance(value, np.ndarray) else encode_scalar(value)

    def _encode_polars(self, frame: Any, where: str) -> dict[str, Any]:
        columns = [
            _named(f"{where}[{series.name!r}]", encode_series, self._keep, series)
            for series in frame
        ]
        return {"$": "polars", "columns": columns}

    def _encode_pandas(self, frame: pd.DataFrame, where: str) -> dict[str, Any]:
        columns = [
            _named(f"{where}[{name!r}]", encode_column, self._keep, frame.iloc[:, place])
            for place, name in enumerate(frame.columns)
        ]
        return {
            "$": "pandas",
            "names": _named(f"{where}.columns", encode_index, self._keep, frame.columns),
            "index": _named(f"{where}.index", encode_index, self._keep, frame.index),
            "columns": columns,
        }

    def _keep(self, array: NDArray[Any]) -> Any:
        if array.dtype.kind == "O":
            return self._keep_objects(array)
        if array.dtype.kind not in ARRAY_KINDS:
            raise TypeError(f"an array of dtype {array.dtype}")
        key = f"a{len(self.arrays)}"
        self.arrays[key] = array
        return {"$": "array", "key": key}

    def _keep_objects(self, array: NDArray[Any]) -> Any:
        """Keep objects as codes into a table of the different ones."""
        table: list[Any] = []
        known: dict[Any, int] = {}
        codes = np.empty(array.size, dtype=np.int32)
        for position, value in enumerate(array.flat):
            node = encode_scalar(value)
            key = (type(node), repr(node) if isinstance(node, (dict, float)) else node)
            if key not in known:
                known[key] = len(table)
                table.append(node)
            codes[position] = known[key]
        return {"$": "objects", "codes": self._keep(codes.reshape(array.shape)), "table": table}


def _named(where: str, encode: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return encode(*arguments)
    except TypeError as error:
        raise TypeError(f"A file cannot hold {where}: {error}.") from error


class Decoder:
    """Restores values from the trees of an `Encoder`.

    Parameters
    ----------
    arrays : dict of str to ndarray
        What the leaves refer to.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.arrays = arrays
        self._decoders = {
            "array": self._array,
            "index": self._index,
            "map": self._map,
            "objects": self._objects,
            "pandas": self._pandas,
            "polars": self._polars,
            "reference": self._reference,
            "tuple": self._tuple,
        }

    def decode(self, node: Any) -> Any:
        """Return the value of a tree.

        Raises
        ------
        Exception
            Whatever numpy, pandas and polars raise for trees that no `Encoder` made.
        """
        if isinstance(node, list):
            return [self.decode(entry) for entry in node]
        if isinstance(node, dict) and node["$"] in self._decoders:
            return self._decoders[node["$"]](node)
        return decode_scalar(node)

    def _fetch(self, node: Any) -> NDArray[Any]:
        return self._objects(node) if node["$"] == "objects" else self._array(node)

    def _array(self, node: Any) -> NDArray[Any]:
        return self.arrays[node["key"]]

    def _objects(self, node: Any) -> NDArray[Any]:
        codes = self._array(node["codes"])
        if codes.dtype != np.int32:
            raise ValueError("the codes of an array of objects are no 32-bit integers")
        table = np.empty(len(node["table"]), dtype=object)
        table[:] = [decode_scalar(entry) for entry in node["table"]]
        values: NDArray[Any] = table[codes]
        return values

    def _map(self, node: Any) -> dict[Any, Any]:
        return {decode_scalar(key): self.decode(entry) for key, entry in node["items"]}

    def _tuple(self, node: Any) -> tuple[Any, ...]:
        return tuple(self.decode(entry) for entry in node["items"])

    def _reference(self, node: Any) -> Reference:
        return Reference(**self.decode(node["fields"]))

    def _index(self, node: Any) -> pd.Index:
        return decode_index(self._fetch, node)

    def _pandas(self, node: Any) -> pd.DataFrame:
        index = decode_index(self._fetch, node["index"])
        columns = [decode_column(self._fetch, column) for column in node["columns"]]
        frame = pd.DataFrame(dict(enumerate(columns)))
        frame.index = index
        frame.columns = decode_index(self._fetch, node["names"])
        return frame

    def _polars(self, node: Any) -> Any:
        return decode_polars(self._fetch, node["columns"])
