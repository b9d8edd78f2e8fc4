"""Hashes of models and tables that a file can keep.

Two models have the same hash when they are built of the same classes, numbers and words, wherever
they live: a model that was saved and loaded again keeps its hash.
"""

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.blackbox.table import column_names, is_frame, row_hashes

__all__ = ["model_digest", "row_digests", "table_digest"]

_NOT_OF_THE_MODEL = {"_sklearn_version"}


def table_digest(data: Any, weights: NDArray[np.float64] | None = None) -> str:
    """Return the hash of the names, the values and the weights of a table.

    Parameters
    ----------
    data : {ndarray, DataFrame} of shape (n_rows, n_columns)
    weights : ndarray of shape (n_rows,), default=None

    Examples
    --------
    >>> import pandas as pd
    >>> ints, floats = pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1.0, 2.0]})
    >>> table_digest(ints) == table_digest(floats)
    True
    """
    parts = [_names(data), row_hashes(data).tobytes()]
    if weights is not None:
        parts.append(np.ascontiguousarray(weights, dtype=np.float64).tobytes())
    return sha256(b"|".join(parts)).hexdigest()


def row_digests(data: Any) -> list[str]:
    """Return what `table_digest` returns for each row on its own."""
    names = _names(data)
    return [sha256(names + b"|" + row.tobytes()).hexdigest() for row in row_hashes(data)]


def _names(data: Any) -> bytes:
    return "\x1f".join(column_names(data)).encode("utf-8", "surrogatepass")


def model_digest(model: Any) -> str:
    """Return the hash of a fitted model, or of any other object.

    Parameters
    ----------
    model : object
        What pickle could take apart; the version of scikit-learn does not count.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> first = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    >>> again = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    >>> other = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    >>> model_digest(first) == model_digest(again) != model_digest(other)
    True
    """
    return _Digester().of(model).hex()


class _Digester:
    """Hashes of objects, each taken apart once."""

    def __init__(self) -> None:
        self._known: dict[int, bytes] = {}
        self._alive: list[Any] = []  # an identity belongs to an object only while it lives

    def of(self, thing: Any) -> bytes:
        scalar = _scalar(thing)
        if scalar is not None:
            return sha256(scalar).digest()
        if id(thing) not in self._known:
            self._known[id(thing)] = b"a part of itself"
            self._alive.append(thing)
            self._known[id(thing)] = self._join(self._parts(thing))
        return self._known[id(thing)]

    @staticmethod
    def _join(parts: Iterable[bytes]) -> bytes:
        return sha256(b"".join(sha256(part).digest() for part in parts)).digest()

    def _parts(self, thing: Any) -> list[bytes]:
        if is_frame(thing):
            return [b"frame", table_digest(thing).encode()]
        rules: tuple[tuple[Any, Callable[[Any], list[bytes]]], ...] = (
            (np.ndarray, self._array),
            (Mapping, self._mapping),
            ((list, tuple), self._sequence),
            ((set, frozenset), self._set),
            ((pd.Series, pd.Index), self._column),
            ((FunctionType, CodeType), self._code),
        )
        for kinds, take_apart in rules:
            if isinstance(thing, kinds):
                return take_apart(thing)
        return self._object(thing)

    def _sequence(self, sequence: Iterable[Any]) -> list[bytes]:
        return [b"sequence", *map(self.of, sequence)]

    def _set(self, members: Iterable[Any]) -> list[bytes]:
        return [b"set", *sorted(map(self.of, members))]

    def _column(self, column: Any) -> list[bytes]:
        return [b"column", self.of(np.asarray(column))]

    def _array(self, array: NDArray[Any]) -> list[bytes]:
        if array.dtype.names:  # the bytes between the fields are anything
            return [b"record", *(self.of(array[name]) for name in array.dtype.names)]
        if array.dtype.hasobject:
            return [b"objects", str(array.shape).encode(), self.of(array.ravel().tolist())]
        array = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
        return [array.dtype.str.encode(), str(array.shape).encode(), array.tobytes()]

    def _mapping(self, mapping: Mapping[Any, Any]) -> list[bytes]:
        pairs = (
            self.of(key) + self.of(value)
            for key, value in mapping.items()
            if not (isinstance(key, str) and key in _NOT_OF_THE_MODEL)
        )
        return [b"mapping", *sorted(pairs)]

    def _code(self, thing: FunctionType | CodeType) -> list[bytes]:
        if isinstance(thing, CodeType):
            return [thing.co_code, self.of(thing.co_consts), self.of(thing.co_names)]
        inside = [cell.cell_contents for cell in thing.__closure__ or ()]
        return [_path(thing), self.of(thing.__code__), self.of(inside)]

    def _object(self, thing: Any) -> list[bytes]:
        """Take an object apart as pickle would, without writing it."""
        try:
            reduced = thing.__reduce_ex__(4)
        except Exception:  # locks, files and others that cannot be taken apart
            return [b"object", _path(type(thing))]
        if isinstance(reduced, str):
            return [b"name", _path(type(thing)), reduced.encode()]
        maker, arguments, *rest = reduced
        state = rest[0] if rest else None
        items = [list(part) for part in rest[1:3] if part is not None]
        return [b"object", _path(type(thing)), *map(self.of, (maker, arguments, state, items))]


def _scalar(thing: Any) -> bytes | None:
    """Return bytes for values and for names, equal for equal numbers of Python and numpy."""
    if isinstance(thing, (type, BuiltinFunctionType, np.ufunc)):
        return b"name " + _path(thing)
    if isinstance(thing, ModuleType):
        return b"module " + thing.__name__.encode()
    if isinstance(thing, np.generic) and not isinstance(thing, np.void):
        thing = thing.item() if thing.dtype.kind not in "mM" else str(thing)
    if isinstance(thing, float):
        return b"float " + repr(float(thing)).encode()
    if isinstance(thing, str):
        return b"str " + str(thing).encode("utf-8", "surrogatepass")
    if thing is None or isinstance(thing, (bool, int, complex, bytes, bytearray)):
        kind = type(thing).__name__.encode()
        return (
            kind
            + b" "
            + (bytes(thing) if isinstance(thing, (bytes, bytearray)) else repr(thing).encode())
        )
    return None


def _path(thing: Any) -> bytes:
    name = getattr(thing, "__qualname__", getattr(thing, "__name__", repr(type(thing))))
    return f"{getattr(thing, '__module__', '')}.{name}".encode()
