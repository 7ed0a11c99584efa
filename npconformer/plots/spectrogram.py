"""The spectrogram of a waveform: which frequencies sound when.

Windows of n samples, `hop` samples from one to the next, each centred on its time (zeros beyond both ends), are
weighted with a periodic Hann window h and transformed:

    X_k(f) = Σ_i h(i) x(k·hop + i - n/2) exp(-2πi f i / M),    L_k(f) = 10 log10(|X_k(f)|² / max |X|²)  dB

Letters: N samples, K windows, M points of the Fourier transform (the next power of two above n), F = M/2+1 frequencies.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

WINDOW_SECONDS, HOP_SECONDS = 0.025, 0.01
FLOOR = -80.0  # dB below the loudest


class Spectrogram(NamedTuple):
    """times (K,) s, the windows' centres; frequencies (F,) Hz; levels (F, K) float32, dB, 0 the loudest, >= FLOOR."""

    times: np.ndarray
    frequencies: np.ndarray
    levels: np.ndarray


def spectrogram(
    waveform: np.ndarray,
    sampling_rate: int,
    window_seconds: float = WINDOW_SECONDS,
    hop_seconds: float = HOP_SECONDS,
) -> Spectrogram:
    """The spectrogram of a waveform (N,) of at least one sample; silence is FLOOR everywhere.

    Raises:
        ValueError: a waveform with another number of dimensions, without samples or not finite; a rate, window or hop
            that is not positive.
    """
    waveform = np.asarray(waveform)
    if waveform.ndim != 1 or not waveform.size or waveform.dtype.kind != "f":
        raise ValueError(f"waveform: expected floating samples (n,), got {waveform.dtype} {waveform.shape}")
    if not np.isfinite(waveform).all():
        raise ValueError("waveform: expected finite samples, got NaN or infinite ones")
    settings = {"sampling_rate": sampling_rate, "window_seconds": window_seconds, "hop_seconds": hop_seconds}
    for name, value in settings.items():
        if not value > 0:
            raise ValueError(f"{name}: expected a positive number, got {value!r}")
    size = max(round(window_seconds * sampling_rate), 2)  # n
    hop = max(round(hop_seconds * sampling_rate), 1)
    points = 1 << (size - 1).bit_length()  # M
    count = 1 + (len(waveform) - 1) // hop  # K
    before = size // 2
    padded = np.pad(waveform, (before, max(0, (count - 1) * hop + size - before - len(waveform))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop][:count]  # (K, n)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    power = np.abs(np.fft.rfft(windows * hann, points)).T ** 2  # (F, K)
    levels = np.full(power.shape, FLOOR, np.float32)
    if power.max() > 0:
        smallest = 10 ** (FLOOR / 10)
        levels[:] = 10 * np.log10(np.maximum(power / power.max(), smallest))
    return Spectrogram(np.arange(count) * hop / sampling_rate, np.fft.rfftfreq(points, 1 / sampling_rate), levels)
