"""NumPy's BLAS library with one thread while our own threads share the products. threadpoolctl knows every library.

A library for matrix products has threads of its own, which wait actively for the next product on the very cores on
which we share the work between products, and which take one product at a time. So each product here runs in the thread
that asks for it, and our threads (`pool`) have parts of it. The library's setting is for the whole process: it is
changed when the first forward or backward pass begins and changed back when the last one ends, not in between, and a
program's own products elsewhere have the library's threads as before.

Lesson: notebooks/12_numpy_to_gpu.ipynb
"""

from __future__ import annotations

import os
import threading
from functools import cache
from typing import Any

_lock = threading.Lock()
_local = threading.local()  # .depth: how many of the blocks below this thread is in
_users = 0  # how many threads are in one
_before: list[tuple[Any, int]] = []


@cache
def _libraries() -> Any:
    from threadpoolctl import ThreadpoolController  # looks for the loaded libraries: only when it matters

    return ThreadpoolController().select(user_api="blas")


class SingleThreaded:
    """`with single_threaded:` every product meanwhile runs in the thread that asks for it, in all threads.

    May be nested, and used in several threads at once: the last one out restores what the first one found, unless
    somebody else has changed it since.
    """

    def __enter__(self) -> None:
        depth = getattr(_local, "depth", 0)
        _local.depth = depth + 1
        if depth == 0:
            _enter()

    def __exit__(self, *exception: object) -> None:
        _local.depth -= 1
        if _local.depth == 0:
            _leave()


single_threaded = SingleThreaded()


def _enter() -> None:
    global _users, _before
    with _lock:
        _users += 1
        if _users == 1:
            _before = [(library, library.num_threads) for library in _libraries().lib_controllers]
            _before = [(library, threads) for library, threads in _before if threads != 1]
            for library, _ in _before:
                _set(library, 1)


def _leave() -> None:
    global _users
    with _lock:
        _users -= 1
        if _users == 0:
            _restore()


def _set(library: Any, threads: int) -> None:
    """From whichever thread: threadpoolctl 3.8 lets only the first one that sets OpenBLAS's threads do so again."""
    getattr(library, "_real_set_num_threads", library.set_num_threads)(threads)


def _restore() -> None:
    for library, threads in _before:
        if library.num_threads == 1:
            _set(library, threads)


def _keep_own() -> None:
    """In a child process, where the other threads that had changed the setting do not exist."""
    global _users, _lock
    _lock = threading.Lock()
    if _users:
        _users = 1 if getattr(_local, "depth", 0) else 0
        if _users == 0:
            _restore()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep_own)
