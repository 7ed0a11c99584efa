"""Pipelines whose model says something of every frame: these can take a long recording in chunks.

Letters: N samples, T frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np

from npconformer.pipelines.batching import AudioPipeline, Progress
from npconformer.pipelines.chunking import Chunking, Window, check_lengths, find_windows, make_chunking
from npconformer.pipelines.inputs import is_path


class Frames(NamedTuple):
    """What the model says of a recording: one row for each frame, rows (T, ...), of `samples` samples."""

    samples: int
    rows: np.ndarray


class FramePipeline(AudioPipeline):
    """Base of the pipelines with one output for each frame; a subclass says how a batch is run (`run_frames`).

    Options of a call, with which a recording is run in chunks that overlap, as chunking.py describes:
        chunk_length_s: the chunks' length in seconds. None or 0: recordings as a whole. "auto": 30 seconds,
            for recordings longer than five minutes; others as a whole.
        stride_length_s: how much of a chunk is context only, in seconds: on each side, or (left, right). None is a
            sixth of the chunk.

    Both are rounded to whole frames. A file is then read piece by piece and never is in memory as a whole.
    batch_size is the number of chunks that go through the model at once. Each chunk is normalised by itself (where
    the feature extractor normalises), as in transformers: models are trained on utterances about as long,
    normalised so, and a chunk's level does not depend on what is an hour away. (A minute of digits whose second half
    is 26 dB softer: the embedded recogniser gets 57 % of the words wrong with one level for all, 34 % in chunks of
    30 s.) Recordings that fit one chunk give what they give without chunks.
    """

    options: ClassVar = {"chunk_length_s": None, "stride_length_s": None}

    def run_frames(self, waveforms: list[np.ndarray]) -> list[np.ndarray]:
        """What the model says of each utterance, on the host: [(N_1,), ...] -> [(T_1, ...), ...]."""
        raise NotImplementedError

    def run_batch(self, waveforms: list[np.ndarray]) -> Iterable[Frames]:
        return [Frames(len(waveform), rows) for waveform, rows in zip(waveforms, self.run_frames(waveforms))]

    @classmethod
    def check_options(cls, options: dict[str, Any]) -> None:
        check_lengths(options["chunk_length_s"], options["stride_length_s"])

    def chunking(self, options: dict[str, Any]) -> Chunking | None:
        """The chunks that the options ask for, in this model's frames; None for recordings as a whole."""
        return make_chunking(options["chunk_length_s"], options["stride_length_s"], self.clock)

    def _complete(self, given: dict[str, Any]) -> dict[str, Any]:
        options = super()._complete(given)
        self.chunking(options)  # refuses, before anything is read, what is not one frame of this model
        return options

    def _prepare(self, recording: Any, sampling_rate: int | None, options: dict[str, Any]) -> Any:
        """A waveform; or, of a recording that is to be cut, what `_run_alone` runs, in which nothing is read yet."""
        chunking = self.chunking(options)
        if chunking is None:
            return super()._prepare(recording, sampling_rate, options)
        if is_path(recording):
            from npconformer.audio.streaming import duration_of, stream_audio

            seconds = duration_of(recording)
            if seconds * self.sampling_rate <= chunking.longest_whole:
                return super()._prepare(recording, sampling_rate, options)
            pieces = partial(stream_audio, recording, self.sampling_rate)
        else:
            waveform = super()._prepare(recording, sampling_rate, options)
            if len(waveform) <= chunking.longest_whole:
                return waveform
            seconds = len(waveform) / self.sampling_rate
            pieces = partial(iter, [waveform])
        return partial(self._run_chunks, recording, pieces, seconds, chunking)

    def _run_chunks(
        self,
        recording: Any,
        pieces: Callable[[], Iterator[np.ndarray]],
        seconds: float,
        chunking: Chunking,
        batch_size: int,
        progress: Progress | None,
    ) -> Frames:
        """Run a recording chunk by chunk and join what is kept of the chunks' rows."""
        samples = done = 0

        def counted() -> Iterator[np.ndarray]:
            nonlocal samples
            for piece in pieces():
                samples += len(piece)
                yield piece

        def tell(done_s: float) -> None:
            if progress is not None:
                progress(recording, done_s, seconds)

        tell(0.0)
        kept = []
        for batch in _batches(find_windows(counted(), chunking, self.clock.frames), batch_size):
            self._check_long_enough(len(batch[0].samples), recording)  # a header may promise more than there is
            for window, rows in zip(batch, self.run_frames([window.samples for window in batch])):
                kept.append(rows[window.skip : window.stop].copy())  # the rest is let go
                done += len(kept[-1])
            tell(min(done * self.seconds_per_frame, seconds))
        return Frames(samples, np.concatenate(kept))


def _batches(windows: Iterable[Window], batch_size: int) -> Iterator[list[Window]]:
    """Windows of one length in groups of batch_size; all but the last one are of one length."""
    batch: list[Window] = []
    for window in windows:
        if batch and (len(batch) == batch_size or len(batch[0].samples) != len(window.samples)):
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch
