"""What every pipeline shares: read recordings, run them in batches, give the results in the order they came.

Letters: B utterances in a batch, N samples, T frames.

Batching never changes a result. Padding would leak into the last frames of shorter utterances (the reference does
not mask Wav2Vec2-Conformer's depthwise convolution, nor the convolutions of adapters), so batches run with
padding_mode="exact", in which an utterance gives the same output as alone, and what the model says of padded frames
is cut away. A recording alone is not padded at all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, ClassVar, NamedTuple

import numpy as np

from npconformer.arrays.batch_feature import BatchFeature
from npconformer.pipelines.arguments import Loading, take_neutral
from npconformer.pipelines.at_once import read_ahead, run_at_once, threads_for
from npconformer.pipelines.finite import check_finite
from npconformer.pipelines.inputs import in_words, is_path, load_recording, several
from npconformer.pipelines.parts import PipelineParts
from npconformer.tape.grad_mode import no_grad

BATCHES_READ_AHEAD = 4  # how many batches' recordings are sorted by length together

Progress = Callable[[Any, float, float], None]  # (recording, seconds done, seconds in all)


class Prepared(NamedTuple):
    """A `Recording` that is to be run: in a batch, or by itself.

    run: called with (batch_size, progress), runs it by itself when its turn comes and gives its output; None otherwise.
    """

    waveform: np.ndarray | None
    stride: tuple[int, int] | None = None
    extra: Mapping[str, Any] = {}
    run: Callable[[int, Progress | None], Any] | None = None


class AudioPipeline(PipelineParts):
    """Base of the pipelines: a subclass says how a batch is run (`run_batch`) and how one result is told (`answer`).

    model, feature_extractor, tokenizer, processor, device, dtype: as in `PipelineParts`. batch_size: recordings per
    call of the model. options: the subclass's settings of a call, used by calls that do not give their own, and
    arguments about loading.
    """

    options: ClassVar[dict[str, Any]] = {}  # the settings of a call, with their defaults

    def __init__(
        self,
        model: Any,
        feature_extractor: Any = None,
        tokenizer: Any = None,
        *,
        processor: Any = None,
        device: Any = None,
        dtype: Any = None,
        batch_size: int | None = None,
        **options: Any,
    ) -> None:
        self.batch_size = 1 if batch_size is None else check_batch_size(batch_size)
        loading = Loading.take(options, device, dtype)
        self._merge(self.options, options)  # refuses wrong ones before seconds are spent on loading
        super().__init__(model, feature_extractor, tokenizer, processor=processor, loading=loading)
        self.options = self._complete(options)

    # ---- what a subclass says

    @classmethod
    def check_options(cls, options: dict[str, Any]) -> None:
        """Raise a ValueError for options with values that have no meaning."""

    def read_output(self, outputs: Any) -> np.ndarray:
        """Of the model's outputs for a batch what answers are made of, on the host: (B, ...)."""
        raise NotImplementedError

    def answer(self, output: Any, options: dict[str, Any]) -> Any:
        """What the caller gets for one utterance's output."""
        raise NotImplementedError

    @property
    def shortest(self) -> int:
        """The fewest samples that the model can say anything about."""
        return self.clock.receptive_field

    # ---- what every pipeline has

    def __call__(
        self, inputs: Any, *, batch_size: int | None = None, sampling_rate: int | None = None, **options: Any
    ) -> Any:
        """Take one recording and give its result, or several and give a list of results in the same order.

        inputs: a path, an array, the bytes of a file, an open one, a dict with "array" (or "raw") and "sampling_rate",
        or a list or tuple of these; an iterator or a dataset of these gives an iterator. Further entries of a dict come
        back with a result that is a dict, each in a list. batch_size: instead of the pipeline's own.
        sampling_rate: the rate of bare arrays; without it they are taken to be at the model's rate, as in
        transformers. options: the settings that the class describes.

        Raises ValueError or FileNotFoundError for the first recording that cannot be used, and ValueError where the
        model's output is NaN or infinite.
        """
        is_list, recordings = isinstance(inputs, list | tuple), several(inputs)
        if recordings is not None:
            recordings = inputs if is_list else recordings
            results = self.stream(recordings, batch_size=batch_size, sampling_rate=sampling_rate, **options)
            return list(results) if is_list else results
        take_neutral(options)
        options = self._complete(options)
        batch_size = self._batch_size(batch_size)
        prepared = self._prepare(inputs, sampling_rate, options)
        if prepared.run is not None:
            output = prepared.run(batch_size, None)
        else:
            (output,) = self.run_batch([prepared.waveform])
        return self._answer(output, prepared, options)

    def stream(
        self,
        inputs: Iterable[Any],
        *,
        batch_size: int | None = None,
        sampling_rate: int | None = None,
        return_errors: bool = False,
        progress: Progress | None = None,
        at_once: bool | None = None,
        **options: Any,
    ) -> Iterator[Any]:
        """Yield the results of recordings one by one in their order, reading only a few batches ahead.

        at_once: whether several may be read, and run in as many threads, before the first result is there (which
        changes no result); None: where they are a list or a tuple. Of an iterator, that may wait for somebody to
        speak, no more than a batch is read ahead.
        return_errors: yield the error of a bad recording in its place, whatever it is, and go on; those that are no
        ValueError or OSError are told as a ValueError. A batch that fails is tried one by one. progress: called
        with the recording, the seconds of it that are done, and all its seconds, at the start of every recording
        that is run in chunks and after each batch of chunks. The other arguments are those of a call.
        """
        take_neutral(options)
        options = self._complete(options)
        batch_size = self._batch_size(batch_size)
        ahead = batch_size * BATCHES_READ_AHEAD if batch_size > 1 else 1
        threads = 1 if at_once is False else threads_for(self.model)
        if at_once or (at_once is None and isinstance(inputs, list | tuple)):
            ahead = max(ahead, batch_size * read_ahead(threads))
        return self._stream(iter(inputs), options, batch_size, ahead, threads, sampling_rate, return_errors, progress)

    def _stream(
        self,
        inputs: Iterator[Any],
        options: dict[str, Any],
        batch_size: int,
        ahead: int,
        threads: int,
        sampling_rate: int | None,
        return_errors: bool,
        progress: Progress | None,
    ) -> Iterator[Any]:
        def attempt(i: int, step: Callable[[], Any], names_files: bool = True) -> Any:
            """What a step gives for recording i; or its error, which names the recording, if those are returned."""
            try:
                return step()
            except Exception as error:
                expected = isinstance(error, ValueError | OSError)
                if not (expected or return_errors):
                    raise
                named = error
                if not (expected and names_files and is_path(window[i])):
                    name = os.fspath(window[i]) if is_path(window[i]) else f"inputs[{i}]"
                    named = ValueError(f"{name}: {in_words(error)}")
                if not return_errors:
                    raise named from error.__cause__
                return named

        def run(batch: list[int]) -> Iterable[Any]:
            """What the model says of each recording of a batch, or its error: one must not cost another."""
            try:
                return list(self.run_batch([waveforms[i] for i in batch]))
            except Exception:

                def alone(i: int) -> Any:
                    return next(iter(self.run_batch([waveforms[i]])))

                return [attempt(i, partial(alone, i), names_files=False) for i in batch]

        def answer(i: int, output: Any) -> Any:
            if isinstance(output, Exception):
                return output
            return attempt(i, partial(self._answer, output, prepared[i], options), names_files=False)

        numbered = enumerate(inputs)
        while window := dict(islice(numbered, ahead)):
            prepared = {  # what is to be run, or an error
                i: attempt(i, partial(self._prepare, recording, sampling_rate, options))
                for i, recording in window.items()
            }
            ready = {i: one for i, one in prepared.items() if isinstance(one, Prepared)}
            waveforms = {i: one.waveform for i, one in ready.items() if one.run is None}
            results = {}  # what the caller gets
            batches = self._batches({i: len(waveform) for i, waveform in waveforms.items()}, batch_size)
            sizes = [self.size_of([waveforms[i] for i in batch]) for batch in batches]
            for batch, outputs in zip(batches, run_at_once(run, batches, sizes, threads)):
                for i, output in zip(batch, outputs):
                    results[i] = answer(i, output)
            for i in window:
                if i in ready and ready[i].run is not None:
                    yield answer(i, attempt(i, partial(ready[i].run, batch_size, progress)))
                else:
                    yield results.pop(i) if i in ready else prepared[i]

    def _answer(self, output: Any, prepared: Prepared, options: dict[str, Any]) -> Any:
        check_finite(output)
        result = self.answer(output if prepared.stride is None else self.cut(output, prepared.stride), options)
        return with_extra(result, [prepared.extra])

    def cut(self, output: Any, stride: tuple[int, int]) -> Any:
        """An output without what the stride, in samples, calls context; as it is where it is of the whole recording."""
        return output

    def _batch_size(self, given: Any) -> int:
        return self.batch_size if given is None else check_batch_size(given)

    def _complete(self, given: dict[str, Any]) -> dict[str, Any]:
        """The options of a call: those given, and the pipeline's own for the rest."""
        return self._merge(self.options, given)

    @classmethod
    def _merge(cls, options: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        for name in given:
            if name not in options:
                known = ", ".join([*options, "batch_size", "sampling_rate"])
                raise TypeError(f"{name!r} is not an option of {cls.task}; known options: {known}")
        options = {**options, **given}
        cls.check_options(options)
        return options

    def _prepare(self, recording: Any, sampling_rate: int | None, options: dict[str, Any]) -> Prepared:
        """One recording as a waveform (N,) at the model's rate that is long enough for the model."""
        loaded = load_recording(recording, self.sampling_rate, sampling_rate)
        self._check_long_enough(len(loaded.waveform), recording)
        return Prepared(*loaded)

    def _check_long_enough(self, samples: int, recording: Any) -> None:
        if samples < self.shortest:
            name = f"{os.fspath(recording)}: " if is_path(recording) else ""
            raise ValueError(
                f"{name}{samples} samples at {self.sampling_rate} Hz are too short: "
                f"the model needs {self.shortest} ({self.shortest / self.sampling_rate:.3f} s)"
            )

    def _batches(self, lengths: dict[int, int], batch_size: int) -> list[list[int]]:
        """Group recordings {index: N} into batches of similar length.

        Padding needs the attention mask that tells it from speech, and belongs on the right. Where the feature
        extractor gives no mask ("group" norm checkpoints' do not), or pads on the left, only recordings of one length
        share a batch.
        """
        extractor = self.feature_extractor
        may_pad = extractor.return_attention_mask and extractor.padding_side == "right"
        batches: list[list[int]] = []
        for i in sorted(lengths, key=lambda i: lengths[i]):
            fits = batches and len(batches[-1]) < batch_size
            if fits and (may_pad or lengths[batches[-1][0]] == lengths[i]):
                batches[-1].append(i)
            else:
                batches.append([i])
        return batches

    def run_batch(self, waveforms: list[np.ndarray]) -> Iterable[Any]:
        """What the model says of each utterance, on the host: [(N_1,), ...] -> one output each."""
        return self.read_output(self.run_model(waveforms))

    def size_of(self, waveforms: list[np.ndarray]) -> int:
        """How many numbers a batch's frames are inside the model, T C."""
        return sum(self.frames_of(waveforms)) * self.model.config.hidden_size

    def run_model(self, waveforms: list[np.ndarray]) -> Any:
        """The model's output for a batch, computed without a tape: [(N_1,), ...] -> fields of (B, ...)."""
        return self._forward(self._features(waveforms))

    def _features(self, waveforms: list[np.ndarray]) -> BatchFeature:
        return self.feature_extractor(
            waveforms, sampling_rate=self.sampling_rate, padding=len(waveforms) > 1, return_tensors="np"
        )

    def _forward(self, features: Mapping[str, Any]) -> Any:
        with no_grad():
            return self.model(**features, padding_mode="exact")

    # ---- a call, step by step

    def preprocess(self, inputs: Any, sampling_rate: int | None = None) -> Any:
        """One recording, as for a call, as the model's inputs: the first of three steps that make a call.

        >>> answer = pipe.postprocess(pipe.forward(pipe.preprocess("speech.wav")))
        """
        return self._features([self._prepare(inputs, sampling_rate, self.options).waveform])

    def forward(self, model_inputs: Mapping[str, Any]) -> Any:
        """The model's outputs for what `preprocess` gives."""
        return self._forward(model_inputs)

    def postprocess(self, model_outputs: Any, **options: Any) -> Any:
        """What a call with these options gives, made of what `forward` gives."""
        (output,) = self.read_output(model_outputs)
        return self._answer(output, Prepared(None), self._complete(options))

    def frames_of(self, waveforms: list[np.ndarray]) -> list[int]:
        """How many frames each waveform has when it is alone."""
        return [self.clock.frames(len(waveform)) for waveform in waveforms]


def with_extra(result: Any, extras: Sequence[Mapping[str, Any]]) -> Any:
    """A result that is a dict with the further entries of its recordings, each in a list; another one as it is.

    What the pipeline itself has to say is not replaced: a recording may come with the text that was read out.
    """
    if not isinstance(result, dict):
        return result
    names = [name for name in dict.fromkeys(name for extra in extras for name in extra) if name not in result]
    return {**result, **{name: [extra[name] for extra in extras if name in extra] for name in names}}


def check_batch_size(batch_size: Any) -> int:
    """`batch_size` as an int, or a ValueError."""
    if isinstance(batch_size, bool) or not isinstance(batch_size, int | np.integer) or batch_size < 1:
        raise ValueError(f"batch_size must be a whole number of at least 1, got {batch_size!r}")
    return int(batch_size)
