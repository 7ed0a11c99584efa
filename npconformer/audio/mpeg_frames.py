"""The frames of an MP3 file (and of layers I and II): how much sound there is, and what between them is none.

Many headers are wrong: files that were cut, joined or edited keep the first one's number of samples, and those with
changing bit rates and none are measured by their size. libmpg123 believes both, and gives up in what is no sound. So
the frames are counted, and a file in which something is wrong is read as its frames with a right header.

Source: ISO/IEC 11172-3, section 2.4.1.3 (header); the headers "Xing" and "Info" as encoders write them.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import NamedTuple

from npconformer.audio.findings import Findings
from npconformer.audio.pieced_file import Piece, Window, behind_id3

BIT_RATES = {  # kbit/s by (version 1?, layer)
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
FIRST_IN = 1 << 16  # bytes in which the first frame must come
MORE = 2  # frames that must follow the first
TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3")
NEW_TAG = 12  # bytes: "Xing", which fields there are, frames


class Frame(NamedTuple):
    """kind: what does not change within a file (version, layer, rate). side: bytes before the first one's numbers."""

    length: int
    samples: int
    rate: int
    kind: tuple[int, ...]
    side: int


@dataclass
class Walk:
    """What was found: runs of frames without a gap as (start, stop), with silence for as long as a gap was."""

    runs: list[Piece] = field(default_factory=list)
    size: int = 0  # bytes of the frames
    frames: int = 0
    gaps: list[int] = field(default_factory=list)  # the number of frames before each
    headers: int = 0  # frames that hold numbers and no sound, but for the first


def inspect_mpeg(window: Window) -> Findings | None:
    """The findings for MPEG audio, or None for anything else."""
    start = _first_frame(window)
    if start is None:
        return None
    header = frame_at(window, start)
    assert header is not None
    tag = _tag(window, start, header)
    promised = _promised(window, tag)
    silence = bytes(_empty_frame(window.at(start, 4)))
    walk = _walk(window, start + header.length if tag else start, header, silence)
    seconds = header.samples / header.rate
    if walk.frames == 0:
        return Findings(may_be_mpeg=True)
    if tag and promised == walk.frames and not walk.gaps and not walk.headers:
        return Findings(may_be_mpeg=True)  # as it should be
    findings = Findings(walk.frames * seconds, breaks=[gap * seconds for gap in walk.gaps], may_be_mpeg=True)
    if promised > walk.frames:
        findings.promised = promised * seconds
    first = _header_for(window, start, header, tag, walk)
    findings.pieces = [*first, *walk.runs]
    if first:
        findings.length = None  # libmpg123 will know it, less what encoders add at both ends
    return findings


def frame_at(window: Window, offset: int) -> Frame | None:
    """The frame whose header stands there, or None."""
    head = window.at(offset, 4)
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xE0:
        return None
    version, layer, bits, rate = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3), head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or bits in (0, 15) or rate == 3:
        return None
    kilobits, hertz, padding = BIT_RATES[version == 3, layer][bits], RATES[version][rate], head[2] >> 1 & 1
    if layer == 1:
        length, samples = (12000 * kilobits // hertz + padding) * 4, 384
    else:
        samples = 576 if layer == 3 and version != 3 else 1152
        length = samples * 125 * kilobits // hertz + padding
    mono = head[3] >> 6 == 3
    side = (17 if mono else 32) if version == 3 else (9 if mono else 17)
    return Frame(length, samples, hertz, (version, layer, rate), side)


def _first_frame(window: Window) -> int | None:
    """Where the first frame stands that another follows, behind tags; None where there is none."""
    start = behind_id3(window)
    if start == 0 and window.at(0, 4) in (b"RIFF", b"fLaC", b"OggS", b"FORM", b"caff", b".snd", b"RF64"):
        return None
    offset = start - 1
    while 0 <= (offset := window.find(b"\xff", offset + 1)) < start + FIRST_IN:
        frame = frame_at(window, offset)
        if frame is not None and _follows(window, offset + frame.length, frame, MORE):
            return offset
    return None


def _follows(window: Window, offset: int, frame: Frame, count: int = 1) -> bool:
    """Whether so many frames of that kind stand there, or fewer and then the file ends."""
    for _ in range(count):
        if offset >= window.size:
            break
        following = frame_at(window, offset)
        if following is None or following.kind != frame.kind:
            return False
        offset += following.length
    return True


def _walk(window: Window, start: int, header: Frame, silence: bytes) -> Walk:
    walk = Walk()
    offset = run = start
    while offset < window.size:
        frame = frame_at(window, offset)
        if frame is None or frame.kind != header.kind or offset + frame.length > window.size:
            walk.runs.append((run, offset))
            found = _next_frame(window, offset, header)
            if found is None and window.at(offset, 11).startswith(TAGS):
                return walk  # tags at the end are no sound and no damage
            if window.at(offset, 3) != b"ID3":
                walk.gaps.append(walk.frames)
                missing = round((found - offset) * walk.frames / walk.size) if found and walk.size else 0
                walk.runs.append(silence * missing)  # so that what follows keeps its time
                walk.frames += missing
                walk.size += len(silence) * missing
            if found is None:
                return walk
            offset = run = found
        elif _tag(window, offset, frame):
            walk.headers += 1
            walk.runs.append((run, offset))
            offset = run = offset + frame.length
        else:
            walk.frames += 1
            walk.size += frame.length
            offset += frame.length
    walk.runs.append((run, offset))
    return walk


def _next_frame(window: Window, offset: int, header: Frame) -> int | None:
    """Where, behind the offset, two frames of that kind follow one another."""
    while (offset := window.find(b"\xff", offset + 1)) >= 0:
        frame = frame_at(window, offset)
        if frame is None or frame.kind != header.kind or offset + frame.length > window.size:
            continue
        if _follows(window, offset + frame.length, frame):
            return offset
    return None


def _tag(window: Window, offset: int, frame: Frame) -> int:
    """Where in the file a frame holds the number of frames: the offset of "Xing" or "Info", or 0."""
    tag = offset + 4 + frame.side
    return tag if window.at(tag, 4) in (b"Xing", b"Info") else 0


def _promised(window: Window, tag: int) -> int:
    """How many frames a header claims; 0 where it says nothing."""
    fields = window.at(tag, NEW_TAG)
    return int.from_bytes(fields[8:12], "big") if tag and fields[7] & 1 else 0


def _header_for(window: Window, start: int, frame: Frame, tag: int, walk: Walk) -> list[Piece]:
    """A first frame that tells what is there. Layers I and II have none."""
    if frame.kind[1] != 3:
        return []
    if tag and window.at(tag + 7, 1)[0] & 1:
        first, place = bytearray(window.at(start, frame.length)), tag - start
    else:
        first, place = _empty_frame(window.at(start, 4)), 4 + frame.side
        first[place : place + 8] = b"Xing\0\0\0\1"
    first[place + 8 : place + 12] = walk.frames.to_bytes(4, "big")
    if first[place + 7] & 2:
        first[place + 12 : place + 16] = min(len(first) + walk.size, 2**32 - 1).to_bytes(4, "big")
    return [bytes(first)]


def _empty_frame(head: bytes) -> bytearray:
    """A frame of that kind with nothing in it, long enough for the header's numbers."""
    bits = bytes([head[0], head[1] | 1, 9 << 4 | head[2] & 0x0C, head[3]])  # without checksum
    frame = frame_at(Window(io.BytesIO(bits), len(bits)), 0)
    assert frame is not None
    return bytearray(bits + bytes(frame.length - len(bits)))
