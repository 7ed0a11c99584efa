"""How many threads NumPy's BLAS library uses for matrix products. threadpoolctl knows every library's own way.

Lesson: notebooks/12_numpy_to_gpu.ipynb
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_lock = threading.Lock()
_users = 0
_before: list[tuple[Any, int]] = []


@cache
def _libraries() -> Any:
    from threadpoolctl import ThreadpoolController  # looks for the loaded libraries: only when it matters

    return ThreadpoolController().select(user_api="blas")


def set_num_threads(threads: int) -> None:
    """From now on a matrix product uses that many threads."""
    for library in _libraries().lib_controllers:
        library.set_num_threads(threads)


@contextmanager
def single_threaded() -> Iterator[None]:
    """Meanwhile every matrix product runs in the thread that asks for it. May be nested, in several threads at once."""
    global _users, _before
    with _lock:
        _users += 1
        if _users == 1:
            _before = [(library, library.num_threads) for library in _libraries().lib_controllers]
            for library, _ in _before:
                library.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                for library, threads in _before:
                    library.set_num_threads(threads)
