"""A waveform as NeMo cuts it for analysis: brightened as a whole, its ends mirrored, frames centred and windowed.

    z[0]     =  x[0],  z[n] = x[n] - 0.97 x[n - 1]              pre-emphasis, of the waveform and not of each frame
    z[-n]    =  z[n],  z[N - 1 + n] = z[N - 1 - n]              both ends mirrored
    frame t  =  z[160 t - 200 : 160 t + 200]                    centred on sample 160 t; N // 160 + 1 frames
    out      =  frame w                                         with Hann's window

What Kaldi does otherwise stands in `kaldi_frames`: frames that begin with sample 160 t, without their mean, each
emphasised by itself, in units of 16-bit integers, with Povey's window. NeMo (Kuchaiev et al. 2019) calls torch's
Fourier transform, whose frames have 512 samples; its window of 400 lies in their middle and is 0 around, so that these
400 alone count, and where among the 512 they lie does not change the power of a frequency.

NeMo adds noise of 1e-5 ("dither") in training, and none when it recognises; there is none here.

N counts samples, T frames, L = 400 samples of a frame. All in float64.

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

import numpy as np

from npconformer.audio.kaldi_frames import FRAME_LENGTH, PREEMPHASIS, cut_frames
from npconformer.audio.windows import hann_window

MIRRORED = FRAME_LENGTH // 2  # samples at each end
FEWEST_SAMPLES = MIRRORED + 1  # that can be mirrored


def cut_centred_frames(waveform: np.ndarray) -> np.ndarray:
    """(N,) -> (T, L), T = N // 160 + 1: a view of the emphasised waveform, whose frames overlap. N is at least 201."""
    emphasised = waveform.astype(np.float64)  # (N,)
    emphasised[1:] -= PREEMPHASIS * waveform[:-1].astype(np.float64)
    return cut_frames(np.pad(emphasised, MIRRORED, mode="reflect"))


def weigh_frames(frames: np.ndarray, out: np.ndarray, scratch: np.ndarray) -> np.ndarray:
    """Frames (T, L) -> frames to transform (T, L), float64, written to `out`. scratch is not needed."""
    return np.multiply(frames, hann_window(FRAME_LENGTH), out=out)
