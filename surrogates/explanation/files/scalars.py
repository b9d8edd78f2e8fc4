"""Single values as JSON: plain ones as they are, others as an object with a tag."""

import base64
import datetime
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["decode_scalar", "encode_scalar", "zone_name"]


def encode_scalar(value: Any) -> Any:
    """Return `value` as JSON from which `decode_scalar` restores value and type.

    Raises
    ------
    TypeError
        The type has no place in a file.

    Examples
    --------
    >>> encode_scalar("a"), encode_scalar(float("nan"))
    ('a', {'$': 'float', 'v': 'nan'})
    """
    if _is_plain(value):
        return value
    if isinstance(value, np.str_):
        return str(value)
    for tag, single in _SINGLETONS.items():
        if value is single:
            return {"$": tag}
    if isinstance(value, np.generic) and value.dtype.kind in _NUMBERS:
        return {"$": "numpy", "v": [value.dtype.str, value.tobytes().hex()]}
    if type(value) not in _KINDS:
        raise TypeError(f"values of type {type(value).__name__}")
    tag, encode, _ = _KINDS[type(value)]
    return {"$": tag, "v": encode(value)}


def decode_scalar(node: Any) -> Any:
    """Return the value that `encode_scalar` turned into `node`.

    Raises
    ------
    Exception
        Whatever the types raise for a node that is no such value.
    """
    if not isinstance(node, dict):
        if _is_plain(node):
            return node
        raise TypeError(f"{node!r} is no single value")
    tag = node["$"]
    if tag in _SINGLETONS:
        return _SINGLETONS[tag]
    if tag == "numpy":
        return _decode_numpy(*node["v"])
    return _DECODERS[tag](node["v"])


def zone_name(zone: Any) -> str:
    """Return the name of a time zone from which pandas restores it.

    Raises
    ------
    TypeError
        The zone has no such name.
    """
    name = str(zone)
    if name.startswith("dateutil/") or not set(name) <= _ZONE_LETTERS:  # no path of a local file
        raise TypeError(f"the time zone {name}")
    try:
        pd.DatetimeTZDtype(tz=name)
    except Exception as error:
        raise TypeError(f"the time zone {name}") from error
    return name


def _is_plain(value: Any) -> bool:
    if type(value) is float:
        return math.isfinite(value)
    return value is None or type(value) in (bool, int, str)


def _decode_numpy(name: str, raw: str) -> Any:
    dtype = np.dtype(name)
    if dtype.kind not in _NUMBERS:
        raise ValueError(f"{dtype} is no type of a single number")
    (value,) = np.frombuffer(bytes.fromhex(raw), dtype)
    return value


def _encode_bytes(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _encode_clock(value: datetime.datetime | datetime.time) -> str:
    if value.tzinfo is not None and type(value.tzinfo) is not datetime.timezone:
        raise TypeError(f"the time zone {value.tzinfo} (use pandas.Timestamp)")
    return value.isoformat()


def _encode_duration(value: datetime.timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _decode_duration(parts: list[int]) -> datetime.timedelta:
    return datetime.timedelta(*parts)


def _encode_timestamp(value: pd.Timestamp) -> list[Any]:
    zone = None if value.tz is None else zone_name(value.tz)
    utc = value if zone is None else value.tz_convert(None)
    return [int(utc.to_datetime64().astype("int64")), value.unit, zone]


def _decode_timestamp(parts: list[Any]) -> pd.Timestamp:
    ticks, unit, zone = parts
    utc = pd.Timestamp(np.datetime64(ticks, unit))
    return utc if zone is None else utc.tz_localize("UTC").tz_convert(zone_name(zone))


def _encode_timedelta(value: pd.Timedelta) -> list[Any]:
    return [int(value.to_timedelta64().astype("int64")), value.unit]


def _decode_timedelta(parts: list[Any]) -> pd.Timedelta:
    return pd.Timedelta(np.timedelta64(*parts))


def _encode_period(value: pd.Period) -> list[Any]:
    return [value.ordinal, value.freqstr]


def _decode_period(parts: list[Any]) -> pd.Period:
    ordinal, frequency = parts
    return pd.Period(ordinal=ordinal, freq=frequency)


def _encode_interval(value: pd.Interval) -> list[Any]:
    return [encode_scalar(value.left), encode_scalar(value.right), value.closed]


def _decode_interval(parts: list[Any]) -> pd.Interval:
    left, right, closed = parts
    return pd.Interval(decode_scalar(left), decode_scalar(right), closed)


_NUMBERS = "biufmM"
_SINGLETONS = {"NA": pd.NA, "NaT": pd.NaT}
_KINDS: dict[type, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    float: ("float", repr, float),  # those that JSON does not know
    bytes: ("bytes", _encode_bytes, base64.b64decode),
    Decimal: ("decimal", str, Decimal),
    datetime.date: ("date", datetime.date.isoformat, datetime.date.fromisoformat),
    datetime.time: ("time", _encode_clock, datetime.time.fromisoformat),
    datetime.datetime: ("datetime", _encode_clock, datetime.datetime.fromisoformat),
    datetime.timedelta: ("duration", _encode_duration, _decode_duration),
    pd.Timestamp: ("timestamp", _encode_timestamp, _decode_timestamp),
    pd.Timedelta: ("timedelta", _encode_timedelta, _decode_timedelta),
    pd.Period: ("period", _encode_period, _decode_period),
    pd.Interval: ("interval", _encode_interval, _decode_interval),
}
_DECODERS = {tag: decode for tag, _, decode in _KINDS.values()}
_ZONE_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/:")
