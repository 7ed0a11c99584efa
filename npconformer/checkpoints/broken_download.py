"""Files that are not what their names say because a download went wrong, and what to do about each.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import re
from pathlib import Path

LOOKED_AT = 512  # bytes
SHORT = 4096  # bytes; a text of that length under the name of weights is a server's message
LFS = b"version https://git-lfs.github.com/spec/"
PAGES = (b"<!doctype", b"<html", b"<head", b"<?xml")
AGAIN = "Download the file again"  # what to do about every file that is cut short


def check_download(path: Path) -> None:
    """Raises ValueError if the file is one of the usual substitutes for weights.

    These are a Git LFS pointer, a web page, a server's message, an empty file, and one that was made in its full length
    and never filled.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        begin = file.read(LOOKED_AT)
    text = begin.removeprefix(b"\xef\xbb\xbf").lstrip()
    if begin.startswith(LFS):
        stands_for = re.search(rb"\nsize ([0-9]{1,18})\s", begin)
        of = f" of {int(stands_for[1])} bytes" if stands_for else ""
        raise ValueError(
            f"{path} is a Git LFS pointer: {size} bytes of text that stand for a file{of}. Run `git lfs install` and "
            f"`git lfs pull` in the folder, or download the file itself"
        )
    if text[:16].lower().startswith(PAGES):
        raise ValueError(
            f"{path} is a web page, not weights: the download was answered by a page, such as a login or an error. "
            "Open it in a browser to see which, and download the file from its own address (/resolve/, not /blob/)"
        )
    if size == 0:
        raise ValueError(f"{path} is truncated: it is empty. {AGAIN}")
    if size >= 64 and not begin.strip(b"\0"):
        raise ValueError(f"{path} begins with {len(begin)} zeros: its download never finished. {AGAIN}")
    if size <= SHORT and len(text) > 1 and _is_words(begin):
        words = begin[:80].decode("ascii")
        raise ValueError(
            f"{path} is text, not weights: {words!r}. A server's message was saved in their place. {AGAIN}"
        )


def cut_short(path: Path, size: int, expected: int) -> ValueError:
    """The error for a file of `size` bytes that needs `expected`."""
    return ValueError(
        f"{path} is truncated: it has {size} bytes of {expected}. The download, or a copy, stopped early. {AGAIN}"
    )


def _is_words(begin: bytes) -> bool:
    """Whether it is printable ASCII, with letters or JSON first; no format of weights begins like that."""
    printable = all(32 <= byte < 127 or byte in b"\t\r\n" for byte in begin)
    return printable and re.match(rb'[A-Za-z]{3}|\s*\{\s*"', begin) is not None
