"""The slow twin of log-mel features: one frame at a time, the Fourier transform as its sum, triangles as interpolation.

In float64 throughout, so that it also tells how far the reference, which rounds its spectrum to complex64, is off.
"""

from __future__ import annotations

import math

import numpy as np


def mel_weight(band: int, bands: int, hertz: float, rate: float) -> float:
    """The weight of a frequency in one triangle, by interpolation between its three corners."""
    mel = [1127 * math.log(1 + f / 700) for f in (20, rate // 2, hertz)]
    step = (mel[1] - mel[0]) / (bands + 1)
    corners = [mel[0] + step * k for k in (band, band + 1, band + 2)]
    return float(np.interp(mel[2], corners, [0, 1, 0], left=0, right=0))


def mel_matrix(bands: int = 80, rate: float = 16000) -> np.ndarray:
    """(257, bands)."""
    return np.array([[mel_weight(j, bands, k * rate / 512, rate) for j in range(bands)] for k in range(257)])


def log_mel(waveform: np.ndarray, bands: int = 80, rate: float = 16000) -> np.ndarray:
    """(N,) -> (T, bands), float64."""
    n = np.arange(400)
    window = [((1 - math.cos(2 * math.pi * i / 399)) / 2) ** 0.85 for i in range(400)]
    fourier = np.exp(-2j * np.pi * ((n[:, None] * np.arange(257)) % 512) / 512)  # (400, 257)
    filters, rows = mel_matrix(bands, rate), []
    for start in range(0, len(waveform) - 399, 160):
        frame = waveform[start : start + 400].astype(np.float64) * 32768
        frame = frame - math.fsum(frame) / 400
        frame = np.array([frame[i] - 0.97 * frame[max(i - 1, 0)] for i in range(400)]) * window
        rows.append(np.log(np.maximum(np.abs(frame @ fourier) ** 2 @ filters, 1.192092955078125e-07)))
    return np.array(rows)


def normalize(features: np.ndarray) -> np.ndarray:
    """(T, J) in float64: each band at mean 0 and variance 1."""
    features = features.astype(np.float64)
    return (features - features.mean(0)) / np.sqrt(features.var(0, ddof=1) + 1e-7)
