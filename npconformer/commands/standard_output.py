"""Standard output: letters that it cannot show are replaced, and nothing that is written drives a terminal."""

from __future__ import annotations

import codecs
import io
import sys

from npconformer.storage.messages import for_a_terminal

REPLACE = "npconformer.replace"  # the name of the way in which Python replaces letters


def write_out(text: str) -> None:
    r"""Write text at once. On a terminal control characters are escaped, so that "\x1b[2J" in a label clears nothing.

    Where the encoding lacks a letter, as ASCII lacks é, it becomes "\u00e9", which JSON reads as the letter, unless
    PYTHONIOENCODING names another way. Bytes of names that are no UTF-8 stay the bytes that they are, except on a
    terminal.

    Raises OSError when there is no standard output.
    """
    if sys.stdout is None:
        raise OSError("standard output is closed")
    replace_letters()
    sys.stdout.write(for_a_terminal(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def replace_letters() -> None:
    """From now on standard output replaces what its encoding lacks, unless somebody chose another way."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in ("strict", "surrogateescape"):
        sys.stdout.reconfigure(errors=REPLACE)


def tell(line: str = "") -> None:
    """Write a line."""
    write_out(f"{line}\n")


def _replace(error: UnicodeError) -> tuple[bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return b"".join(map(_replacement, letters)), error.end


def _replacement(letter: str) -> bytes:
    if "\udc80" <= letter <= "\udcff":  # how Python spells a byte of a name that is not UTF-8
        return bytes([ord(letter) - 0xDC00])
    units = letter.encode("utf-16-be", "surrogatepass")  # two of them for letters beyond the first 65,536
    return b"".join(b"\\u%04x" % int.from_bytes(units[i : i + 2], "big") for i in range(0, len(units), 2))


codecs.register_error(REPLACE, _replace)
