"""Writing text and bytes: to standard output at once, or to files that appear whole."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from npconformer.commands.standard_output import write_out

# In JSON they stand inside texts only: lone surrogates, how Python spells a byte of a name that is not UTF-8, and what
# drives a terminal or ends a line. json.loads gives all of them back.
ESCAPED = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def to_json(value: Any) -> str:
    """JSON on one line with letters as they are, so that it can be read; numbers that JSON lacks (NaN) are null."""
    text = json.dumps(_without_nan(value), ensure_ascii=False, allow_nan=False)
    return ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextmanager
def open_output(path: str | None) -> Iterator[Callable[[str], Any]]:
    """A function that writes text to standard output at once, or to a file that appears when all is written.

    Names that are not UTF-8 are written with the bytes that they have.
    """
    if path is None or path == "-":
        yield write_out
    else:
        with open_file(path) as file:

            def write(text: str) -> None:
                file.write(text.encode("utf-8", "surrogateescape"))
                file.flush()  # a pipe's reader waits for it

            yield write


@contextmanager
def open_file(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """A file to write bytes to, which appears under its name when all is written.

    A link stays a link: its target is what is written. What is no ordinary file, such as a pipe, a device or
    /dev/stdout, is written to as it is, because a file renamed over it would take it away.
    """
    from npconformer.storage.files import atomic_path

    path = os.fspath(path)
    descriptor = descriptor_of(path)
    if descriptor is None and (os.path.isfile(path) or not os.path.exists(path)):
        target = os.path.realpath(path) if os.path.islink(path) else path
        if os.path.islink(target):
            os.stat(path)  # raises that there are too many levels of links
        with atomic_path(target) as temporary, open(temporary, "wb") as file:
            yield file
        return
    try:
        with open(path if descriptor is None else os.dup(descriptor), "wb") as file:
            yield file
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = path
        raise


def descriptor_of(path: str) -> int | None:
    """n of /dev/fd/n, /dev/stdout and their like: opening these by name would cut off a file behind them."""
    for _ in range(8):  # links from one to the next
        folder, name = os.path.split(os.path.abspath(path))
        folder = os.path.realpath(folder)
        if name.isdecimal() and (folder == "/dev/fd" or folder == f"/proc/{os.getpid()}/fd"):
            return int(name)
        if not os.path.islink(path):
            break
        path = os.path.join(folder, os.readlink(path))
    return None
