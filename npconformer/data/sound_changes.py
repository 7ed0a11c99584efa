"""What augmentation does to samples. N counts samples; waveforms are float32 (N,), levels root mean squares."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from npconformer.audio.resampling import resample


def change_speed(waveform: np.ndarray, factor: float, rate: int) -> np.ndarray:
    """(N,) -> (N / factor,), rounded: as if recorded at `rate * factor` and resampled to `rate`."""
    return waveform if factor == 1 else resample(waveform, rate * factor, rate)


def add_echoes(utterance: np.ndarray, strength: float, samples: int, random: np.random.Generator) -> np.ndarray:
    """(N,) with echoes of itself, K samples late at most, whose weights h are random and fade by 26 dB:

    y[n] = x[n] + sum over k = 1..K of h[k] x[n - k],   sum of h[k]^2 = strength^2
    """
    weights = random.standard_normal(samples + 1) * np.exp(-3.0 * np.arange(samples + 1) / samples)
    weights *= strength / math.sqrt(float(np.dot(weights[1:], weights[1:])))
    weights[0] = 1.0
    return np.convolve(utterance, weights.astype(np.float32))[: len(utterance)]


def add_noise(
    utterance: np.ndarray,
    level: float,
    files: Sequence[str],
    random: np.random.Generator,
    read: Callable[[str], np.ndarray],
) -> np.ndarray:
    """(N,) with noise of that level: a random stretch of one of the files, which starts over at its end, or white.

    read: gives the samples of a file. A stretch of digital silence adds nothing.
    """
    if not files:
        return utterance + white_noise(len(utterance), level, random)
    source = read(files[int(random.integers(len(files)))])
    starts = max(1, len(source) - len(utterance) + 1)
    first = int(random.integers(len(source) if starts == 1 else starts))
    stretch = np.take(source, np.arange(first, first + len(utterance)), mode="wrap")
    own_level = level_of([stretch])
    return utterance + stretch * np.float32(level / own_level) if own_level > 0 else utterance


def white_noise(samples: int, level: float, random: np.random.Generator) -> np.ndarray:
    """(samples,) of normal noise."""
    if level == 0:
        return np.zeros(samples, np.float32)
    return random.standard_normal(samples, dtype=np.float32) * np.float32(level)


def level_of(waveforms: Sequence[np.ndarray]) -> float:
    """The root mean square of all samples of some waveforms."""
    squares = sum(float(np.dot(waveform, waveform)) for waveform in waveforms)
    return math.sqrt(squares / max(1, sum(map(len, waveforms))))


def amplitude(decibels: float) -> float:
    """The factor of amplitudes that a difference in decibels is."""
    return 10.0 ** (decibels / 20.0)
