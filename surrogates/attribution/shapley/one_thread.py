"""Linear algebra that gives the same digits whatever the number of threads.

Libraries divide large products among as many threads as they may use, which rounds differently.
Workers of different backends may use different numbers of threads.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import RLock

from threadpoolctl import ThreadpoolController

__all__ = ["one_thread"]

_lock = RLock()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let linear algebra use one thread; one caller at a time, since the limit is global."""
    with _lock, _controller().limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
