"""The format of results as files: one ``.npz`` with a JSON header, without pickle."""

from surrogates.explanation.files.archive import MAX_BYTES, read_archive, write_archive
from surrogates.explanation.files.tree import Decoder, Encoder

__all__ = ["MAX_BYTES", "Decoder", "Encoder", "read_archive", "write_archive"]
