"""Reading recordings: any file that libsndfile or ffmpeg reads, as one channel, at the rate that a model needs.

N counts samples, K channels. Samples are float32, in [-1, 1] for formats that store integers.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from npconformer.audio.recording import open_recording
from npconformer.audio.resampling import check_sampling_rate, resample


def read_audio(path: str | os.PathLike | Any, sampling_rate: int | None = 16000, mono: bool = True) -> np.ndarray:
    """Read a WAV, FLAC, OGG, MP3 (or other libsndfile) file as float32 samples.

    path: the file, or its bytes, or a file that is open for reading bytes; a pipe is read to its end; an AudioSource
    also says which channel is wanted, or how samples without a header lie. sampling_rate: the rate wanted, in Hz; None
    keeps the file's own. mono: average the channels to shape (N,); otherwise the result is (N, K), also for K = 1.

    MP4, WebM, AAC and others that libsndfile does not read go through the program ffmpeg where it is installed.
    Lengths in headers are not believed. Of a file that was cut or damaged, what can be decoded is read, and an
    AudioWarning says at which second it breaks.

    Raises, naming the file: FileNotFoundError when there is none, another OSError, such as PermissionError,
    when it cannot be opened, and ValueError when it is empty, is not audio, holds no samples, or holds samples that
    are NaN, infinite or beyond all amplitudes of sound.
    """
    if sampling_rate is not None:
        check_sampling_rate(sampling_rate)
    with open_recording(path) as recording:
        pieces = list(recording.mono_blocks() if mono else recording.blocks())
        samples = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        del pieces
        if sampling_rate is None:
            return samples
        resampled = resample(samples, recording.rate, sampling_rate)
        recording.check_any(len(resampled), sampling_rate)
    return resampled
