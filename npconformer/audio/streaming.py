"""Reading a recording piece by piece, so that its length does not decide how much memory it takes.

N counts samples, K channels.

Lesson: notebooks/02_waveform_to_frames.ipynb, notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from npconformer.audio.recording import BLOCK, open_recording
from npconformer.audio.resampling import check_sampling_rate
from npconformer.audio.sources import as_source, is_pipe
from npconformer.storage.messages import shown


def stream_audio(
    path: str | os.PathLike, sampling_rate: int | None = 16000, piece_size: int = BLOCK
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
    with open_recording(path) as recording:
        pieces = recording.mono_blocks(piece_size)
        if sampling_rate is None:
            yield from pieces
            return
        count = 0
        for piece in _resample(pieces, recording.rate, sampling_rate):
            count += len(piece)
            yield piece
        recording.check_any(count, sampling_rate)


def duration_of(path: str | os.PathLike) -> float:
    """How many seconds a recording lasts, by what is in the file; nothing is decoded where that can be told without.

    Raises the errors of read_audio, but for those about samples; and ValueError for a pipe, which is read only once.
    """
    source = as_source(path)
    if source.content is None and is_pipe(source.path):
        raise ValueError(f"{os.fspath(source)} is a pipe, which can be read only once: read it instead")
    with open_recording(source) as recording:
        return recording.seconds()


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
