"""A file made of pieces of another: its header corrected, or what is no sound left out, and nothing copied.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import bisect
import io
import os
from typing import BinaryIO

Piece = bytes | tuple[int, int]  # bytes of their own, or the file's from an offset to another

WINDOW = 1 << 20  # bytes


class PiecedFile(io.RawIOBase):
    """Reads `pieces` of `file` one after the other, as one file that can be sought in.

    An OSError of the file ends it, and stays in `error`: a decoder that calls from C cannot be told.
    """

    def __init__(self, file: BinaryIO, pieces: list[Piece]) -> None:
        super().__init__()
        self.error: OSError | None = None
        self._file = file
        self._pieces = [piece for piece in pieces if _length(piece)]
        self._starts = [0]
        for piece in self._pieces:
            self._starts.append(self._starts[-1] + _length(piece))
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._starts[-1]}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        done = 0
        while done < len(view) and self._position < self._starts[-1]:
            i = bisect.bisect_right(self._starts, self._position) - 1
            skip = self._position - self._starts[i]
            data = self._take(self._pieces[i], skip, min(len(view) - done, self._starts[i + 1] - self._position))
            if not data:  # the file has shrunk
                break
            view[done : done + len(data)] = data
            done += len(data)
            self._position += len(data)
        return done

    def _take(self, piece: Piece, skip: int, count: int) -> bytes:
        if isinstance(piece, bytes):
            return piece[skip : skip + count]
        try:
            self._file.seek(piece[0] + skip)
            return self._file.read(count)
        except OSError as error:
            self.error = error
            return b""


def with_patches(size: int, patches: dict[int, bytes]) -> list[Piece]:
    """The pieces of a file of `size` bytes, some of which are others: {offset: bytes}."""
    pieces: list[Piece] = []
    position = 0
    for offset in sorted(patches):
        pieces += [(position, offset), patches[offset]]
        position = offset + len(patches[offset])
    return [*pieces, (position, size)]


class Window:
    """Bytes of a file by their offset, read a megabyte at a time."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size = file, size
        self._start, self._data = 0, b""

    def at(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes from `offset` on: fewer at the file's end."""
        first = self._load(offset, count)
        return self._data[first : first + count]

    def find(self, pattern: bytes, start: int) -> int:
        """The offset of the pattern's first appearance at `start` or after it; -1 where there is none."""
        while start < self.size:
            found = self._data.find(pattern, self._load(start, len(pattern)))
            if found >= 0:
                return self._start + found
            if len(self._data) < WINDOW:
                return -1
            start = self._start + len(self._data) - len(pattern) + 1
        return -1

    def _load(self, offset: int, count: int) -> int:
        """Have these bytes in memory, and give the place where they start there."""
        if not (self._start <= offset and offset + count <= self._start + len(self._data)):
            self.file.seek(offset)
            self._start, self._data = offset, self.file.read(max(WINDOW, count))
        return offset - self._start


def behind_id3(window: Window) -> int:
    """Where a file's content starts, behind the tags of players (ID3v2) that it may begin with."""
    start = 0
    while (head := window.at(start, 10))[:3] == b"ID3" and len(head) == 10:
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        start += 10 + size + (10 if head[5] & 0x10 else 0)
    return start


def _length(piece: Piece) -> int:
    return len(piece) if isinstance(piece, bytes) else max(piece[1] - piece[0], 0)
