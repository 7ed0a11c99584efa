"""What every processor does: an extractor for sound and a tokenizer for text, loaded, called and saved as one."""

from __future__ import annotations

import copy
import inspect
import os
from typing import Any, TypeVar

import numpy as np

from npconformer.arrays.batch_feature import BatchFeature
from npconformer.audio.extractor_files import PROCESSOR_FILE
from npconformer.audio.sequence_features import SequenceFeatureExtractor
from npconformer.processors.auto import AutoFeatureExtractor, AutoTokenizer
from npconformer.processors.checkpoint_files import processor_folder
from npconformer.storage.files import make_folder, read_json_object
from npconformer.storage.hub_options import HubOptions, refuse_upload, without_secrets
from npconformer.storage.json_settings import JsonSettings
from npconformer.storage.messages import refuse_typo
from npconformer.text.ctc_decoding import best_path
from npconformer.text.tokenizer import Wav2Vec2CTCTokenizer, Wav2Vec2CTCTokenizerOutput

TEXT_OPTIONS = set(inspect.signature(Wav2Vec2CTCTokenizer.__call__).parameters) - {"self", "text"}

Processor = TypeVar("Processor", bound="SpeechProcessor")


class SpeechProcessor(JsonSettings):
    """Everything between a recording and the model, and between the model and the text.

    Either feature extractor goes with either processor: Wav2Vec2-BERT models that were fine-tuned before
    Wav2Vec2BertProcessor existed name a Wav2Vec2Processor, and have a SeamlessM4TFeatureExtractor in it.
    """

    def __init__(self, feature_extractor: SequenceFeatureExtractor, tokenizer: Wav2Vec2CTCTokenizer) -> None:
        if isinstance(feature_extractor, Wav2Vec2CTCTokenizer) or isinstance(tokenizer, SequenceFeatureExtractor):
            raise TypeError(
                f"a {type(self).__name__} takes a feature extractor and a tokenizer, in this order; got a "
                f"{type(feature_extractor).__name__} and a {type(tokenizer).__name__}"
            )
        self.feature_extractor = feature_extractor
        self.tokenizer = tokenizer
        self._unknown_settings: dict[str, Any] = {}

    @property
    def model_input_names(self) -> tuple[str, ...]:
        """The entries that a model may get: those of the feature extractor, and `labels`."""
        return (*self.feature_extractor.model_input_names, "labels")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(\n  {self.feature_extractor!r},\n  {self.tokenizer!r},\n)"

    def __call__(self, audio: Any = None, text: Any = None, **options: Any) -> BatchFeature:
        """Prepare audio for the model, texts as labels, or both.

        audio: as `raw_speech` of the feature extractor. text: a text or a list of them. options go to
        whichever of the two knows them (padding, return_tensors and the like to both); `audio_kwargs` and
        `text_kwargs`, dicts, to one of them only. padding and max_length count in the units of each: samples
        or frames here, letters there.

        Returns the feature extractor's entries, with the texts' ids as `labels` where both are given; the
        tokenizer's entries where only text is. Raises ValueError when neither is given or an option is
        unknown.
        """
        if audio is None and text is None:
            raise ValueError("give audio, text or both")
        for_audio, for_text = options.pop("audio_kwargs", None) or {}, options.pop("text_kwargs", None) or {}
        options = {**(options.pop("common_kwargs", None) or {}), **options}
        of_audio = set(inspect.signature(self.feature_extractor.__call__).parameters) - {"raw_speech"}
        _refuse_unknown(options, of_audio | TEXT_OPTIONS, "options")
        _refuse_unknown(for_audio, of_audio, "audio_kwargs")
        _refuse_unknown(for_text, TEXT_OPTIONS, "text_kwargs")
        if audio is not None:
            known = {name: value for name, value in options.items() if name in of_audio}
            inputs = self.feature_extractor(audio, **{**known, **for_audio})
        if text is not None:
            own = {name: value for name, value in self.tokenizer.init_kwargs.items() if name in TEXT_OPTIONS}
            known = {name: value for name, value in options.items() if name in TEXT_OPTIONS}
            encoding = self.tokenizer(text, **{**own, **known, **for_text})
            if audio is None:
                return encoding
            inputs["labels"] = encoding["input_ids"]
        return inputs

    def pad(self, input_features: Any = None, *arguments: Any, labels: Any = None, **options: Any) -> BatchFeature:
        """Collect prepared utterances and labels, each of its own length, into one padded batch.

        input_features: as `processed_features` of the feature extractor's `pad`, whose further arguments follow.
        labels: as `encoded_inputs` of the tokenizer's. They are filled with pad_token_id; set those places to -100
        before computing a loss.
        """
        if input_features is None and labels is None:
            raise ValueError("give input_features, labels or both")
        if arguments:
            options["padding"], *more = arguments
            if more:
                raise TypeError("pad takes two arguments by their places, input_features and padding; name the others")
        known = {name: value for name, value in options.items() if name != "truncation"}
        if input_features is None:
            return self.tokenizer.pad(labels, **known)
        inputs = self.feature_extractor.pad(input_features, **options)
        if labels is not None:
            inputs["labels"] = self.tokenizer.pad(labels, **known)["input_ids"]
        return inputs

    def decode(self, token_ids: Any, **options: Any) -> str | Wav2Vec2CTCTokenizerOutput:
        """The text of one utterance, from the ids (T,) or logits (T, V) of its frames; see the tokenizer."""
        ids = np.asarray(token_ids)
        return self.tokenizer.decode(ids.argmax(-1) if _are_logits(ids, 2) else token_ids, **options)

    def batch_decode(
        self, sequences: Any, *, lengths: Any = None, **options: Any
    ) -> list[str] | Wav2Vec2CTCTokenizerOutput:
        """The texts of several utterances, from ids (B, T), a list of id sequences, or logits (B, T, V).

        lengths: number of real frames of each utterance (B,). In a padded batch the frames after them hold
        garbage; `model.frame_lengths(inputs, attention_mask, exact=True)` gives it. Other options,
        such as output_word_offsets, as in the tokenizer's `decode`.
        """
        if not isinstance(sequences, list | tuple):
            sequences = np.asarray(sequences)
            if _are_logits(sequences, 3):
                return self.tokenizer.batch_decode(best_path(sequences, lengths), **options)
        return self.tokenizer.batch_decode(sequences, lengths=lengths, **options)

    @classmethod
    def from_pretrained(
        cls: type[Processor],
        pretrained_model_name_or_path: str | os.PathLike,
        return_unused_kwargs: bool = False,
        **overrides: Any,
    ) -> Any:
        """Load the feature extractor and the tokenizer of a checkpoint, in either of the two layouts.

        It is a folder, or a repository at the hub ("owner/name"), of which only the files that a processor needs are
        downloaded; revision, token, subfolder, cache_dir, force_download and local_files_only then say how, as
        `HubOptions` has it. The files say of which classes they are.

        Other overrides replace settings of the feature extractor that it knows (`do_normalize=False`), else of the
        tokenizer, where those that it does not know are kept. return_unused_kwargs: return also, in a dict, the
        overrides that were not used: none.

        Raises FileNotFoundError for what is missing, and ValueError, naming the file, for what is damaged or of the
        wrong type, and for an override that looks like a setting with a wrong letter.
        """
        folder = processor_folder(pretrained_model_name_or_path, HubOptions.take(overrides))
        extractor = AutoFeatureExtractor.from_pretrained(folder)
        for name in overrides:
            refuse_typo(name, [*vars(extractor), *TEXT_OPTIONS, *inspect.signature(Wav2Vec2CTCTokenizer).parameters])
        of_extractor = {name: value for name, value in overrides.items() if name in vars(extractor)}
        if of_extractor:
            extractor = AutoFeatureExtractor.from_pretrained(folder, **of_extractor)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        of_tokenizer = {
            name: value
            for name, value in overrides.items()
            if name not in of_extractor or name in tokenizer.init_kwargs  # padding_side is of both
        }
        if of_tokenizer:
            tokenizer = AutoTokenizer.from_pretrained(folder, **of_tokenizer)
        tokenizer.name_or_path = os.fspath(pretrained_model_name_or_path)
        processor = cls(extractor, tokenizer)
        if (folder / PROCESSOR_FILE).is_file():
            known = ("feature_extractor", "tokenizer", "processor_class")
            settings = read_json_object(folder / PROCESSOR_FILE)
            processor._unknown_settings = without_secrets({k: v for k, v in settings.items() if k not in known})
        return (processor, {}) if return_unused_kwargs else processor

    def to_dict(self) -> dict[str, Any]:
        """The settings of the processor and of its feature extractor, as processor_config.json has them."""
        return {
            **copy.deepcopy(self._unknown_settings),
            "feature_extractor": self.feature_extractor.to_dict(),
            "processor_class": type(self).__name__,
        }

    def save_pretrained(
        self, save_directory: str | os.PathLike, push_to_hub: bool = False, **options: Any
    ) -> list[str]:
        """Write processor_config.json, tokenizer_config.json and vocab.json, the layout of transformers 5.

        options: those of an upload, such as token, which change nothing.
        """
        refuse_upload(push_to_hub, options)
        folder = make_folder(save_directory)
        paths = self.tokenizer.save_pretrained(folder)
        self.to_json_file(folder / PROCESSOR_FILE)
        return [str(folder / PROCESSOR_FILE), *paths]


def _are_logits(array: np.ndarray, dimensions: int) -> bool:
    return array.ndim == dimensions and array.dtype.kind == "f"


def _refuse_unknown(options: dict[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(options) - known)
    if unknown:
        raise ValueError(f"unknown {where}: {', '.join(unknown)}; known are {', '.join(sorted(known))}")
