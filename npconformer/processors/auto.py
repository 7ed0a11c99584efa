"""Which class a checkpoint folder's files are for: the one list of feature extractors, tokenizers and processors.

>>> processor = AutoProcessor.from_pretrained("my-checkpoint")

                        named by                   in
    feature extractor   feature_extractor_type     processor_config.json (nested), else preprocessor_config.json
    tokenizer           tokenizer_class            tokenizer_config.json
    processor           processor_class            any of these three files

Where nothing is named, the extractor is a Wav2Vec2FeatureExtractor and the tokenizer a Wav2Vec2CTCTokenizer, as in the
reference, and the processor is that of the `model_type` in config.json. What is made for a configuration that has no
files beside it is of the classes that its model type has in `PARTS_OF_MODEL`.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any, NamedTuple

from npconformer.audio.extractor_files import (
    PROCESSOR_FILE,
    SETTINGS_FILE,
    TYPE,
    extractor_folder,
    read_extractor_settings,
)
from npconformer.processors.checkpoint_files import processor_folder
from npconformer.storage.files import read_json_object
from npconformer.storage.hub_options import HubOptions
from npconformer.storage.messages import shown
from npconformer.text import tokenizer_files

MODEL_FILE = "config.json"

HOMES = {
    "feature extractor": {
        "Wav2Vec2FeatureExtractor": "npconformer.audio.feature_extraction",
        "SeamlessM4TFeatureExtractor": "npconformer.audio.seamless_m4t_features",
        "NemoConformerFeatureExtractor": "npconformer.audio.nemo_features",
    },
    "tokenizer": {
        "Wav2Vec2CTCTokenizer": "npconformer.text.tokenizer",
        "PieceCTCTokenizer": "npconformer.text.piece_tokenizer",
    },
    "processor": {
        "Wav2Vec2Processor": "npconformer.processors.wav2vec2_processor",
        "Wav2Vec2BertProcessor": "npconformer.processors.wav2vec2_bert_processor",
        "NemoConformerProcessor": "npconformer.processors.nemo_conformer_processor",
    },
}  # modules are imported when one of their classes is chosen


class Parts(NamedTuple):
    """The classes that go with a model type."""

    feature_extractor: str
    processor: str


PARTS_OF_MODEL = {
    "wav2vec2-conformer": Parts("Wav2Vec2FeatureExtractor", "Wav2Vec2Processor"),
    "wav2vec2-bert": Parts("SeamlessM4TFeatureExtractor", "Wav2Vec2BertProcessor"),
    "nemo-conformer": Parts("NemoConformerFeatureExtractor", "NemoConformerProcessor"),
}


class _Auto:
    def __init__(self, *arguments: Any, **settings: Any) -> None:
        name = type(self).__name__
        raise TypeError(f"{name} chooses a class by a folder's files: use {name}.from_pretrained(folder)")


class AutoFeatureExtractor(_Auto):
    """Loads the feature extractor of a checkpoint folder or repository, of the class that its files name."""

    @classmethod
    def for_config(cls, config: Any) -> Any:
        """A new feature extractor that suits a model with this configuration. Raises ValueError where none does."""
        if config.model_type not in PARTS_OF_MODEL:
            raise ValueError(f"model_type is {shown(config.model_type)}; expected one of {', '.join(PARTS_OF_MODEL)}")
        return _load("feature extractor", PARTS_OF_MODEL[config.model_type].feature_extractor).for_config(config)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike, **overrides: Any) -> Any:
        """The checkpoint's feature extractor; `overrides` replace single settings, or are `HubOptions`.

        Raises FileNotFoundError when there is none, and ValueError, naming the file, for a class that is not offered
        and for settings that are damaged or wrong.
        """
        folder = extractor_folder(pretrained_model_name_or_path, HubOptions.take(overrides))
        settings, path = read_extractor_settings(folder)
        name = settings.get(TYPE)
        if name is not None:
            return _class_named("feature extractor", name, TYPE, path).from_pretrained(folder, **overrides)
        fallback = _class_named("feature extractor", "Wav2Vec2FeatureExtractor", TYPE, path)
        try:
            return fallback.from_pretrained(folder, **overrides)
        except ValueError as error:
            raise ValueError(f"{error}; it names no {TYPE}, so it is read as a {fallback.__name__}'s") from error


class AutoTokenizer(_Auto):
    """Loads the tokenizer of a checkpoint folder or repository, of the class that its files name."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike, **overrides: Any) -> Any:
        """The checkpoint's tokenizer; `overrides` replace single settings, or are `HubOptions`.

        Raises FileNotFoundError when there is none, and ValueError, naming the file, for a class that is not offered
        and for files that are damaged or wrong.
        """
        folder = tokenizer_files.tokenizer_folder(pretrained_model_name_or_path, HubOptions.take(overrides))
        path = folder / tokenizer_files.SETTINGS_FILE
        name = _setting(path, "tokenizer_class") or "Wav2Vec2CTCTokenizer"
        tokenizer = _class_named("tokenizer", name, "tokenizer_class", path).from_pretrained(folder, **overrides)
        tokenizer.name_or_path = os.fspath(pretrained_model_name_or_path)
        return tokenizer


class AutoProcessor(_Auto):
    """Loads the processor of a checkpoint folder or repository, of the class that its files name."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike, **overrides: Any) -> Any:
        """The checkpoint's processor, whose `from_pretrained` says what `overrides` do.

        Raises FileNotFoundError when its feature extractor or its tokenizer is missing, and ValueError, naming the
        file, for a class that is not offered, for files that name none, and for those that are damaged or wrong.
        """
        folder = processor_folder(pretrained_model_name_or_path, HubOptions.take(overrides), also=[MODEL_FILE])
        return _processor_class(folder).from_pretrained(folder, **overrides)

    @classmethod
    def from_parts(cls, feature_extractor: Any, tokenizer: Any) -> Any:
        """The processor that a feature extractor is usually part of, with this tokenizer."""
        of_extractor = {parts.feature_extractor: parts.processor for parts in PARTS_OF_MODEL.values()}
        kinds = (of_extractor.get(kind.__name__) for kind in type(feature_extractor).__mro__)
        name = next(filter(None, kinds), "Wav2Vec2Processor")
        return _load("processor", name)(feature_extractor, tokenizer)


def _processor_class(folder: Path) -> Any:
    for file in (PROCESSOR_FILE, SETTINGS_FILE, tokenizer_files.SETTINGS_FILE):
        name = _setting(folder / file, "processor_class")
        if name is not None:
            return _class_named("processor", name, "processor_class", folder / file)
    model_type = _setting(folder / MODEL_FILE, "model_type")
    if isinstance(model_type, str) and model_type in PARTS_OF_MODEL:
        return _load("processor", PARTS_OF_MODEL[model_type].processor)
    raise ValueError(
        f"{folder}: no file names a processor_class, and {MODEL_FILE} has the model_type {shown(model_type)}, not "
        f"{' or '.join(PARTS_OF_MODEL)}; AutoFeatureExtractor and AutoTokenizer load what is there one by one"
    )


def _setting(path: Path, name: str) -> Any:
    """A setting in a file; None where there is no such file or no such setting."""
    return read_json_object(path).get(name) if path.is_file() else None


def _class_named(kind: str, name: Any, setting: str, path: Path) -> Any:
    if not isinstance(name, str) or name not in HOMES[kind]:
        raise ValueError(f"{path}: {setting} is {shown(name)}; offered is {' or '.join(HOMES[kind])}")
    return _load(kind, name)


def _load(kind: str, name: str) -> Any:
    return getattr(importlib.import_module(HOMES[kind][name]), name)
