"""What a person hands to a pipeline, turned into one waveform at the model's rate.

N counts samples, K channels.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from npconformer.audio.files import read_audio
from npconformer.audio.resampling import resample
from npconformer.audio.sources import is_open_file
from npconformer.audio.waveforms import check_samples, validate_waveform

MOST_CHANNELS = 2  # more rows than this is more likely (samples, channels) than (channels, samples)
ABOUT_THE_SOUND = ("raw", "array", "sampling_rate", "stride")


class Recording(NamedTuple):
    """One recording: its waveform (N,) at the model's rate, and what came with it.

    stride: how many samples, at the model's rate, on the left and on the right are context only; None for none.
    extra: the other entries of a dict, which come back with the result.
    """

    waveform: np.ndarray
    stride: tuple[int, int] | None = None
    extra: Mapping[str, Any] = {}


def is_path(value: Any) -> bool:
    """Whether `value` names a file or a folder."""
    return isinstance(value, str | os.PathLike)


def in_words(error: Exception) -> str:
    """An error as something to tell of a recording; one that nobody expected is told with its kind."""
    if isinstance(error, ValueError | OSError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"not enough memory{f' ({error})' if str(error) else ''}"
    return f"{type(error).__name__}: {error}"


def several(inputs: Any) -> Iterator[Any] | None:
    """The recordings of what holds several: a list, an iterator, a dataset. None for one recording.

    A dataset is what has `__len__` and `__getitem__` and is no array.
    """
    if is_path(inputs) or is_open_file(inputs) or isinstance(inputs, Mapping) or _is_array(inputs):
        return None
    if isinstance(inputs, list | tuple | Iterator):
        return iter(inputs)
    if hasattr(inputs, "__len__") and hasattr(inputs, "__getitem__"):
        return (inputs[i] for i in range(len(inputs)))
    return iter(inputs) if isinstance(inputs, Iterable) else None


def _is_array(value: Any) -> bool:
    """Whether it is one array: also of another library, of bytes, or of Python's own module `array`."""
    if hasattr(value, "__array__") or hasattr(value, "__cuda_array_interface__"):
        return True
    try:
        memoryview(value)
    except TypeError:
        return False
    return True


def load_waveform(recording: Any, model_rate: int, given_rate: int | None = None) -> np.ndarray:
    """The waveform (N,) of `load_recording`."""
    return load_recording(recording, model_rate, given_rate).waveform


def load_recording(recording: Any, model_rate: int, given_rate: int | None = None) -> Recording:
    """One recording with a float waveform (N,) at `model_rate`.

    recording: a path; the bytes of a file, or an open one; an array (N,) or (K, N) with K at most 2, whose channels
    are averaged; or a dict with "array" (or "raw") and "sampling_rate", perhaps "stride" in its samples, and whatever
    else. given_rate: the rate of a bare array, which is otherwise taken to be model_rate.

    Raises FileNotFoundError for a missing file and ValueError for everything that is not such a recording.
    """
    if is_path(recording) or is_open_file(recording) or isinstance(recording, bytes | bytearray):
        return Recording(read_audio(recording, sampling_rate=model_rate))
    if isinstance(recording, Mapping):
        return _from_dict(recording, model_rate)
    if not hasattr(recording, "__len__"):  # None, a number
        raise ValueError(
            f"a recording may be a path, bytes, an open file, an array or a dict, got {type(recording).__name__}"
        )
    if given_rate is None:
        given_rate = model_rate
    return Recording(_from_array(recording, "the array", given_rate, model_rate))


def _from_dict(recording: Mapping, model_rate: int) -> Recording:
    name = "raw" if recording.get("raw") is not None else "array"
    if name not in recording or "sampling_rate" not in recording:
        raise ValueError(
            'a recording given as a dict needs "array" (or "raw") and "sampling_rate", '
            f"got the keys {sorted(map(str, recording))}"
        )
    rate = recording["sampling_rate"]
    waveform = _from_array(recording[name], repr(name), rate, model_rate)
    stride = _stride(recording.get("stride"), np.shape(recording[name])[-1], model_rate / rate)
    left_out = {*ABOUT_THE_SOUND, "path"} if name == "array" else {*ABOUT_THE_SOUND}  # a dataset's array has its path
    return Recording(waveform, stride, {key: value for key, value in recording.items() if key not in left_out})


def _stride(stride: Any, samples: int, ratio: float) -> tuple[int, int] | None:
    """The stride of a recording of so many samples at the model's rate, `ratio` times its own."""
    if stride is None:
        return None
    if (
        not isinstance(stride, tuple | list)
        or len(stride) != 2
        or not all(isinstance(one, int | np.integer) and one >= 0 for one in stride)
    ):
        raise ValueError(f"stride must be two numbers of samples, for the left and the right, got {stride!r}")
    if sum(stride) > samples:
        raise ValueError(f"stride={tuple(stride)!r} is too large: the recording has {samples} samples")
    return round(stride[0] * ratio), round(stride[1] * ratio)


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
        array = np.asarray(array)
        with np.errstate(over="ignore"):  # refused below
            array = array.astype(np.result_type(array, np.float32), copy=False).mean(axis=0)  # (N,)
    waveform = validate_waveform(array, name)
    check_samples(waveform, name)
    return resample(waveform, rate, model_rate)
