"""What a training starts from, as it lies on the disk: a checkpoint folder, or the JSON file of a configuration."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npconformer.audio.extractor_files import PROCESSOR_FILE, SETTINGS_FILE
from npconformer.models.auto import AutoConfig, heads_of
from npconformer.processors.auto import AutoFeatureExtractor
from npconformer.storage.files import read_json_object
from npconformer.text.tokenizer import Wav2Vec2CTCTokenizer
from npconformer.text.tokenizer_files import VOCABULARY_FILE


@dataclass
class Source:
    """A source, and what is asked of it.

    Attributes:
        path: as it was given.
        folder: of the checkpoint; None for a configuration's file.
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

        Raises FileNotFoundError or ValueError where there is no configuration.
        """
        folder = Path(path) if Path(path).is_dir() else None
        overrides = overrides or {}
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
        folder = self.folder
        return folder is not None and (any(folder.glob("*.safetensors")) or any(folder.glob("pytorch_model*")))

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
        return Wav2Vec2CTCTokenizer.from_pretrained(self.folder)
