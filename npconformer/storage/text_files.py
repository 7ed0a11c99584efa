"""Text files that somebody else wrote: the one reader for manifests, transcripts, RTTM and settings.

A file is read whole, so it must be a regular one, and bounded: a pipe may never end, and a device never does. Text is
UTF-8, with or without a byte order mark; what programs on Windows call "Unicode" is UTF-16, and named as such.
"""

from __future__ import annotations

import os
import stat
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from pathlib import Path

LONGEST_TEXT = 100_000_000  # bytes: an hour of speech is 60 kB, and a thousand hours of who speaks when are 50 MB
# Longer marks first: that of UTF-32 starts with that of UTF-16.
OTHER_MARKS = {BOM_UTF32_LE: "UTF-32", BOM_UTF32_BE: "UTF-32", BOM_UTF16_LE: "UTF-16", BOM_UTF16_BE: "UTF-16"}


class NotTextError(ValueError):
    """What was read is no UTF-8. reason: in a few words. line: where, from 1; None where lines say nothing."""

    def __init__(self, reason: str, line: int | None) -> None:
        super().__init__(reason if line is None else f"line {line}: {reason}")
        self.reason, self.line = reason, line


def read_text(path: str | os.PathLike, longest: int = LONGEST_TEXT) -> str:
    r"""The text of a file, without a byte order mark, every line end as "\n".

    longest: in bytes.

    Raises FileNotFoundError and other OSErrors that name the file, and ValueError, naming it, for what is no regular
    file, is longer, or is not UTF-8 (then with the line).
    """
    try:
        return decode_text(read_regular_file(path, longest))
    except NotTextError as error:
        line = "" if error.line is None else f", line {error.line}"
        raise ValueError(f"{os.fspath(path)}{line}: {error.reason}; save it as UTF-8") from None


def decode_text(data: bytes) -> str:
    r"""UTF-8 as text, without a byte order mark, every line end as "\n". Raises NotTextError."""
    for mark, encoding in OTHER_MARKS.items():
        if data.startswith(mark):
            raise NotTextError(f"it is {encoding}, not UTF-8", None)
    try:
        text = data.removeprefix(BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        raise NotTextError(f"not UTF-8 ({error.reason} at {error.start})", before.count(b"\n") + 1) from None
    if text[:200].count("\0") > len(text[:200]) // 3:  # every second byte, where letters are Latin
        raise NotTextError("it looks like UTF-16 without a byte order mark, or is no text", None)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_regular_file(path: str | os.PathLike, longest: int) -> bytes:
    """The bytes of a file, at most `longest`. A pipe or a device is refused before anything of it is read.

    Raises OSError naming the file, and ValueError for a folder, a pipe, a device and a file that is longer.
    """
    path = os.fspath(path)
    _check(path, os.stat(path), longest)  # before it is opened: opening a device may do something
    with open(path, "rb", opener=_open_without_waiting) as file:
        _check(path, os.fstat(file.fileno()), longest)  # it may be another by now
        data = file.read(longest + 1)
    if len(data) > longest:
        raise _too_long(path, longest)
    return data


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe would wait for a writer


def _check(path: str | bytes, status: os.stat_result, longest: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
        raise ValueError(f"{Path(os.fsdecode(path))} is {what}; expected a regular file")
    if status.st_size > longest:
        raise _too_long(path, longest)


def _too_long(path: str | bytes, longest: int) -> ValueError:
    return ValueError(f"{os.fsdecode(path)} has more than {longest} bytes, too many for such a file")
