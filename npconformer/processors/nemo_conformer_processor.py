"""The processor of NeMo's Conformer: raw samples in, `input_features` out; see `speech_processor` for what it does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from npconformer.models.configuration import CONFIG_NAME
from npconformer.processors.checkpoint_files import processor_folder
from npconformer.processors.fitting_vocabulary import check_vocabulary
from npconformer.processors.speech_processor import SpeechProcessor
from npconformer.storage.files import read_json_object
from npconformer.storage.hub_options import HubOptions


class NemoConformerProcessor(SpeechProcessor):
    """A NemoConformerFeatureExtractor and a tokenizer."""

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike, return_unused_kwargs: bool = False, **overrides: Any
    ) -> Any:
        """As every processor's; and where a config.json is beside it, its classes must be the tokenizer's tokens.

        Lists of pieces come from elsewhere than weights do, so that they may be of another model: a ValueError says so.
        """
        hub = HubOptions.take(overrides)
        folder = processor_folder(pretrained_model_name_or_path, hub, also=[CONFIG_NAME])
        loaded = super().from_pretrained(folder, return_unused_kwargs, **overrides)
        processor = loaded[0] if return_unused_kwargs else loaded
        processor.tokenizer.name_or_path = os.fspath(pretrained_model_name_or_path)
        path = Path(folder, CONFIG_NAME)
        classes = read_json_object(path).get("vocab_size") if path.is_file() else None
        if isinstance(classes, int) and "vocab" not in overrides:
            try:
                check_vocabulary(processor.tokenizer, classes)
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from None
        return loaded
