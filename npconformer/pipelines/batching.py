"""What every pipeline shares: read recordings, run them in batches, give the results in the order they came.

Letters: B utterances in a batch, N samples, T frames.

Batching never changes a result. Padding would leak into the last frames of shorter utterances (the reference does
not mask Wav2Vec2-Conformer's depthwise convolution, nor the convolutions of adapters), so batches run with
padding_mode="exact", in which an utterance gives the same output as alone, and what the model says of padded frames
is cut away. A recording alone is not padded at all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from npconformer.models.frame_clock import FrameClock
from npconformer.pipelines.finite import check_finite
from npconformer.pipelines.inputs import is_path, load_waveform
from npconformer.pipelines.loading import load_feature_extractor, load_model
from npconformer.storage.hub_options import HubOptions
from npconformer.tape.grad_mode import no_grad

BATCHES_READ_AHEAD = 4  # how many batches' recordings are sorted by length together

Progress = Callable[[Any, float, float], None]  # (recording, seconds done, seconds in all)


class AudioPipeline:
    """Base of the pipelines: a subclass says how a batch is run (`run_batch`) and how one result is told (`answer`).

    model: a model with a head, in eval mode. feature_extractor: what turns waveforms into its input.
    batch_size: recordings per call of the model. options: the subclass's settings of a call, used by calls
    that do not give their own.
    """

    task: ClassVar[str]
    head_name: ClassVar[str]  # of the models that it takes
    options: ClassVar[dict[str, Any]] = {}  # the settings of a call, with their defaults

    def __init__(self, model: Any, feature_extractor: Any, batch_size: int = 1, **options: Any) -> None:
        check_fits(model, feature_extractor)
        self.model = model.eval()
        self.feature_extractor = feature_extractor
        self.clock = FrameClock.of(
            model, feature_extractor.sampling_rate, feature_extractor.reach, feature_extractor.hop
        )
        self.batch_size = check_batch_size(batch_size)
        self.options = self._complete(options)

    @classmethod
    def build(
        cls,
        model: Any,
        processor: Any = None,
        tokenizer: Any = None,
        feature_extractor: Any = None,
        device: str | None = None,
        dtype: Any = None,
        batch_size: int = 1,
        **options: Any,
    ) -> AudioPipeline:
        """Load what is given as a folder or a repository, and put the pieces together; arguments as for `pipeline`."""
        check_batch_size(batch_size)  # before seconds are spent on loading
        hub = HubOptions.take(options)
        cls._merge(cls.options, options)
        if tokenizer is not None:
            raise ValueError(f"tokenizer: {cls.task} takes none")
        feature_extractor = load_feature_extractor(feature_extractor, processor, model, hub)
        return cls(load_model(cls.head_name, model, device, dtype, hub), feature_extractor, batch_size, **options)

    # ---- what a subclass says

    @classmethod
    def check_options(cls, options: dict[str, Any]) -> None:
        """Raise a ValueError for options with values that have no meaning."""

    def run_batch(self, waveforms: list[np.ndarray]) -> Iterable[Any]:
        """What the model says of each utterance, on the host: [(N_1,), ...] -> one output each."""
        raise NotImplementedError

    def answer(self, output: Any, options: dict[str, Any]) -> Any:
        """What the caller gets for one utterance's output."""
        raise NotImplementedError

    @property
    def shortest(self) -> int:
        """The fewest samples that the model can say anything about."""
        return self.clock.receptive_field

    # ---- what every pipeline has

    @property
    def sampling_rate(self) -> int:
        """The rate that the model takes audio at, in samples per second."""
        return self.clock.sampling_rate

    @property
    def samples_per_frame(self) -> int:
        """How far apart two frames of the model's output are, in samples."""
        return self.clock.samples_per_frame

    @property
    def seconds_per_frame(self) -> float:
        """The same in seconds."""
        return self.clock.seconds_per_frame

    def __call__(
        self, inputs: Any, *, batch_size: int | None = None, sampling_rate: int | None = None, **options: Any
    ) -> Any:
        """Take one recording and give its result, or several and give a list of results in the same order.

        inputs: a path, an array, a dict with "array" (or "raw") and "sampling_rate", or a list or tuple of
        these; an iterator of these gives an iterator. batch_size: instead of the pipeline's own.
        sampling_rate: the rate of bare arrays; without it they are taken to be at the model's rate, as in
        transformers. options: the settings that the class describes.

        Raises ValueError or FileNotFoundError for the first recording that cannot be used, and ValueError where the
        model's output is NaN or infinite.
        """
        if isinstance(inputs, Iterator | list | tuple):
            results = self.stream(inputs, batch_size=batch_size, sampling_rate=sampling_rate, **options)
            return results if isinstance(inputs, Iterator) else list(results)
        options = self._complete(options)
        batch_size = self._batch_size(batch_size)
        prepared = self._prepare(inputs, sampling_rate, options)
        if callable(prepared):
            output = prepared(batch_size, None)
        else:
            (output,) = self.run_batch([prepared])
        return self._answer(output, options)

    def stream(
        self,
        inputs: Iterable[Any],
        *,
        batch_size: int | None = None,
        sampling_rate: int | None = None,
        return_errors: bool = False,
        progress: Progress | None = None,
        **options: Any,
    ) -> Iterator[Any]:
        """Yield the results of recordings one by one in their order, reading only a few batches ahead.

        return_errors: yield the ValueError or OSError of a bad recording in its place, and go on. progress: called
        with the recording, the seconds of it that are done, and all its seconds, at the start of every recording
        that is run in chunks and after each batch of chunks. The other arguments are those of a call.
        """
        options = self._complete(options)
        batch_size = self._batch_size(batch_size)
        return self._stream(iter(inputs), options, batch_size, sampling_rate, return_errors, progress)

    def _stream(
        self,
        inputs: Iterator[Any],
        options: dict[str, Any],
        batch_size: int,
        sampling_rate: int | None,
        return_errors: bool,
        progress: Progress | None,
    ) -> Iterator[Any]:
        def attempt(i: int, step: Callable[[], Any], names_files: bool = True) -> Any:
            """What a step gives for recording i; or its error, which names the recording, if those are returned."""
            try:
                return step()
            except (ValueError, OSError) as error:
                named = error
                if not (names_files and is_path(window[i])):
                    name = os.fspath(window[i]) if is_path(window[i]) else f"inputs[{i}]"
                    named = ValueError(f"{name}: {error}")
                if not return_errors:
                    raise named from error.__cause__
                return named

        def answer(i: int, output: Any) -> Any:
            if isinstance(output, Exception):
                return output
            return attempt(i, partial(self._answer, output, options), names_files=False)

        read_ahead = 1 if batch_size == 1 else batch_size * BATCHES_READ_AHEAD
        numbered = enumerate(inputs)
        while window := dict(islice(numbered, read_ahead)):
            results = {  # a waveform, something to call, or an error; then what the caller gets
                i: attempt(i, partial(self._prepare, recording, sampling_rate, options))
                for i, recording in window.items()
            }
            waveforms = {i: one for i, one in results.items() if isinstance(one, np.ndarray)}
            for batch in self._batches({i: len(waveform) for i, waveform in waveforms.items()}, batch_size):
                for i, output in zip(batch, self.run_batch([waveforms[i] for i in batch])):
                    results[i] = answer(i, output)
            for i in window:
                result = results.pop(i)
                yield answer(i, attempt(i, partial(result, batch_size, progress))) if callable(result) else result

    def _answer(self, output: Any, options: dict[str, Any]) -> Any:
        check_finite(output)
        return self.answer(output, options)

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

    def _prepare(self, recording: Any, sampling_rate: int | None, options: dict[str, Any]) -> Any:
        """One recording as a waveform (N,) at the model's rate that is long enough for the model.

        A subclass may give something to call with (batch_size, progress) instead, which runs the recording by
        itself when its turn comes and gives its output.
        """
        waveform = load_waveform(recording, self.sampling_rate, sampling_rate)
        self._check_long_enough(len(waveform), recording)
        return waveform

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

    def run_model(self, waveforms: list[np.ndarray]) -> Any:
        """The model's output for a batch, computed without a tape: [(N_1,), ...] -> fields of (B, ...)."""
        features = self.feature_extractor(
            waveforms, sampling_rate=self.sampling_rate, padding=len(waveforms) > 1, return_tensors="np"
        )
        with no_grad():
            return self.model(**features, padding_mode="exact")

    def frames_of(self, waveforms: list[np.ndarray]) -> list[int]:
        """How many frames each waveform has when it is alone."""
        return [self.clock.frames(len(waveform)) for waveform in waveforms]


def check_fits(model: Any, feature_extractor: Any) -> None:
    """Raise a ValueError for a feature extractor that gives another input than the model takes."""
    given = feature_extractor.model_input_names[0]
    if given != model.main_input_name:
        raise ValueError(
            f"feature_extractor: a {type(feature_extractor).__name__} gives {given}, "
            f"and a {type(model).__name__} takes {model.main_input_name}: use the one that the model was trained with"
        )


def check_batch_size(batch_size: Any) -> int:
    """`batch_size` as an int, or a ValueError."""
    if isinstance(batch_size, bool) or not isinstance(batch_size, int | np.integer) or batch_size < 1:
        raise ValueError(f"batch_size must be a whole number of at least 1, got {batch_size!r}")
    return int(batch_size)
