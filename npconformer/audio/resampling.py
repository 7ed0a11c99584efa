"""Sampling rates, and changing from one to another.

N counts samples, K channels.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from npconformer.storage.messages import shown

LOWEST_RATE, HIGHEST_RATE = 100, 10_000_000  # Hz; telephones have 8000, studios 192,000, one-bit converters 5,644,800


def resample(array: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Change the sampling rate of `array`, (N,) or (N, K), to `to_rate` with soxr's band-limited HQ recipe.

    Returns an array of round(N * to_rate / from_rate) samples in the dtype of `array` (integers become
    float32). At equal rates the samples come back as they are. Raises ValueError for rates that no sound
    has; see `check_sampling_rate`.
    """
    check_sampling_rate(from_rate, "from_rate")
    check_sampling_rate(to_rate, "to_rate")
    array = np.asarray(array)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float32)
    if from_rate == to_rate:
        return array

    import soxr

    return soxr.resample(array, from_rate, to_rate, quality="HQ")


def check_sampling_rate(rate: Any, name: str = "sampling_rate") -> None:
    """Raise a ValueError that calls it `name` unless `rate` is a number of samples per second that sound may have."""
    is_number = isinstance(rate, Real) and not isinstance(rate, bool | np.bool_)
    if not is_number or not LOWEST_RATE <= rate <= HIGHEST_RATE:
        expected = f"a number of samples per second from {LOWEST_RATE} to {HIGHEST_RATE}, such as 16000"
        raise ValueError(f"{name} must be {expected}, got {shown(rate)}")
