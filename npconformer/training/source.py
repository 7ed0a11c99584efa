"""What a training starts from, as it lies on the disk: a checkpoint folder, or the JSON file of a configuration."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npconformer.audio.extractor_files import PROCESSOR_FILE, SETTINGS_FILE
from npconformer.models.auto import AutoConfig, config_class, heads_of, read_model_type
from npconformer.models.configuration import configuration_file
from npconformer.models.unknown_fields import known_fields, unknown_fields
from npconformer.processors.auto import AutoFeatureExtractor, AutoTokenizer
from npconformer.storage.archives import source_of
from npconformer.storage.files import read_json_object
from npconformer.storage.messages import shown
from npconformer.text.tokenizer import Wav2Vec2CTCTokenizer
from npconformer.text.tokenizer_files import VOCABULARY_FILE
from npconformer.training.ready_configurations import is_ready, ready_configuration


@dataclass
class Source:
    """A source, and what is asked of it.

    Attributes:
        path: as it was given.
        folder: of the checkpoint; None for a configuration's file, and for a ready configuration's name.
        config: what it says, with the overrides in it.
        overrides: fields of the configuration that were replaced.
        has_head: it is a checkpoint with the head that is wanted.
        other_kind: it is a checkpoint with another head, whose labels are not this one's.
        new_head: a new head is asked for even where there is one.
    """

    path: str | os.PathLike
    folder: Path | None
    config: Any
    overrides: dict[str, Any]
    has_head: bool
    other_kind: bool
    new_head: bool

    @classmethod
    def find(cls, path: str | os.PathLike, head_name: str, overrides: dict[str, Any] | None, new_head: bool) -> Source:
        """Looks at a source for a model with that head.

        Raises FileNotFoundError or ValueError where there is no configuration, or one without weights, which a person
        writes, has fields that look like slips of others.
        """
        folder = Path(path) if Path(path).is_dir() else None
        overrides = overrides or {}
        if is_ready(path):
            return cls(path, None, ready_configuration(str(path), **overrides), overrides, False, False, new_head)
        if not _has_weights(folder):
            _refuse_slips(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # told where the training starts
            config = AutoConfig.from_pretrained(path, **overrides)
        has_head = folder is not None and head_name in heads_of(config.architectures or [])
        other_kind = folder is not None and bool(config.architectures) and not has_head
        if other_kind and "problem_type" not in overrides:
            config.problem_type = None
        return cls(path, folder, config, overrides, has_head, other_kind, new_head)

    @property
    def needs_head(self) -> bool:
        """Whether a head is made for the data: there is none of this kind, or a new one is asked for."""
        return self.new_head or not self.has_head

    @property
    def has_weights(self) -> bool:
        """Whether it holds weights beside its configuration."""
        return _has_weights(self.folder)

    @property
    def own_config(self) -> Any:
        """What it says without the overrides."""
        return AutoConfig.from_pretrained(self.path)

    def feature_extractor(self) -> Any:
        """Its own, or one that suits the configuration."""
        folder = self.folder
        if folder is not None and any((folder / name).is_file() for name in (PROCESSOR_FILE, SETTINGS_FILE)):
            return AutoFeatureExtractor.from_pretrained(folder)
        return AutoFeatureExtractor.for_config(self.config)

    def tokenizer(self) -> Wav2Vec2CTCTokenizer | None:
        """Its own, or None where there is no vocabulary."""
        if self.folder is None or not (self.folder / VOCABULARY_FILE).is_file():
            return None
        read_json_object(self.folder / VOCABULARY_FILE)  # names the file if it is damaged
        return AutoTokenizer.from_pretrained(self.folder)


def _has_weights(folder: Path | None) -> bool:
    if folder is not None and source_of(folder) is not None:
        return True
    return folder is not None and (any(folder.glob("*.safetensors")) or any(folder.glob("pytorch_model*")))


def _refuse_slips(path: str | os.PathLike) -> None:
    """Raises ValueError for fields that look like others: with a slip, the model would be of the default size."""
    kind = config_class(read_model_type(path))
    unknown = unknown_fields(read_json_object(configuration_file(path)), known_fields(kind))
    slips = [f"{shown(name)} (did you mean {meant!r}?)" for name, meant in unknown.items() if meant is not None]
    if slips:
        raise ValueError(f"{path}: no fields of {kind.__name__}, and without an effect: {', '.join(slips)}")
