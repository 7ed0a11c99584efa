"""Which class a checkpoint folder's files are for: the one list of feature extractors, tokenizers and processors.

>>> processor = AutoProcessor.from_pretrained("my-checkpoint")

                        named by                   in
    feature extractor   feature_extractor_type     processor_config.json (nested), else preprocessor_config.json
    tokenizer           tokenizer_class            tokenizer_config.json
    processor           processor_class            any of these three files

Where nothing is named, the extractor is a Wav2Vec2FeatureExtractor and the tokenizer a Wav2Vec2CTCTokenizer, as in the
reference, and the processor is that of the `model_type` in config.json.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

from npconformer.audio.extractor_files import PROCESSOR_FILE, SETTINGS_FILE, TYPE, read_extractor_settings
from npconformer.storage.files import existing_folder, read_json_object
from npconformer.text import tokenizer_files

MODEL_FILE = "config.json"

HOMES = {
    "feature extractor": {
        "Wav2Vec2FeatureExtractor": "npconformer.audio.feature_extraction",
        "SeamlessM4TFeatureExtractor": "npconformer.audio.seamless_m4t_features",
    },
    "tokenizer": {"Wav2Vec2CTCTokenizer": "npconformer.text.tokenizer"},
    "processor": {
        "Wav2Vec2Processor": "npconformer.processors.wav2vec2_processor",
        "Wav2Vec2BertProcessor": "npconformer.processors.wav2vec2_bert_processor",
    },
}  # modules are imported when one of their classes is chosen
PROCESSOR_OF_MODEL = {"wav2vec2-conformer": "Wav2Vec2Processor", "wav2vec2-bert": "Wav2Vec2BertProcessor"}
PROCESSOR_OF_EXTRACTOR = {
    "Wav2Vec2FeatureExtractor": "Wav2Vec2Processor",
    "SeamlessM4TFeatureExtractor": "Wav2Vec2BertProcessor",
}


class _Auto:
    def __init__(self, *arguments: Any, **settings: Any) -> None:
        name = type(self).__name__
        raise TypeError(f"{name} chooses a class by a folder's files: use {name}.from_pretrained(folder)")


class AutoFeatureExtractor(_Auto):
    """Loads the feature extractor of a checkpoint folder, of the class that its files name."""

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike, **overrides: Any) -> Any:
        """The folder's feature extractor; `overrides` replace single settings.

        Raises FileNotFoundError when there is none, and ValueError, naming the file, for a class that is not offered
        and for settings that are damaged or wrong.
        """
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
    """Loads the tokenizer of a checkpoint folder, of the class that its files name."""

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike, **overrides: Any) -> Any:
        """The folder's tokenizer; `overrides` replace single settings.

        Raises FileNotFoundError when there is none, and ValueError, naming the file, for a class that is not offered
        and for files that are damaged or wrong.
        """
        folder = existing_folder(folder, f"{tokenizer_files.VOCABULARY_FILE} and {tokenizer_files.SETTINGS_FILE}")
        path = folder / tokenizer_files.SETTINGS_FILE
        name = _setting(path, "tokenizer_class") or "Wav2Vec2CTCTokenizer"
        return _class_named("tokenizer", name, "tokenizer_class", path).from_pretrained(folder, **overrides)


class AutoProcessor(_Auto):
    """Loads the processor of a checkpoint folder, of the class that its files name."""

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike, **overrides: Any) -> Any:
        """The folder's processor, whose `from_pretrained` says what `overrides` do.

        Raises FileNotFoundError when its feature extractor or its tokenizer is missing, and ValueError, naming the
        file, for a class that is not offered, for files that name none, and for those that are damaged or wrong.
        """
        folder = existing_folder(folder, "the processor's files, such as processor_config.json")
        return _processor_class(folder).from_pretrained(folder, **overrides)

    @classmethod
    def from_parts(cls, feature_extractor: Any, tokenizer: Any) -> Any:
        """The processor that a feature extractor is usually part of, with this tokenizer."""
        kinds = (PROCESSOR_OF_EXTRACTOR.get(kind.__name__) for kind in type(feature_extractor).__mro__)
        name = next(filter(None, kinds), "Wav2Vec2Processor")
        return getattr(importlib.import_module(HOMES["processor"][name]), name)(feature_extractor, tokenizer)


def _processor_class(folder: Path) -> Any:
    for file in (PROCESSOR_FILE, SETTINGS_FILE, tokenizer_files.SETTINGS_FILE):
        name = _setting(folder / file, "processor_class")
        if name is not None:
            return _class_named("processor", name, "processor_class", folder / file)
    model_type = _setting(folder / MODEL_FILE, "model_type")
    if isinstance(model_type, str) and model_type in PROCESSOR_OF_MODEL:
        return _class_named("processor", PROCESSOR_OF_MODEL[model_type], "processor_class", folder / MODEL_FILE)
    raise ValueError(
        f"{folder}: no file names a processor_class, and {MODEL_FILE} has the model_type {model_type!r}, not "
        f"{' or '.join(PROCESSOR_OF_MODEL)}; AutoFeatureExtractor and AutoTokenizer load what is there one by one"
    )


def _setting(path: Path, name: str) -> Any:
    """A setting in a file; None where there is no such file or no such setting."""
    return read_json_object(path).get(name) if path.is_file() else None


def _class_named(kind: str, name: Any, setting: str, path: Path) -> Any:
    homes = HOMES[kind]
    if not isinstance(name, str) or name not in homes:
        raise ValueError(f"{path}: {setting} is {name!r}; offered is {' or '.join(homes)}")
    return getattr(importlib.import_module(homes[name]), name)
