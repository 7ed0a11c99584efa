"""From a name to a decoder: what is there is looked at first, and what cannot be read is refused in plain words.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath
from typing import Any, BinaryIO, NamedTuple

from npconformer.audio.chunks import inspect_chunks
from npconformer.audio.findings import Findings
from npconformer.audio.flac_frames import inspect_flac
from npconformer.audio.looks import looks_like, needs_ffmpeg
from npconformer.audio.mpeg_frames import inspect_mpeg
from npconformer.audio.ogg_pages import inspect_ogg
from npconformer.audio.pieced_file import PiecedFile, Window
from npconformer.audio.quiet_decoder import quiet_decoder
from npconformer.audio.sources import RAW_FORMATS, AudioSource, as_source, is_pipe, read_pipe
from npconformer.audio.through_ffmpeg import convert
from npconformer.storage.files import FFMPEG_SUFFIXES

HEAD = 4096  # bytes
NO_HEADER = "it has no header that says what it holds"
URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
INSPECTORS = (inspect_chunks, inspect_flac, inspect_ogg, inspect_mpeg)


class Opened(NamedTuple):
    """decoder: a soundfile.SoundFile, at its start. data: the bytes that it reads."""

    source: AudioSource
    decoder: Any
    data: BinaryIO
    size: int
    findings: Findings


@contextlib.contextmanager
def opened(path: str | os.PathLike | Any) -> Iterator[Opened]:
    """What a recording's name stands for, ready to be decoded, and closed at the end of the block."""
    source = as_source(read_once(as_source(path)))
    name = os.fspath(source)
    with _bytes_of(source) as data:
        head = data.read(HEAD)
        if source.raw is None and (what := looks_like(head)):
            raise ValueError(f"{name} is not audio: it looks like {what}")
        try:
            yield from _decoding(source, data)
        except _NotAudio as error:
            unknown = str(error) == NO_HEADER or "not recognised" in str(error)
            hint = _hint(source, head) if unknown else ""
            raise ValueError(f"{name} cannot be read as audio: {error}{hint}") from error.__cause__


def read_once(recording: str | os.PathLike) -> str | os.PathLike:
    """A recording that may be read several times: of a pipe, and of what ffmpeg makes, a temporary file is kept.

    Others stay as they are. Raises the errors of `read_audio` for what cannot be opened.
    """
    source = as_source(recording)
    if source.content is None:
        name = os.fspath(source)
        _check_is_readable(os.fspath(source.path), name)
        if is_pipe(source.path):
            recording = source = read_pipe(source)
    if source.raw is None and (what := _not_of_libsndfile(source)):
        return _converted(source, what)
    return recording


class _NotAudio(Exception):
    """libsndfile's reason for refusing a file."""


def _decoding(source: AudioSource, data: BinaryIO) -> Iterator[Opened]:
    size = data.seek(0, os.SEEK_END)
    with make_decoder(source, data, findings := _inspect(source, data, size)) as decoder:
        yield Opened(source, decoder, data, size, findings)


def _inspect(source: AudioSource, data: BinaryIO, size: int) -> Findings:
    """What is in a file, by its bytes; none of them are kept while it is decoded."""
    findings = Findings(may_be_mpeg=source.raw is None)
    if source.raw is not None:
        return findings
    window = Window(data, size)
    return next((found for inspect in INSPECTORS if (found := inspect(window)) is not None), findings)


@functools.cache
def _decoder_class() -> Any:
    import soundfile  # loads libsndfile: only when audio is read

    class Decoder(soundfile.SoundFile):
        """Reads on to the end: soundfile seeks after every block of what says it can be sought in, and some cannot."""

        def seekable(self) -> bool:
            return False

        def can_seek(self) -> bool:
            """What the codec says of itself."""
            return super().seekable()

    return Decoder


def make_decoder(source: AudioSource, data: BinaryIO, findings: Findings) -> Any:
    """A soundfile.SoundFile of the bytes, or of the pieces that were found to be right."""
    import soundfile

    options: dict[str, Any] = {}
    if source.raw is not None:
        subtype, endian = RAW_FORMATS[source.raw.format]
        options = dict(samplerate=source.raw.rate, channels=source.raw.channels, format="RAW")
        options |= dict(subtype=subtype, endian=endian)
    file: Any = data
    if findings.pieces is not None:
        file = PiecedFile(data, findings.pieces)
    elif source.content is None:
        path = os.fspath(source.path)
        file = path if os.name == "nt" else os.fsencode(path)  # soundfile refuses names that are not UTF-8
    else:
        data.seek(0)
    try:
        with quiet_decoder() if findings.may_be_mpeg else contextlib.nullcontext():
            return _decoder_class()(file, **options)
    except soundfile.SoundFileError as error:
        raise _NotAudio(reason(error)) from error
    except TypeError as error:  # soundfile takes .raw for samples without a header
        raise _NotAudio(NO_HEADER) from error


def _not_of_libsndfile(source: AudioSource) -> str:
    """What a recording holds that is read through ffmpeg, or ""."""
    with _bytes_of(source) as data:
        head = data.read(HEAD)
    if looks_like(head) or head[:4] in (b"RIFF", b"fLaC", b"OggS"):  # whatever its name
        return ""
    suffix = PurePath(os.fspath(source)).suffix.lower()
    what = needs_ffmpeg(head) or (suffix if suffix in FFMPEG_SUFFIXES and source.content is None else "")
    return f"{what} audio" if what else ""


def _converted(source: AudioSource, what: str) -> AudioSource:
    with _bytes_of(source) as data:
        content, words = convert(data, os.fspath(source), what)
    return replace(source, content=content, note=f"ffmpeg could read a part only: {words}" if words else "")


@contextlib.contextmanager
def _bytes_of(source: AudioSource) -> Iterator[BinaryIO]:
    if source.content is not None:
        source.content.seek(0)
        yield source.content
        return
    with open(source.path, "rb") as file:
        yield file


def _hint(source: AudioSource, head: bytes) -> str:
    if source.raw is not None or not any(byte < 9 or byte > 126 for byte in head):  # text
        return ""
    return (
        "; samples without a header are read with --raw-rate HZ --raw-format s16le --raw-channels 1 "
        "(in Python: AudioSource(path, raw=RawFormat(rate)))"
    )


def _check_is_readable(path: str, name: str) -> None:
    """Raise an error in plain words for what libsndfile would call a system error."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise ValueError(f"{name} is a folder, not an audio file")
        if stat.S_ISFIFO(status.st_mode):
            return
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{name} is a device; recordings are read from files and pipes")
        if status.st_size == 0:
            raise ValueError(f"{name} is empty (0 bytes)")
        open(path, "rb").close()
    except FileNotFoundError:
        if URL.match(name):
            raise ValueError(
                f"{name} is an address, and recordings are not downloaded: fetch it first, as with curl -O"
            ) from None
        raise FileNotFoundError(f"{name}: no such file") from None
    except OSError as error:
        raise type(error)(f"{name} cannot be read: {error.strerror}") from error


def reason(error: Exception) -> str:
    """libsndfile's own words, without the path that soundfile puts before them."""
    return str(getattr(error, "error_string", "") or error).rstrip(".")
