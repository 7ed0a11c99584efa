"""Errors of diarization, counted in frames: speech missed, speech that is none, and the wrong speaker.

In a frame with R speakers of the reference and H of the hypothesis, C of them in both (NIST 2009):

    missed = max(0, R - H)    false alarm = max(0, H - R)    confused = min(R, H) - C

The diarization error rate is their sum over all frames, divided by the sum of R. There is no collar.

Letters: T frames, S speakers of the reference, K of the hypothesis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from npconformer.metrics.shares import bootstrap_interval

MOST_SPEAKERS = 12  # for the best assignment, whose cost grows as 2^S


@dataclass(frozen=True)
class FrameErrors:
    """Counts of frames and speakers in them. Counts can be added."""

    missed: int = 0
    false_alarm: int = 0
    confused: int = 0
    speech: int = 0  # R, added up
    frames: int = 0

    @property
    def errors(self) -> int:
        return self.missed + self.false_alarm + self.confused

    @property
    def rate(self) -> float:
        """The diarization error rate; where nobody speaks, 0 or infinity."""
        if self.speech == 0:
            return float("inf") if self.errors else 0.0
        return self.errors / self.speech

    def __add__(self, other: FrameErrors) -> FrameErrors:
        return FrameErrors(
            self.missed + other.missed,
            self.false_alarm + other.false_alarm,
            self.confused + other.confused,
            self.speech + other.speech,
            self.frames + other.frames,
        )


def frame_errors(reference: Any, hypothesis: Any, match_speakers: bool = False) -> FrameErrors:
    """Count the errors of one recording.

    reference: (T, S), whether a speaker speaks in a frame. hypothesis: (T, K). match_speakers: the numbers of the
    speakers mean nothing, and the best assignment of one to the other is taken, which one recording needs whose
    speakers are not known by name; otherwise K is S and they are compared column by column.

    Raises ValueError for shapes that do not fit, and more than 12 speakers to match.
    """
    reference, hypothesis = np.asarray(reference, bool), np.asarray(hypothesis, bool)
    if reference.ndim != 2 or hypothesis.ndim != 2 or len(reference) != len(hypothesis):
        raise ValueError(
            f"reference and hypothesis must be (frames, speakers) of one number of frames, got {reference.shape} "
            f"and {hypothesis.shape}"
        )
    together = reference.T.astype(np.int64) @ hypothesis.astype(np.int64)  # (S, K) frames in which both speak
    if match_speakers:
        correct = _best_assignment(together)
    elif reference.shape == hypothesis.shape:
        correct = int(np.trace(together))
    else:
        raise ValueError(
            f"{reference.shape[1]} speakers in the reference and {hypothesis.shape[1]} in the hypothesis: they can "
            "only be compared with match_speakers=True"
        )
    r, h = reference.sum(axis=1), hypothesis.sum(axis=1)  # (T,)
    return FrameErrors(
        missed=int(np.maximum(r - h, 0).sum()),
        false_alarm=int(np.maximum(h - r, 0).sum()),
        confused=int(np.minimum(r, h).sum()) - correct,
        speech=int(r.sum()),
        frames=len(r),
    )


class DiarizationErrors:
    """Takes recordings one by one."""

    def __init__(self) -> None:
        self._of_each: list[FrameErrors] = []

    def add(self, reference: Any, hypothesis: Any, match_speakers: bool = False) -> FrameErrors:
        """Count the errors of a recording; the arguments and what is raised are those of `frame_errors`."""
        errors = frame_errors(reference, hypothesis, match_speakers)
        self._of_each.append(errors)
        return errors

    @property
    def total(self) -> FrameErrors:
        """The errors of all recordings together; `.rate` is the diarization error rate."""
        return sum(self._of_each, FrameErrors())

    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the rate, by bootstrap. Raises ValueError where nobody speaks in any recording."""
        return bootstrap_interval([one.errors for one in self._of_each], [one.speech for one in self._of_each])


def _best_assignment(together: np.ndarray) -> int:
    """The largest sum of entries of (S, K), no two in one row or column: dynamic programming over sets of columns."""
    if together.shape[0] < together.shape[1]:
        together = together.T
    columns = together.shape[1]
    if columns > MOST_SPEAKERS:
        raise ValueError(f"more than {MOST_SPEAKERS} speakers on both sides cannot be matched, got {columns}")
    sets = np.arange(2**columns)
    best = np.zeros(2**columns, np.int64)  # of the rows so far, with columns in the set at most
    for row in together:
        better = best.copy()
        for column in range(columns):
            has = sets[(sets >> column) & 1 == 1]
            better[has] = np.maximum(better[has], best[has ^ (1 << column)] + row[column])
        best = better
    return int(best[-1])
