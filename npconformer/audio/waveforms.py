"""Arrays of samples: what is one recording, and what is sound.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

LOUDEST = 1e10  # floats scaled as 32-bit integers reach 2e9; the squares of what is far above overflow float32


def validate_waveform(array: Any, name: str = "waveform") -> np.ndarray:
    """Return `array` as a floating-point array of shape (N,), or raise a ValueError that calls it `name`.

    Refused: more or fewer than one dimension, no samples, values that are not real numbers, NaN and infinity.
    float32 and float64 pass through without a copy; everything else becomes float32.
    """
    try:
        array = np.asarray(array)
    except ValueError as error:  # a ragged nested list
        raise ValueError(f"{name} is not one sequence of samples: {error}") from error
    if array.ndim != 1:
        hint = "; average a stereo recording to one channel first" if array.ndim == 2 else ""
        raise ValueError(f"{name} must have one dimension, (samples,), got shape {array.shape}{hint}")
    if array.size == 0:
        raise ValueError(f"{name} holds no samples (its length is 0)")
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        wrong = int(array.size - np.isfinite(array).sum())
        first = int(np.argmin(np.isfinite(array)))
        raise ValueError(f"{name} holds {wrong} NaN or infinite samples, the first at index {first}")
    return array


def check_samples(samples: np.ndarray, path: str | os.PathLike) -> None:
    """Raise a ValueError that names the file when it holds samples that are no sound."""
    highest = float(max(samples.max(), -samples.min()))  # NaN where one is
    if not highest < np.inf:
        raise ValueError(f"{os.fspath(path)} holds samples that are NaN or infinite")
    if highest > LOUDEST:
        raise ValueError(
            f"{os.fspath(path)} holds samples as large as {highest:.2g}, and those of sound lie between -1 and 1: "
            "it was written wrongly, or is not sound"
        )
