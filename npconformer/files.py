"""Writing files so that nobody ever sees half of one.

Every file is written beside its target under a temporary name, flushed to the disk, and renamed. A rename
within one folder is atomic, so a reader finds the old file or the new one, and an interrupted write leaves
the old one untouched.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `path` to write to; it becomes `path` when the block ends well.

    The temporary file exists and is empty when the block starts. It keeps the target's file extension,
    because writers such as soundfile choose the format by it. If the block raises, the temporary file is
    removed, `path` stays as it was, and the error goes on. The folder of `path` must exist.
    """
    target = Path(path)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}.", suffix=f".part{target.suffix}")
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        _take_permissions(temporary, target)
        _flush_to_disk(temporary)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text_atomically(path: str | os.PathLike, text: str) -> None:
    """Write `text` to `path` as UTF-8 with Unix line ends, all of it or nothing."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def write_bytes_atomically(path: str | os.PathLike, data: bytes) -> None:
    """Write `data` to `path`, all of it or nothing."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_json_atomically(path: str | os.PathLike, value: Any) -> None:
    """Write `value` to `path` as indented JSON with sorted keys, as transformers writes its settings."""
    write_text_atomically(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: str | os.PathLike) -> Any:
    """Read a JSON file.

    Raises FileNotFoundError when there is no such file, and ValueError naming the file when it is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not valid JSON: {error}") from error


def _take_permissions(temporary: Path, target: Path) -> None:
    """Give the new file the mode of the one it replaces, or an ordinary file's (mkstemp's own is 0600)."""
    if target.exists():
        mode = target.stat().st_mode & 0o777
    else:
        mask = os.umask(0)
        os.umask(mask)
        mode = 0o666 & ~mask
    os.chmod(temporary, mode)


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
