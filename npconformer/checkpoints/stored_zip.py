"""Where the members of a zip file lie. torch stores them as they are, without compression.

A zip file ends with a record that says where its directory is; the directory says where each member's own header is,
and the member's bytes follow that header. A member of torch's begins at a multiple of 64 bytes, so that its numbers
can be used where they are.

    [header, bytes] [header, bytes] ... [directory] [where it is, if far away] [the end record]

Nothing is unpacked: a file of a few kilobytes could unfold to gigabytes. Members must not overlap. Names are looked up
and never become paths. A member's checksum is handed on: see `torch_zip`.

Source: PKWARE's APPNOTE.TXT, 4.3.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise

from npconformer.checkpoints.broken_download import AGAIN

END, END_64, LOCATOR_64, ENTRY, HEADER = b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\1\2", b"PK\3\4"
END_SIZE, LONGEST_COMMENT = 22, 2**16 - 1
MOST_MEMBERS = 200_000
ENCRYPTED = 0x1
STORED = 0
UNKNOWN_32 = 2**32 - 1  # then the number stands in an extra field, with 8 bytes
ZIP64_FIELD = 1


@dataclass(frozen=True)
class Member:
    """A member's bytes in the file, the checksum that the directory has for them, and whether they are its content.

    They are not where it is compressed or encrypted.
    """

    begin: int
    size: int
    checksum: int
    is_plain: bool


def read_members(data: memoryview) -> dict[str, Member]:
    """The members of a zip file by name.

    Raises:
        ValueError: it is cut short or damaged, or its members overlap.
    """
    begin, size, count = _find_directory(data)
    members: dict[str, Member] = {}
    spans: list[tuple[int, int, str]] = []
    position, end = begin, begin + size
    for _ in range(count):
        name, header, position, member_size, checksum, is_plain = _read_entry(data, position, end)
        if name in members:
            raise ValueError(f"its zip directory has {name[:80]!r} twice")
        first = _skip_header(data, header, begin, name)
        if first + member_size > begin:
            raise ValueError(f"{name[:80]!r} in it reaches into the zip directory")
        members[name] = Member(first, member_size, checksum, is_plain)
        spans.append((header, first + member_size, name))
    if position != end:
        raise ValueError(f"its zip directory has {size} bytes; expected {position - begin} for {count} members")
    spans.sort()
    for (_, last, _), (header, _, name) in pairwise(spans):
        if header < last:
            raise ValueError(f"{name[:80]!r} in it overlaps the member before")
    return members


def _find_directory(data: memoryview) -> tuple[int, int, int]:
    """Where the directory begins, its size, and how many members it has."""
    tail_begin = max(0, len(data) - END_SIZE - LONGEST_COMMENT)
    tail = bytes(data[tail_begin:])
    place = tail.rfind(END)
    if place < 0 or len(tail) - place < END_SIZE:
        raise ValueError(f"it is truncated: the end of a zip file is missing. {AGAIN}")
    _, _, count_here, count, size, begin, comment = struct.unpack_from("<HHHHIIH", tail, place + 4)
    if place + END_SIZE + comment != len(tail):
        raise ValueError("it has a zip end record that is not at its end")
    end = tail_begin + place
    if end >= 20 and bytes(data[end - 20 : end - 16]) == LOCATOR_64:
        _, where, _ = struct.unpack_from("<IQI", data, end - 16)
        if where + 56 > end - 20 or bytes(data[where : where + 4]) != END_64:
            raise ValueError("its zip64 end record is not where it should be")
        count_here, count, size, begin = struct.unpack_from("<QQQQ", data, where + 24)
        end = where
    if count != count_here or count > MOST_MEMBERS:
        raise ValueError(f"its zip directory has {count} members, {count_here} in this file; expected {MOST_MEMBERS}")
    if begin + size > end:
        raise ValueError(f"its zip directory would end at byte {begin + size}; expected at most {end}")
    return begin, size, count


def _read_entry(data: memoryview, position: int, end: int) -> tuple[str, int, int, int, int, bool]:
    """An entry of the directory: name, where the member's header and the next entry are, and what `Member` says."""
    if position + 46 > end or bytes(data[position : position + 4]) != ENTRY:
        raise ValueError("its zip directory is damaged")
    flags, method = struct.unpack_from("<HH", data, position + 8)
    checksum, packed, size, name_size, extra_size, comment_size = struct.unpack_from("<IIIHHH", data, position + 16)
    (header,) = struct.unpack_from("<I", data, position + 42)
    following = position + 46 + name_size + extra_size + comment_size
    if following > end:
        raise ValueError("its zip directory is damaged: an entry is longer than it")
    name_bytes = bytes(data[position + 46 : position + 46 + name_size])
    try:
        name = name_bytes.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"its zip directory has the name {name_bytes[:80]!r}, which is not UTF-8") from None
    extra = bytes(data[position + 46 + name_size : following - comment_size])
    size, packed, header = _long_numbers(extra, [size, packed, header])
    is_plain = not flags & ENCRYPTED and method == STORED and packed == size
    return name, header, following, packed, checksum, is_plain


def _long_numbers(extra: bytes, numbers: list[int]) -> list[int]:
    """The numbers, with those that have no place in 4 bytes taken from the extra field that has them."""
    position = 0
    longer = b""
    while position + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, position)
        if kind == ZIP64_FIELD:
            longer = extra[position + 4 : position + 4 + size]
        position += 4 + size
    result = []
    for number in numbers:
        if number == UNKNOWN_32:
            if len(longer) < 8:
                raise ValueError("its zip directory is damaged: a member's size or place is missing")
            number, longer = int.from_bytes(longer[:8], "little"), longer[8:]
        result.append(number)
    return result


def _skip_header(data: memoryview, position: int, end: int, name: str) -> int:
    """Where a member's bytes begin: after its header, the name once more, and padding."""
    if position + 30 > end or bytes(data[position : position + 4]) != HEADER:
        raise ValueError(f"{name[:80]!r} in it is not where the zip directory says")
    name_size, extra_size = struct.unpack_from("<HH", data, position + 26)
    if bytes(data[position + 30 : position + 30 + name_size]) != name.encode("utf-8"):
        raise ValueError(f"{name[:80]!r} in it has another name than in the zip directory")
    return position + 30 + name_size + extra_size
