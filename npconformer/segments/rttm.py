"""RTTM, the text format for who spoke when (Rich Transcription Time Marked, NIST 2009): one line per segment.

    SPEAKER <recording> 1 <start> <duration> <NA> <NA> <speaker> <NA> <NA>

Times are in seconds, written to the millisecond. Names cannot hold white space: it is written as "_".

Lesson: notebooks/07_heads.ipynb
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path

from npconformer.segments.diarization import Segment
from npconformer.storage.messages import shown

LEAST_FIELDS = 8  # the last two, confidence and look-ahead, are often left out


def to_rttm(recording: str, segments: Iterable[Segment]) -> str:
    """The lines of one recording's segments."""
    lines = []
    for start, end, speaker in segments:
        if not 0 <= start <= end < math.inf:
            raise ValueError(f"a segment must have 0 <= start <= end, got start {start!r} and end {end!r}")
        duration = round(end, 3) - round(start, 3)  # of the rounded times, so that the end is rounded only once
        lines.append(f"SPEAKER {_name(recording)} 1 {start:.3f} {duration:.3f} <NA> <NA> {_name(speaker)} <NA> <NA>\n")
    return "".join(lines)


def from_rttm(text: str) -> dict[str, list[Segment]]:
    """The segments of each recording, in the order of the lines.

    Comments (";;"), empty lines and lines of other types than SPEAKER are passed over. Raises ValueError,
    with the number of the line, for a SPEAKER line that cannot be read.
    """
    recordings: dict[str, list[Segment]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields or fields[0] != "SPEAKER":
            continue
        try:
            recording, start, duration, speaker = _parse(fields)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}: {shown(line)}") from None
        segment = Segment(start, round(start + duration, 9), speaker)  # 0.1 + 0.2 is 0.3 here
        recordings.setdefault(recording, []).append(segment)
    return recordings


def read_rttm(path: str | os.PathLike) -> dict[str, list[Segment]]:
    """`from_rttm` of a file; its errors name the file."""
    try:
        return from_rttm(Path(path).read_text(encoding="utf-8-sig"))
    except ValueError as error:  # also UnicodeDecodeError
        raise ValueError(f"{os.fspath(path)}: {error}") from error


def _parse(fields: list[str]) -> tuple[str, float, float, str]:
    if len(fields) < LEAST_FIELDS:
        raise ValueError(f"expected at least {LEAST_FIELDS} fields, got {len(fields)}")
    try:
        start, duration = float(fields[3]), float(fields[4])
    except ValueError:
        raise ValueError("start and duration, the 4th and 5th field, must be numbers") from None
    if not (0 <= start < math.inf and 0 <= duration < math.inf):
        raise ValueError("start and duration must be 0 or more")
    return fields[1], start, duration, fields[7]


def _name(text: str) -> str:
    """`text` as one field."""
    return "_".join(text.split()) or "<NA>"
