"""Folders that appear whole or not at all, and that survive a loss of power once they are there.

A folder is filled under a hidden name beside its place, every file is flushed to the disk, and it is renamed. Whatever
is interrupted leaves a hidden folder, which `remove_leftovers` takes away, and the folders with ordinary names as
they were.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NEW, OLD = ".new", ".old"
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class OutOfSpaceError(OSError):
    """A folder could not be written for lack of space; what was there before is as it was."""


@contextmanager
def whole_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Yield an empty folder to fill; it becomes `path`, in place of what is there, when the block ends well.

    If the block raises, `path` stays as it was and the error goes on. The folder that `path` lies in must exist.

    Raises:
        OutOfSpaceError: the disk is full, in place of the several errors that say so.
    """
    target = Path(path)
    new, old = (target.with_name(f".{target.name}{suffix}") for suffix in (NEW, OLD))
    _remove(new)
    try:
        new.mkdir()
        yield new
        flush_folder(new)
    except BaseException as error:
        _remove(new)
        if not _is_out_of_space(error):
            raise
        message = f"no space left to write {target} ({error}); what was there before is untouched"
        raise OutOfSpaceError(errno.ENOSPC, message) from error
    if os.path.lexists(target):
        _remove(old)
        os.rename(target, old)
    os.rename(new, target)
    flush_names(target.parent)
    _remove(old)


def remove_folder(path: Path) -> None:
    """Removes a folder so that a half of it is never seen under its name."""
    old = path.with_name(f".{path.name}{OLD}")
    _remove(old)
    os.rename(path, old)
    _remove(old)


def rename_folder(path: Path, target: Path) -> None:
    """Gives a folder another name, in place of what had that name before."""
    if target.exists():
        remove_folder(target)
    os.rename(path, target)


def remove_leftovers(parent: Path) -> list[Path]:
    """Removes what interrupted calls left in `parent`; what had been moved away without a successor comes back."""
    for old in parent.glob(f".*{OLD}"):
        target = old.with_name(old.name[1 : -len(OLD)])
        if not target.exists() and old.with_name(f".{target.name}{NEW}").exists():
            os.rename(old, target)  # stopped between the two renames
    leftovers = sorted(p for suffix in (NEW, OLD) for p in parent.glob(f".*{suffix}") if p.is_dir())
    for path in leftovers:
        _remove(path)
    return leftovers


def _remove(path: Path) -> None:
    """Removes a folder as far as possible; of a link to one, the link alone."""
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def flush_folder(folder: Path) -> None:
    """Flushes every file in the folder and its subfolders, and their names, to the disk."""
    for place, _, names in os.walk(folder):
        for name in names:
            _flush(os.path.join(place, name), os.O_RDONLY)
        flush_names(Path(place))


def flush_names(folder: Path) -> None:
    """Flushes the names that a folder holds, so that a rename outlives a loss of power."""
    if os.name == "nt":  # Windows flushes no folders
        return
    try:
        _flush(folder, os.O_RDONLY)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # nor do some network file systems
            raise


def _flush(path: str | os.PathLike, flags: int) -> None:
    descriptor = os.open(path, flags if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_out_of_space(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in _NO_SPACE
