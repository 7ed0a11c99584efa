"""The mode of an ordinary new file, of which the process's umask takes away some bits.

POSIX tells the umask only by setting it, and while it is set otherwise the files of other threads are made with it. So
it is read from the kernel where that tells; elsewhere once, and then with a mask that lets nobody else in.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache

STATUS = "/proc/self/status"  # of Linux


def ordinary_mode() -> int:
    """0o644 where the umask is 0o022."""
    mask = _told_by_the_kernel()
    return 0o666 & ~(_by_setting() if mask is None else mask)


def _told_by_the_kernel() -> int | None:
    try:
        with open(STATUS, "rb") as file:
            found = re.search(rb"^Umask:\s*([0-7]+)$", file.read(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1], 8) if found else None


@lru_cache(maxsize=1)
def _by_setting() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
