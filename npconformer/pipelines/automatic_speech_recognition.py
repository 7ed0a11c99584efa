"""Speech to text with a CTC model: the best class of every frame, decoded.

Letters: B utterances in a batch, N samples, T frames, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from npconformer.arrays.backend import to_host
from npconformer.pipelines.chunk_iter import chunk_iter, rescale_stride
from npconformer.pipelines.finite import not_finite
from npconformer.pipelines.frames import FramePipeline, Frames
from npconformer.pipelines.inputs import is_path, load_waveform
from npconformer.processors.fitting_vocabulary import check_vocabulary
from npconformer.storage.hub_options import HubOptions
from npconformer.text.confidence import best_path_log_probs, segment_confidence, span_confidences

__all__ = ["AutomaticSpeechRecognitionPipeline", "best_classes", "chunk_iter", "rescale_stride"]

TIMESTAMPS = (None, "char", "word")
NO_CLASS = -1


class AutomaticSpeechRecognitionPipeline(FramePipeline):
    """Transcribes recordings with a CTC model and its processor.

    A call gives {"text": str} for each recording. Its option `return_timestamps`, "char" or "word", adds
    "chunks": [{"text": str, "timestamp": (start, end)}], in seconds. `return_confidence` adds "confidence", from 0 to
    1, to each of them and to the whole, which has the mean of its words (None for silence). chunk_length_s and
    stride_length_s, for long recordings, are described in FramePipeline; the best class of every frame and its
    probability are kept, so that an hour is 1.4 MB, and decoded as one recording.
    """

    task = "automatic-speech-recognition"
    head_name = "ctc"
    rows_name = "tokens"
    type = "ctc"  # of the several kinds of recogniser that transformers has
    options: ClassVar = {**FramePipeline.options, "return_timestamps": None, "return_confidence": False}

    def __init__(self, model: Any, *parts: Any, **options: Any) -> None:
        super().__init__(model, *parts, **options)
        check_vocabulary(self.tokenizer, self.model.config.vocab_size)

    @classmethod
    def load_parts(
        cls, model: Any, processor: Any, tokenizer: Any, feature_extractor: Any, hub: HubOptions
    ) -> tuple[Any, Any]:
        """The processor, and its feature extractor."""
        processor = _find_processor(processor, tokenizer, feature_extractor, model if is_path(model) else None, hub)
        return processor, processor.feature_extractor

    @classmethod
    def check_options(cls, options: dict[str, Any]) -> None:
        super().check_options(options)
        if options["return_timestamps"] not in TIMESTAMPS:
            raise ValueError(
                f'return_timestamps must be None, "char" or "word", got {options["return_timestamps"]!r}: '
                "a CTC model has times of letters and of words, and no segments"
            )
        if not isinstance(options["return_confidence"], bool):
            raise ValueError(f"return_confidence must be True or False, got {options['return_confidence']!r}")

    def logits_of(self, recording: Any, sampling_rate: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """A recording's waveform (N,) at the model's rate, and the logits (T, V) that its text is read from.

        The recording, as for a call, is run as a whole. Raises ValueError or FileNotFoundError where it cannot be used.
        """
        waveform = load_waveform(recording, self.sampling_rate, sampling_rate)
        self._check_long_enough(len(waveform), recording)
        return waveform, to_host(self.run_model([waveform]).logits.data)[0]

    def decode(self, logits: np.ndarray, seams: Sequence[int] = (), **options: Any) -> dict[str, Any]:
        """What a call with these options gives for a recording of which `logits_of` has given these (T, V).

        For those who need the logits as well: the model runs once. seams: the frames with which further utterances
        begin, where the recording was cut at pauses. Raises ValueError for logits that are not finite.
        """
        return self.answer(Frames(0, best_path(logits), tuple(seams)), self._complete(options))

    def read_output(self, outputs: Any) -> np.ndarray:
        """The best path (B, T), as of `best_path`."""
        return best_path(to_host(outputs.logits.data))

    def forward(self, model_inputs: Mapping[str, Any]) -> dict[str, Any]:
        """What the model says of one dict of `preprocess`: "tokens" and their "log_probs" (1, T), and strides."""
        outputs = super().forward(model_inputs)
        path = outputs["tokens"]
        return {**outputs, "tokens": path["id"].astype(np.int64), "log_probs": path["log_prob"]}

    def postprocess(self, model_outputs: Sequence[Mapping[str, Any]], **options: Any) -> Any:
        """What a call with these options gives, made of what `forward` gives; confidence needs its "log_probs"."""
        paths = [{**one, "tokens": _path(one["tokens"], one.get("log_probs"))} for one in model_outputs]
        for one in paths:
            one.pop("log_probs", None)
        return super().postprocess(paths, **options)

    def answer(self, output: Frames, options: dict[str, Any]) -> dict[str, Any]:
        """Text, and times and confidence if asked for, of one utterance's best path (T,).

        Raises ValueError where there is no best class.
        """
        path, ids = output.rows, output.rows["id"]
        if wrong := int((ids == NO_CLASS).sum()):
            raise not_finite(wrong, len(ids), "frames")
        unit, rated = options["return_timestamps"], options["return_confidence"]
        units = [one for one in TIMESTAMPS if one is not None and (one == unit or (rated and one == "word"))]
        text, offsets = decode_utterances(self.processor.tokenizer, ids, output.seams, units)
        result: dict[str, Any] = {"text": text}
        if rated:
            result["confidence"] = segment_confidence(self._confidences(path, offsets["word"]))
        if unit is None:
            return result
        start = self.clock.start
        result["chunks"] = [
            {"text": offset[unit], "timestamp": (start(offset["start_offset"]), start(offset["end_offset"]))}
            for offset in offsets[unit]
        ]
        if rated:
            for chunk, confidence in zip(result["chunks"], self._confidences(path, offsets[unit])):
                chunk["confidence"] = confidence
        return result

    def _confidences(self, path: np.ndarray, offsets: list[dict[str, Any]]) -> list[float | None]:
        tokenizer = self.processor.tokenizer
        no_letters = {tokenizer.pad_token_id, tokenizer.word_delimiter_token_id}
        spans = [(offset["start_offset"], offset["end_offset"]) for offset in offsets]
        return span_confidences(path["id"], path["log_prob"], spans, no_letters)


def decode_utterances(
    tokenizer: Any, ids: np.ndarray, seams: Sequence[int], units: Sequence[str]
) -> tuple[str, dict[str, list[dict[str, Any]]]]:
    """The text of a best path (T,), and for each of the units, "char" and "word", its offsets in frames.

    seams: the frames with which further utterances begin. Each is read by itself: a word ends there, and a letter that
    comes again behind one is another one.
    """
    asked = {f"output_{unit}_offsets": True for unit in units}
    text, offsets = "", {unit: list[dict[str, Any]]() for unit in units}
    for first, last in pairwise([0, *seams, len(ids)]):
        decoded = tokenizer.decode(ids[first:last], **asked)
        said = decoded["text"] if asked else decoded
        for unit in units:
            further = [
                {**one, "start_offset": one["start_offset"] + first, "end_offset": one["end_offset"] + first}
                for one in decoded[f"{unit}_offsets"]
            ]
            if unit == "char" and offsets[unit] and further:
                offsets[unit] += _space_between(offsets[unit][-1], further[0])
            offsets[unit] += further
        text = f"{text} {said}" if text and said else text or said
    return text, offsets


def _space_between(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """The space, if there is none yet, between the last letter of an utterance and the first of the next one."""
    if before["char"].endswith(" ") or after["char"].startswith(" "):
        return []
    return [{"char": " ", "start_offset": before["end_offset"], "end_offset": after["start_offset"]}]


def best_path(logits: np.ndarray) -> np.ndarray:
    """(..., V) -> (...) of {"id", "log_prob"}: `best_classes` with the logarithms of their probabilities."""
    return _path(best_classes(logits), best_path_log_probs(logits))


def _path(ids: np.ndarray, log_probs: np.ndarray | None) -> np.ndarray:
    path = np.empty(np.shape(ids), [("id", np.int32), ("log_prob", np.float32)])
    path["id"], path["log_prob"] = ids, np.nan if log_probs is None else log_probs
    return path


def best_classes(logits: np.ndarray) -> np.ndarray:
    """(..., V) -> (...): the class with the largest logit; NO_CLASS where the logits are NaN or infinite."""
    return np.where(np.isfinite(logits).all(axis=-1), logits.argmax(axis=-1), NO_CLASS)


def _find_processor(processor: Any, tokenizer: Any, feature_extractor: Any, folder: Any, hub: HubOptions) -> Any:
    """The processor given, or made of the two parts given, or read from a folder; each may be given as a folder.

    hub: how to get `folder` where it is a repository at the hub; another repository is taken as it is now.
    """
    from npconformer.processors.auto import AutoFeatureExtractor, AutoProcessor, AutoTokenizer

    def load(kind: Any, given: Any) -> Any:
        if not is_path(given):
            return given
        where = hub if given == folder else hub.elsewhere()
        return kind.from_pretrained(given, **where.arguments())

    if processor is not None:
        return load(AutoProcessor, processor)
    if tokenizer is None and feature_extractor is None and folder is not None:
        return load(AutoProcessor, folder)
    tokenizer = folder if tokenizer is None else tokenizer
    feature_extractor = folder if feature_extractor is None else feature_extractor
    if tokenizer is None or feature_extractor is None:
        raise ValueError(
            "a loaded model needs processor=, or tokenizer= and feature_extractor=; "
            "only a model given as a folder brings its own"
        )
    return AutoProcessor.from_parts(load(AutoFeatureExtractor, feature_extractor), load(AutoTokenizer, tokenizer))
