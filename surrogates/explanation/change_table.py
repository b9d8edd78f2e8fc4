"""Changes between rows as a table and in words."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.blackbox.table import column_values
from surrogates.explanation.displays.labels import clean, value_text

__all__ = ["change_frame", "change_sentences", "line_frame"]


def change_frame(
    data: Any,
    frame: Any,
    names: Sequence[str],
    row: NDArray[np.int64],
    rank: NDArray[np.int64],
) -> pd.DataFrame:
    """Return one line per cell that differs between rows and their counterfactuals.

    Parameters
    ----------
    data : ndarray or DataFrame of shape (n_rows, n_columns)
    frame : ndarray or DataFrame of shape (n_lines, n_columns)
    names : sequence of str of length n_columns
    row, rank : ndarray of shape (n_lines,)
    """
    found: dict[str, list[Any]] = {
        "line": [], "place": [], "row": [], "rank": [], "feature": [], "before": [], "after": []
    }  # fmt: skip
    for place, name in enumerate(names):
        before = column_values(data, place).astype(object)[row]
        after = column_values(frame, place).astype(object)
        for line in np.flatnonzero(~_equal(before, after)).tolist():
            cells = (
                line, place, int(row[line]), int(rank[line]), name, before[line], after[line]
            )  # fmt: skip
            for key, value in zip(found, cells, strict=True):
                found[key].append(value)
    table = pd.DataFrame(
        {
            key: pd.Series(values, dtype=object if key in ("before", "after") else None)
            for key, values in found.items()
        }
    )
    ordered = table.sort_values(["line", "place"], kind="stable", ignore_index=True)
    return ordered.drop(columns=["line", "place"])


def _equal(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.bool_]:
    missing = pd.isna(first), pd.isna(second)
    equal = np.zeros(len(first), dtype=bool)
    both = ~missing[0] & ~missing[1]
    equal[both] = [a == b for a, b in zip(first[both], second[both], strict=True)]
    return equal | (missing[0] & missing[1])


def change_sentences(
    changes: pd.DataFrame,
    lines: Sequence[tuple[int, int]],
    labels: Sequence[str],
    before: Sequence[str],
    after: Sequence[str],
) -> list[str]:
    """Return a sentence for every counterfactual.

    Parameters
    ----------
    changes : DataFrame
    lines : sequence of (row, rank)
    labels, before : sequence of str of length n_rows
        Labels of the explained rows, and what is predicted for them.
    after : sequence of str of length n_lines
        What is predicted for the counterfactuals.
    """
    own: dict[tuple[int, int], list[str]] = {line: [] for line in lines}
    for change in changes.itertuples(index=False):
        was, becomes = value_text(change.before), value_text(change.after)
        line = int(str(change.row)), int(str(change.rank))
        own[line].append(f"{clean(change.feature)} {becomes} instead of {was}")
    return [
        f"Row {labels[line[0]]} would be {said} instead of {before[line[0]]} "
        f"with {_listed(own[line])}."
        if own[line]
        else f"Row {labels[line[0]]} is {said} already."
        for line, said in zip(lines, after, strict=True)
    ]


def _listed(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def line_frame(known: Mapping[str, Any], frame: Any, names: Sequence[str]) -> pd.DataFrame:
    """Return what is known of counterfactuals beside their cells.

    Parameters
    ----------
    known : mapping of str to array or None
    frame : ndarray or DataFrame of shape (n_lines, n_columns)
    names : sequence of str of length n_columns
    """
    columns = {name: np.asarray(values) for name, values in known.items() if values is not None}
    about = pd.DataFrame(columns)
    if isinstance(frame, pd.DataFrame):
        cells = frame.reset_index(drop=True)
        cells.columns = list(names)
    else:
        cells = pd.DataFrame(
            {name: column_values(frame, place) for place, name in enumerate(names)}
        )
    return pd.concat([about, cells], axis=1)
