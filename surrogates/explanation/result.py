"""What all results share: read-only state, files and an HTML table."""

from dataclasses import dataclass, fields
from html import escape
from pathlib import Path
from typing import Any, Self

import pandas as pd

from surrogates.exceptions import FileFormatError
from surrogates.explanation.files import (
    MAX_BYTES,
    Decoder,
    Encoder,
    read_archive,
    write_archive,
)

__all__ = ["Result", "load"]

SCHEMA = 1
"""Version of the layout of the files; a reader refuses others."""

_CLASSES: dict[str, type["Result"]] = {}


@dataclass(frozen=True, eq=False)
class Result:
    """Base of the frozen results.

    A subclass is a frozen dataclass whose fields are what its files hold, and whose
    ``__post_init__`` checks them.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        _CLASSES[cls.__name__] = cls

    def __reduce__(self) -> tuple[Any, ...]:
        # numpy forgets in a pickle that an array is read-only; building anew restores and checks
        return _rebuild, (type(self), self._state())

    def _state(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def save(self, path: str | Path) -> Path:
        """Write the result to one file, without pickle.

        Parameters
        ----------
        path : str or Path
            Where to write; ``.npz`` is added to a name without a suffix.

        Returns
        -------
        path : Path
            The file that was written.

        Raises
        ------
        TypeError
            Something in the result, such as a list inside a cell, has no place in such a file.
        """
        encoder = Encoder()
        header = {
            "format": "surrogates",
            "schema": SCHEMA,
            "class": type(self).__name__,
            "fields": {name: encoder.encode(value, name) for name, value in self._state().items()},
        }
        path = _with_suffix(path)
        with path.open("wb") as stream:
            write_archive(stream, header, encoder.arrays)
        return path

    @classmethod
    def load(cls, path: str | Path, *, max_bytes: int = MAX_BYTES) -> Self:
        """Read a result of this class from a file written by `save`.

        Parameters
        ----------
        path : str or Path
            The file; ``.npz`` is added to a name without a suffix.
        max_bytes : int, default=2**31
            Refuse files that would take more than this in memory.

        Returns
        -------
        result : Result
            Of this class.

        Raises
        ------
        FileFormatError
            The file is damaged, or holds something else.
        """
        result = load(path, max_bytes=max_bytes)
        if not isinstance(result, cls):
            raise FileFormatError(
                f"{path} holds a result of class {type(result).__name__}, not {cls.__name__}."
            )
        return result

    def _headline(self) -> tuple[str, pd.DataFrame]:
        """Return what the HTML view shows: a caption and a short frame."""
        return repr(self), pd.DataFrame()

    def _repr_html_(self) -> str:
        return _html_table(*self._headline())


def load(path: str | Path, *, max_bytes: int = MAX_BYTES) -> Any:
    """Read a result from a file written by its ``save``.

    Nothing in the file is executed, and it is read only when the sizes it declares are within
    the limit.

    Parameters
    ----------
    path : str or Path
        The file; ``.npz`` is added to a name without a suffix.
    max_bytes : int, default=2**31
        Refuse files that would take more than this in memory.

    Returns
    -------
    result : Result
        Of the class that was saved.

    Raises
    ------
    FileFormatError
        The file is damaged, too large, of another version, or not a file of this package.
    OSError
        The file cannot be opened.
    ImportError
        The explained rows are a polars frame and polars is not installed.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from surrogates.explanation import Attribution, load
    >>> explanation = Attribution(
    ...     values=np.array([[[0.2], [-0.1]]]),
    ...     base_values=np.array([[0.5]]),
    ...     predictions=np.array([[0.6]]),
    ...     data=np.array([[24.0, 1.0]]),
    ...     feature_names=("duration", "amount"),
    ...     output_names=("bad",),
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load(explanation.save(f"{folder}/explanation")).values.ravel()
    array([ 0.2, -0.1])
    """
    path = _with_suffix(path)
    with path.open("rb") as stream:
        try:
            return _restore(*read_archive(stream, max_bytes))
        except (FileFormatError, ImportError):
            raise
        except Exception as error:  # whatever a damaged file makes numpy, zlib or pandas raise
            raise FileFormatError(
                f"{path} is damaged, or is not a result saved by surrogates: "
                f"{type(error).__name__}: {error}"
            ) from error


def _restore(header: Any, arrays: dict[str, Any]) -> Result:
    if header["format"] != "surrogates":
        raise FileFormatError("The file was not written by surrogates.")
    if header["schema"] != SCHEMA:
        raise FileFormatError(
            f"The file has the layout {header['schema']!r}, but this version of surrogates reads "
            f"the layout {SCHEMA}: install the version that wrote the file."
        )
    cls, decoder = _CLASSES[header["class"]], Decoder(arrays)
    return cls(**{name: decoder.decode(node) for name, node in header["fields"].items()})


def _with_suffix(path: str | Path) -> Path:
    path = Path(path)
    return path if path.suffix else path.with_name(path.name + ".npz")


def _rebuild(cls: type[Result], state: dict[str, Any]) -> Result:
    return cls(**state)


def _html_table(caption: str, frame: pd.DataFrame) -> str:
    """Return a table of plain HTML: all text escaped, no script, nothing loaded from elsewhere."""
    head = "".join(f"<th>{escape(str(name), quote=True)}</th>" for name in frame.columns)
    body = "".join(
        "<tr>" + "".join(_html_cell(value) for value in line) + "</tr>"
        for line in frame.itertuples(index=False, name=None)
    )
    return (
        f"<table><caption>{escape(caption, quote=True)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _html_cell(value: Any) -> str:
    if isinstance(value, float):
        return f'<td style="text-align:right">{value:.4g}</td>'
    return f"<td>{escape(str(value), quote=True)}</td>"
