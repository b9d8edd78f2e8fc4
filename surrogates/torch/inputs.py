"""The arguments of a module's forward for the rows of a table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from surrogates.blackbox.table import column_names, column_values, is_frame, numeric_block

__all__ = ["Inputs", "read_inputs"]


@dataclass(frozen=True)
class Inputs:
    """Tensors with one entry per row each.

    Parameters
    ----------
    tensors : tuple of Tensor
    names : tuple of str or None
        The arguments of ``forward`` that they are; None passes them by position.
    """

    tensors: tuple[torch.Tensor, ...]
    names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.tensors[0])

    def call(self, module: Any) -> Any:
        """Return what a module makes of the tensors."""
        if self.names is None:
            return module(*self.tensors)
        return module(**dict(zip(self.names, self.tensors, strict=True)))

    def each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "Inputs":
        """Return the same arguments, with every tensor changed."""
        return replace(self, tensors=tuple(change(tensor) for tensor in self.tensors))

    def rows(self, start: int, stop: int) -> "Inputs":
        """Return the arguments for some of the rows."""
        if start == 0 and stop >= len(self):
            return self
        return self.each(lambda tensor: tensor[start:stop])

    def to(self, device: torch.device) -> "Inputs":
        """Return the arguments on a device."""
        if all(tensor.device == device for tensor in self.tensors):
            return self
        return self.each(lambda tensor: tensor.to(device))

    @property
    def bytes_per_row(self) -> int:
        """Memory that a row takes."""
        return sum(tensor[:1].numel() * tensor.element_size() for tensor in self.tensors)

    def __str__(self) -> str:
        shapes = [f"{tuple(tensor.shape)} of {tensor.dtype}" for tensor in self.tensors]
        names = self.names or [""] * len(shapes)
        pairs = zip(names, shapes, strict=True)
        return ", ".join(f"{name} {shape}".strip() for name, shape in pairs)


def read_inputs(encoded: Any, dtype: torch.dtype, *, codes: bool) -> Inputs:
    """Read what an encoder returned, or a table, as the arguments of a forward pass.

    Parameters
    ----------
    encoded : array, DataFrame, Tensor, or a tuple, list or mapping of them
        A mapping names the arguments.
    dtype : torch.dtype
        Of the floating tensors.
    codes : bool
        Whether whole numbers stay what they are: codes of an embedding. Otherwise they are numbers
        like any others.

    Raises
    ------
    ValueError, TypeError
        Something is no array of numbers.
    """
    if isinstance(encoded, Mapping):
        parts, names = list(encoded.values()), tuple(map(str, encoded))
    elif isinstance(encoded, (tuple, list)) and not all(map(_is_row, encoded)):
        parts, names = list(encoded), None
    else:
        parts, names = [encoded], None
    tensors = tuple(_tensor(part, dtype, codes=codes) for part in parts)
    if not tensors:
        raise ValueError("The encoder returned no array.")
    if len({len(tensor) for tensor in tensors}) > 1:
        lengths = [len(tensor) for tensor in tensors]
        raise ValueError(f"The arrays of the encoder have different numbers of rows: {lengths}.")
    return Inputs(tensors, names)


def _is_row(part: Any) -> bool:
    """Tell a list of rows from a list of blocks."""
    return np.ndim(part) < 2 and not hasattr(part, "dtype") and not is_frame(part)


def _tensor(part: Any, dtype: torch.dtype, *, codes: bool) -> torch.Tensor:
    if isinstance(part, torch.Tensor):
        return _checked(part.detach(), dtype, codes=codes)
    array = _array(part)
    whole = array.dtype.kind in "iub"
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.copy()
    if whole and codes:
        return torch.from_numpy(array.astype(np.int64, copy=False))
    if array.dtype.kind != "f" or array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    return torch.from_numpy(array).to(dtype)


def _checked(tensor: torch.Tensor, dtype: torch.dtype, *, codes: bool) -> torch.Tensor:
    if tensor.ndim == 0:
        raise ValueError("A tensor without rows was given: its shape is ().")
    if tensor.is_floating_point():
        return tensor.to(dtype)
    if codes and not tensor.is_complex():
        return tensor.to(torch.int64)
    raise TypeError(
        f"A tensor of {tensor.dtype} was given to a module that computes in {dtype}: "
        f"pass X.to({dtype})."
    )


def _array(part: Any) -> np.ndarray[Any, Any]:
    if hasattr(part, "toarray"):
        return np.asarray(part.toarray())
    if is_frame(part):
        block = numeric_block(part)
        return _block_of_columns(part) if block is None else block
    array = np.asarray(part)
    if array.ndim == 0:
        raise ValueError(f"{part!r} is no array with a row for each row of X.")
    if array.dtype.kind not in "fiub":
        try:
            return array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"An array of {array.dtype} is no array of numbers ({error}): pass an encoder, "
                "such as surrogates.torch.ColumnEncoder(), that turns X into numbers."
            ) from error
    return array


def _block_of_columns(frame: Any) -> np.ndarray[Any, Any]:
    columns = []
    for position, name in enumerate(column_names(frame)):
        values = column_values(frame, position)
        try:
            columns.append(pd.to_numeric(pd.Series(values)).to_numpy(np.float64, na_value=np.nan))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"Column {name!r} holds no numbers ({error}): pass an encoder, such as "
                "surrogates.torch.ColumnEncoder(), that turns X into numbers."
            ) from error
    return np.column_stack(columns)
