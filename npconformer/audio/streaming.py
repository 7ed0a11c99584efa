"""Reading a recording piece by piece, so that its length does not decide how much memory it takes.

N counts samples, K channels.

Lesson: notebooks/02_waveform_to_frames.ipynb, notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from npconformer.audio.files import average_channels, check_samples, check_sampling_rate, open_recording
from npconformer.storage.messages import shown

PIECE = 1 << 16  # samples of a channel that are read at once: four seconds at 16 kHz, 256 KiB as float32


def stream_audio(
    path: str | os.PathLike, sampling_rate: int | None = 16000, piece_size: int = PIECE
) -> Iterator[np.ndarray]:
    """Yield the samples of `read_audio(path, sampling_rate)` in pieces (n,), float32, one after the other.

    Joined they are what read_audio gives, to the rounding of float32: the resampler carries its state from
    piece to piece. piece_size: how many samples, at the file's own rate, make a piece. At most a few pieces
    are in memory.

    Raises the errors of read_audio, when the iterator gets there.
    """
    if piece_size < 1:
        raise ValueError(f"piece_size must be a number of samples, at least 1, got {shown(piece_size)}")
    if sampling_rate is not None:
        check_sampling_rate(sampling_rate)
    with open_recording(path) as file:
        pieces = _mono_pieces(file, path, piece_size)
        for piece in pieces if sampling_rate is None else _resample(pieces, file.samplerate, sampling_rate):
            check_samples(piece, path)  # also what overflowed on the way
            yield piece


def duration_of(path: str | os.PathLike) -> float:
    """How many seconds a recording lasts, by its header; nothing is decoded.

    Raises the errors of read_audio, but for those about samples.
    """
    with open_recording(path) as file:
        return file.frames / file.samplerate


def _mono_pieces(file: object, path: str | os.PathLike, piece_size: int) -> Iterator[np.ndarray]:
    """The channels' average in pieces (n,) at the file's own rate; none is empty."""
    count = 0
    while len(samples := file.read(piece_size, dtype="float32", always_2d=True)):  # (n, K)
        check_samples(samples, path)
        count += len(samples)
        yield average_channels(samples)
    if count == 0:
        raise ValueError(f"{os.fspath(path)} holds no samples")


def _resample(pieces: Iterator[np.ndarray], from_rate: int, to_rate: int) -> Iterator[np.ndarray]:
    """`resample`, piece by piece: the same recipe as a stream. Pieces that come out empty are left out."""
    if from_rate == to_rate:
        yield from pieces
        return

    import soxr

    stream = soxr.ResampleStream(from_rate, to_rate, num_channels=1, dtype="float32", quality="HQ")
    for piece in pieces:
        if len(resampled := stream.resample_chunk(np.ascontiguousarray(piece))):
            yield resampled
    if len(rest := stream.resample_chunk(np.zeros(0, np.float32), last=True)):
        yield rest
