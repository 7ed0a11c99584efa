"""A waveform as Kaldi cuts it for analysis: short frames, each freed of its mean, brightened and windowed.

    frame t  =  x[160 t : 160 t + 400]                          25 ms every 10 ms at 16 kHz; the rest is cut off
    y        =  frame - mean(frame)                             a microphone's constant offset is no sound
    z[0]     =  (1 - 0.97) y[0],  z[n] = y[n] - 0.97 y[n - 1]   pre-emphasis: speech loses 6 dB with each octave; this
                                                                lifts high frequencies by about as much
    out      =  z w                                             with Povey's window

Sources: Povey et al., "The Kaldi speech recognition toolkit", ASRU 2011, whose defaults these numbers are; for
pre-emphasis Rabiner and Schafer, "Digital processing of speech signals", 1978, chapter 8. Each frame is emphasised by
itself: the sample before its first is taken to be equal to it.

The waveform counts in units of 16-bit integers, as Kaldi reads them from files: x is 2^15 times samples in [-1, 1]. N
counts samples, T frames, L = 400 samples of a frame. All in float64.

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

import numpy as np

from npconformer.audio.windows import povey_window

FRAME_LENGTH = 400  # samples that a frame sees
HOP_LENGTH = 160  # samples from one frame's start to the next
SCALE = 2.0**15  # of 16-bit integers over samples in [-1, 1]
PREEMPHASIS = 0.97


def cut_frames(waveform: np.ndarray) -> np.ndarray:
    """(N,) -> (T, L), T = (N - L) // 160 + 1: a view of the waveform, whose frames overlap. N is at least L."""
    return np.lib.stride_tricks.sliding_window_view(waveform, FRAME_LENGTH)[::HOP_LENGTH]


def prepare_frames(frames: np.ndarray, out: np.ndarray, scratch: np.ndarray) -> np.ndarray:
    """Frames (T, L) in [-1, 1] -> frames to transform (T, L), float64, written to `out`. scratch: as large as out."""
    out[...] = frames
    out *= SCALE
    out -= out.mean(axis=1, keepdims=True)
    emphasise(out, scratch)
    out *= povey_window(FRAME_LENGTH)
    return out


def emphasise(frames: np.ndarray, scratch: np.ndarray) -> None:
    """Pre-emphasis of each frame (T, L), in place: z[n] = y[n] - 0.97 y[n - 1], z[0] = (1 - 0.97) y[0].

    The frames lie one after the other in memory, so that one long subtraction serves all; only each first sample is
    then made of the frame before, and is put right. Row by row it takes nearly three times as long.
    """
    first = (1.0 - PREEMPHASIS) * frames[:, 0]  # (T,)
    before = np.multiply(frames, PREEMPHASIS, out=scratch)
    frames.reshape(-1)[1:] -= before.reshape(-1)[:-1]  # (T L - 1,)
    frames[:, 0] = first
