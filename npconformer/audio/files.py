"""Reading recordings: any file that libsndfile reads, mixed to one channel, at the rate that a model needs.

N counts samples, K channels. Samples are float32, in [-1, 1] for formats that store integers.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Real
from typing import Any

import numpy as np

from npconformer.storage.messages import shown

BELIEVED = 16_000_000  # samples: 64 MB, a quarter of an hour at 16 kHz
LOWEST_RATE, HIGHEST_RATE = 100, 10_000_000  # Hz; telephones have 8000, studios 192,000, one-bit converters 5,644,800


def read_audio(path: str | os.PathLike | Any, sampling_rate: int | None = 16000, mono: bool = True) -> np.ndarray:
    """Read a WAV, FLAC, OGG, MP3 (or other libsndfile) file as float32 samples.

    path: the file, or its bytes, or a file that is open for reading bytes. sampling_rate: the rate wanted, in Hz; None
    keeps the file's own. mono: average the channels to shape (N,); otherwise the result is (N, K), also for K = 1.

    Raises, naming the file: FileNotFoundError when there is none, another OSError, such as PermissionError,
    when it cannot be opened, and ValueError when it is empty, is not audio, holds no samples, or holds NaN or
    infinite samples.
    """
    if sampling_rate is not None:
        check_sampling_rate(sampling_rate)
    with open_recording(path) as file:
        samples, rate = _read_all(file), file.samplerate  # (N, K)
    if len(samples) == 0:
        raise ValueError(f"{name_of(path)} holds no samples")
    check_samples(samples, path)
    if mono:
        samples = average_channels(samples)
    if sampling_rate is None:
        return samples
    with np.errstate(over="ignore"):
        samples = resample(samples, rate, sampling_rate)
    check_samples(samples, path)  # numbers near float32's largest overflow on the way
    return samples


def _read_all(file: Any) -> np.ndarray:
    """All samples, (N, K). A header may promise gigabytes that are not there: much is taken piece by piece."""
    if file.frames * file.channels <= BELIEVED:
        return file.read(dtype="float32", always_2d=True)
    pieces = []
    while len(piece := file.read(max(BELIEVED // file.channels, 1), dtype="float32", always_2d=True)):
        pieces.append(piece)
    return np.concatenate(pieces) if pieces else np.zeros((0, file.channels), np.float32)


@contextmanager
def open_recording(path: str | os.PathLike | Any) -> Iterator[Any]:
    """A recording as a soundfile.SoundFile, closed at the end of the block; `path` as for `read_audio`.

    Raises the errors of `read_audio`, also for what libsndfile only notices while the block reads.
    """
    source, path = _source(path), name_of(path)  # named in errors as the caller names it

    import soundfile  # loads libsndfile: only when audio is read

    try:
        file = soundfile.SoundFile(source)
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: it takes .raw for headerless samples
        raise ValueError(f"{path} cannot be read as audio: {_reason(error)}") from error
    with file:
        check_sampling_rate(file.samplerate, f"{path}: its sampling rate")
        try:
            yield file
        except soundfile.SoundFileError as error:
            raise ValueError(f"{path} cannot be read as audio: {_reason(error)}") from error


def is_open_file(value: Any) -> bool:
    """Whether it is a file that is open for reading, or something that reads like one."""
    return callable(getattr(value, "read", None))


def name_of(recording: Any) -> str:
    """What a recording is called in messages: its path, or what it came as."""
    name = getattr(recording, "name", None) if is_open_file(recording) else recording
    if isinstance(name, str | os.PathLike):
        return os.fspath(name)
    return "the open file" if is_open_file(recording) else "the recording's bytes"


def _source(recording: Any) -> Any:
    """What soundfile is given: a path that can be read, or the bytes in memory."""
    if isinstance(recording, str | os.PathLike):
        path = os.fspath(recording)
        _check_is_readable(path)
        return path if os.name == "nt" else os.fsencode(path)  # soundfile refuses names that are not UTF-8
    content = recording.read() if is_open_file(recording) else recording
    if isinstance(content, str):
        raise ValueError(f'{name_of(recording)} is open for reading text; open it with mode "rb"')
    if len(content) == 0:
        raise ValueError(f"{name_of(recording)}: no bytes" + (" are left" if is_open_file(recording) else ""))
    return io.BytesIO(content)


def check_samples(samples: np.ndarray, path: str | os.PathLike | Any) -> None:
    """Raise a ValueError that names the file when it holds samples that are no numbers."""
    if not np.isfinite(samples).all():
        raise ValueError(f"{name_of(path)} holds samples that are NaN or infinite")


def average_channels(samples: np.ndarray) -> np.ndarray:
    """(N, K) -> (N,)."""
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)


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


def _check_is_readable(path: str | bytes) -> None:
    """Raise an error in plain words for what libsndfile would call a system error."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise ValueError(f"{path} is a folder, not an audio file")
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{path} is a pipe or a device; recordings are read from files")
        if status.st_size == 0:
            raise ValueError(f"{path} is empty (0 bytes)")
        open(path, "rb").close()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file") from None
    except OSError as error:
        raise type(error)(f"{path} cannot be read: {error.strerror}") from error


def _reason(error: Exception) -> str:
    """libsndfile's own words, without the path that soundfile puts before them."""
    return str(getattr(error, "error_string", "") or error).rstrip(".")
