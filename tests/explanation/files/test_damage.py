"""Files from strangers: whatever the bytes are, loading them raises FileFormatError at worst."""

import copy
import io
import json
import pickle
import struct
import tracemalloc
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from attributions import make_attribution
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surrogates.exceptions import FileFormatError
from surrogates.explanation import Attribution, load
from surrogates.explanation.files import write_archive

FAST = settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])

TABLES = {
    "numpy": np.array([["a", 1, None], ["b", 2.5, True], ["a", float("nan"), 1]], dtype=object),
    "pandas": pd.DataFrame(
        {
            "a": pd.Categorical(["x", None, "y"]),
            "b": pd.to_datetime(["2024-01-01"] * 3).tz_localize("Europe/Berlin"),
            "c": pd.array([1, None, 3], dtype="Int64"),
        },
        index=pd.MultiIndex.from_product([["u"], [1, 2, 3]]),
    ),
    "polars": pl.DataFrame(
        {
            "a": pl.Series(["x", None, "y"], dtype=pl.Enum(["x", "y"])),
            "b": pl.Series([1, None, 3], dtype=pl.Datetime("ns", "Asia/Tokyo")),
            "c": [1.5, None, 2.5],
        }
    ),
}


@cache
def saved(kind):
    """Return the bytes of a file with rows of one container."""
    data = TABLES[kind]
    names = ("a", "b", "c") if kind != "numpy" else ("x0", "x1", "x2")
    index = pd.date_range("2024-01-01", periods=3) if kind == "numpy" else None
    e = make_attribution(3, 3, 2, data=data, feature_names=names, index=index)
    parts = io.BytesIO()
    header, arrays = contents(e)
    write_archive(parts, header, arrays)
    return parts.getvalue()


def contents(e):
    from surrogates.explanation.files import Encoder

    encoder = Encoder()
    fields = {name: encoder.encode(value, name) for name, value in e._state().items()}
    header = {"format": "surrogates", "schema": 1, "class": "Attribution", "fields": fields}
    return header, encoder.arrays


@cache
def opened(kind):
    with np.load(io.BytesIO(saved(kind)), allow_pickle=False) as members:
        arrays = {name: members[name] for name in members.files}
    return json.loads(arrays.pop("header").tobytes()), arrays


def write(tmp_path, header, arrays):
    path = tmp_path / "written.npz"
    with path.open("wb") as stream:
        write_archive(stream, header, arrays)
    return path


def load_or_refuse(tmp_path, raw):
    """Return the result that the bytes hold, or None; any other error fails the test."""
    path = tmp_path / "damaged.npz"
    path.write_bytes(raw)
    try:
        return load(path)
    except FileFormatError:
        return None


# bytes


@pytest.mark.parametrize("kind", TABLES)
def test_undamaged(tmp_path, kind):
    assert isinstance(load_or_refuse(tmp_path, saved(kind)), Attribution)


@pytest.mark.parametrize("kind", TABLES)
def test_truncated(tmp_path, kind):
    raw = saved(kind)
    for size in {*range(0, len(raw), 97), len(raw) - 1}:
        assert load_or_refuse(tmp_path, raw[:size]) is None


@FAST
@given(st.sampled_from(sorted(TABLES)), st.data())
def test_flipped_bits(tmp_path, kind, data):
    raw = bytearray(saved(kind))
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(raw) - 1))
        raw[position] ^= 1 << data.draw(st.integers(0, 7))
    found = load_or_refuse(tmp_path, bytes(raw))
    assert found is None or len(found) == 3  # some bytes of a zip mean nothing


@FAST
@given(st.binary(max_size=200))
def test_random_bytes(tmp_path, raw):
    assert load_or_refuse(tmp_path, raw) is None


@FAST
@given(st.binary(max_size=50))
def test_random_bytes_in_a_member(tmp_path, raw):
    header, _ = opened("numpy")
    key = header["fields"]["values"]["key"]
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(saved("numpy"))) as source,
        zipfile.ZipFile(stream, "w") as target,
    ):
        for name in source.namelist():
            target.writestr(name, raw if name == f"{key}.npy" else source.read(name))
    assert load_or_refuse(tmp_path, stream.getvalue()) is None


# headers


def rewritten(tmp_path, kind, change):
    header, arrays = copy.deepcopy(opened(kind))
    change(header)
    return write(tmp_path, header, arrays)


HEADERS = [
    (lambda header: header.clear(), "KeyError: 'format'"),
    (lambda header: header.update(format="other"), "not written by surrogates"),
    (lambda header: header.update(schema=2), "layout 2, but this version .* reads the layout 1"),
    (lambda header: header.update({"class": "Path"}), "is damaged"),
    (lambda header: header.update(fields=[]), "is damaged"),
    (lambda header: header["fields"].pop("values"), "is damaged"),
    (lambda header: header["fields"].update(extra=1), "is damaged"),
    (lambda header: header["fields"].update(values={"$": "array", "key": "a99"}), "a99"),
    (lambda header: header["fields"].update(values={"$": "pickle", "v": "c"}), "is damaged"),
    (lambda header: header["fields"].update(values=[[1.0]]), "values must have the shape"),
    (lambda header: header["fields"].update(method=None), "method must be a str"),
    (lambda header: header["fields"].update(index=[1]), "index must have 3 labels"),
]


@pytest.mark.parametrize(("change", "message"), HEADERS)
def test_wrong_headers(tmp_path, change, message):
    with pytest.raises(FileFormatError, match=message):
        load(rewritten(tmp_path, "pandas", change))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"3", b"\xff\xfe", b"[" * 100_000, b"NaN"])
def test_headers_that_are_no_object(tmp_path, text):
    path = tmp_path / "e.npz"
    np.savez(path, header=np.frombuffer(text, dtype=np.uint8))
    with pytest.raises(FileFormatError, match="is damaged, or is not a result saved by surrogates"):
        load(path)


def test_other_archives(tmp_path):
    np.savez(tmp_path / "arrays.npz", a=np.zeros(3))
    with zipfile.ZipFile(tmp_path / "texts.npz", "w") as archive:
        archive.writestr("header.npy", "{}")
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "empty.npz").touch()
    for path in tmp_path.iterdir():
        with pytest.raises(FileFormatError, match=path.name):
            load(path)


KEYS = st.sampled_from(["$", "v", "key", "codes", "table", "range"])
NODES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["Null", "Datetime", "ns", "../../etc", "dateutil//etc/passwd", "category"])
    | st.sampled_from([{"$": "NA"}, {"$": "float", "v": "nan"}, {"$": "array", "key": "a0"},
                       {"$": "numpy", "v": ["<f8", "00"]}, {"$": "interval", "v": [1, 0, "x"]}]),
    lambda nodes: st.lists(nodes, max_size=3) | st.dictionaries(KEYS, nodes, max_size=3),
    max_leaves=4,
)  # fmt: skip


def places(node):
    """Yield every pair of a container and a key in a tree of JSON."""
    if isinstance(node, (dict, list)):
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            yield node, key
            yield from places(node[key])


@settings(FAST, max_examples=300)
@given(st.sampled_from(sorted(TABLES)), st.data())
def test_headers_changed_anywhere(tmp_path, kind, data):
    header, arrays = copy.deepcopy(opened(kind))
    container, key = data.draw(st.sampled_from(list(places(header))))
    everything = [node[name] for node, name in places(header)]
    container[key] = data.draw(NODES | st.sampled_from(everything).map(copy.deepcopy))
    load_or_refuse(tmp_path, write(tmp_path, header, arrays).read_bytes())


@settings(FAST, max_examples=150)
@given(st.sampled_from(sorted(TABLES)), st.data())
def test_arrays_swapped(tmp_path, kind, data):
    header, arrays = opened(kind)
    others = [
        *arrays.values(),
        *(np.zeros(3, dtype=dtype) for dtype in ("i1", "f8", "M8[s]", "U3", "S2", "?", "c8")),
        np.array([-7, 2**30, 0], dtype=np.int32),
    ]
    key = data.draw(st.sampled_from(sorted(arrays)))
    changed = arrays | {key: data.draw(st.sampled_from(others))}
    load_or_refuse(tmp_path, write(tmp_path, header, changed).read_bytes())


# sizes


def test_archives_that_grow(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a0.npy", bytes(2**26))
    assert path.stat().st_size < 2**17
    with pytest.raises(
        FileFormatError, match="takes 67108864 bytes of memory, more than max_bytes"
    ):
        peak_of(lambda: load(path, max_bytes=2**26 - 1), limit=2**22)


def test_limit_of_the_reader(tmp_path):
    path = make_attribution().save(tmp_path / "e")
    assert len(load(path, max_bytes=10**6)) == 4
    for read in (load, Attribution.load):
        with pytest.raises(FileFormatError, match="more than max_bytes=1000"):
            read(path, max_bytes=1000)


def test_headers_count_more_since_objects_are_larger_than_text(tmp_path):
    path = tmp_path / "e.npz"
    text = b"[" + b"[]," * 2**20 + b"[]]"
    np.savez(path, header=np.frombuffer(text, dtype=np.uint8))
    with pytest.raises(FileFormatError, match="more than max_bytes"):
        peak_of(lambda: load(path, max_bytes=2**24), limit=2**22)


def peak_of(act, limit):
    tracemalloc.start()
    try:
        act()
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < limit


def member(shape, descr, body=b""):
    """Return an array file with a header of its own."""
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode("latin1")
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


MEMBERS = {
    "more than there is": member((10**12,), "<f8", bytes(24)),
    "less than there is": member((1,), "<f8", bytes(24)),
    "negative sizes": member((-1, -3), "<f8", bytes(24)),
    "texts of no letters": member((10**12,), "<U0"),
    "nothing of a dtype": member((10**12,), "|V0"),
    "structures": member((3,), [("a", "<f8")], bytes(24)),
    "objects": member((3,), "|O", pickle.dumps([1, 2, 3])),
    "no header": b"\x93NUMPY\x01\x00",
    "a later version": b"\x93NUMPY\x09\x00" + bytes(100),
}


@pytest.mark.parametrize("kind", MEMBERS)
def test_arrays_that_are_not_what_they_declare(tmp_path, kind):
    header, arrays = opened("numpy")
    path = write(tmp_path, header, {key: a for key, a in arrays.items() if key != "a0"})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("a0.npy", MEMBERS[kind])
    with pytest.raises(FileFormatError):
        peak_of(lambda: load(path), limit=2**22)


def test_directories_that_lie(tmp_path):
    """A member that is larger than its entry says must not be unpacked whole."""
    body = bytes(2**24)
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        path = tmp_path / f"{method}.npz"
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("header.npy", body)
        raw = path.read_bytes()
        claimed = raw.replace(struct.pack("<L", 2**24), struct.pack("<L", 100))
        assert claimed != raw
        path.write_bytes(claimed)
        with pytest.raises(FileFormatError):
            peak_of(lambda path=path: load(path), limit=2**22)


def test_codes_are_as_wide_as_saved(tmp_path):
    """Else one byte of a file would become a pointer of eight."""
    header, arrays = opened("numpy")
    key = header["fields"]["data"]["codes"]["key"]
    path = write(tmp_path, header, arrays | {key: arrays[key].astype(np.int8)})
    with pytest.raises(FileFormatError, match="no 32-bit integers"):
        load(path)


# code


class Payload:
    """Leaves a trace when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_is_unpickled(tmp_path):
    trace = tmp_path / "trace"
    arrays = {"a0": np.array([Payload(trace)], dtype=object)}
    np.savez(tmp_path / "arrays.npz", allow_pickle=True, **opened("numpy")[1] | arrays)
    np.savez(tmp_path / "header.npz", header=np.array([Payload(trace)], dtype=object))
    (tmp_path / "pickle.npz").write_bytes(pickle.dumps(Payload(trace)))
    for name in ("arrays", "header", "pickle"):
        with pytest.raises(FileFormatError):
            load(tmp_path / name)
    assert not trace.exists()


def test_no_local_file_is_read_as_a_time_zone(tmp_path, monkeypatch):
    def change(header):
        header["fields"]["data"]["columns"][1]["zone"] = "dateutil//etc/localtime"

    with pytest.raises(FileFormatError, match="the time zone dateutil//etc/localtime"):
        load(rewritten(tmp_path, "pandas", change))


def test_polars_is_asked_for_where_it_is_missing(tmp_path, monkeypatch):
    path = tmp_path / "e.npz"
    path.write_bytes(saved("polars"))
    monkeypatch.setitem(__import__("sys").modules, "polars", None)
    with pytest.raises(ImportError, match="polars DataFrame: pip install polars to load it"):
        load(path)
