"""Long recordings cut at pauses, so that what is said between two of them is an utterance of its own.

Letters: N samples, T frames, C frames of the longest utterance, L and R its strides in frames.

A model whose features are normalised over the utterance hears each speaker against the mean of all who speak in it,
and a chunk of 30 seconds may hold four of them. Twenty utterances of as many speakers, end to end, cost NeMo's small
English model 3 more words of a hundred in chunks of 30 s, 5 more as a whole, and 1 more cut where people pause.

Utterances are whole numbers of frames long, except for the last one, and begin where a frame does; they follow one
another without a gap, so that frame k of the one that begins at frame s is frame s + k of the recording. Each is run
as if it were a recording, and none of its frames is dropped: there is nothing that a seam could lose or double. A seam
is between words; a tokenizer reads each utterance by itself.

The cut is sought between `shortest` and C frames behind the last one, and never so that less than `shortest` is left.
Where there is no pause within reach, in music, noise, or long silence, or with someone who does not breathe, chunks
overlap as in chunking.py until there is one: of C frames the last R are dropped, and the next one begins L frames
before those, which is no seam. (The last chunk is as long as the others, that is it reaches further back.)

    run 1   keep keep keep keep keep |              cut at a pause
    run 2                            | keep keep keep keep |  R       no pause within C
    run 3                                           L      | keep keep |     the pause
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from npconformer.audio.pauses import find_cut
from npconformer.pipelines.chunking import Chunking, Window

PAUSES, FIXED = "pauses", "fixed"
CHUNK_AT = (None, PAUSES, FIXED)
CUT_AT_PAUSES = ("nemo-conformer",)  # the types of models whose long recordings are, if nobody says otherwise


def cuts_at_pauses(chunk_at: str | None, chunk_length_s: object, model_type: str) -> bool:
    """Whether chunks end at pauses: as said, or, where nothing is and the length is "auto", as fits the model."""
    return chunk_at == PAUSES or (chunk_at is None and chunk_length_s == "auto" and model_type in CUT_AT_PAUSES)


def check_chunk_at(chunk_at: object, chunk_length_s: object) -> None:
    """Raise a ValueError for what says not where chunks end, and for pauses where nothing is to be cut."""
    if chunk_at not in CHUNK_AT:
        raise ValueError(f'chunk_at must be "pauses", "fixed" or None, got {chunk_at!r}')
    if chunk_at == PAUSES and not chunk_length_s:
        raise ValueError(
            f'chunk_at="pauses" cuts nothing where chunk_length_s is {chunk_length_s!r}: '
            'give the longest utterance in seconds, or "auto"'
        )


def find_utterances(
    pieces: Iterable[np.ndarray], chunking: Chunking, frames_of: Callable[[int], int], sampling_rate: int
) -> Iterator[Window]:
    """Cut a recording that comes in pieces [(n,), ...] into windows whose kept frames, joined, are its T frames.

    frames_of: how many frames a number of samples has. A recording of at most C frames is one window. Not much more
    than the longest utterance is in memory at a time.
    """
    size, longest, shortest = chunking.samples_per_frame, chunking.frames, chunking.shortest
    buffer, start, kept = np.zeros(0, np.float32), 0, 0  # the buffer begins with frame `start`, the next run's first
    begins = True  # whether the next run is an utterance, and does not go on with one

    def window(stop: int, dropped: int = 0) -> Window:
        """That of the frames from `start` up to `stop`, of which so many are context on the right."""
        samples = buffer[: chunking.samples - (longest - (stop - start)) * size]
        return Window(samples, kept - start, stop - start - dropped, begins)

    def cut(stop: int) -> int | None:
        """The frame where the next utterance begins if there is a pause, at most so many frames behind `start`."""
        first = max(shortest, kept - start + 1)
        sample = find_cut(buffer[: (longest + shortest) * size], sampling_rate, first * size, stop * size)
        return None if sample is None else start + round(sample / size)

    def step(stop: int, latest: float = math.inf) -> Window:
        """The next window, to a pause before frame `stop`, or a chunk, and then the next one begins with `latest`."""
        nonlocal buffer, start, kept, begins
        pause = cut(stop - start)
        if pause is None:
            found, kept = window(start + longest, chunking.right), start + longest - chunking.right
            following = int(min(kept - chunking.left, latest))
        else:
            found = window(pause)
            following = kept = pause
        begins = pause is not None
        buffer, start = buffer[(following - start) * size :], following
        return found

    for piece in pieces:
        buffer = np.concatenate([buffer, piece]) if len(buffer) else piece
        while len(buffer) >= chunking.samples + shortest * size + chunking.samples_beyond:
            yield step(start + longest)
    while (total := start + frames_of(len(buffer))) - start > longest:
        yield step(total - shortest, latest=total - longest)  # a run at the end is as long as the others
    yield Window(buffer, kept - start, total - start, begins)
