"""What a file says, in a message: a few characters of it, and none that a terminal would take for a command."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

LONGEST = 100  # characters
# What moves a terminal's cursor, ends a line, or turns the direction of what follows; not joiners, which letters need.
_STEERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_STEERS_LINES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class AudioWarning(UserWarning):
    """Something about a recording that was read nevertheless; the message starts with its name."""


def shown(value: Any, longest: int = LONGEST) -> str:
    """`repr(value)`, printable and cut after `longest` characters; "..." says that there was more."""
    if isinstance(value, str | bytes) and len(value) > longest:
        value = value[: longest + 1]  # before the work of escaping megabytes
    elif isinstance(value, list | tuple | dict) and len(value) > longest:
        kind = {list: "a list", tuple: "a tuple", dict: "an object"}.get(type(value), "a collection")
        return f"{kind} of {len(value)}"
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a whole number of thousands of digits; lists without end
        return f"{'an' if isinstance(value, int) else 'a'} {type(value).__name__} too large to show"
    text = printable(text)
    return text if len(text) <= longest + 2 else f"{text[:longest]}..."


def printable(text: str) -> str:
    """The text with what cannot be printed, such as a terminal's control characters, escaped; line ends stay."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def refuse_typo(name: str, known: Iterable[str], least: float = 0.8) -> None:
    """Raise a ValueError for a name that is not known and looks like one that is."""
    known = [*known]
    if name in known:
        return
    from difflib import get_close_matches  # of no use to most who import this

    if close := get_close_matches(name, known, n=1, cutoff=least):
        raise ValueError(f"{name} is not known; did you mean {close[0]!r}?")


def one_line(text: str) -> str:
    """The text with line ends, control characters and what turns the direction of writing escaped; letters stay."""
    return _STEERS.sub(_escaped, text)


def for_a_terminal(text: str) -> str:
    """Lines of text for a terminal: all but line ends and tabs escaped of what `one_line` escapes, and lone bytes."""
    return _STEERS_LINES.sub(_escaped, text)


def _escaped(match: re.Match) -> str:
    return match[0].encode("unicode_escape").decode()
