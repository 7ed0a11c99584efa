"""How long a FLAC file is: by its last frame, because streaming encoders leave the header's number at 0.

Source: RFC 9639, sections 8.2 (STREAMINFO) and 9.1 (frame header).

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from npconformer.audio.findings import Findings
from npconformer.audio.pieced_file import Piece, Window, behind_id3

STREAMINFO = 34  # bytes
TAIL = 1 << 18  # bytes in which the last frame is looked for first
SYNC = re.compile(rb"\xff[\xf8\xf9]")
LONGEST_HEADER = 16
SEARCHED = 1 << 20
TOTAL = 13  # where in STREAMINFO the last 36 bits of 40 are the number of samples
UNKNOWN = 0


class StreamInfo(NamedTuple):
    """offset: of the 34 bytes in the file. sound: where the frames start."""

    offset: int
    sound: int
    block_size: int
    rate: int
    total: int


class Frame(NamedTuple):
    """first: the number of its first sample."""

    offset: int
    first: int
    samples: int


def inspect_flac(window: Window) -> Findings | None:
    """The findings for a FLAC file, or None for anything else."""
    info = read_stream_info(window)
    if info is None:
        return None
    last = _last_frame(window, info)
    if last is None:
        return Findings()
    frames = last.first + last.samples
    findings = Findings(frames / info.rate)
    if info.total > frames:
        findings.promised = info.total / info.rate
    elif UNKNOWN < info.total < frames:  # libsndfile would stop there
        findings.pieces = resumed_at(window, info, Frame(info.sound, 0, 0))
    return findings


def read_stream_info(window: Window) -> StreamInfo | None:
    """The header of a FLAC file, or None for anything else."""
    start = behind_id3(window)
    if window.at(start, 4) != b"fLaC" or window.at(start + 4, 1) not in (b"\x00", b"\x80"):
        return None
    info = window.at(start + 8, STREAMINFO)
    if len(info) < STREAMINFO or not any(info[10:12]):
        return None
    position, is_last = start + 4, False
    while not is_last:
        header = window.at(position, 4)
        if len(header) < 4:
            return None
        is_last = bool(header[0] & 0x80)
        position += 4 + int.from_bytes(header[1:], "big")
    fields = int.from_bytes(info[10:18], "big")
    block_size = int.from_bytes(info[2:4], "big")
    return StreamInfo(start + 8, position, block_size, fields >> 44, fields & (2**36 - 1))


def frames_between(window: Window, info: StreamInfo, start: int, stop: int) -> Iterator[Frame]:
    """The frames whose headers start in [start, stop): by their sync code and checksum."""
    data = window.at(start, stop - start + LONGEST_HEADER)
    for match in SYNC.finditer(data, 0, max(stop - start, 0)):
        frame = _frame(data[match.start() : match.start() + LONGEST_HEADER], start + match.start(), info)
        if frame is not None:
            yield frame


def frame_after(window: Window, info: StreamInfo, position: int) -> Frame | None:
    """The first frame that starts behind a sample and is followed by another, or None."""
    previous: Frame | None = None
    for start in range(info.sound, window.size, SEARCHED):
        for frame in frames_between(window, info, start, min(start + SEARCHED, window.size)):
            if previous is not None and frame.first == previous.first + previous.samples:
                return previous
            if frame.first > position:
                previous = frame
    return None


def resumed_at(window: Window, info: StreamInfo, frame: Frame) -> list[Piece]:
    """The pieces of the stream from a frame on, with a header that names no length."""
    header = bytearray(window.at(0, info.sound))
    place = info.offset + TOTAL
    header[place : place + 5] = bytes([header[place] & 0xF0, 0, 0, 0, 0])
    return [bytes(header), (frame.offset, window.size)]


def _last_frame(window: Window, info: StreamInfo) -> Frame | None:
    for length in (TAIL, 16 * TAIL):  # a frame may have a megabyte and more
        start = max(info.sound, window.size - length)
        last = None
        for frame in frames_between(window, info, start, window.size):
            if last is None or frame.first >= last.first:
                last = frame
        if last is not None:
            return last
    return None


def _frame(header: bytes, offset: int, info: StreamInfo) -> Frame | None:
    """The frame that a header announces, or None for bytes that only look like one."""
    if len(header) < 6:
        return None
    size_code, rate_code = header[2] >> 4, header[2] & 15
    if size_code == 0 or rate_code == 15 or header[3] >> 4 > 10 or header[3] & 1:
        return None
    number, position = _coded_number(header, 4)
    if number is None:
        return None
    if size_code in (6, 7):
        samples = int.from_bytes(header[position : position + size_code - 5], "big") + 1
        position += size_code - 5
    else:
        samples = 192 if size_code == 1 else 576 << (size_code - 2) if size_code < 6 else 256 << (size_code - 8)
    position += {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if position >= len(header) or header[position] != _crc8(header[:position]):
        return None
    variable = header[1] & 1
    return Frame(offset, number if variable else number * info.block_size, samples)


def _coded_number(data: bytes, position: int) -> tuple[int | None, int]:
    """A number in the form of UTF-8, of up to 36 bits, and the position behind it."""
    first = data[position]
    if first < 0x80:
        return first, position + 1
    extra = 7 - (first ^ 0xFF).bit_length()
    if extra < 1 or position + extra >= len(data):
        return None, position
    number = first & (0x3F >> extra)
    for byte in data[position + 1 : position + 1 + extra]:
        if byte >> 6 != 2:
            return None, position
        number = number << 6 | byte & 0x3F
    return number, position + 1 + extra


def _crc8(data: bytes) -> int:
    """The checksum of frame headers: polynomial x^8 + x^2 + x + 1."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc
