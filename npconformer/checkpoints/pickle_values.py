"""The plain values inside a pickle: numbers, strings and the like, each behind an opcode of one byte.

`K` with the byte 7 is the number 7; `X`, four bytes with a length, then so many bytes of UTF-8 is a string. Such an
opcode pushes its value and can do nothing else. The opcodes that act are in `restricted_pickle`.

The formats are those of Python's `pickletools`, which documents every opcode.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any

LONGEST_STRING = 2**20  # bytes
LONGEST_INTEGER = 255  # bytes, or digits; what torch writes has 10 at most
LONGEST_LINE = 512  # characters


class PickleReader:
    """Takes bytes off the front of a pickle, and never more than are there.

    Args:
        data: a buffer, such as that of a mapped file.
        position: where in it the pickle begins.
        end: where it must have ended.
    """

    def __init__(self, data: memoryview, position: int, end: int) -> None:
        self.data, self.position, self.end = data, position, end

    def take(self, count: int, of: str = "an opcode's argument") -> bytes:
        """The next `count` bytes. Raises ValueError when fewer are left."""
        begin, left = self.position, self.end - self.position
        if count > left:
            raise ValueError(f"its pickle is cut short: {of} has {count} bytes, {left} are left")
        self.position = begin + count
        return bytes(self.data[begin : begin + count])

    def unsigned(self, size: int) -> int:
        """A little-endian integer of `size` bytes, without a sign."""
        return int.from_bytes(self.take(size), "little")

    def signed(self, size: int) -> int:
        """A little-endian integer of `size` bytes, in two's complement."""
        return int.from_bytes(self.take(size), "little", signed=True)

    def line(self) -> str:
        """The text up to the next line end, which is taken as well."""
        text = bytes(self.data[self.position : min(self.end, self.position + LONGEST_LINE)])
        length = text.find(b"\n")
        if length < 0:
            raise ValueError(f"its pickle has a line that does not end; expected at most {LONGEST_LINE} characters")
        self.position += length + 1
        return _utf8(text[:length])

    def string(self, size: int) -> str:
        """A string whose length is in the next `size` bytes."""
        length = self.unsigned(size)
        if length > LONGEST_STRING:
            raise ValueError(f"its pickle has a string of {length} bytes; expected at most {LONGEST_STRING}")
        return _utf8(self.take(length, "a string"))

    def long(self, size: int) -> int:
        """An integer whose length is in the next `size` bytes."""
        length = self.unsigned(size)
        if length > LONGEST_INTEGER:
            raise ValueError(f"its pickle has an integer of {length} bytes; expected at most {LONGEST_INTEGER}")
        return self.signed(length)


def _utf8(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"its pickle has a string that is not UTF-8 ({error.reason})") from None


def read_decimal(reader: PickleReader) -> int:
    """A line with an integer; Python 2 ended some of them in L."""
    return _decimal(reader.line().removesuffix("L"))


def _decimal(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,255}", text):
        raise ValueError(f"its pickle has {text[:40]!r} for an integer")
    return int(text)


def _int(reader: PickleReader) -> int | bool:
    """Protocol 0 has no opcodes for true and false, and writes I01 and I00."""
    text = reader.line()
    return text == "01" if text in ("00", "01") else _decimal(text)


def _float(reader: PickleReader) -> float:
    text = reader.line()
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"its pickle has {text[:40]!r} for a number") from None


# Opcode: its name in pickletools, and how to read its value.
VALUES: dict[bytes, tuple[str, Callable[[PickleReader], Any]]] = {
    b"N": ("NONE", lambda reader: None),
    b"\x88": ("NEWTRUE", lambda reader: True),
    b"\x89": ("NEWFALSE", lambda reader: False),
    b"I": ("INT", _int),
    b"J": ("BININT", lambda reader: reader.signed(4)),
    b"K": ("BININT1", lambda reader: reader.unsigned(1)),
    b"M": ("BININT2", lambda reader: reader.unsigned(2)),
    b"L": ("LONG", read_decimal),
    b"\x8a": ("LONG1", lambda reader: reader.long(1)),
    b"\x8b": ("LONG4", lambda reader: reader.long(4)),
    b"F": ("FLOAT", _float),
    b"G": ("BINFLOAT", lambda reader: struct.unpack(">d", reader.take(8))[0]),
    b"U": ("SHORT_BINSTRING", lambda reader: reader.string(1)),  # Python 2's str
    b"T": ("BINSTRING", lambda reader: reader.string(4)),
    b"X": ("BINUNICODE", lambda reader: reader.string(4)),
    b"\x8c": ("SHORT_BINUNICODE", lambda reader: reader.string(1)),
    b"\x8d": ("BINUNICODE8", lambda reader: reader.string(8)),
    b")": ("EMPTY_TUPLE", lambda reader: ()),
    b"]": ("EMPTY_LIST", lambda reader: []),
    b"}": ("EMPTY_DICT", lambda reader: {}),
}

# Opcodes that no file of weights needs: their name in pickletools.
REFUSED: dict[bytes, str] = {
    b"S": "STRING",  # a string in Python's spelling, with escapes to interpret
    b"V": "UNICODE",
    b"B": "BINBYTES",
    b"C": "SHORT_BINBYTES",
    b"\x8e": "BINBYTES8",
    b"\x96": "BYTEARRAY8",
    b"\x97": "NEXT_BUFFER",
    b"\x98": "READONLY_BUFFER",
    b"\x8f": "EMPTY_SET",
    b"\x90": "ADDITEMS",
    b"\x91": "FROZENSET",
    b"i": "INST",  # imports a class and makes an object of it, as do the next five
    b"o": "OBJ",
    b"\x81": "NEWOBJ",
    b"\x92": "NEWOBJ_EX",
    b"\x82": "EXT1",
    b"\x83": "EXT2",
    b"\x84": "EXT4",
    b"P": "PERSID",
}
