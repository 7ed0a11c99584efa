"""Documents that are whole after every recording, whatever stops the process in between.

The first piece comes with a file that is written beside and renamed. Each further one is one write to the file's end,
over what closes the document, with what closes it after it, so that the file goes from one whole document to the next.
Only a process that is killed within that one call can leave a torn piece; it is left out when the file is read again.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Sequence
from typing import Any, BinaryIO

from npconformer.commands.documents import Asked, CannotGoOnError, Format
from npconformer.commands.writing import open_file

FLUSH_EVERY = 5.0  # seconds between two flushes to the disk, for a loss of power


class GrowingFile:
    """A document of `asked`, the recordings, in a file of its own.

    keep: go on with what the file holds already; `done` are the recordings in it. Raises CannotGoOnError where
    that is no such document.
    """

    def __init__(self, path: str, formatted: Format, asked: Sequence[Asked], keep: bool = False) -> None:
        self.path = os.path.realpath(path) if os.path.islink(path) else path
        self.formatted, self.asked = formatted, asked
        self.places = {formatted.key(one): place for place, one in reversed(list(enumerate(asked)))}
        self.kept: dict[int, str] = {}  # the pieces of a document that was there before; -1: of other recordings
        self.file: BinaryIO | None = None
        self.end = self.empty = 0  # where what closes the document begins, and where it does without pieces
        self.flushed = 0.0
        self.last, self.in_order = -1, True
        if keep and os.path.isfile(self.path):
            self.kept = self._read()

    @property
    def done(self) -> set[int]:
        """The places in `asked` of the recordings that need not be asked again."""
        return {place for place, one in enumerate(self.asked) if self.places[self.formatted.key(one)] in self.kept}

    def add(self, place: int, result: Any) -> None:
        """Write what there is to say of the recording asked at this place."""
        piece = self.formatted.one(self.asked[place], result)
        if not piece and (isinstance(result, Exception) or self.file is not None):
            return
        self.in_order = self.in_order and place > self.last
        self.last = place
        if self.file is None:
            self._start([*self._kept_in_order(), piece])
            self.in_order = place > max(self.kept, default=-1)
            return
        self._append(f"{self.formatted.between if self.end > self.empty else ''}{piece}")

    def close(self, stopped: bool = False) -> None:
        """Put all pieces in order. stopped: by an error or a signal; what has not been begun is not begun."""
        if self.file is not None:
            os.fsync(self.file.fileno())
            self.file.close()
            if not self.in_order:
                self.kept = self._read(errors=True)
                self._write(self._kept_in_order())
        elif not stopped and not (len(self.asked) == 1 and not self.formatted.before and not self.kept):
            if self._document(self._kept_in_order()) != self._content():
                self._write(self._kept_in_order())

    def _kept_in_order(self) -> list[str]:
        return [self.kept[place] for place in sorted(self.kept)]

    def _content(self) -> bytes | None:
        try:
            with open(self.path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def _read(self, errors: bool = False) -> dict[int, str]:
        """The pieces that the file holds, by the places of their recordings."""
        kept: dict[int, str] = {}
        try:
            document = (self._content() or b"").decode("utf-8", "surrogateescape")
            pieces = self.formatted.split(document, self.asked, errors)
        except ValueError as error:
            raise CannotGoOnError(f"{self.path} cannot be gone on with: {error}") from None
        for key, piece in pieces:
            place = -1 if key is None else self.places[key]
            if place == -1 or place not in kept:
                kept[place] = kept[place] + self.formatted.between + piece if place in kept else piece
        return kept

    def _document(self, pieces: Sequence[str]) -> bytes:
        text = f"{self.formatted.before}{self.formatted.between.join(pieces)}{self.formatted.after}"
        return text.encode("utf-8", "surrogateescape")

    def _write(self, pieces: Sequence[str]) -> None:
        with open_file(self.path) as file:
            file.write(self._document(pieces))

    def _start(self, pieces: Sequence[str]) -> None:
        self._write(pieces)
        self.file = open(self.path, "r+b", buffering=0)
        self.empty = len(self.formatted.before.encode())
        self.end = self.file.seek(0, os.SEEK_END) - len(self.formatted.after)
        self.flushed = time.monotonic()

    def _append(self, text: str) -> None:
        assert self.file is not None
        data, after = text.encode("utf-8", "surrogateescape"), self.formatted.after.encode()
        try:
            self.file.seek(self.end)
            written = self.file.write(data + after)
            if written != len(data) + len(after):  # a full disk: back to the whole document before
                self.file.truncate(self.end)
                self.file.seek(self.end)
                self.file.write(after)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.end += len(data)
            if time.monotonic() - self.flushed > FLUSH_EVERY:
                os.fsync(self.file.fileno())
                self.flushed = time.monotonic()
        except OSError as error:
            error.filename = self.path
            raise
