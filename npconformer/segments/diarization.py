"""From the probability that each speaker speaks in each frame to the segments in which they do.

Letters: T frames, S speakers. Frame t lasts from t to t + 1 times `seconds_per_frame`.

Lesson: notebooks/07_heads.ipynb
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

THRESHOLD = 0.5
MIN_DURATION = 0.1  # seconds
MAX_GAP = 0.2  # seconds
SILENCE = "silence"  # the class of frames in which nobody speaks, if there is one
ROUNDING = 1e-6  # of a frame: 0.2 s are ten frames of 0.02 s, whatever floating point says


class Segment(NamedTuple):
    """`speaker` speaks from `start` to `end`, in seconds."""

    start: float
    end: float
    speaker: str


def find_segments(
    probabilities: Any,
    seconds_per_frame: float,
    threshold: float = THRESHOLD,
    min_duration: float = MIN_DURATION,
    max_gap: float = MAX_GAP,
    speakers: Sequence[str] | None = None,
) -> list[Segment]:
    """Find each speaker's segments, by itself: those of two speakers may overlap.

    A speaker speaks in the frames with a probability above `threshold`. Pauses of at most `max_gap` seconds
    inside their speech are then filled, and after that segments shorter than `min_duration` seconds are
    dropped. With max_gap=0 and min_duration=0 the segments are exactly the frames above the threshold.

    probabilities: (T, S). speakers: their S names; SPEAKER_0, SPEAKER_1, ... by default.

    Returns the segments of all speakers, sorted by start, then end, then speaker's number.

    Raises ValueError for probabilities of another shape or with NaN, a wrong number of names, and settings
    that have no meaning.
    """
    probabilities = np.asarray(probabilities)
    if probabilities.ndim != 2:
        raise ValueError(f"probabilities must have shape (frames, speakers), got {probabilities.shape}")
    if probabilities.dtype.kind not in "fiub" or np.isnan(probabilities).any():
        raise ValueError(f"probabilities must be numbers, none of them NaN, got dtype {probabilities.dtype}")
    if not 0 < seconds_per_frame < math.inf:
        raise ValueError(f"seconds_per_frame must be a positive number, got {seconds_per_frame!r}")
    check_settings(threshold, min_duration, max_gap)
    if speakers is None:
        speakers = [f"SPEAKER_{i}" for i in range(probabilities.shape[1])]
    if len(speakers) != probabilities.shape[1]:
        raise ValueError(f"speakers must name {probabilities.shape[1]} speakers, got {len(speakers)} names")

    longest_gap = math.floor(max_gap / seconds_per_frame + ROUNDING)  # frames
    shortest = math.ceil(min_duration / seconds_per_frame - ROUNDING)  # frames
    runs = [
        (start, end, speaker)
        for speaker in range(len(speakers))
        for start, end in _fill_gaps(_runs(probabilities[:, speaker] > threshold), longest_gap)
        if end - start >= shortest
    ]
    return [
        Segment(start * seconds_per_frame, end * seconds_per_frame, speakers[speaker])
        for start, end, speaker in sorted(runs)
    ]


def check_settings(threshold: Any, min_duration: Any, max_gap: Any) -> None:
    """Raise a ValueError for a setting of find_segments that has no meaning."""
    _check_number("threshold", threshold)
    for name, value in (("min_duration", min_duration), ("max_gap", max_gap)):
        _check_number(name, value)
        if value < 0:
            raise ValueError(f"{name} must be a number of seconds, 0 or more, got {value!r}")


def _check_number(name: str, value: Any) -> None:
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value!r}")


def _runs(active: np.ndarray) -> np.ndarray:
    """The runs of True in (T,): their first frames and the frames behind their last, (R, 2)."""
    edges = np.diff(active.astype(np.int8), prepend=0, append=0)
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], axis=1)


def _fill_gaps(runs: np.ndarray, longest_gap: int) -> list[tuple[int, int]]:
    """Join runs (R, 2) with at most `longest_gap` frames between them."""
    stays = runs[1:, 0] - runs[:-1, 1] > longest_gap  # (R - 1,) the gaps that are not filled
    starts = runs[np.concatenate([[True], stays]), 0] if len(runs) else []
    ends = runs[np.concatenate([stays, [True]]), 1] if len(runs) else []
    return [(int(start), int(end)) for start, end in zip(starts, ends)]
