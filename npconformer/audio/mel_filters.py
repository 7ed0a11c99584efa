"""Mel filters: a few dozen overlapping triangles that sum a spectrum into bands as wide as the ear's.

Equal steps of pitch, as listeners judge it, are nearly equal steps in Hz below 1000 Hz and equal ratios above. The mel
scale says so in one formula (O'Shaughnessy, Speech Communication, 1987, p. 150; natural logarithm, as in Kaldi):

    mel(f) = 1127 ln(1 + f / 700)                                                  f in Hz

J filters (Davis and Mermelstein, IEEE Trans. ASSP 28(4), 1980, figure 1) have centres that are equally far apart in
mel, delta, and each falls to zero at its neighbours' centres:

    c_j = mel(low) + j delta,   delta = (mel(high) - mel(low)) / (J + 1)           j = 1 ... J
    W[k, j] = max(0, 1 - |mel(f_k) - c_j| / delta)                                 f_k = k rate / N, k = 0 ... N/2

So a triangle has straight sides in mel, not in Hz: Kaldi's choice (Povey et al., "The Kaldi speech recognition
toolkit", ASRU 2011). Its peak is 1 whatever its width. N counts the points of the Fourier transform, F = N/2 + 1 its
frequencies.

Slaney's filters ("Auditory toolbox", Interval Research TR 1998-010), which librosa has made usual and NeMo takes, have
another scale, straight sides in Hz, and one area, so that white noise fills all bands alike:

    mel(f) = 3 f / 200,   from 1000 Hz on   15 + 27 ln(f / 1000) / ln 6.4
    W[k, j] = max(0, min((f_k - f_{j-1}) / (f_j - f_{j-1}), (f_{j+1} - f_k) / (f_{j+1} - f_j))) 2 / (f_{j+1} - f_{j-1})

with f_j the frequency of pitch c_j, f_0 the lowest and f_{J+1} the highest.

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
    return _checked(weights, sampling_rate / fft_length)


BREAK_HERTZ, BREAK_MEL = 1000.0, 15.0  # where Slaney's scale turns from equal steps to equal ratios
RATIO = np.log(6.4) / 27.0  # of the logarithm, for one mel


def slaney_from_hertz(hertz: Any) -> Any:
    """Pitch on Slaney's scale of frequencies in Hz, one or an array: 1000 Hz is 15."""
    hertz = np.asarray(hertz, np.float64)
    above = BREAK_MEL + np.log(np.maximum(hertz, BREAK_HERTZ) / BREAK_HERTZ) / RATIO
    return np.where(hertz < BREAK_HERTZ, hertz * (BREAK_MEL / BREAK_HERTZ), above)


def hertz_from_slaney(mel: Any) -> Any:
    """Frequencies in Hz of pitches on Slaney's scale: the inverse of `slaney_from_hertz`."""
    mel = np.asarray(mel, np.float64)
    above = BREAK_HERTZ * np.exp(RATIO * (np.maximum(mel, BREAK_MEL) - BREAK_MEL))
    return np.where(mel < BREAK_MEL, mel * (BREAK_HERTZ / BREAK_MEL), above)


@functools.cache
def slaney_mel_filters(bands: int, sampling_rate: float, fft_length: int = 512, lowest: float = 0.0) -> np.ndarray:
    """Slaney's filters W (F, bands), float64, from `lowest` to half the sampling rate, both in Hz; read-only.

    As `mel_filters`, with a UserWarning for filters between two frequencies of the transform.
    """
    frequencies = np.arange(fft_length // 2 + 1) * (sampling_rate / fft_length)  # (F,)
    low, high = slaney_from_hertz(lowest), slaney_from_hertz(sampling_rate / 2)
    corners = hertz_from_slaney(np.linspace(low, high, bands + 2))  # (bands + 2,)
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    rising = (frequencies[:, None] - left) / (centre - left)  # (F, bands)
    falling = (right - frequencies[:, None]) / (right - centre)
    weights = np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (right - left))
    return _checked(weights, sampling_rate / fft_length)


def _checked(weights: np.ndarray, apart: float) -> np.ndarray:
    """The weights, read-only; a UserWarning where a filter has none. apart: Hz from one frequency to the next."""
    empty = int((weights.max(axis=0) == 0).sum())
    if empty:
        warnings.warn(
            f"{empty} of {weights.shape[1]} mel filters lie between two frequencies of the Fourier transform "
            f"({apart:g} Hz apart) and are zero; fewer mel bins would not be",
            stacklevel=3,
        )
    weights.setflags(write=False)
    return weights
