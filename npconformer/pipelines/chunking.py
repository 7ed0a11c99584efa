"""Long recordings in chunks that overlap, so that every frame that is kept has seen what is around it.

Letters: N samples, T frames, C frames of a chunk, L and R its strides in frames.

A frame of the model's output is `samples_per_frame` apart from the next one (20 ms, more with adapters). Chunks
are whole numbers of frames long and begin at whole frames, so that frame k of the chunk that begins at frame s is
frame s + k of the recording. A chunk is run through the model as if it were a recording; of its C frames the first L
and the last R are context for the others and are dropped, and the next chunk begins C - L - R frames later:

    chunk 1   keep keep keep keep keep |  R    R
    chunk 2               L    L    | keep keep keep |  R    R
    chunk 3                              L    L   | keep keep keep keep keep
                                                                      the end

The first chunk keeps its first frames. The last one keeps its last frames; it ends with the recording and is as long as
the others, that is it reaches further back, because a model sees badly what is very short.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from npconformer.models.frame_clock import FrameClock

AUTO = "auto"
AUTO_ABOVE_S = 300.0  # longer recordings are cut when chunk_length_s is "auto": attention takes time as T squared
AUTO_CHUNK_S = 30.0
AUTO_UTTERANCE_S = 15.0  # the longest utterance, where chunks end at pauses and chunk_length_s is "auto"
AUTO_UTTERANCES_ABOVE_S = 30.0  # then: about the longest that models are trained on
SHORTEST_UTTERANCE_S = 4.0  # a model sees badly what is very short, and so little gives no good mean
SHORTEST_PER_CHUNK = 3  # and a third of the longest one at most
STRIDES_PER_CHUNK = 6  # as in transformers: a stride is a sixth of the chunk on each side unless it is given


@dataclass(frozen=True)
class Chunking:
    """Chunks in frames and samples.

    frames: C. left, right: L and R. samples_per_frame: how far apart frames are. samples: those that C frames
    are made of. samples_beyond: how many more make one frame more. longest_whole: recordings of up to this
    many samples are not cut. shortest: where chunks end at pauses, the fewest frames of one; 0 where they do not.
    """

    frames: int
    left: int
    right: int
    samples_per_frame: int
    samples: int
    samples_beyond: int
    longest_whole: int
    shortest: int = 0


class Window(NamedTuple):
    """A chunk: its samples (N,), and that frames from `skip` up to `stop` of its frames are kept.

    begins: whether an utterance begins with it, of a recording that is cut at pauses.
    """

    samples: np.ndarray
    skip: int
    stop: int
    begins: bool = False


def find_windows(pieces: Iterable[np.ndarray], chunking: Chunking, frames_of: Callable[[int], int]) -> Iterator[Window]:
    """Cut a recording that comes in pieces [(n,), ...] into windows whose kept frames, joined, are its T frames.

    frames_of: how many frames a number of samples has. A recording of at most C frames is one window. Not much more
    than a chunk is in memory at a time.
    """
    step = chunking.frames - chunking.left - chunking.right
    buffer, origin = np.zeros(0, np.float32), 0  # origin: the frame that begins with the buffer's first sample
    start = kept = 0  # where the next chunk begins, and the frames kept so far

    def rest() -> np.ndarray:
        return buffer[(start - origin) * chunking.samples_per_frame :]

    for piece in pieces:
        buffer = np.concatenate([buffer, piece]) if len(buffer) else piece
        while len(rest()) >= chunking.samples + chunking.samples_beyond:  # frames come after this chunk
            stop = chunking.frames - chunking.right
            yield Window(rest()[: chunking.samples], kept - start, stop)
            buffer, origin = rest(), start
            kept, start = start + stop, start + step

    total = origin + frames_of(len(buffer))  # T
    start = max(total - chunking.frames, 0)
    samples = rest()[: chunking.samples] if kept else buffer
    yield Window(samples, kept - start, total - start)


def make_chunking(
    chunk_length_s: Any, stride_length_s: Any, clock: FrameClock, at_pauses: bool = False
) -> Chunking | None:
    """The chunks for settings in seconds, rounded to whole frames of the clock; None for recordings as a whole.

    at_pauses: they end at pauses (utterances.py), and chunk_length_s is that of the longest.
    Raises ValueError for settings that have no meaning, that nothing is kept of, or shorter than a frame.
    """
    length, strides = check_lengths(chunk_length_s, stride_length_s, at_pauses)
    if length is None:
        return None
    size, sampling_rate = clock.samples_per_frame, clock.sampling_rate
    frames, left, right = (round(seconds * sampling_rate / size) for seconds in (length, *strides))
    if length * sampling_rate < clock.receptive_field or frames == 0:
        shortest = max(clock.receptive_field, math.floor(size / 2) + 1) / sampling_rate
        raise ValueError(
            f"chunk_length_s={length:g} is shorter than what the model makes one frame of, {shortest:g} seconds"
        )
    if frames <= left + right:
        raise ValueError(
            f"chunk_length_s={length:g} and stride_length_s={stride_length_s!r} are {frames} and {left} + {right} "
            f"frames of {size / sampling_rate:g} s: nothing of a chunk is left between its strides"
        )
    one_more = clock.samples_for(frames + 1)
    # So much less still gives an adapter's last frame all that it sees. Where frames are centred, it sees all there is.
    ratio = 1 if clock.is_centred else clock.samples_per_encoder_frame
    samples, longest_whole = one_more - ratio, one_more - 1
    if chunk_length_s == AUTO:
        above_s = AUTO_UTTERANCES_ABOVE_S if at_pauses else AUTO_ABOVE_S
        longest_whole = max(longest_whole, round(above_s * sampling_rate))
    shortest = 0
    if at_pauses:
        shortest = max(min(round(SHORTEST_UTTERANCE_S * sampling_rate / size), frames // SHORTEST_PER_CHUNK), 1)
    return Chunking(frames, left, right, size, samples, ratio, longest_whole, shortest)


def check_lengths(
    chunk_length_s: Any, stride_length_s: Any, at_pauses: bool = False
) -> tuple[float | None, tuple[float, float]]:
    """The chunk's length, None for recordings as a whole, and its two strides, in seconds.

    Raises ValueError for what is not a length, and for a chunk that is not longer than its strides.
    """
    length = chunk_length_s
    if isinstance(length, str) and length == AUTO:
        length = AUTO_UTTERANCE_S if at_pauses else AUTO_CHUNK_S
    if length is not None and not _is_length(length):
        raise ValueError(
            "chunk_length_s must be a number of seconds, None or 0 for recordings as a whole, "
            f'or "auto", got {chunk_length_s!r}'
        )
    length = length or None
    strides = stride_length_s
    if strides is None:
        strides = (length or 0.0) / STRIDES_PER_CHUNK
    if not isinstance(strides, tuple | list):
        strides = (strides, strides)
    if len(strides) != 2 or not all(map(_is_length, strides)):
        raise ValueError(
            "stride_length_s must be a number of seconds, 0 or more, or two of them, for the left and the right, "
            f"got {stride_length_s!r}"
        )
    if length is not None and sum(strides) >= length:
        raise ValueError(
            f"stride_length_s={stride_length_s!r} leaves nothing of a chunk: left and right together must be shorter "
            f"than chunk_length_s={length:g}"
        )
    return length, (strides[0], strides[1])


def _is_length(value: Any) -> bool:
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return bool(is_number and math.isfinite(value) and value >= 0)
