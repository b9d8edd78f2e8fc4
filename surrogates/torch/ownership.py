"""Which column of a table owns each element of a module's inputs."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from surrogates.blackbox.columnwise import trace_columns
from surrogates.blackbox.recombination import draw_cells, recombine
from surrogates.torch.inputs import Inputs

__all__ = ["is_columnwise", "owners_of_inputs"]

_N_RECOMBINED = 128


def owners_of_inputs(
    encoder: Any, n_columns: int, inputs: Inputs
) -> tuple[NDArray[np.int64], ...] | None:
    """Return for each input tensor the column of the table that owns each element of a row.

    Parameters
    ----------
    encoder : transformer or None
        It may tell by itself, by an attribute ``column_owners_`` with one array per tensor.
    n_columns : int
        Of the table.
    inputs : Inputs
        What the encoder made of some rows.

    Returns
    -------
    owners : tuple of ndarray, each of the shape of a row of its tensor, or None
        None where it is not known, or where an element depends on several columns.
    """
    shapes = [tuple(tensor.shape[1:]) for tensor in inputs.tensors]
    own = getattr(encoder, "column_owners_", None)
    if own is not None:
        found = tuple(np.asarray(owners, dtype=np.int64) for owners in own)
        return found if [owners.shape for owners in found] == shapes else None
    if len(shapes) != 1:
        return None
    columns = np.arange(n_columns)
    traced = columns if encoder is None else trace_columns(encoder, columns)
    return (traced,) if traced is not None and shapes == [traced.shape] else None


def is_columnwise(
    read: Callable[[Any], Inputs], rows: Any, owners: Sequence[NDArray[np.int64]]
) -> bool:
    """Try out whether to read recombined rows is to recombine what is read.

    Parameters
    ----------
    read : callable
        From a table to inputs.
    rows : ndarray or DataFrame of shape (n_rows, n_columns)
    owners : sequence of ndarray
        For each tensor, the column that owns each element of a row.
    """
    sources, places = draw_cells(rows, _N_RECOMBINED)
    apart, mixed = read(sources), read(recombine(sources, places))
    for parts, expected, own in zip(apart.tensors, mixed.tensors, owners, strict=True):
        rows_of = torch.from_numpy(places[:, own.ravel()]).to(parts.device)
        found = torch.gather(parts.flatten(1), 0, rows_of).reshape(expected.shape)
        if not torch.allclose(found, expected, rtol=1e-6, atol=1e-6, equal_nan=True):
            return False
    return True
