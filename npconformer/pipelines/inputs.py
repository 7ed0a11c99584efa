"""What a person hands to a pipeline, turned into one waveform at the model's rate.

N counts samples, K channels.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from npconformer.audio.files import read_audio, resample, validate_waveform

MOST_CHANNELS = 2  # more rows than this is more likely (samples, channels) than (channels, samples)


def is_path(value: Any) -> bool:
    """Whether `value` names a file or a folder."""
    return isinstance(value, str | os.PathLike)


def load_waveform(recording: Any, model_rate: int, given_rate: int | None = None) -> np.ndarray:
    """One recording as a float waveform (N,) at `model_rate`.

    recording: a path; an array (N,) or (K, N) with K at most 2, whose channels are averaged; or a dict with
    "array" (or "raw") and "sampling_rate". given_rate: the rate of a bare array, which is otherwise taken
    to be model_rate.

    Raises FileNotFoundError for a missing file and ValueError for everything that is not such a recording.
    """
    if is_path(recording):
        return read_audio(recording, sampling_rate=model_rate)
    if isinstance(recording, Mapping):
        return _from_dict(recording, model_rate)
    if isinstance(recording, bytes) or not hasattr(recording, "__len__"):  # None, a number
        raise ValueError(f"a recording may be a path, an array or a dict, got {type(recording).__name__}")
    if given_rate is None:
        given_rate = model_rate
    return _from_array(recording, "the array", given_rate, model_rate)


def _from_dict(recording: Mapping, model_rate: int) -> np.ndarray:
    name = "array" if "array" in recording else "raw"
    if name not in recording or "sampling_rate" not in recording:
        raise ValueError(
            'a recording given as a dict needs "array" (or "raw") and "sampling_rate", '
            f"got the keys {sorted(map(str, recording))}"
        )
    return _from_array(recording[name], repr(name), recording["sampling_rate"], model_rate)


def _from_array(array: Any, name: str, rate: int, model_rate: int) -> np.ndarray:
    """Average the channels, check the samples, change the rate: (N,) or (K, N) -> (N',)."""
    if isinstance(rate, bool) or not isinstance(rate, int | float | np.number) or not rate > 0:
        raise ValueError(f"sampling_rate must be a positive number of samples per second, got {rate!r}")
    shape = getattr(array, "shape", ())
    if len(shape) == 2:
        if shape[0] > MOST_CHANNELS:
            raise ValueError(
                f"{name} of shape {shape} is read as (channels, samples) and would have {shape[0]} channels; "
                f"transpose it if it is (samples, channels), and pass several recordings as a list"
            )
        array = np.asarray(array, dtype=np.result_type(array, np.float32)).mean(axis=0)  # (N,)
    return resample(validate_waveform(array, name), rate, model_rate)
