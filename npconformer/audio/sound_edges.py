"""Where sound begins and ends: a CTC model's letters are near the sound of their word, and not at its edges.

A model may say its first letters in the silence before them, and it says the last letter of a word long before the
sound of it has died away. The level of the samples tells more: of frames of 10 ms, in decibels,

    level(f) = 10 log10 mean of the squared samples of frame f

Around a word, between the quietest frame q and the loudest p, sound is what lies above

    max(q + 0.15 (p - q), q + 4, p - 45)

and where p - q is less than 10 dB there is no edge to be found: noise, music, or speech without a pause.

Letters: N samples, F frames of 10 ms.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

import math

import numpy as np

FRAME_S = 0.01
SILENCE_DB = -120.0  # digital silence
SHARE, LEAST_RISE, DEEPEST = 0.15, 4.0, 45.0
LEAST_RANGE = 10.0
FRAMES_IN_A_ROW = 3  # a click is no beginning
SHORTEST_SILENCE = 8  # frames before a word: fewer are its soft first consonant, or a guess
LONGEST_CLOSURE = 8  # frames from sound to sound inside of a word: that of a stop such as the T of EIGHT
AROUND_S = 0.3  # of a word, which is looked at for its quietest frame


class SoundEdges:
    """The levels of a recording, and where sound begins and ends in it."""

    def __init__(self, waveform: np.ndarray, sampling_rate: int) -> None:
        """waveform: (N,). Raises ValueError for another shape."""
        waveform = np.asarray(waveform)
        if waveform.ndim != 1:
            raise ValueError(f"waveform: expected the samples of one channel, shape (N,), got shape {waveform.shape}")
        size = max(round(FRAME_S * sampling_rate), 1)
        whole = len(waveform) // size * size
        frames = waveform[:whole].reshape(-1, size)  # (F, size)
        power = np.einsum("fs,fs->f", frames, frames, dtype=np.float64) / size
        with np.errstate(divide="ignore"):
            self.levels = np.maximum(10 * np.log10(power), SILENCE_DB)  # (F,)
        self.frame_s = size / sampling_rate
        self.duration = len(waveform) / sampling_rate

    def begins(self, start: float, latest: float) -> float:
        """Where the sound of a word begins that a model says from `start` on: at `start`, or later, before `latest`."""
        first, last = self._frames(start, latest)
        loud = self._loud(first, last)
        for frame in range(len(loud)):
            if loud[frame : frame + FRAMES_IN_A_ROW].all():
                return (first + frame) * self.frame_s if frame >= SHORTEST_SILENCE else start
        return start

    def ends(self, start: float, end: float, latest: float) -> float:
        """Where the sound of that word ends: before `end`, or as long after it as it goes on, at most at `latest`."""
        first, last = self._frames(start, latest)
        loud = self._loud(first, last)
        stop = min(max(math.ceil(end / self.frame_s - 1e-6) - first, 0), len(loud))
        sound = np.flatnonzero(loud)
        if not len(sound) or sound[0] >= stop:
            return end
        last_heard = int(sound[sound < stop][-1])
        for frame in sound[sound >= stop].tolist():
            if frame - last_heard > LONGEST_CLOSURE:
                break
            last_heard = frame
        return min((first + last_heard + 1) * self.frame_s, max(latest, end))

    def _frames(self, start: float, end: float) -> tuple[int, int]:
        first = max(math.floor(start / self.frame_s + 1e-6), 0)
        return first, min(math.ceil(end / self.frame_s - 1e-6), len(self.levels))

    def _loud(self, first: int, last: int) -> np.ndarray:
        """Whether each frame from `first` to `last` is sound; all of them are where there is no edge."""
        around = round(AROUND_S / self.frame_s)
        near = self.levels[max(first - around, 0) : last + around]
        inside = self.levels[first:last]
        if not len(inside):
            return np.ones(0, bool)
        quietest, loudest = near.min(), inside.max()
        span = loudest - quietest
        if span < LEAST_RANGE:
            return np.ones(len(inside), bool)
        return inside >= max(quietest + max(SHARE * span, LEAST_RISE), loudest - DEEPEST)
