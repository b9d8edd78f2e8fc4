"""Rows through a module in batches that fit in memory."""

from __future__ import annotations  # pages are built without torch

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from surrogates.torch.layers import is_embedding

__all__ = ["BatchSize", "in_batches", "is_out_of_memory", "rows_in_memory"]

_MOST_ROWS = 2**12  # activations of more rows leave the caches of a processor
_MOST_ROWS_ON_DEVICE = 2**20
_MOST_BYTES = 2**26
_SHARE_OF_DEVICE = 0.25
_LIVE_LAYERS = 3.0  # what a layer takes in, what it makes, and what is made of that
_MESSAGES = ("out of memory", "can't allocate memory", "not enough memory", "status_alloc_failed")


@dataclass
class BatchSize:
    """How many rows a module is given at a time; it halves where memory runs out.

    Parameters
    ----------
    n_rows : int
    """

    n_rows: int
    halved: list[int] = field(default_factory=list)

    def halve(self) -> None:
        """Take half as many rows from now on.

        Raises
        ------
        MemoryError
            There was one row only.
        """
        if self.n_rows == 1:
            raise MemoryError(
                "Memory ran out for a single row. Free memory, or use another device: device='cpu'."
            )
        self.n_rows = max(1, self.n_rows // 2)
        self.halved.append(self.n_rows)


def in_batches(
    ask: Callable[[int, int], torch.Tensor], n_rows: int, size: BatchSize
) -> list[torch.Tensor]:
    """Ask about all rows, batch after batch; a batch for which memory runs out is asked in halves.

    Parameters
    ----------
    ask : callable
        ``ask(start, stop)`` answers for some of the rows.
    n_rows : int
    size : BatchSize
        What fitted is remembered there.

    Raises
    ------
    MemoryError
        Memory does not suffice for a single row.
    """
    answers: list[torch.Tensor] = []
    start = 0
    while start < n_rows:
        stop = min(n_rows, start + size.n_rows)
        answer = _try(ask, start, stop)
        if answer is None:  # out of the handler, whose traceback kept the tensors alive
            size.n_rows = min(size.n_rows, stop - start)
            size.halve()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        else:
            answers.append(answer)
            start = stop
    return answers


def _try(ask: Callable[[int, int], torch.Tensor], start: int, stop: int) -> torch.Tensor | None:
    try:
        return ask(start, stop)
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            return None
        raise


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether memory ran out, on any device."""
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    return any(message in str(error).lower() for message in _MESSAGES)


def rows_in_memory(module: Any, bytes_per_row: int, device: torch.device) -> int:
    """Estimate how many rows a module can be given at once.

    Parameters
    ----------
    module : torch.nn.Module
    bytes_per_row : int
        Of the inputs.
    device : torch.device
    """
    widths = [width for part in module.modules() for width in _widths(part)]
    needed = bytes_per_row + _LIVE_LAYERS * 4.0 * max(widths, default=1)
    if device.type != "cuda":
        return max(1, min(_MOST_ROWS, int(_MOST_BYTES / needed)))
    free = torch.cuda.mem_get_info(device)[0]
    return max(1, min(_MOST_ROWS_ON_DEVICE, int(_SHARE_OF_DEVICE * free / needed)))


def _widths(layer: Any) -> list[int]:
    """Return how many numbers a layer makes of a row, as far as its parameters tell."""
    if is_embedding(layer):
        return [int(layer.weight.shape[1])]
    return [tensor.shape[0] for tensor in layer.parameters(recurse=False) if tensor.ndim > 1]
