"""Povey's window: the weight of each sample of a frame before its Fourier transform.

A frame cut out of a sound has edges that the sound does not have, and the transform would show them as energy at all
frequencies. A window that falls to zero at both ends takes them away, at the price of broader lines. Hann's,
(1 - cos x) / 2, is the usual one; Povey's is a little wider and lets a little more of the ends through:

    w[n] = ((1 - cos(2 pi n / (L - 1))) / 2) ^ 0.85            n = 0 ... L - 1

It is Kaldi's default (Povey et al., "The Kaldi speech recognition toolkit", ASRU 2011), named after Daniel Povey, who
chose it to be like Hamming's window but zero at the ends. It is symmetric: the first and the last weight are both 0.

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

import functools

import numpy as np


@functools.cache
def povey_window(length: int) -> np.ndarray:
    """The weights (length,), float64; read-only."""
    angles = 2.0 * np.pi * np.arange(length) / (length - 1)
    window = (0.5 - 0.5 * np.cos(angles)) ** 0.85
    window.setflags(write=False)
    return window
