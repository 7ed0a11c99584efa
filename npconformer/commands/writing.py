"""Writing results: to standard output one by one, or to files that appear whole.

A format has text to write `before` the results and `after` them, and makes text of `one` recording's result
or error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol


class Format(Protocol):
    """How results are written."""

    before: str
    after: str

    def one(self, name: str, result: Any) -> str:
        """The text of one recording's result; an error is "" where the format has no place for it."""


class LineFormat:
    """Lines for each recording, which start with its name when there are several: "NAME: LINE"."""

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
        return "".join(f"{start}{line}\n" for line in self.lines(result))


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
        return ("\n" if self.count == 1 else ",\n") + json.dumps({"file": name, **fields}, ensure_ascii=False)


def write_together(results: Iterable[tuple[str, Any]], formatted: Format, path: str | None) -> None:
    """All results into one stream, each as soon as it is there."""
    with open_output(path) as write:
        write(formatted.before)
        for name, result in results:
            write(formatted.one(name, result))
        write(formatted.after)


@contextmanager
def open_output(path: str | None) -> Iterator[Callable[[str], Any]]:
    """A function that writes text to standard output at once, or to a file that appears when all is written."""
    if path is None:

        def write(text: str) -> None:
            sys.stdout.write(text)
            sys.stdout.flush()

        yield write
    else:
        from npconformer.files import atomic_path

        with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
            yield file.write
