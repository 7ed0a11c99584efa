"""Where people pause: the places at which a recording may be cut without cutting into a word.

A pause is a stretch in which the sound stays near the noise of the room. The level of frames of 10 ms, in decibels, of
the mean power of the five frames around each, so that a single pulse of a voice counts as the voice that it is of:

    p(f) = mean of the squared samples of frame f
    level(f) = 10 log10 of the mean of p(f - 2) ... p(f + 2)

Of the levels that are looked at together, about as much as a cut is sought in, speech p is that which a twentieth lie
above, so that a click does not count, and the noise floor q that which a fiftieth lie below, but p - 45 at least, so
that a gap of digital zeros does not hide the pauses of the room. Quiet is what lies below

    q + max(0.2 (p - q), 6)

and where p - q is less than 10 dB nothing is: noise, music, silence, or speech without a pause. A pause is a quiet
stretch of at least 0.2 s; shorter ones are the closures of consonants. The cut is in the middle of the longest one:
the longest pauses are between sentences and speakers.

Letters: N samples, F frames of 10 ms.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

FRAME_S = 0.01
SMOOTHED_FRAMES = 5
SILENCE_DB = -120.0  # digital silence
FLOOR, SPEECH = 2, 95  # percentiles of the levels
SHARE, LEAST_RISE, DEEPEST = 0.2, 6.0, 45.0
LEAST_RANGE = 10.0
SHORTEST_PAUSE_S = 0.2


class Pause(NamedTuple):
    """A quiet stretch, from the sample `start` up to `stop`."""

    start: int
    stop: int

    @property
    def middle(self) -> int:
        """The sample between as many quiet ones as can be."""
        return (self.start + self.stop) // 2


def find_pauses(waveform: np.ndarray, sampling_rate: int) -> list[Pause]:
    """The pauses of a waveform (N,), in order. Raises ValueError for another shape.

    >>> find_pauses(np.concatenate([speech, np.zeros(8000), speech]), 16000)
    [Pause(start=..., stop=...)]
    """
    if waveform.ndim != 1:
        raise ValueError(f"waveform: expected the samples of one channel, shape (N,), got shape {waveform.shape}")
    size = max(round(FRAME_S * sampling_rate), 1)
    levels = smoothed_levels(waveform, size)  # (F,)
    if not len(levels):
        return []
    floor, speech = np.percentile(levels, [FLOOR, SPEECH])
    if speech - floor < LEAST_RANGE:
        return []
    floor = max(floor, speech - DEEPEST)
    quiet = levels < floor + max(SHARE * (speech - floor), LEAST_RISE)
    edges = np.flatnonzero(np.diff(quiet, prepend=False, append=False)).reshape(-1, 2)  # (pauses, 2)
    long = edges[:, 1] - edges[:, 0] >= math.ceil(SHORTEST_PAUSE_S * sampling_rate / size - 1e-6)
    return [Pause(start * size, stop * size) for start, stop in edges[long].tolist()]


def smoothed_levels(waveform: np.ndarray, size: int) -> np.ndarray:
    """(N,) -> (F,): the levels of whole frames of `size` samples, in decibels."""
    count = len(waveform) // size
    frames = waveform[: count * size].reshape(count, size)
    power = np.einsum("fs,fs->f", frames, frames, dtype=np.float64) / size  # (F,)
    padded = np.pad(power, SMOOTHED_FRAMES // 2)  # what lies beyond the ends is silent
    mean = sum(padded[i : i + count] for i in range(SMOOTHED_FRAMES)) / SMOOTHED_FRAMES  # (F,)
    with np.errstate(divide="ignore"):
        return np.maximum(10 * np.log10(mean), SILENCE_DB)


def find_cut(waveform: np.ndarray, sampling_rate: int, first: int, last: int) -> int | None:
    """The middle of the longest pause whose middle is from sample `first` to `last`; None where there is none.

    Of several of one length the last. waveform: (N,), which is all that floor and speech are told from.
    """
    within = [pause for pause in find_pauses(waveform, sampling_rate) if first <= pause.middle <= last]
    if not within:
        return None
    return max(within, key=lambda pause: (pause.stop - pause.start, pause.start)).middle
