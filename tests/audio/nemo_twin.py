"""NeMo's features as their facts say, step by step in float64, with sums where the package has transforms.

Nothing of the package is used. The frames are those of torch's transform: 512 samples, a window of 400 in the middle.
"""

from __future__ import annotations

import numpy as np


def slaney_filters(bands: int = 80, rate: float = 16000.0, points: int = 512) -> np.ndarray:
    """(F, J): triangles in Hz between corners that are equally far apart on Slaney's scale, of area 1 in Hz."""
    top = 15 + 27 * np.log(rate / 2 / 1000) / np.log(6.4)
    corners = [mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27) for mel in np.linspace(0, top, bands + 2)]
    filters = np.zeros((points // 2 + 1, bands))
    for k in range(points // 2 + 1):
        f = k * rate / points
        for j in range(bands):
            left, centre, right = corners[j : j + 3]
            height = 2 / (right - left)
            if left <= f <= centre:
                filters[k, j] = height * (f - left) / (centre - left)
            elif centre < f <= right:
                filters[k, j] = height * (right - f) / (right - centre)
    return filters


def log_mel(waveform: np.ndarray, bands: int = 80, rate: float = 16000.0) -> np.ndarray:
    """(T, J) float64 of a waveform (N,) with samples in -1..1; T = N // 160 + 1."""
    x = np.asarray(waveform, np.float64)
    emphasised = np.array([x[0], *(x[n] - 0.97 * x[n - 1] for n in range(1, len(x)))])
    reflected = np.concatenate([emphasised[256:0:-1], emphasised, emphasised[-2:-258:-1]])
    window = np.zeros(512)
    window[56:456] = [0.5 - 0.5 * np.cos(2 * np.pi * n / 399) for n in range(400)]
    waves = np.exp(-2j * np.pi * np.outer(np.arange(512), np.arange(257)) / 512)
    frames = np.array([reflected[160 * t : 160 * t + 512] * window for t in range(len(x) // 160 + 1)])
    return np.log(np.abs(frames @ waves) ** 2 @ slaney_filters(bands, rate) + 2.0**-24)


def normalize(features: np.ndarray) -> np.ndarray:
    """Each band at mean 0; its deviation, of T - 1, with 1e-5 added to it, at 1."""
    return (features - features.mean(axis=0)) / (features.std(axis=0, ddof=1) + 1e-5)
