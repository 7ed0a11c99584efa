"""What to read, where a file's name does not say it: one channel, samples without a header, what came by a pipe.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import io
import os
import stat
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, BinaryIO

from npconformer.storage.messages import shown

MOST_PIPED = 1 << 32  # bytes: six hours of stereo at 44.1 kHz, 16 bit
COPIED = 1 << 20  # bytes at once
STANDARD_INPUT = "-"

# Names as in ffmpeg and sox, and what libsndfile calls them.
RAW_FORMATS = {
    "s8": ("PCM_S8", "FILE"),
    "u8": ("PCM_U8", "FILE"),
    "s16le": ("PCM_16", "LITTLE"),
    "s16be": ("PCM_16", "BIG"),
    "s24le": ("PCM_24", "LITTLE"),
    "s24be": ("PCM_24", "BIG"),
    "s32le": ("PCM_32", "LITTLE"),
    "s32be": ("PCM_32", "BIG"),
    "f32le": ("FLOAT", "LITTLE"),
    "f32be": ("FLOAT", "BIG"),
    "f64le": ("DOUBLE", "LITTLE"),
    "f64be": ("DOUBLE", "BIG"),
    "mulaw": ("ULAW", "FILE"),
    "alaw": ("ALAW", "FILE"),
    "gsm": ("GSM610", "FILE"),
    "vox": ("VOX_ADPCM", "FILE"),
}


@dataclass(frozen=True)
class RawFormat:
    """How samples without a header are to be read: rate in Hz, format as in RAW_FORMATS, number of channels."""

    rate: int
    format: str = "s16le"
    channels: int = 1

    def __post_init__(self) -> None:
        if self.format not in RAW_FORMATS:
            raise ValueError(f"format must be one of {', '.join(RAW_FORMATS)}, got {shown(self.format)}")
        for name in ("rate", "channels"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {shown(value)}")


@dataclass(frozen=True)
class AudioSource(os.PathLike):
    """A recording with what its name does not say; goes wherever a path goes.

    path: the file. channel: 1 for the first one; None for all of them, averaged. raw: for samples without a header.
    name: what messages call it, by default the path. content: the bytes, where they are not to be read from `path`.
    note: what is to be said of them when they are read.
    """

    path: str | os.PathLike
    channel: int | None = None
    raw: RawFormat | None = None
    name: str | None = None
    content: BinaryIO | None = None
    note: str = ""

    def __fspath__(self) -> str:
        return os.fsdecode(self.path if self.name is None else self.name)

    def __post_init__(self) -> None:
        if self.channel is not None and (
            isinstance(self.channel, bool) or not isinstance(self.channel, int) or self.channel < 1
        ):
            raise ValueError(f"channel must be a whole number of at least 1, got {shown(self.channel)}")

    def of_channel(self, channel: int) -> AudioSource:
        """One channel of it by itself, named: "talk [channel 2].wav"."""
        name = PurePath(os.fspath(self))
        named = name.with_name(f"{name.stem} [channel {channel}]{name.suffix}")
        return replace(self, channel=channel, name=str(named))


def as_source(recording: Any) -> AudioSource:
    """What there is to read: under a path, in the bytes of a file, or in one that is open for reading bytes."""
    if isinstance(recording, AudioSource):
        return recording
    if isinstance(recording, str | os.PathLike):
        return AudioSource(recording)
    name = name_of(recording)
    content = recording.read() if is_open_file(recording) else recording
    if isinstance(content, str):
        raise ValueError(f'{name} is open for reading text; open it with mode "rb"')
    if len(content) == 0:
        raise ValueError(f"{name}: no bytes" + (" are left" if is_open_file(recording) else ""))
    return AudioSource(name, content=io.BytesIO(content))


def is_open_file(value: Any) -> bool:
    """Whether it is a file that is open for reading, or something that reads like one."""
    return callable(getattr(value, "read", None))


def name_of(recording: Any) -> str:
    """What a recording is called in messages: its path, or what it came as."""
    name = getattr(recording, "name", None) if is_open_file(recording) else recording
    if isinstance(name, str | os.PathLike):
        return os.fspath(name)
    return "the open file" if is_open_file(recording) else "the recording's bytes"


def read_pipe(source: AudioSource) -> AudioSource:
    """What a pipe gives until it ends, kept in a temporary file.

    Raises ValueError for a pipe that gives nothing, or more than a disk should hold, and OSError where it fails.
    """
    with open(source.path, "rb") as pipe:
        return replace(source, content=_keep(pipe, os.fspath(source)))


def read_standard_input() -> AudioSource:
    """What standard input gives, kept in a temporary file; its name is "-"."""
    if sys.stdin is None:
        raise ValueError(f"{STANDARD_INPUT}: standard input is closed")
    if sys.stdin.isatty():
        raise ValueError(f"{STANDARD_INPUT} is standard input, and nothing is piped into it")
    return AudioSource(STANDARD_INPUT, content=_keep(sys.stdin.buffer, STANDARD_INPUT))


def is_pipe(path: str | os.PathLike) -> bool:
    """Whether a path is a pipe, as `<(...)` in a shell makes them; False for what cannot be reached."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _keep(pipe: BinaryIO, name: str) -> BinaryIO:
    file = tempfile.TemporaryFile()
    size = 0
    while data := pipe.read(COPIED):
        size += len(data)
        if size > MOST_PIPED:
            raise ValueError(f"{name} gives more than {MOST_PIPED >> 30} GiB")
        file.write(data)
    if size == 0:
        raise ValueError(f"{name} is empty (0 bytes)")
    file.seek(0)
    return file
