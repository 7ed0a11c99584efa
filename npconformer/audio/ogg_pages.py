"""The pages of an Ogg file: how much sound they hold, and where some are missing or damaged.

Source: RFC 3533, section 6; the granule positions of Vorbis and of Opus (RFC 7845, section 4).

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

from npconformer.audio.findings import Findings
from npconformer.audio.pieced_file import Window

HEADER = 27  # bytes, before the lengths of the segments
MOST_SAMPLES = 1 << 21  # of a page: 255 packets of at most 8192
END_OF_STREAM = 4
NO_PACKET_ENDS = 2**64 - 1
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def inspect_ogg(window: Window) -> Findings | None:
    """The findings for an Ogg file of one Vorbis or Opus stream; none for others."""
    first = _page(window, 0)
    if first is None:
        return None
    packet = window.at(HEADER + window.at(HEADER - 1, 1)[0], 19)  # behind the lengths of the segments
    if packet.startswith(b"OpusHead"):
        rate, skipped = 48000, int.from_bytes(packet[10:12], "little")
    elif packet.startswith(b"\x01vorbis"):
        rate, skipped = int.from_bytes(packet[12:16], "little"), 0
    else:
        return None
    if rate == 0:
        return None
    return _walk(window, first.serial, rate, skipped)


def _walk(window: Window, serial: int, rate: int, skipped: int) -> Findings:
    """Go from page to page. granule: the position that the last whole page reached; the first may start anywhere."""
    findings = Findings()
    start = granule = None
    offset = expected = step = 0
    whole, ended, wrong = True, False, False
    while 0 <= offset < window.size:
        page = _page(window, offset)
        if page is None:
            whole = False
            offset = window.find(b"OggS", offset + 1)
            continue
        if page.serial != serial:
            return Findings()  # several streams: left to libsndfile
        offset += page.length
        whole = whole and page.sequence == expected
        expected = page.sequence + 1
        ended = page.ends
        if page.position in (0, NO_PACKET_ENDS):
            continue
        if granule is None or start is None:
            start = granule = page.position if page.position > MOST_SAMPLES else 0
        if not whole:
            findings.breaks.append(max(granule - start - skipped, 0) / rate)
        if 0 <= page.position - granule <= MOST_SAMPLES or not whole:
            step, granule = (page.position - granule if whole else step), page.position
        else:
            granule, wrong = granule + step, True  # no page holds so much: as much as the one before
        whole = True
    if granule is not None and start is not None:
        seconds = max(granule - start - skipped, 0) / rate
        if wrong:
            findings.length = seconds
        if not (whole and ended):
            findings.breaks.append(seconds)
    return findings


class Page(NamedTuple):
    """position: the number of samples up to its end. ends: whether it is the last one."""

    length: int
    ends: bool
    position: int
    serial: int
    sequence: int


def _page(window: Window, offset: int) -> Page | None:
    """The page that starts there, if it is whole."""
    head = window.at(offset, HEADER + 255)
    if len(head) < HEADER or head[:4] != b"OggS" or len(head) < HEADER + head[26]:
        return None
    length = HEADER + head[26] + sum(head[HEADER : HEADER + head[26]])
    page = window.at(offset, length)
    if len(page) < length or _checksum(page[:22] + bytes(4) + page[26:]) != int.from_bytes(page[22:26], "little"):
        return None
    position, serial, sequence = (int.from_bytes(page[i:j], "little") for i, j in ((6, 14), (14, 18), (18, 22)))
    return Page(length, bool(page[5] & END_OF_STREAM), position, serial, sequence)


def _checksum(page: bytes) -> int:
    """CRC-32 with the bits of each byte from the top, from 0: zlib's on bits that are turned round."""
    crc = zlib.crc32(page.translate(REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2)
