"""Files made of chunks (WAV, RF64, Wave64, AIFF, CAF, 8SVX, AU): where the sound ends, whatever the header says.

Who writes to a pipe does not know the length: it is 0, or as large as can be. A program that was killed leaves a 0.
A file that was cut promises more than it holds; and libsndfile passes over what lies behind a length that is too
small.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import struct
from typing import Literal, NamedTuple

from npconformer.audio.findings import Findings
from npconformer.audio.pieced_file import Piece, Window, with_patches

MOST_CHUNKS = 1000
MOST_FILLING = 1 << 16  # bytes: zeros behind the sound that fill a sector
LARGE_32 = 0x7FFF0000  # lengths above are how writers say that they do not know
WAVE64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"


class Layout(NamedTuple):
    """How chunks lie in a container: where the first starts, how long names and lengths are, what holds the sound."""

    first: int
    name: int
    width: int
    order: Literal["little", "big"]
    align: int
    data: bytes
    counts_head: bool = False  # whether a chunk's length includes its name and length
    strict: bool = False  # whether libsndfile refuses lengths that are too large


LAYOUTS = {
    b"RIFF": Layout(12, 4, 4, "little", 2, b"data"),
    b"RIFX": Layout(12, 4, 4, "big", 2, b"data"),
    b"RF64": Layout(12, 4, 4, "little", 2, b"data"),
    b"BW64": Layout(12, 4, 4, "little", 2, b"data"),
    b"FORM": Layout(12, 4, 4, "big", 2, b"SSND"),
    b"8SVX": Layout(12, 4, 4, "big", 2, b"BODY"),
    b"caff": Layout(8, 4, 8, "big", 1, b"data", strict=True),
    b"riff": Layout(40, 16, 8, "little", 8, WAVE64_DATA, counts_head=True),
}


class Chunk(NamedTuple):
    """field: where its length stands. start: where its content starts. length: of the content, as it says."""

    field: int
    start: int
    length: int


def inspect_chunks(window: Window) -> Findings | None:
    """The findings for a file of chunks, or None for one of another kind."""
    magic, kind = window.at(0, 4), window.at(8, 4)
    if magic == b".snd":
        return _inspect_au(window)
    if magic == b"FORM" and kind in (b"8SVX", b"16SV"):
        magic = b"8SVX"
    elif magic == b"FORM" and kind not in (b"AIFF", b"AIFC"):
        return None
    layout = LAYOUTS.get(magic)
    chunk = None if layout is None else _find_sound(window, layout)
    if layout is None or chunk is None:
        return Findings() if layout else None
    length, wide = chunk.length, 0
    if magic in (b"RF64", b"BW64") and window.at(12, 4) == b"ds64":
        wide = 28  # where the 64-bit length stands
        length = int.from_bytes(window.at(wide, 8), "little")
    return _compare(window, layout, chunk._replace(length=length), wide)


def _find_sound(window: Window, layout: Layout) -> Chunk | None:
    offset = layout.first
    for _ in range(MOST_CHUNKS):
        name, chunk = _chunk(window, layout, offset)
        if chunk is None:
            return None
        if name == layout.data:
            return chunk
        offset = chunk.start + chunk.length
        offset += -(offset - layout.first) % layout.align
    return None


def _chunk(window: Window, layout: Layout, offset: int) -> tuple[bytes, Chunk | None]:
    head = layout.name + layout.width
    data = window.at(offset, head)
    if offset >= window.size or len(data) < head:
        return b"", None
    length = int.from_bytes(data[layout.name :], layout.order) - (head if layout.counts_head else 0)
    return data[: layout.name], Chunk(offset + layout.name, offset + head, length)


def _compare(window: Window, layout: Layout, chunk: Chunk, wide: int) -> Findings:
    """What a length says beside what is there. (Behind the sound of Wave64, libsndfile reads on.)"""
    there = window.size - chunk.start
    unknown = chunk.length <= 0 or chunk.length >= (LARGE_32 if layout.width == 4 and not wide else 2**62)
    if there <= 0:
        return Findings()
    held = there / chunk.length if chunk.length > there and not unknown else 1.0
    if layout.strict:
        unknown = unknown or chunk.length > there
    elif chunk.length > there:
        return Findings(held=held)
    if chunk.length == there:
        return Findings()
    if not unknown and _ends_there(window, layout, chunk):
        return Findings(pieces=[(0, chunk.start + chunk.length)] if layout.counts_head else None)
    if layout.order == "little" and layout.width == 4 and not wide and there >= LARGE_32:
        return Findings(pieces=_as_rf64(window, chunk, there))
    head = layout.name + layout.width if layout.counts_head else 0
    most = 2 ** (8 * layout.width) - 1
    patches = {chunk.field: min(there + head, most).to_bytes(layout.width, layout.order)}
    if wide:
        patches = {wide: there.to_bytes(8, "little")}
    elif layout.width == 4:
        patches[4] = min(window.size - 8, most).to_bytes(4, layout.order)
    return Findings(held=held, pieces=with_patches(window.size, patches))


def _as_rf64(window: Window, chunk: Chunk, there: int) -> list[Piece]:
    """The pieces of a WAV file whose length 32 bits cannot tell: as RF64 (EBU Tech 3306), which has 64."""
    large = b"\xff" * 4
    ds64 = struct.pack("<4sIQQQI", b"ds64", 28, window.size + 28, there, 0, 0)
    return [b"RF64" + large + b"WAVE" + ds64, (12, chunk.field), large, (chunk.start, window.size)]


def _ends_there(window: Window, layout: Layout, chunk: Chunk) -> bool:
    """Whether what follows the sound is another chunk, a tag, or next to nothing: then its length is right."""
    end = chunk.start + chunk.length
    for start in {end, end + -(end - layout.first) % layout.align}:
        rest = window.size - start
        if rest < layout.name + layout.width:
            return True
        name, following = _chunk(window, layout, start)
        if following is not None and 0 <= following.length <= rest and _is_name(name[:4]):
            return True
        if name[:3] in (b"ID3", b"TAG", b"APE"):
            return True
    return window.size - end <= MOST_FILLING and not any(window.at(end, MOST_FILLING))


def _is_name(name: bytes) -> bool:
    return all(0x20 <= byte < 0x7F for byte in name) and name.strip() != b""


def _inspect_au(window: Window) -> Findings:
    head = window.at(4, 8)
    start, length = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")
    there = window.size - start
    if there <= 0 or length >= LARGE_32:
        return Findings()
    if length > there:
        return Findings(held=there / length)
    if there - length < 8:
        return Findings()
    return Findings(pieces=with_patches(window.size, {8: (2**32 - 1).to_bytes(4, "big")}))
