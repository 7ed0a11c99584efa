"""Mel filters: a few dozen overlapping triangles that sum a spectrum into bands as wide as the ear's.

Equal steps of pitch, as listeners judge it, are nearly equal steps in Hz below 1000 Hz and equal ratios above. The mel
scale says so in one formula (O'Shaughnessy, Speech Communication, 1987, p. 150; natural logarithm, as in Kaldi):

    mel(f) = 1127 ln(1 + f / 700)                                                  f in Hz

J filters (Davis and Mermelstein, IEEE Trans. ASSP 28(4), 1980, figure 1) have centres that are equally far apart in
mel, delta, and each falls to zero at its neighbours' centres:

    c_j = mel(low) + j delta,   delta = (mel(high) - mel(low)) / (J + 1)           j = 1 ... J
    W[k, j] = max(0, 1 - |mel(f_k) - c_j| / delta)                                 f_k = k rate / N, k = 0 ... N/2

So a triangle has straight sides in mel, not in Hz: Kaldi's choice (Povey et al., "The Kaldi speech recognition
toolkit", ASRU 2011), where other programs draw straight sides in Hz. Its peak is 1 whatever its width. N counts the
points of the Fourier transform, F = N/2 + 1 its frequencies.

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np


def mel_from_hertz(hertz: Any) -> Any:
    """Pitch in mel of frequencies in Hz, one or an array: 1127 ln(1 + f / 700). 1000 Hz is 1000 mel, nearly."""
    return 1127.0 * np.log(1.0 + np.asarray(hertz) / 700.0)


@functools.cache
def mel_filters(bands: int, sampling_rate: float, fft_length: int = 512, lowest: float = 20.0) -> np.ndarray:
    """The filters' weights W (F, bands), float64, from `lowest` to sampling_rate // 2, both in Hz; read-only.

    An energy of band j is the power spectrum's product with column j. A filter that lies between two frequencies of
    the transform is zero everywhere: then there are too many, and a UserWarning says so.
    """
    frequencies = np.arange(fft_length // 2 + 1) * (sampling_rate / fft_length)  # (F,)
    low, high = mel_from_hertz(lowest), mel_from_hertz(sampling_rate // 2)
    delta = (high - low) / (bands + 1)
    centres = low + delta * np.arange(1, bands + 1)  # (bands,)
    distances = np.abs(mel_from_hertz(frequencies)[:, None] - centres) / delta  # (F, bands)
    weights = np.maximum(0.0, 1.0 - distances)
    empty = int((weights.max(axis=0) == 0).sum())
    if empty:
        warnings.warn(
            f"{empty} of {bands} mel filters lie between two frequencies of the Fourier transform "
            f"({sampling_rate / fft_length:g} Hz apart) and are zero; fewer mel bins would not be",
            stacklevel=2,
        )
    weights.setflags(write=False)
    return weights
