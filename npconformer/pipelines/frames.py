"""Pipelines whose model says something of every frame: these can take a long recording in chunks.

Letters: N samples, T frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np

from npconformer.audio.opening import read_once
from npconformer.pipelines.at_once import groups, read_ahead, run_at_once, threads_for
from npconformer.pipelines.batching import AudioPipeline, Prepared, Progress, with_extra
from npconformer.pipelines.chunk_iter import rescale_stride
from npconformer.pipelines.chunking import Chunking, Window, check_lengths, find_windows, make_chunking
from npconformer.pipelines.inputs import is_path
from npconformer.pipelines.utterances import PAUSES, check_chunk_at, cuts_at_pauses, find_utterances


class Frames(NamedTuple):
    """What the model says of a recording: one row for each frame, rows (T, ...), of `samples` samples.

    seams: the frames with which its second and further utterances begin, where it is cut at pauses.
    """

    samples: int
    rows: np.ndarray
    seams: tuple[int, ...] = ()


class FramePipeline(AudioPipeline):
    """Base of the pipelines with one output for each frame; a subclass says which (`read_output`).

    Options of a call, with which a recording is run in chunks that overlap, as chunking.py describes:
        chunk_length_s: the chunks' length in seconds. None or 0: recordings as a whole. "auto": 30 seconds,
            for recordings longer than five minutes; others as a whole.
        stride_length_s: how much of a chunk is context only, in seconds: on each side, or (left, right). None is a
            sixth of the chunk.
        chunk_at: where chunks end. "fixed": where chunk_length_s says. "pauses": in the longest pause, at most so far
            from the last one, and each is run as an utterance of its own, without context, as utterances.py describes;
            where there is no pause, chunks overlap by their strides. "auto" is then 15 seconds at most, for recordings
            longer than 30. None: "pauses" where chunk_length_s is "auto" and the model is one of NeMo's Conformers,
            which hear every speaker against the mean of all in the chunk; else "fixed", as in transformers.

    Lengths are rounded to whole frames. A file is then read piece by piece and never is in memory as a whole.
    batch_size is the number of chunks that go through the model at once. Each chunk is normalised by itself (where
    the feature extractor normalises), as in transformers: models are trained on utterances about as long,
    normalised so, and a chunk's level does not depend on what is an hour away. (A minute of digits whose second half
    is 26 dB softer: the embedded recogniser gets 57 % of the words wrong with one level for all, 34 % in chunks of
    30 s.) Recordings that fit one chunk give what they give without chunks.
    """

    options: ClassVar = {"chunk_length_s": None, "stride_length_s": None, "chunk_at": None}

    rows_name: ClassVar[str] = "logits"  # what `forward` calls the rows

    def run_frames(self, waveforms: list[np.ndarray]) -> list[np.ndarray]:
        """What the model says of each utterance: [(N_1,), ...] -> [(T_1, ...), ...], only frames that hold speech."""
        outputs = self.read_output(self.run_model(waveforms))
        return [rows[:count] for rows, count in zip(outputs, self.frames_of(waveforms))]

    def run_batch(self, waveforms: list[np.ndarray]) -> Iterable[Frames]:
        return [Frames(len(waveform), rows) for waveform, rows in zip(waveforms, self.run_frames(waveforms))]

    @classmethod
    def check_options(cls, options: dict[str, Any]) -> None:
        lengths = options["chunk_length_s"], options["stride_length_s"]
        check_lengths(*lengths, options["chunk_at"] == PAUSES)
        check_chunk_at(options["chunk_at"], options["chunk_length_s"])

    def chunking(self, options: dict[str, Any]) -> Chunking | None:
        """The chunks that the options ask for, in this model's frames; None for recordings as a whole."""
        length, strides, chunk_at = (options[name] for name in ("chunk_length_s", "stride_length_s", "chunk_at"))
        at_pauses = cuts_at_pauses(chunk_at, length, self.model.config.model_type)
        return make_chunking(length, strides, self.clock, at_pauses)

    def windows(self, pieces: Iterable[np.ndarray], chunking: Chunking) -> Iterator[Window]:
        """The chunks of a recording that comes in pieces [(n,), ...]."""
        if chunking.shortest:
            return find_utterances(pieces, chunking, self.clock.frames, self.sampling_rate)
        return find_windows(pieces, chunking, self.clock.frames)

    def _complete(self, given: dict[str, Any]) -> dict[str, Any]:
        options = super()._complete(given)
        self.chunking(options)  # refuses, before anything is read, what is not one frame of this model
        return options

    def _prepare(self, recording: Any, sampling_rate: int | None, options: dict[str, Any]) -> Prepared:
        """A waveform; or, of a recording that is to be cut, what `_run_chunks` runs, in which nothing is read yet."""
        chunking = self.chunking(options)
        if chunking is None:
            return super()._prepare(recording, sampling_rate, options)
        extra: Mapping[str, Any] = {}
        if is_path(recording):
            from npconformer.audio.streaming import duration_of, stream_audio

            recording = read_once(recording)
            seconds = duration_of(recording)
            if seconds * self.sampling_rate <= chunking.longest_whole:
                return super()._prepare(recording, sampling_rate, options)
            pieces = partial(stream_audio, recording, self.sampling_rate)
        else:
            loaded = super()._prepare(recording, sampling_rate, options)
            if loaded.stride is not None:
                raise ValueError("stride is of a recording that is a chunk already: leave chunk_length_s out")
            if len(loaded.waveform) <= chunking.longest_whole:
                return loaded
            seconds, extra = len(loaded.waveform) / self.sampling_rate, loaded.extra
            pieces = partial(iter, [loaded.waveform])
        return Prepared(None, None, extra, partial(self._run_chunks, recording, pieces, seconds, chunking))

    def cut(self, output: Frames, stride: tuple[int, int]) -> Frames:
        """The frames between the strides, (left, right) in samples; they are counted as transformers counts them."""
        (frames,) = rescale_stride([(output.samples, *stride)], 1 / self.samples_per_frame)
        return Frames(output.samples - sum(stride), _cut(output.rows, frames))

    # ---- a call, step by step

    def preprocess(self, inputs: Any, sampling_rate: int | None = None, **options: Any) -> Iterator[dict[str, Any]]:
        """One recording, as for a call, as inputs of the model: one dict, or, in chunks, several.

        >>> answer = pipe.postprocess([pipe.forward(one) for one in pipe.preprocess("speech.wav")])

        Each has what the feature extractor gives; "is_last"; "num_samples", of the recording, in the last one and 0
        elsewhere; the further entries of a dict; where parts of it are context, "stride": (samples, left, right); and,
        of a recording that is cut at pauses, "begins": whether it is a new utterance.
        """
        chunking = self.chunking(self._complete(options))
        waveform, stride, extra = super()._prepare(inputs, sampling_rate, self.options)[:3]
        total = len(waveform)
        if chunking is None or total <= chunking.longest_whole:
            where = {} if stride is None else {"stride": (total, *stride)}
            samples = total - sum(stride or ())
            yield {"is_last": True, **self._features([waveform]), **where, "num_samples": samples, **extra}
            return
        size = self.samples_per_frame
        windows = list(self.windows([waveform], chunking))
        for i, window in enumerate(windows):
            count, is_last = len(window.samples), i + 1 == len(windows)
            stride = (count, window.skip * size, (round(count / size) - window.stop) * size)
            samples = total if is_last else 0
            features = self._features([window.samples])
            begins = {"begins": window.begins} if chunking.shortest else {}
            yield {"is_last": is_last, **features, "stride": stride, "num_samples": samples, **begins, **extra}

    def forward(self, model_inputs: Mapping[str, Any]) -> dict[str, Any]:
        """What the model says of one dict of `preprocess`: its rows (1, T, ...), and its stride in frames."""
        others = dict(model_inputs)
        features = {name: others.pop(name) for name in self.feature_extractor.model_input_names if name in others}
        rows = self.read_output(self._forward(features))
        if "stride" in others:
            (others["stride"],) = rescale_stride([others["stride"]], 1 / self.samples_per_frame)
        return {"is_last": others.pop("is_last", True), self.rows_name: rows, **others}

    def postprocess(self, model_outputs: Sequence[Mapping[str, Any]], **options: Any) -> Any:
        """What a call with these options gives, made of what `forward` gives for every dict of `preprocess`."""
        rows = [_cut(one[self.rows_name][0], one.get("stride")) for one in model_outputs]
        samples = sum(one.get("num_samples", 0) for one in model_outputs)
        frames = _join(samples, rows, [one.get("begins", False) for one in model_outputs])
        known = ("is_last", self.rows_name, "stride", "num_samples", "begins")
        extras = [{name: value for name, value in one.items() if name not in known} for one in model_outputs]
        return with_extra(self._answer(frames, Prepared(None), self._complete(options)), extras)

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

        def size(batch: list[Window]) -> int:
            return self.size_of([window.samples for window in batch])

        def run(batch: list[Window]) -> list[np.ndarray]:
            self._check_long_enough(len(batch[0].samples), recording)  # a header may promise more than there is
            # What is not kept is let go.
            return [rows[one.skip : one.stop].copy() for one, rows in zip(batch, self._run_windows(batch))]

        tell(0.0)
        kept, begins = [], []
        batches = _consecutive(self.windows(counted(), chunking), batch_size, one_length=not chunking.shortest)
        threads = threads_for(self.model)
        for group in groups(batches, size, read_ahead(threads)):
            for batch, rows in zip(group, run_at_once(run, group, [size(batch) for batch in group], threads)):
                kept += rows
                begins += [window.begins for window in batch]
                done += sum(map(len, rows))
                tell(min(done * self.seconds_per_frame, seconds))
        return _join(samples, kept, begins)

    def _run_windows(self, windows: list[Window]) -> list[np.ndarray]:
        """All frames of each window: [(T_1, ...), ...]; those that may be padded to one length run together."""
        rows: dict[int, np.ndarray] = {}
        for batch in self._batches({i: len(one.samples) for i, one in enumerate(windows)}, len(windows)):
            rows |= zip(batch, self.run_frames([windows[i].samples for i in batch]))
        return [rows[i] for i in range(len(windows))]


def _join(samples: int, rows: list[np.ndarray], begins: list[bool]) -> Frames:
    """The rows of a recording's chunks [(T_1, ...), ...], with the seams where an utterance begins."""
    firsts = np.cumsum([0, *map(len, rows)])[:-1].tolist()
    return Frames(samples, np.concatenate(rows), tuple(first for first, new in zip(firsts, begins) if new and first))


def _cut(rows: np.ndarray, stride: tuple[int, int, int] | None) -> np.ndarray:
    """Rows (T, ...) without those of the strides: (frames in all, on the left, on the right)."""
    if stride is None:
        return rows
    frames, left, right = stride
    return rows[left : max(frames - right, left)]


def _consecutive(windows: Iterable[Window], batch_size: int, one_length: bool) -> Iterator[list[Window]]:
    """Windows in groups of batch_size. one_length: of one length in a group; of fixed chunks all but the last are."""
    batch: list[Window] = []
    for window in windows:
        differs = one_length and batch and len(batch[0].samples) != len(window.samples)
        if len(batch) == batch_size or differs:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch
