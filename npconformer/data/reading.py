"""Reading the sound of examples, and keeping what was decoded while there is room for it."""

from __future__ import annotations

import math
import threading

import numpy as np

from npconformer.audio.files import read_audio, resample
from npconformer.data.examples import Example

CACHE_BYTES = 256 * 2**20


def read_example(example: Example, sampling_rate: int) -> np.ndarray:
    """The samples of an example, float32 (N,), one channel at `sampling_rate`.

    Of a stretch only the stretch is decoded where the file allows it. An `end` behind the recording's is the
    recording's.

    Raises what `read_audio` raises, and ValueError for a stretch that starts behind the end.
    """
    if not example.is_stretch:
        return read_audio(example.path, sampling_rate)
    samples = _read_stretch(example, sampling_rate)
    if samples is None:  # the usual way, which also finds the words for what is wrong with the file
        whole = read_audio(example.path, sampling_rate)
        samples = whole[_stretch(example, sampling_rate, len(whole))].copy()  # a view would keep the whole
    if len(samples) == 0:
        raise ValueError(f"{example.name}: the recording ends before this stretch starts")
    if not np.isfinite(samples).all():
        raise ValueError(f"{example.name} holds samples that are NaN or infinite")
    return samples


def _read_stretch(example: Example, sampling_rate: int) -> np.ndarray | None:
    import soundfile

    try:
        with soundfile.SoundFile(example.path) as file:
            stretch = _stretch(example, file.samplerate, file.frames)
            first = 0 if file.format == "MP3" else stretch.start  # after a seek, MP3 gives garbage for 0.3 s
            file.seek(first)
            samples = file.read(stretch.stop - first, dtype="float32", always_2d=True)  # (N, channels)
            samples = samples[stretch.start - first :]
            rate = file.samplerate
    except (soundfile.SoundFileError, OSError, TypeError, ValueError):
        return None
    return resample(samples.mean(axis=1), rate, sampling_rate)


def _stretch(example: Example, rate: int, length: int) -> slice:
    start = min(round((example.start or 0.0) * rate), length)
    stop = length if example.end is None else min(round(min(example.end, length / rate) * rate), length)
    return slice(start, max(start, stop))


class AudioReader:
    """Reads examples at one rate; what it has read stays in memory up to `cache_bytes`, safely for threads.

    What came first stays: with an order that changes every epoch, each kept recording saves one decoding an
    epoch, whichever it is, and nothing is gained by exchanging them.
    """

    def __init__(self, sampling_rate: int, cache_bytes: int = CACHE_BYTES) -> None:
        if not (math.isfinite(cache_bytes) and cache_bytes >= 0):
            raise ValueError(f"cache_bytes must be a number of bytes, 0 or more, got {cache_bytes!r}")
        self.sampling_rate = sampling_rate
        self.cache_bytes = cache_bytes
        self.bytes_held = 0
        self._held: dict[tuple, np.ndarray] = {}
        self._lock = threading.Lock()

    def __call__(self, example: Example) -> np.ndarray:
        """As `read_example`; the samples are not to be changed."""
        key = (example.path, example.start, example.end)
        samples = self._held.get(key)
        if samples is not None:
            return samples
        samples = read_example(example, self.sampling_rate)
        samples.flags.writeable = False
        with self._lock:
            if key not in self._held and self.bytes_held + samples.nbytes <= self.cache_bytes:
                self._held[key] = samples
                self.bytes_held += samples.nbytes
        return samples
