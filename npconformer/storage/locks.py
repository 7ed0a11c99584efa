"""One process at a time in a folder."""

from __future__ import annotations

import errno
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

    with open(folder / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(f"{folder}: another process is training in this folder") from None
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                raise
        yield
