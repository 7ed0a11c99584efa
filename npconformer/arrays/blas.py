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
import weakref
from functools import cache
from typing import Any

_lock = threading.RLock()
_local = threading.local()  # .holder: a reference to the outermost block that this thread is in
_holders: dict[int, weakref.ref] = {}  # the outermost blocks of all threads, by id: a dead reference may have no hash
_before: list[tuple[Any, int]] = []


@cache
def _libraries() -> Any:
    from threadpoolctl import ThreadpoolController  # looks for the loaded libraries: only when it matters

    return ThreadpoolController().select(user_api="blas")


class single_threaded:  # named as what it reads like: with single_threaded():
    """Inside `with single_threaded():` every product runs in the thread that asks for it, in all threads.

    May be nested, and used in several threads at once: the last one out restores what the first one found, unless
    somebody else has changed it since. An interrupt may come in the middle of `__enter__` or `__exit__`: what counts is
    therefore whether the block's object is there, which it is not when the block has been left in whatever way.
    """

    __slots__ = ("__weakref__",)

    def __enter__(self) -> None:
        holder = getattr(_local, "holder", None)
        if holder is None or holder() is None:
            _local.holder = holder = weakref.ref(self, _leave)
            _enter(holder)

    def __exit__(self, *exception: object) -> None:
        holder = _local.holder
        if holder is not None and holder() is self:
            _leave(holder)
            _local.holder = None


def _enter(holder: weakref.ref) -> None:
    global _before
    with _lock:
        if not _holders:
            _before = [(library, library.num_threads) for library in _libraries().lib_controllers]
            _before = [(library, threads) for library, threads in _before if threads != 1]
        _holders[id(holder)] = holder
        for library, _ in _before:
            if library.num_threads != 1:
                _set_num_threads(library, 1)


def _leave(holder: weakref.ref) -> None:
    with _lock:
        _holders.pop(id(holder), None)
        if not _holders:
            _restore()


def _restore() -> None:
    global _before
    for library, threads in _before:
        if library.num_threads == 1:
            _set_num_threads(library, threads)
    _before = []


def _set_num_threads(library: Any, threads: int) -> None:
    """From whichever thread: threadpoolctl 3.8 and later ignore all but the first one that sets OpenBLAS's number."""
    release = getattr(library, "clear_controlling_thread", None)
    if release is not None:
        release(force=True)
    library.set_num_threads(threads)
    if release is not None:
        release(force=True)


def _keep_own() -> None:
    """In a child process, where the other threads that had changed the setting do not exist."""
    global _lock
    _lock = threading.RLock()
    own = getattr(_local, "holder", None)
    for key, holder in list(_holders.items()):
        if holder is not own or holder() is None:
            del _holders[key]
    if not _holders:
        _restore()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _lock.acquire(),  # no thread is in the library's function then, whose lock a child would keep
        after_in_parent=lambda: _lock.release(),
        after_in_child=_keep_own,
    )
