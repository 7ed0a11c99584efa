"""Keeps weights in memory while they are timed, and tells when they were not.

Both programs map the file of weights. A system may drop pages of mapped files that nobody has used for a few seconds,
as happens to each side while the other one runs, and read them from the disk again: then a sample measures the disk. So
the pages are locked before anything is timed, where the system allows that, and page faults that went to the disk are
counted.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from pathlib import Path

MCL_CURRENT = 1  # lock what is mapped now, on Linux; nothing that is allocated later
CHUNK = 1 << 24


def lock_memory() -> bool:
    """Locks what this process has mapped so far into memory; whether that worked (ulimit -l may forbid it)."""
    if not sys.platform.startswith("linux"):
        return False
    return ctypes.CDLL(None, use_errno=True).mlockall(MCL_CURRENT) == 0


def disk_faults() -> int:
    """Page faults of this process so far that had to read from a disk."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_majflt


def read_into_cache(path: str | os.PathLike) -> None:
    """Reads a file once, so that the system has it in its cache, and keeps nothing of it."""
    buffer = bytearray(CHUNK)
    with Path(path).open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
