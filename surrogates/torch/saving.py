"""Modules as bytes that load on machines without the device they were on."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

__all__ = ["module_from_bytes", "module_to_bytes"]


def module_to_bytes(module: Any) -> tuple[str, bytes]:
    """Return the kind of a module, "eager" or "script", and its bytes."""
    buffer = io.BytesIO()
    if isinstance(module, torch.jit.ScriptModule):
        with _old_ways():
            torch.jit.save(module, buffer)
        return "script", buffer.getvalue()
    torch.save(module, buffer)
    return "eager", buffer.getvalue()


def module_from_bytes(kind: str, data: bytes) -> Any:
    """Return the module that was made bytes, on the CPU."""
    buffer = io.BytesIO(data)
    if kind == "script":
        with _old_ways():
            return torch.jit.load(buffer, map_location="cpu")
    return torch.load(buffer, map_location="cpu", weights_only=False)


@contextmanager
def _old_ways() -> Iterator[None]:
    """Say nothing of the age of TorchScript: who made the script knows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield
