"""The decorators through which every compiled kernel goes."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

__all__ = ["constant", "kernel", "reduction_kernel"]

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile `function` lazily, without the GIL, and cache it on disk where the disk allows."""
    return _compile(function)


def reduction_kernel(function: F) -> F:
    """Compile like `kernel`, and let sums be taken in the order that is fastest.

    The order is fixed when the code is compiled: results stay the same from call to call.
    """
    return _compile(function, fastmath={"reassoc", "nsz", "contract"})


def constant(number: int) -> int:
    """Return a number that kernels may hand to others.

    Called with a plain integer that is known, a kernel is compiled once more for that integer.
    """
    return cast(int, np.int64(number))


def _compile(function: F, **options: Any) -> F:
    """Compile with a cache, or without one where no directory can be written.

    A read-only install without a writable cache directory makes ``cache=True`` raise at import;
    the kernel then compiles anew in every process, which is slower but works.
    """
    # no kernel is ever passed to C, and the wrapper for that takes time to compile
    shared = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, **options}
    try:
        compiled = numba.njit(cache=True, **shared)(function)
    except RuntimeError:
        compiled = numba.njit(**shared)(function)
    return cast(F, compiled)
