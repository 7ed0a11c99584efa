"""Speech to text with a CTC model: read, batch, run, cut, decode.

Letters: B utterances in a batch, N samples, T frames, V vocabulary.

Batching never changes the text. Padding would leak into the last frames of shorter utterances (the
reference's Conformer does not mask its depthwise convolution), so batches run with padding_mode="exact", in
which an utterance gives the same logits as alone, and the logits of padded frames are cut away before
decoding.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from npconformer.autograd import no_grad
from npconformer.backend import to_host
from npconformer.pipelines.inputs import load_waveform

TIMESTAMPS = (None, "char", "word")
BATCHES_READ_AHEAD = 4  # how many batches' recordings are sorted by length together


class AutomaticSpeechRecognitionPipeline:
    """Transcribes recordings with a CTC model and its processor.

    model: a model with a CTC head, in eval mode. processor: its Wav2Vec2Processor. batch_size: recordings
    per call of the model.
    """

    def __init__(self, model: Any, processor: Any, batch_size: int = 1) -> None:
        self.model = model.eval()
        self.processor = processor
        self.batch_size = _check_batch_size(batch_size)

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
    ) -> AutomaticSpeechRecognitionPipeline:
        """Load what is given as a folder, and put the pieces together; the arguments are those of
        `pipeline`.
        """
        _check_batch_size(batch_size)  # before seconds are spent on loading
        folder = model if _is_path(model) else None
        processor = _find_processor(processor, tokenizer, feature_extractor, folder)
        if folder is not None:
            from npconformer.models.wav2vec2_conformer import Wav2Vec2ConformerForCTC

            model = Wav2Vec2ConformerForCTC.from_pretrained(folder, dtype=dtype or "float32", device=device)
        else:
            if dtype is not None:
                model = model.to(dtype)
            if device is not None:
                model = model.to(device)
        return cls(model, processor, batch_size)

    @property
    def sampling_rate(self) -> int:
        """The rate that the model takes audio at, in samples per second."""
        return self.processor.feature_extractor.sampling_rate

    @property
    def seconds_per_frame(self) -> float:
        """How far apart two frames of logits are."""
        config = self.model.config
        samples = config.inputs_to_logits_ratio
        if config.add_adapter:
            samples *= config.adapter_stride**config.num_adapter_layers
        return samples / self.sampling_rate

    def __call__(
        self,
        inputs: Any,
        return_timestamps: str | None = None,
        batch_size: int | None = None,
        sampling_rate: int | None = None,
    ) -> Any:
        """Transcribe one recording, giving a dict, or several, giving a list of dicts in the same order.

        inputs: a path, an array, a dict with "array" (or "raw") and "sampling_rate", or a list or tuple of
        these; an iterator of these gives an iterator. return_timestamps: "char" or "word" adds "chunks".
        sampling_rate: the rate of bare arrays; without it they are taken to be at the model's rate, as in
        transformers.

        Returns {"text": str} and, if asked for, "chunks": [{"text": str, "timestamp": (start, end)}] in
        seconds. Raises ValueError or FileNotFoundError for the first recording that cannot be transcribed.
        """
        if isinstance(inputs, Iterator | list | tuple):
            results = self.stream(inputs, return_timestamps, batch_size, sampling_rate)
            return results if isinstance(inputs, Iterator) else list(results)
        _check_timestamps(return_timestamps)
        (ids,) = self._best_path([self._prepare(inputs, sampling_rate)])
        return self._decode(ids, return_timestamps)

    def stream(
        self,
        inputs: Iterable[Any],
        return_timestamps: str | None = None,
        batch_size: int | None = None,
        sampling_rate: int | None = None,
        return_errors: bool = False,
    ) -> Iterator[Any]:
        """Transcribe recordings one by one in their order, reading only a few batches ahead; arguments as
        in a call.

        return_errors: yield the ValueError or OSError of a bad recording in its place, and go on.
        """
        _check_timestamps(return_timestamps)
        batch_size = self.batch_size if batch_size is None else _check_batch_size(batch_size)
        return self._stream(iter(inputs), return_timestamps, batch_size, sampling_rate, return_errors)

    def _stream(
        self,
        inputs: Iterator[Any],
        return_timestamps: str | None,
        batch_size: int,
        sampling_rate: int | None,
        return_errors: bool,
    ) -> Iterator[Any]:
        read_ahead = 1 if batch_size == 1 else batch_size * BATCHES_READ_AHEAD
        numbered = enumerate(inputs)
        while window := dict(islice(numbered, read_ahead)):
            results: dict[int, Any] = {}
            waveforms: dict[int, np.ndarray] = {}
            for i, recording in window.items():
                try:
                    waveforms[i] = self._prepare(recording, sampling_rate)
                except (ValueError, OSError) as error:
                    named = error if _is_path(recording) else ValueError(f"inputs[{i}]: {error}")
                    if not return_errors:
                        raise named from error.__cause__
                    results[i] = named
            for batch in self._batches({i: len(waveform) for i, waveform in waveforms.items()}, batch_size):
                best_paths = self._best_path([waveforms[i] for i in batch])
                for i, ids in zip(batch, best_paths):
                    results[i] = self._decode(ids, return_timestamps)
            for i in window:
                yield results[i]

    def _prepare(self, recording: Any, sampling_rate: int | None) -> np.ndarray:
        """One recording as a waveform (N,) at the model's rate that is long enough for one frame."""
        waveform = load_waveform(recording, self.sampling_rate, sampling_rate)
        shortest = self.model.receptive_field
        if len(waveform) < shortest:
            name = f"{os.fspath(recording)}: " if _is_path(recording) else ""
            raise ValueError(
                f"{name}{len(waveform)} samples at {self.sampling_rate} Hz are too short: "
                f"the model needs {shortest} ({shortest / self.sampling_rate:.3f} s) for one frame"
            )
        return waveform

    def _batches(self, lengths: dict[int, int], batch_size: int) -> list[list[int]]:
        """Group recordings {index: N} into batches of similar length.

        Padding needs the attention mask that tells it from speech. Checkpoints whose processor gives none
        ("group" norm ones) share a batch only between recordings of one length.
        """
        may_pad = self.processor.feature_extractor.return_attention_mask
        batches: list[list[int]] = []
        for i in sorted(lengths, key=lambda i: lengths[i]):
            fits = batches and len(batches[-1]) < batch_size
            if fits and (may_pad or lengths[batches[-1][0]] == lengths[i]):
                batches[-1].append(i)
            else:
                batches.append([i])
        return batches

    def _best_path(self, waveforms: list[np.ndarray]) -> list[np.ndarray]:
        """The best class of every frame: [(N_1,), ...] -> [(T_1,), ...], only frames that hold speech."""
        features = self.processor(
            waveforms, sampling_rate=self.sampling_rate, padding=len(waveforms) > 1, return_tensors="np"
        )
        with no_grad():
            logits = self.model(
                features["input_values"],
                attention_mask=features.get("attention_mask"),
                padding_mode="exact",
            ).logits  # (B, T, V)
        best = to_host(logits.data).argmax(axis=-1)  # (B, T)
        lengths = [int(self.model._get_feat_extract_output_lengths(len(waveform))) for waveform in waveforms]
        return [ids[:length] for ids, length in zip(best, lengths)]

    def _decode(self, ids: np.ndarray, return_timestamps: str | None) -> dict[str, Any]:
        """Text, and times if asked for, of one utterance's best classes (T,)."""
        tokenizer = self.processor.tokenizer
        if return_timestamps is None:
            return {"text": tokenizer.decode(ids)}
        decoded = tokenizer.decode(ids, **{f"output_{return_timestamps}_offsets": True})
        step = self.seconds_per_frame
        chunks = [
            {
                "text": offset[return_timestamps],
                "timestamp": (offset["start_offset"] * step, offset["end_offset"] * step),
            }
            for offset in decoded[f"{return_timestamps}_offsets"]
        ]
        return {"text": decoded["text"], "chunks": chunks}


def _is_path(value: Any) -> bool:
    return isinstance(value, str | os.PathLike)


def _check_timestamps(return_timestamps: Any) -> None:
    if return_timestamps not in TIMESTAMPS:
        raise ValueError(f'return_timestamps must be None, "char" or "word", got {return_timestamps!r}')


def _check_batch_size(batch_size: Any) -> int:
    if isinstance(batch_size, bool) or not isinstance(batch_size, int | np.integer) or batch_size < 1:
        raise ValueError(f"batch_size must be a whole number of at least 1, got {batch_size!r}")
    return int(batch_size)


def _find_processor(processor: Any, tokenizer: Any, feature_extractor: Any, folder: Any) -> Any:
    """The processor given, or made of the two parts given, or read from a folder."""
    from npconformer.processing import Wav2Vec2Processor

    if _is_path(processor):
        return Wav2Vec2Processor.from_pretrained(processor)
    if processor is not None:
        return processor
    if tokenizer is not None and feature_extractor is not None:
        return Wav2Vec2Processor(feature_extractor=feature_extractor, tokenizer=tokenizer)
    if folder is None:
        raise ValueError(
            "a loaded model needs processor=, or tokenizer= and feature_extractor=; "
            "only a model given as a folder brings its own"
        )
    loaded = Wav2Vec2Processor.from_pretrained(folder)
    if tokenizer is None and feature_extractor is None:
        return loaded
    return Wav2Vec2Processor(
        feature_extractor=feature_extractor or loaded.feature_extractor,
        tokenizer=tokenizer or loaded.tokenizer,
    )
