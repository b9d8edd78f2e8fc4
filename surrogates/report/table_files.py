"""Tables in files, and the columns of them that a model takes."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from surrogates.blackbox.table import column_names

__all__ = ["model_columns", "read_codes", "read_table"]


def read_table(
    path: str | Path, *, index: str | None = None, missing: Sequence[str] | None = None
) -> pd.DataFrame:
    """Read a table.

    Parameters
    ----------
    path : str or Path
        ``.csv`` (also compressed), ``.tsv`` or ``.parquet``.
    index : str, default=None
        Column that names the rows; None counts them from 0.
    missing : sequence of str, default=None
        Words that stand for missing values in text files, beside empty cells; None takes those
        that pandas knows, such as NA and null.

    Raises
    ------
    OSError
        The file cannot be opened.
    ImportError
        pyarrow is needed and not installed.
    ValueError
        The file is of an unknown kind, is damaged or empty, or lacks the column.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no table {str(path)!r}.")
    table = _read(path, missing)
    if not len(table):
        raise ValueError(f"The table {str(path)!r} has no rows.")
    if index is None:
        return table
    if index not in table.columns:
        raise ValueError(f"{str(path)!r} has no column {index!r}: it has {list(table.columns)}.")
    return table.set_index(index)


def _read(path: Path, missing: Sequence[str] | None) -> pd.DataFrame:
    kinds = [suffix.lower() for suffix in path.suffixes]
    if ".parquet" in kinds:
        if find_spec("pyarrow") is None and find_spec("fastparquet") is None:
            raise ImportError("Reading Parquet needs pyarrow: pip install pyarrow.")
    elif not {".csv", ".tsv"} & set(kinds):
        raise ValueError(f"The table {str(path)!r} must end in .csv, .tsv or .parquet.")
    try:
        if ".parquet" in kinds:
            return pd.read_parquet(path)
        return pd.read_csv(
            path,
            sep="\t" if ".tsv" in kinds else ",",
            keep_default_na=missing is None,
            na_values=None if missing is None else ["", *missing],
        )
    except OSError:
        raise
    except Exception as error:  # whatever a damaged file makes pandas raise
        raise ValueError(f"{str(path)!r} cannot be read: {error}") from error


def model_columns(model: Any, table: pd.DataFrame, outcome: str | None) -> pd.DataFrame:
    """Return the columns that a model takes, in its order.

    Parameters
    ----------
    model : object
        One that was fitted on a frame says which; others get all but the outcome.
    table : DataFrame
    outcome : str or None
        The column that says what became of the rows.

    Raises
    ------
    ValueError
        The table lacks columns.
    """
    if outcome is not None and outcome not in table.columns:
        raise ValueError(f"The table has no column {outcome!r}: it has {list(table.columns)}.")
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        kept = table.drop(columns=[] if outcome is None else [outcome])
        expected = getattr(model, "n_features_in_", kept.shape[1])
        if kept.shape[1] != expected:
            raise ValueError(
                f"The model takes {expected} columns, and the table has {kept.shape[1]}: "
                f"{list(column_names(kept))}. Name the column of the outcome by --outcome."
            )
        return kept
    lacking = [name for name in names if name not in table.columns]
    if lacking:
        raise ValueError(f"The table lacks the columns {lacking}, which the model takes.")
    return table[list(names)]


def read_codes(path: str | Path) -> pd.DataFrame:
    """Read a table of reason codes: the columns "column", "text" and, if there are any, "code"."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no table of reason codes {str(path)!r}.")
    return pd.read_csv(path, dtype=str, keep_default_na=False)
