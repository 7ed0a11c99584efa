"""One process at a time in a folder."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Nobody else may be in here with the same folder; the claim ends with the process, however it ends.

    Raises BlockingIOError when somebody is. Without effect where there are no such locks (Windows, some network file
    systems).
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with open(folder / ".lock", "w", opener=_open_no_link) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(f"{folder}: another process is training in this folder") from None
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                raise
        yield


def _open_no_link(path: str, flags: int) -> int:
    """A link in place of the lock is taken away, so that the file behind it is not emptied."""
    try:
        return os.open(path, flags | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EMLINK) or not os.path.islink(path):
            raise
    os.unlink(path)
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)
