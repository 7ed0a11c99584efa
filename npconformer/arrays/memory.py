"""How much memory a process can have on this machine."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

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
