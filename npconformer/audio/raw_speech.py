"""What a feature extractor may be given as `raw_speech`, split into one waveform for each utterance.

    (N,) or a list of samples                  one utterance
    (B, N) or a list of arrays or lists        B utterances

B counts utterances, N samples, K channels.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from npconformer.audio.waveforms import validate_waveform

FEWEST_SAMPLES, MOST_CHANNELS = 100, 8  # a longer first axis before one of at most so many: (samples, channels)


def split_utterances(
    raw_speech: Any, read_one: Callable[[Any, str], np.ndarray] = validate_waveform, most_dimensions: int = 2
) -> list[np.ndarray]:
    """Split raw_speech into checked waveforms: [(N_1,), (N_2,), ...].

    read_one: called with each utterance and its name ("raw_speech[0]"), returns its waveform or raises a
    ValueError. most_dimensions: of an array of utterances; 3 allows (B, K, N).
    """
    if isinstance(raw_speech, dict | str | bytes | os.PathLike):
        raise ValueError(f"raw_speech must be samples, got {type(raw_speech).__name__}; read files with read_audio")
    if isinstance(raw_speech, list | tuple):
        if len(raw_speech) == 0:
            raise ValueError("raw_speech is empty")
        if np.ndim(raw_speech[0]) == 0:
            return [read_one(raw_speech, "raw_speech")]
        return [read_one(one, f"raw_speech[{i}]") for i, one in enumerate(raw_speech)]
    array = np.asarray(raw_speech)
    if array.ndim > most_dimensions:
        offered = ("(samples,)", "(utterances, samples)", "(utterances, channels, samples)")[:most_dimensions]
        raise ValueError(f"raw_speech must be {' or '.join(offered)}, got shape {array.shape}")
    if array.ndim >= 2:
        if len(array) == 0:
            raise ValueError(f"raw_speech is empty: its shape is {array.shape}")
        if array.ndim == 2:
            refuse_channels_last(array, "raw_speech", "(utterances, samples)")
        return [read_one(one, f"raw_speech[{i}]") for i, one in enumerate(array)]
    return [read_one(array, "raw_speech")]


def first_channel(array: Any, name: str) -> np.ndarray:
    """One utterance, (N,) or (K, N), as a checked waveform (N,): of several channels the first.

    Raises a ValueError that calls it `name` for what is no waveform, also for (samples, channels).
    """
    try:
        array = np.asarray(array)
    except ValueError as error:  # a ragged nested list
        raise ValueError(f"{name} is not one sequence of samples: {error}") from error
    if array.ndim == 2:
        if len(array) == 0:
            raise ValueError(f"{name} holds no channels: its shape is {array.shape}")
        refuse_channels_last(array, name, "(channels, samples)")
        return validate_waveform(array[0], name)
    if array.ndim > 2:
        raise ValueError(f"{name} must be (samples,) or (channels, samples), got shape {array.shape}")
    return validate_waveform(array, name)


def refuse_channels_last(array: np.ndarray, name: str, expected: str) -> None:
    """Raise a ValueError for an array (N, K) where two dimensions mean something else."""
    if array.shape[0] > FEWEST_SAMPLES and array.shape[1] <= MOST_CHANNELS:
        raise ValueError(
            f"{name} of shape {array.shape} looks like (samples, channels), but two dimensions mean "
            f"{expected}; average the channels first"
        )
