"""Writing files so that nobody ever sees half of one, and reading settings that somebody else wrote.

Every file is written beside its target under a temporary name, flushed to the disk, and renamed. A rename
within one folder is atomic, so a reader finds the old file or the new one, and an interrupted write leaves
the old one untouched.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from npconformer.storage.parts import make_part, part_name
from npconformer.storage.strict_json import LONGEST_JSON, parse_json
from npconformer.storage.text_files import read_regular_file
from npconformer.storage.umask import ordinary_mode

# The names by which a folder's recordings are known: what libsndfile reads, and what ffmpeg does where it is installed.
AUDIO_SUFFIXES = set(
    ".wav .wave .rf64 .bwf .flac .ogg .oga .opus .mp3 .mp2 .mpga .aif .aiff .aifc .au .snd .caf .w64 "
    ".avr .htk .svx .8svx .iff .paf .pvf .sd2 .sds .sf .ircam .voc .wve .xi .nist .sph".split()
)
FFMPEG_SUFFIXES = set(
    ".m4a .m4b .mp4 .mov .webm .mkv .mka .aac .wma .wmv .asf .amr .3gp .3g2 .ac3 .ape .wv .tta".split()
)

OF_MACOS = "._"  # how names start of what macOS keeps beside a file on foreign disks; it is no recording


def is_recording(name: str | os.PathLike) -> bool:
    """Whether a file in a folder is a recording, by its name."""
    path = Path(name)
    return path.suffix.lower() in AUDIO_SUFFIXES | FFMPEG_SUFFIXES and not path.name.startswith(OF_MACOS)


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `path` to write to; it becomes `path` when the block ends well.

    The temporary file exists and is empty when the block starts. It keeps the target's file extension,
    because writers such as soundfile choose the format by it. If the block raises, the temporary file is
    removed, `path` stays as it was, and the error goes on. The folder of `path` must exist.

    Raises OSError, with `path` as its filename, when the file cannot be written: before the block where that
    can be known, as for a folder that is closed or a name that is too long.
    """
    target = Path(path)
    temporary, descriptor = part_name(target), None
    try:
        mode = _mode_for(target)
        descriptor = make_part(temporary)
        if os.name == "nt":  # which renames no file that is open
            os.close(descriptor)
            descriptor = None
        yield temporary
        os.chmod(temporary, mode)
        _flush_to_disk(temporary)
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):  # a name that is too long, a folder that is none: nothing was made
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None and _names_temporary(error, target, temporary):
            error.filename = str(path)
        raise
    finally:
        if descriptor is not None:
            os.close(descriptor)


def write_text_atomically(path: str | os.PathLike, text: str) -> None:
    """Write `text` to `path` as UTF-8 with Unix line ends, all of it or nothing."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def write_bytes_atomically(path: str | os.PathLike, data: bytes) -> None:
    """Write `data` to `path`, all of it or nothing."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_json_atomically(path: str | os.PathLike, value: Any, *, python: bool = False) -> None:
    """Write `json_text(value)` to `path`, all of it or nothing."""
    write_text_atomically(path, json_text(value, python=python))


def json_text(value: Any, *, python: bool = False) -> str:
    """Indented JSON with sorted keys, as transformers writes its settings.

    Letters stand as they are. Only where UTF-8 has no form for one, as for a byte in a file's name that is no letter,
    all are escaped. NaN and infinities are not JSON: a ValueError, unless `python`, for files that `read_json_object`
    reads so.
    """
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=python)
    if not _is_utf8(text):
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=True, allow_nan=python)
    return text + "\n"


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def read_json_object(path: str | os.PathLike, *, python: bool = False) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    python: as in `parse_json`.

    Raises FileNotFoundError when there is no such file, and ValueError naming the file when it is no regular file, is
    not UTF-8, is not JSON, is cut off, is more than `strict_json` takes, or holds anything but an object.
    """
    text = read_regular_file(path, LONGEST_JSON)
    try:
        value = parse_json(text, python=python)
    except ValueError as error:
        raise ValueError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path} must hold a JSON object, got {describe_json(value)}")
    return value


def describe_json(value: Any) -> str:
    """What kind of JSON value that is, in JSON's words: "a list", "null"."""
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def make_folder(path: str | os.PathLike) -> Path:
    """The folder to save in, made with its parents if need be. Raises ValueError when it is a file."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        file = next(one for one in (Path(path), *Path(path).parents) if one.exists() or one.is_symlink())
        raise ValueError(f"{path} cannot be a folder to save in: {file} is a file") from error
    return Path(path)


def existing_folder(path: str | os.PathLike, holds: str) -> Path:
    """The folder to load from. Raises FileNotFoundError when it is a file or there is none.

    holds: what is expected in it, for the message.
    """
    if os.path.isdir(path):
        return Path(path)
    found = "is a file" if os.path.exists(path) else "does not exist"
    raise FileNotFoundError(
        f"{os.fspath(path)!r} {found}; expected a folder with {holds}, or owner/name, a repository at the hub"
    )


def _names_temporary(error: OSError, target: Path, temporary: Path) -> bool:
    """Whether an error is about the file that is written, though it names another one or none."""
    return error.filename is None or os.fspath(error.filename) in (str(temporary), str(target))


def _mode_for(target: Path) -> int:
    """The mode of the file that is replaced, or an ordinary file's (a part's own is 0600)."""
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        return ordinary_mode()
    if stat.S_ISLNK(mode):  # the link itself is replaced, not what it names
        return ordinary_mode()
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    return mode & 0o777


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
