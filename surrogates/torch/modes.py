"""The evaluation mode of a module, and the way back to the modes it was in."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

__all__ = ["evaluating"]

_lock = Lock()
_evaluated: dict[int, tuple[int, list[Any]]] = {}


@contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """Put a module in evaluation mode, and every submodule back in its own mode afterwards.

    Flags are set without calling ``train`` or ``eval``, which a module may have made to do more.
    Threads may evaluate a module at the same time: the last one to leave restores the flags.

    Parameters
    ----------
    module : torch.nn.Module

    Examples
    --------
    >>> import torch
    >>> module = torch.nn.Sequential(torch.nn.Dropout())
    >>> with evaluating(module):
    ...     module.training, module[0].training
    (False, False)
    >>> module.training, module[0].training
    (True, True)
    """
    _enter(module)
    try:
        yield
    finally:
        _leave(module)


def _enter(module: Any) -> None:
    with _lock:
        n_inside, changed = _evaluated.get(id(module), (0, []))
        if n_inside == 0:
            # the modules of a frozen script have no mode
            changed = [part for part in module.modules() if getattr(part, "training", False)]
            for part in changed:
                part.training = False
        _evaluated[id(module)] = (n_inside + 1, changed)


def _leave(module: Any) -> None:
    with _lock:
        n_inside, changed = _evaluated.pop(id(module))
        if n_inside > 1:
            _evaluated[id(module)] = (n_inside - 1, changed)
            return
        for part in changed:
            part.training = True
