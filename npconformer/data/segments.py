"""Who speaks when in an example, from its RTTM file, and the same frame by frame.

Letters: T frames, S speakers. Frame t lasts from t to t + 1 times `seconds_per_frame`, as in `find_segments`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from npconformer.data.examples import Example
from npconformer.segments.diarization import Segment
from npconformer.segments.rttm import read_rttm, rttm_name


def segments_of(example: Example) -> list[Segment]:
    """The segments of an example, in seconds from its own start; of a stretch those parts that lie in it.

    They are those that the RTTM file gives for a recording of the example's name without folder and extension
    (white space as "_"), or all if the file knows one recording only.

    Raises ValueError and OSError for a file that cannot be read or does not have the recording.
    """
    if example.rttm is None:
        raise ValueError("no RTTM file says who speaks when")
    recordings = _recordings(example.rttm, Path(example.rttm).stat().st_mtime_ns)
    name = rttm_name(Path(example.path).stem)
    if name not in recordings and len(recordings) != 1:
        raise ValueError(f"{example.rttm} has {len(recordings)} recordings and none is {name!r}")
    segments = recordings[name] if name in recordings else next(iter(recordings.values()))
    first, last = example.start or 0.0, math.inf if example.end is None else example.end
    cut = [Segment(max(s.start, first) - first, min(s.end, last) - first, s.speaker) for s in segments]
    return [segment for segment in cut if segment.end > segment.start]


def active_frames(
    segments: Sequence[Segment], speakers: Sequence[str], frames: int, seconds_per_frame: float
) -> np.ndarray:
    """(T, S) bool: whether a speaker speaks at the middle of a frame. Segments of other speakers are passed over."""
    active = np.zeros((frames, len(speakers)), bool)
    columns = {speaker: column for column, speaker in enumerate(speakers)}
    for start, end, speaker in segments:
        if speaker in columns:
            first, behind = (max(0, math.ceil(time / seconds_per_frame - 0.5)) for time in (start, end))
            active[first:behind, columns[speaker]] = True
    return active


def speakers_of(segments: Sequence[Segment]) -> list[str]:
    """Who speaks, in the order in which they first do."""
    return list(dict.fromkeys(segment.speaker for segment in sorted(segments, key=lambda s: (s.start, s.end))))


@lru_cache(maxsize=1024)
def _recordings(path: str, modified: int) -> dict[str, list[Segment]]:
    return read_rttm(path)
