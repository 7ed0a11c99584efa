"""Hidden files that hold what is being written, and what becomes of them when their process was killed.

A part of `texts.json` is `.texts.4711-k3x9q2ab.part.json` beside it: 4711 is the process, and the letters tell its
parts from one another. The process holds a lock (flock) on each of its parts until it is done or dead, so that whoever
comes later can tell a part that grows from one that nobody will finish.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PART = "part"  # of a file that is being written
LONGEST_STEM, LONGEST_SUFFIX = 40, 16  # characters of the target's name in that of a part: names have 255 bytes at most
NAME = re.compile(r"\..{0,40}\.(?P<process>\d{1,10})-[0-9a-f]{8}\.(?P<kind>[a-z]+)(\..{0,15})?", re.DOTALL)
ALIVE_FOR = 3600.0  # seconds: a part this old that nobody holds is dead, though its process's number is in use again


def part_name(target: Path, kind: str = PART) -> Path:
    """A name for a part of `target`, beside it, that no file has; its extension is the target's."""
    token = f"{os.getpid()}-{secrets.token_hex(4)}"
    return target.with_name(f".{target.stem[:LONGEST_STEM]}.{token}.{kind}{target.suffix[:LONGEST_SUFFIX]}")


def make_part(path: Path) -> int:
    """Make the empty file `path`, which must not exist, and hold it; returns its descriptor, to be closed at the end.

    Raises OSError where it cannot be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
    hold(descriptor)
    return descriptor


def hold(descriptor: int) -> bool:
    """Whether this process now holds the file; True where there are no such locks."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network file systems have none
        return True
    return True


def dead_parts(folder: Path, kind: str = PART) -> Iterator[Path]:
    """The parts in a folder whose processes are dead, in the order of their names; nothing on Windows."""
    if sys.platform == "win32":  # no locks to tell them by
        return
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        match = NAME.fullmatch(name)
        if match and match["kind"] == kind and _is_dead(folder / name, int(match["process"])):
            yield folder / name


def remove_dead_parts(folder: Path) -> None:
    """Remove what killed processes left of files that they were writing in this folder."""
    for path in dead_parts(folder):
        try:
            path.unlink()
        except OSError:  # somebody else has, or may not
            continue


def _is_dead(path: Path, process: int) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        if not hold(descriptor):
            return False
        age = time.time() - os.fstat(descriptor).st_mtime
        return process == os.getpid() or not _runs(process) or age > ALIVE_FOR
    finally:
        os.close(descriptor)


def _runs(process: int) -> bool:
    """Whether a process of this machine has that number: it may not hold yet what it has just made."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # somebody else's
        return True
    return True
