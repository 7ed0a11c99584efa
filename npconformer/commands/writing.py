"""Writing results: to standard output one by one, or to files that appear whole.

A format has text to write `before` the results and `after` them, and makes text of `one` recording's result
or error.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Protocol

from npconformer.commands.standard_output import write_out
from npconformer.storage.messages import one_line

# In JSON they stand inside texts only: lone surrogates, how Python spells a byte of a name that is not UTF-8, and what
# drives a terminal or ends a line. json.loads gives all of them back.
ESCAPED = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Format(Protocol):
    """How results are written."""

    before: str
    after: str

    def one(self, name: str, result: Any) -> str:
        """The text of one recording's result; an error is "" where the format has no place for it."""


class LineFormat:
    """Lines for each recording, which start with its name when there are several: "NAME: LINE".

    Line ends and control characters in names, labels and tokens are escaped: each line stays one.
    """

    before = after = ""

    def __init__(self, several: bool) -> None:
        self.several = several

    def lines(self, result: Any) -> Iterable[str]:
        """The lines of one result."""
        raise NotImplementedError

    def one(self, name: str, result: Any) -> str:
        if isinstance(result, Exception):
            return ""  # named on standard error
        start = f"{name}: " if self.several else ""
        return "".join(f"{one_line(start)}{line}\n" for line in self.lines(result))


class JsonFormat:
    """An array of one object per recording, on a line of its own, failures included."""

    def __init__(self) -> None:
        self.before, self.after = "[", "\n]\n"
        self.count = 0

    def entry(self, result: Any) -> dict[str, Any]:
        """What the object of one recording holds beside its name."""
        return result

    def one(self, name: str, result: Any) -> str:
        fields = {"error": str(result)} if isinstance(result, Exception) else self.entry(result)
        self.count += 1
        return ("\n" if self.count == 1 else ",\n") + to_json({"file": name, **fields})


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


def write_together(results: Iterable[tuple[str, Any]], formatted: Format, path: str | None) -> None:
    """All results into one stream, each as soon as it is there."""
    with open_output(path) as write:
        write(formatted.before)
        for name, result in results:
            write(formatted.one(name, result))
        write(formatted.after)


@contextmanager
def open_output(path: str | None) -> Iterator[Callable[[str], Any]]:
    """A function that writes text to standard output at once, or to a file that appears when all is written.

    Names that are not UTF-8 are written with the bytes that they have.
    """
    if path is None:
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
    descriptor = _descriptor(path)
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


def _descriptor(path: str) -> int | None:
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
