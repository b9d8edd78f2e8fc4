"""Models saved in files: read without running what is in them, unless that is asked for."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["read_model"]

_PICKLES = {".pkl", ".pickle"}
_JOBLIBS = {".joblib", ".jl"}


def read_model(path: str | Path, *, trust: bool = False, types: Sequence[str] = ()) -> Any:
    """Read a fitted model.

    Parameters
    ----------
    path : str or Path
        ``.skops`` is read by skops, which builds known types only; ``.joblib`` and ``.pkl`` can
        run anything when they are read.
    trust : bool, default=False
        Whether files that can run anything may be read.
    types : sequence of str, default=()
        Types that skops may build beside those it knows.

    Raises
    ------
    OSError
        The file cannot be opened.
    ImportError
        skops is not installed.
    ValueError, TypeError
        The file is of an unknown kind, is damaged, or is not trusted.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no model file {str(path)!r}.")
    kind = path.suffix.lower()
    if kind in _PICKLES | _JOBLIBS:
        return _read_trusted(path, trust)
    if kind != ".skops":
        raise ValueError(
            f"The model file {str(path)!r} must end in .skops, .joblib or .pkl: "
            "save the model by skops.io.dump(model, 'model.skops')."
        )
    return _read_skops(path, types)


def _read_trusted(path: Path, trust: bool) -> Any:
    if not trust:
        raise ValueError(
            f"Reading {str(path)!r} can run any code that is in it. Save the model by "
            "skops.io.dump(model, 'model.skops'), or add --trust if you made this file yourself."
        )
    try:
        if path.suffix.lower() in _JOBLIBS:
            from joblib import load

            return load(path)
        with path.open("rb") as stream:
            return pickle.load(stream)  # noqa: S301 (asked for by --trust)
    except Exception as error:  # whatever a damaged file makes pickle raise
        raise ValueError(
            f"{str(path)!r} cannot be read: {type(error).__name__}: {error}"
        ) from error


def _read_skops(path: Path, types: Sequence[str]) -> Any:
    try:
        from skops.io import get_untrusted_types, load
    except ImportError as error:
        raise ImportError(
            "Reading .skops files needs skops: pip install skops (or save the model by joblib, "
            "and add --trust)."
        ) from error
    try:
        unknown = [name for name in get_untrusted_types(file=path) if name not in types]
    except Exception as error:  # whatever a damaged file makes zipfile or json raise
        raise ValueError(f"{str(path)!r} is no skops file, or is damaged: {error}") from error
    if unknown:
        options = " ".join(f"--trust-type {name}" for name in unknown)
        raise ValueError(
            f"The model has types that skops does not know: {', '.join(unknown)}. If you trust "
            f"them, add {options}"
        )
    try:
        return load(path, trusted=list(types))
    except Exception as error:  # a type that cannot be imported, or a damaged file
        raise ValueError(
            f"{str(path)!r} cannot be read: {type(error).__name__}: {error}"
        ) from error
