"""NeMo's `.nemo` file: a tar archive, often gzipped, of a configuration, weights and a tokenizer's files.

    ./model_config.yaml              what the model is
    ./model_weights.ckpt             a state dict, as torch.save writes it
    ./5b1e3f..._tokenizer.model      the tokenizer's files, under names that the configuration says

The weights of a plain archive lie in it uncompressed and are mapped where they are; those of a gzipped one go to a
temporary file without a name. Nothing is unpacked: names are looked up and never become paths. A member that is no
file or folder (a link, a device) ends the reading, as do sizes beyond what the archive has or a model needs.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import gzip
import os
import struct
import tarfile
import tempfile
import threading
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from npconformer.checkpoints.broken_download import AGAIN, check_download
from npconformer.storage.messages import shown

CONFIG, WEIGHTS = "model_config.yaml", "model_weights.ckpt"
GZIP = b"\x1f\x8b"
OTHERS = {
    b"PK\3\4": "a zip file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
}
BLOCK = 512  # bytes; of a tar
MOST_MEMBERS = 1000
LARGEST_SMALL, MOST_SMALL = 10_000_000, 50_000_000  # bytes, of a member that is kept and of all of them
LARGEST_HEADER = 1_000_000  # bytes that are read at once to know a member: long names
MOST_EXPANDED, ALWAYS = 100, 20_000_000  # a gzipped archive may have so many times its bytes, and so many in any case
PIECE = 1 << 20  # bytes
# What the readers of tar and gzip raise for files that are damaged.
DAMAGES = (
    *(tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, struct.error),
    *(ValueError, ArithmeticError, LookupError, RecursionError),
)


@dataclass(frozen=True)
class NemoArchive:
    """What is in an archive. small: members that are not weights, by name. weights: bytes, not read until used."""

    path: Path
    config: bytes
    small: dict[str, bytes]
    weights: np.ndarray = field(repr=False)


_last: dict[tuple[str, int, int], NemoArchive] = {}  # the one that was opened last
_lock = threading.Lock()


def open_nemo_archive(path: str | os.PathLike) -> NemoArchive:
    """The archive, remembered until another is opened: its settings are asked for before its weights.

    Raises:
        FileNotFoundError: there is no such file. ValueError: it is truncated, damaged, no archive, or lacks a part.
    """
    path = Path(path)
    status = path.stat()
    key = (os.path.realpath(path), status.st_mtime_ns, status.st_size)
    with _lock:
        if key not in _last:
            archive = read_nemo_archive(path)
            _last.clear()
            _last[key] = archive
        return _last[key]


def read_nemo_archive(path: Path) -> NemoArchive:
    """The archive; see `open_nemo_archive`."""
    check_download(path)
    with open(path, "rb") as file:
        begin = file.read(6)
        for magic, what in OTHERS.items():
            if begin.startswith(magic):
                raise ValueError(f"{path} is {what}; expected a .nemo archive, which is a tar file, plain or gzipped")
        file.seek(0)
        try:
            reader = _Reader(path, file, is_packed=begin.startswith(GZIP))
            reader.read()
        except DAMAGES as error:
            raise ValueError(f"{path} cannot be loaded: {_in_words(error)}") from None
    small, weights = reader.small, reader.weights
    names = ", ".join(shown(name) for name in list(reader.names)[:8]) or "nothing"
    for name, found in ((CONFIG, small.get(CONFIG)), (WEIGHTS, weights)):
        if found is None:
            raise ValueError(f"{path} is a tar file without {name}, so no NeMo archive; it holds {names}")
    assert weights is not None
    return NemoArchive(path, small.pop(CONFIG), small, weights)


def _in_words(error: BaseException) -> str:
    if isinstance(error, _Refusal):
        return str(error)
    if isinstance(error, EOFError):
        return f"it is truncated: its gzip stream does not end. {AGAIN}"
    if isinstance(error, tarfile.ReadError) and "unexpected end" in str(error):
        return f"it is truncated: a member ends behind the archive's end. {AGAIN}"
    if isinstance(error, zlib.error | gzip.BadGzipFile):
        return f"its gzip stream is damaged ({shown(str(error))}). {AGAIN}"
    return f"it is no tar archive, or a damaged one ({shown(str(error) or type(error).__name__)}). {AGAIN}"


class _Refusal(ValueError):
    """An error whose words are meant for people."""


class _Bounded:
    """A file for tarfile that is read forwards, at most so many bytes at once and up to such a place."""

    def __init__(self, file: Any, end: int) -> None:
        self.file, self.end = file, end

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= LARGEST_SMALL:
            raise _Refusal(f"it asks for {size} bytes at once; expected at most {LARGEST_SMALL}")
        return self.file.read(size)

    def seek(self, place: int, whence: int = 0) -> int:
        if whence or not 0 <= place <= self.end:
            raise _Refusal(f"it is truncated, or unfolds to too much: something ends behind byte {self.end}. {AGAIN}")
        return self.file.seek(place)

    def tell(self) -> int:
        return self.file.tell()


class _Reader:
    """Goes through an archive once, keeping what is small and the place, or a copy, of the weights."""

    def __init__(self, path: Path, file: IO[bytes], is_packed: bool) -> None:
        self.path, self.is_packed = path, is_packed
        size = os.fstat(file.fileno()).st_size
        self.end = size * MOST_EXPANDED + ALWAYS if is_packed else size
        self.stream = _Bounded(gzip.GzipFile(fileobj=file, mode="rb") if is_packed else file, self.end)
        self.small: dict[str, bytes] = {}
        self.weights: np.ndarray | None = None
        self.names: dict[str, None] = {}
        self.members = 0

    def read(self) -> None:
        # errors: a name that is no UTF-8 still is a name, which nothing is looked up by
        with tarfile.open(fileobj=self.stream, mode="r:", errors="surrogateescape") as tar:  # type: ignore[call-overload]
            while (member := tar.next()) is not None:
                self.take(member)
            self.check_end(tar.offset)

    def take(self, member: tarfile.TarInfo) -> None:
        name = member.name.removeprefix("./")
        self.members += 1
        if self.members > MOST_MEMBERS:
            raise _Refusal(f"it has more than {MOST_MEMBERS} members")
        if member.size < 0 or member.offset_data + member.size > self.end:
            raise _Refusal(f"it is truncated: its member {shown(name)} has {member.size} bytes, more than there are")
        if member.isdir():
            return
        if not member.isreg() or member.issparse():
            raise _Refusal(f"its member {shown(name)} is no plain file (a link, a device); expected files alone")
        if name in self.names:
            raise _Refusal(f"it has the member {shown(name)} twice")
        self.names[name] = None
        if name == WEIGHTS:
            self.weights = self.place_weights(member)
        elif member.size <= LARGEST_SMALL:
            if sum(map(len, self.small.values())) + member.size > MOST_SMALL:
                raise _Refusal(f"its members beside the weights have more than {MOST_SMALL} bytes")
            self.stream.seek(member.offset_data)
            self.small[name] = self.stream.read(member.size)
            self.check_whole(name, len(self.small[name]), member.size)
        elif name == CONFIG:
            raise _Refusal(f"its {CONFIG} has {member.size} bytes; expected at most {LARGEST_SMALL}")

    def place_weights(self, member: tarfile.TarInfo) -> np.ndarray:
        """A map of the weights' bytes: of the archive, or of a nameless file that they are unpacked to."""
        if member.size == 0:
            raise _Refusal(f"its {WEIGHTS} is empty")
        if not self.is_packed:
            place, size = member.offset_data, member.size
            return np.memmap(self.path, np.uint8, "r", offset=place, shape=(size,)).view(np.ndarray)
        self.stream.seek(member.offset_data)
        with tempfile.TemporaryFile() as file:
            while (left := member.size - file.tell()) > 0 and (piece := self.stream.read(min(left, PIECE))):
                file.write(piece)
            self.check_whole(WEIGHTS, file.tell(), member.size)
            file.flush()
            return np.memmap(file, np.uint8, "r").view(np.ndarray)

    def check_whole(self, name: str, found: int, expected: int) -> None:
        if found != expected:
            raise _Refusal(f"it is truncated: {name} has {found} bytes of {expected}. {AGAIN}")

    def check_end(self, place: int) -> None:
        """tarfile takes a damaged header for the end; the true end is a block of zeros. gzip's checksum comes last."""
        self.stream.seek(place)
        block = self.stream.read(BLOCK)
        if len(block) < BLOCK:
            raise _Refusal(f"it is truncated: the end of a tar archive is missing. {AGAIN}")
        if block.strip(b"\0"):
            raise _Refusal(f"it is damaged: at byte {place} there is no header of a tar archive. {AGAIN}")
        while self.is_packed and self.stream.read(PIECE):
            self.stream.seek(self.stream.tell())  # which holds the bound
