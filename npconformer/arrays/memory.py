"""How much memory a process can have on this machine."""

from __future__ import annotations

import math
import mmap
import os
import sys
from pathlib import Path

import numpy as np

OF_CONTAINER = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of Linux's cgroups
UNKNOWN = 64 * 2**30  # bytes; where the system does not say


def machine_memory() -> int:
    """Bytes: what the machine has, or what a container or the process's own limit leaves of it."""
    try:
        most = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        most = UNKNOWN
    return int(min(most, _of_process(), *map(_of_file, OF_CONTAINER)))


def _of_file(path: str) -> float:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):  # no such file, or "max"
        return math.inf


def _of_process() -> float:
    if sys.platform == "win32":
        return math.inf
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return math.inf if limit == resource.RLIM_INFINITY else limit


def give_pages_back(array: np.ndarray) -> None:
    """Lets the system take the pages of an array that lies in a mapped, read-only file out of the process's memory.

    They are read again when somebody asks for them. Other arrays, and systems without this, stay as they are.
    """
    owner: object = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    owner = owner.obj if isinstance(owner, memoryview) else owner
    if not isinstance(owner, mmap.mmap) or not hasattr(owner, "madvise") or not array.size:
        return
    first_byte = np.frombuffer(owner, np.uint8, 1)
    if first_byte.flags.writeable:  # what has been written would be lost
        return
    start = first_byte.ctypes.data
    low, high = np.lib.array_utils.byte_bounds(array)
    page = mmap.PAGESIZE
    first, stop = -(-(low - start) // page) * page, (high - start) // page * page  # whole pages alone
    if 0 <= first < stop:
        owner.madvise(mmap.MADV_DONTNEED, first, stop - first)
