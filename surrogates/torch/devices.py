"""Where and in which precision a module computes, without moving the one given."""

from __future__ import annotations  # pages are built without torch

from copy import deepcopy
from typing import Any

import torch

__all__ = ["can_be_used", "choose_device", "floating_dtype", "tensors_of", "working_module"]


def tensors_of(module: Any) -> list[torch.Tensor]:
    """Return the parameters and buffers of a module."""
    return [*module.parameters(), *module.buffers()]


def choose_device(wanted: str | torch.device, module: Any) -> torch.device:
    """Return the device that a module is to compute on.

    Parameters
    ----------
    wanted : str or torch.device
        "auto" is where the module is, unless that is the CPU and there is a GPU.
    module : torch.nn.Module

    Raises
    ------
    ValueError
        There is no such device here, or the module has no values.

    Examples
    --------
    >>> choose_device("cpu", torch.nn.Linear(2, 1))
    device(type='cpu')
    """
    homes = {tensor.device for tensor in tensors_of(module)}
    if torch.device("meta") in homes:
        raise ValueError(
            "The parameters of the module are on the device 'meta', where tensors have no values: "
            "load the trained weights into the module first."
        )
    if wanted != "auto":
        return _existing(wanted)
    elsewhere = [tensor.device for tensor in tensors_of(module) if tensor.device.type != "cpu"]
    if elsewhere:
        return elsewhere[0]
    return _existing("cuda") if torch.cuda.is_available() else torch.device("cpu")


def _existing(wanted: str | torch.device) -> torch.device:
    """Return a device with its index: what is current may be another one in another thread."""
    try:
        device = torch.empty(0, device=torch.device(wanted)).device
    except (AssertionError, AttributeError, ImportError, RuntimeError) as error:
        raise ValueError(
            f"The 'device' parameter is {str(wanted)!r}, which cannot be used here ({error}). "
            "Use device='auto' or device='cpu'."
        ) from error
    if device.type == "meta":
        raise ValueError("The 'device' parameter is 'meta', where nothing is computed.")
    return device


def can_be_used(wanted: str | torch.device) -> bool:
    """Tell whether there is such a device here; "auto" always finds one."""
    try:
        return wanted == "auto" or _existing(wanted) is not None
    except ValueError:
        return False


def floating_dtype(module: Any, wanted: torch.dtype | None) -> torch.dtype:
    """Return the precision of a module: that of its first floating tensor, or the default's."""
    if wanted is not None:
        return wanted
    for tensor in tensors_of(module):
        if tensor.is_floating_point():
            return tensor.dtype
    return torch.get_default_dtype()


def working_module(module: Any, device: torch.device, dtype: torch.dtype | None) -> Any:
    """Return the module itself where it can compute as asked, else a copy that can.

    Parameters
    ----------
    module : torch.nn.Module
    device : torch.device
    dtype : torch.dtype or None
        None keeps every precision.

    Raises
    ------
    ValueError
        The module has to be copied and cannot be.
    """
    tensors = tensors_of(module)
    floats = {tensor.dtype for tensor in tensors if tensor.is_floating_point()}
    at_home = all(_same(tensor.device, device) for tensor in tensors)
    if at_home and (dtype is None or floats <= {dtype}):
        return module
    try:
        copied = deepcopy(module)
    except Exception as error:
        raise ValueError(
            f"{type(module).__name__} must be copied to compute on {device}, and cannot be "
            f"({error}). Use the device and the dtype that it has: device="
            f"{str(tensors[0].device)!r}, dtype=None."
        ) from error
    return copied.to(device) if dtype is None else copied.to(device, dtype)


def _same(first: torch.device, second: torch.device) -> bool:
    """Compare devices; one without an index is the first of its type, or the current one."""
    return first.type == second.type and (
        first.index == second.index or None in (first.index, second.index)
    )
