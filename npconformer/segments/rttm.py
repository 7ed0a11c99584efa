"""RTTM, the text format for who spoke when (Rich Transcription Time Marked, NIST 2009): one line per segment.

    SPEAKER <recording> 1 <start> <duration> <NA> <NA> <speaker> <NA> <NA>

Times are in seconds, written to the millisecond. Names cannot hold white space: it is written as "_". Some writers
leave it there all the same. Then the two <NA> in the middle tell which fields are which, and what cannot be told is an
error: a segment that is silently another one would spoil every figure made of it.

Lesson: notebooks/07_heads.ipynb
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable
from typing import NamedTuple

from npconformer.segments.diarization import Segment
from npconformer.storage.messages import one_line, shown
from npconformer.storage.text_files import LONGEST_TEXT, read_text
from npconformer.storage.written_numbers import LONGEST_SECONDS, is_number

LEAST_FIELDS, MOST_FIELDS = 8, 10  # the last two, confidence and look-ahead, are often left out
NOTHING = "<NA>"
# The kinds of lines beside SPEAKER.
OTHER_TYPES = set("SEGMENT NOSCORE NO_RT_METADATA LEXEME NON-LEX NON-SPEECH FILLER EDIT IP SU CB A/P SPKR-INFO".split())
_HELP = "names hold no spaces, write them as _"


class Line(NamedTuple):
    """What a SPEAKER line says."""

    recording: str
    start: float
    duration: float
    speaker: str


def to_rttm(recording: str, segments: Iterable[Segment]) -> str:
    """The lines of one recording's segments."""
    lines = []
    for start, end, speaker in segments:
        if not 0 <= start <= end < math.inf:
            raise ValueError(f"a segment must have 0 <= start <= end, got start {start!r} and end {end!r}")
        duration = round(end, 3) - round(start, 3)  # of the rounded times, so that the end is rounded only once
        name, who = rttm_name(recording), rttm_name(speaker)
        lines.append(f"SPEAKER {name} 1 {start:.3f} {duration:.3f} {NOTHING} {NOTHING} {who} {NOTHING} {NOTHING}\n")
    return "".join(lines)


def rttm_name(text: str) -> str:
    """`text` as one field: white space is "_", and control characters are escaped."""
    return one_line("_".join(text.split())) or NOTHING


def from_rttm(text: str) -> dict[str, list[Segment]]:
    """The segments of each recording, in the order of the lines.

    Comments (";;"), empty lines and lines of RTTM's other types are passed over. White space inside a name is "_",
    where it can be told to be inside one. Raises ValueError, with the number of the line, for every other line.
    """
    recordings: dict[str, list[Segment]] = {}
    for number, line in enumerate(re.split("\r\n|\r|\n", text.removeprefix("\ufeff")), start=1):
        fields = re.split("[ \t]+", line.strip(" \t"))
        if not fields[0] or fields[0].startswith(";;"):
            continue
        try:
            if fields[0].upper() in OTHER_TYPES:
                continue
            if fields[0].upper() != "SPEAKER":
                raise ValueError("expected a line that starts with SPEAKER, or with ;; for a comment")
            said = _parse(fields)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}: {shown(line)}") from None
        segment = Segment(said.start, round(said.start + said.duration, 9), said.speaker)  # 0.1 + 0.2 is 0.3 here
        recordings.setdefault(said.recording, []).append(segment)
    return recordings


def read_rttm(path: str | os.PathLike, longest: int = LONGEST_TEXT) -> dict[str, list[Segment]]:
    """`from_rttm` of a file, which has at most `longest` bytes; its errors name the file."""
    text = read_text(path, longest)
    try:
        return from_rttm(text)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None


def _parse(fields: list[str]) -> Line:
    if len(fields) < LEAST_FIELDS:
        raise ValueError(f"expected at least {LEAST_FIELDS} fields, got {len(fields)}")
    # where the two <NA> behind the duration stand: at 5 and 6, and further right where the recording's name has spaces
    middles = [i for i in range(5, len(fields) - 2) if _is_nothing(fields[i]) and _is_nothing(fields[i + 1])]
    middles = [i for i in middles if is_number(fields[i - 1]) and is_number(fields[i - 2])]
    if len(middles) > 1:
        raise ValueError(f"it can be read in {len(middles)} ways; {_HELP}")
    if not middles:
        # writers that put something else in the place of <NA>: the fields count as they stand if no number is shifted
        if not (is_number(fields[3]) and is_number(fields[4])):
            raise ValueError("start and duration, the 4th and 5th field, must be numbers")
        if len(fields) > MOST_FIELDS or is_number(fields[5]) or is_number(fields[6]):
            raise ValueError(f"expected {NOTHING} in the 6th and 7th field; {_HELP}")
        middles = [5]
    middle = middles[0]
    start, duration = (_seconds(fields[i]) for i in (middle - 2, middle - 1))
    return Line(rttm_name(" ".join(fields[1 : middle - 3])), start, duration, _speaker(fields[middle + 2 :]))


def _seconds(field: str) -> float:
    seconds = float(field)
    if not 0 <= seconds:
        raise ValueError("start and duration must be 0 or more")
    if seconds > LONGEST_SECONDS:
        raise ValueError(f"start and duration must be at most {LONGEST_SECONDS:g} seconds")
    return seconds


def _speaker(fields: list[str]) -> str:
    """The speaker in what stands behind the middle: the name, and up to two fields of confidence and look-ahead."""
    name, last = list(fields), MOST_FIELDS - LEAST_FIELDS
    while len(name) > 1 and last and (_is_nothing(name[-1]) or is_number(name[-1])):
        if name[-1].isdecimal():  # "Speaker 1": a confidence would be written 1.0
            raise ValueError(f"whether {name[-1]} belongs to the speaker's name cannot be told; {_HELP}")
        name.pop()
        last -= 1
    return rttm_name(" ".join(name))


def _is_nothing(field: str) -> bool:
    return field.upper() == NOTHING
