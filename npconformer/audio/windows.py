"""Windows: the weight of each sample of a frame before its Fourier transform.

A frame cut out of a sound has edges that the sound does not have, and the transform would show them as energy at all
frequencies. A window that falls to zero at both ends takes them away, at the price of broader lines. Hann's is the
usual one; Povey's is a little wider and lets a little more of the ends through:

    h[n] = (1 - cos(2 pi n / (L - 1))) / 2                     Hann's, NeMo's choice;  n = 0 ... L - 1
    w[n] = h[n] ^ 0.85                                         Povey's, Kaldi's choice

Povey's is Kaldi's default (Povey et al., "The Kaldi speech recognition toolkit", ASRU 2011), named after Daniel Povey,
who chose it to be like Hamming's window but zero at the ends. Both are symmetric here: the first and the last weight
are 0. (Many programs have Hann's with L in place of L - 1, which is what a repeated frame needs.)

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

import functools

import numpy as np


@functools.cache
def hann_window(length: int) -> np.ndarray:
    """Hann's weights (length,), float64; read-only."""
    angles = 2.0 * np.pi * np.arange(length) / (length - 1)
    window = 0.5 - 0.5 * np.cos(angles)
    window.setflags(write=False)
    return window


@functools.cache
def povey_window(length: int) -> np.ndarray:
    """Povey's weights (length,), float64; read-only."""
    window = hann_window(length) ** 0.85
    window.setflags(write=False)
    return window
