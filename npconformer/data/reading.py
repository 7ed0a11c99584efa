"""Reading the sound of examples, and keeping what was decoded while there is room for it."""

from __future__ import annotations

import math
import threading

import numpy as np

from npconformer.audio.files import read_audio
from npconformer.audio.recording import open_recording
from npconformer.audio.resampling import resample
from npconformer.audio.sources import is_pipe
from npconformer.data.examples import Example

CACHE_BYTES = 256 * 2**20
LONGEST = 1e9  # seconds: thirty years, so that a number of samples can be made of any number of seconds


def read_example(example: Example, sampling_rate: int) -> np.ndarray:
    """The samples of an example, float32 (N,), one channel at `sampling_rate`.

    Of a stretch only the stretch is decoded where the file allows it. An `end` behind the recording's is the
    recording's.

    Raises what `read_audio` raises, and ValueError for a pipe, which can be read only once, and for a stretch that
    starts behind the end.
    """
    if is_pipe(example.path):
        raise ValueError(f"{example.path} is a pipe; recordings to learn from are read from files, more than once")
    if not example.is_stretch:
        return read_audio(example.path, sampling_rate)
    with open_recording(example.path) as recording:
        start, stop = (
            None if seconds is None else round(min(seconds, LONGEST) * recording.rate)
            for seconds in (example.start or 0.0, example.end)
        )
        pieces = list(recording.mono_between(start or 0, stop))
        samples = resample(np.concatenate(pieces), recording.rate, sampling_rate) if pieces else np.zeros(0, np.float32)
    if len(samples) == 0:
        raise ValueError(f"{example.name}: the recording ends before this stretch starts")
    return samples


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
