"""A checkpoint that is one archive, seen as a checkpoint folder.

Whoever loads a checkpoint asks a folder for files of settings and for weights. So an archive is opened once in a
process: its settings are written, in this package's own form and under its own names, into a temporary folder that goes
when the process ends, and that folder stands for it from then on. Weights stay in the archive, from
which `weights_of` the folder are read. Nothing is left behind for an archive that cannot be read.

What reads archives lies in layers above this one, which knows their kinds by the endings of names alone (`KINDS`; the
package's `__init__` fills it in).
"""

from __future__ import annotations

import atexit
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """What reads archives of one kind. Both functions raise ValueError, naming the archive, for one that is damaged."""

    write_settings: Callable[[Path, Path], None]  # of an archive into a folder
    open_weights: Callable[[Path], Any]  # an `ArrayFile`


KINDS: dict[str, Kind] = {}  # by the ending of the archive's name
CONFIG_NAME = "config.json"

_opened: dict[tuple[str, int, int], Path] = {}  # folders, by the archive's path, time and size
_sources: dict[str, Path] = {}  # archives, by the folder that stands for one
_lock = threading.RLock()


def opened_folder(path: Path) -> Path:
    """The folder that stands for an archive; any other path is given back as it is.

    path: an archive, a folder with one and without a config.json, or anything else.

    Raises:
        ValueError: the archive is damaged, or of a model that is not offered; or there are several in the folder.
        OSError: it cannot be read.
    """
    archive = archive_at(path)
    if archive is None:
        return path
    status = archive.stat()
    key = (os.path.realpath(archive), status.st_mtime_ns, status.st_size)
    with _lock:
        if key not in _opened or not _opened[key].is_dir():
            _opened[key] = _open(archive)
        return _opened[key]


def archive_at(path: Path) -> Path | None:
    """The archive that a path names: itself, or the one in a folder without a config.json; None where there is none."""
    if path.suffix.lower() in KINDS and path.is_file():
        return path
    if not path.is_dir() or (path / CONFIG_NAME).is_file():
        return None
    found = sorted(one for one in path.iterdir() if one.suffix.lower() in KINDS and one.is_file())
    if len(found) > 1:
        names = ", ".join(one.name for one in found[:8])
        raise ValueError(f"{path} holds {len(found)} archives and no {CONFIG_NAME}: name one of {names}")
    return found[0] if found else None


def source_of(folder: str | os.PathLike) -> Path | None:
    """The archive that a folder stands for; None for any other folder."""
    return _sources.get(os.fspath(folder))


def weights_of(folder: str | os.PathLike) -> Any:
    """The weights in the archive that a folder stands for; None for any other folder."""
    archive = source_of(folder)
    return None if archive is None else KINDS[archive.suffix.lower()].open_weights(archive)


def _open(archive: Path) -> Path:
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="npconformer-"))
    try:
        KINDS[archive.suffix.lower()].write_settings(archive, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if not _sources:
        atexit.register(_remove_all, os.getpid())
    _sources[os.fspath(folder)] = archive.absolute()
    return folder


def _remove_all(process: int) -> None:
    """At the end of the process that made the folders, and not of a copy of it (a fork)."""
    if os.getpid() == process:
        for folder in _sources:
            shutil.rmtree(folder, ignore_errors=True)
