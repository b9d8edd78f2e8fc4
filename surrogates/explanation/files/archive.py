"""The container: a zip of ``.npy`` members, one of which is a JSON header."""

import io
import json
import math
import zipfile
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from surrogates.exceptions import FileFormatError

__all__ = ["ARRAY_KINDS", "MAX_BYTES", "read_archive", "write_archive"]

ARRAY_KINDS = "biufcmMSU"
"""Kinds of dtypes that the members may have."""

MAX_BYTES = 2**31

_HEADER = "header"
_JSON_GROWTH = 16  # what an object made of JSON takes in memory for a byte of text
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # zipfile reads others past their sizes


def write_archive(stream: IO[bytes], header: Any, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a JSON-able header and arrays without objects; ``numpy.load`` can read them too."""
    text = json.dumps(header, allow_nan=False).encode("ascii")
    members: dict[str, Any] = {_HEADER: np.frombuffer(text, dtype=np.uint8), **arrays}
    np.savez_compressed(stream, **members)


def read_archive(stream: IO[bytes], max_bytes: int) -> tuple[Any, dict[str, NDArray[Any]]]:
    """Read the header and the arrays, after summing the sizes that the directory declares.

    Raises
    ------
    FileFormatError
        The members would take more than `max_bytes`, or an array is not what it declares.
    Exception
        Whatever zipfile, zlib or json raise for damaged bytes.
    """
    with zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        size = sum(_size(member) for member in members)
        if size > max_bytes:
            raise FileFormatError(
                f"The file takes {size} bytes of memory, more than max_bytes={max_bytes}. "
                "Raise max_bytes if you trust where it comes from."
            )
        arrays = {_name(member): _read_array(_read_member(archive, member)) for member in members}
    return json.loads(arrays.pop(_HEADER).tobytes()), arrays


def _name(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(".npy")


def _size(member: zipfile.ZipInfo) -> int:
    return member.file_size * (_JSON_GROWTH if _name(member) == _HEADER else 1)


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.compress_type not in _METHODS:
        raise FileFormatError("The file is compressed in a way that this package never uses.")
    with archive.open(member) as stream:
        return stream.read(member.file_size)  # a limit, whatever the compressed bytes hold


def _read_array(raw: bytes) -> NDArray[Any]:
    # parsed here, since numpy.load allocates whatever shape an array claims to have
    buffer = io.BytesIO(raw)
    read_header = {
        (1, 0): npy.read_array_header_1_0,
        (2, 0): npy.read_array_header_2_0,
    }[npy.read_magic(buffer)]
    shape, fortran_order, dtype = read_header(buffer)
    start, count = buffer.tell(), math.prod(shape)
    # texts of no letters take no bytes, however many there are
    true_size = dtype.itemsize > 0 and count * dtype.itemsize == len(raw) - start
    if dtype.kind not in ARRAY_KINDS or not true_size:
        raise FileFormatError("An array of the file is not what it declares.")
    return np.ndarray(shape, dtype, buffer=raw, offset=start, order="F" if fortran_order else "C")
