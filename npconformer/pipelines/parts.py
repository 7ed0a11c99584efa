"""What a pipeline is made of: a model, a feature extractor, perhaps a tokenizer; given, or loaded from a folder."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import numpy as np

from npconformer.arrays.backend import backend_of
from npconformer.models.frame_clock import FrameClock
from npconformer.pipelines.arguments import NAMES_OF_DEVICES, Loading
from npconformer.pipelines.loading import load_feature_extractor, load_model
from npconformer.storage.files import make_folder
from npconformer.storage.hub_options import HubOptions


class PipelineParts:
    """The parts of a pipeline.

    model: a model with a head, which is put in eval mode, or the folder or repository of one. feature_extractor: what
    turns waveforms into its input; tokenizer: what turns its output into text, for tasks that have text; processor:
    both in one. Each may be given as a folder or a repository; None takes it from the model's. device, dtype, and of
    `options` those about loading: see `Loading`.
    """

    task: ClassVar[str]
    head_name: ClassVar[str | None]  # of the models that it takes
    tokenizer: Any = None
    processor: Any = None

    def __init__(
        self,
        model: Any,
        feature_extractor: Any = None,
        tokenizer: Any = None,
        *,
        processor: Any = None,
        loading: Loading,
    ) -> None:
        self.processor, extractor = self.load_parts(model, processor, tokenizer, feature_extractor, loading.hub)
        self.tokenizer = getattr(self.processor, "tokenizer", None)
        model = load_model(
            self.head_name,
            model,
            loading.device,
            loading.dtype,
            loading.hub,
            config=loading.config,
            **loading.model_kwargs,
        )
        check_fits(model, extractor)
        self.model = model.eval()
        self.feature_extractor = extractor
        self.clock = FrameClock.of(model, extractor.sampling_rate, extractor.reach, extractor.hop)

    @classmethod
    def load_parts(
        cls, model: Any, processor: Any, tokenizer: Any, feature_extractor: Any, hub: HubOptions
    ) -> tuple[Any, Any]:
        """The processor, None for tasks without text, and the feature extractor."""
        if tokenizer is not None:
            raise ValueError(f"tokenizer: {cls.task} takes none")
        return None, load_feature_extractor(feature_extractor, processor, model, hub)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self.model).__name__}, {self.dtype.name}, {self.device})"

    @property
    def device(self) -> Any:
        """Where the model's weights are: what the model says, else "cpu" or "cuda"."""
        name = backend_of(next(self.model.parameters()).data).name
        return getattr(self.model, "device", None) or NAMES_OF_DEVICES.get(name, name)

    @property
    def dtype(self) -> np.dtype:
        """Of the model's weights."""
        return self.model.dtype

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

    def save_pretrained(self, save_directory: str | os.PathLike, **options: Any) -> None:
        """Write the model and what belongs to it into a folder, from which `pipeline` loads them again.

        options: of the model's `save_pretrained`, such as max_shard_size.
        """
        folder = make_folder(save_directory)
        self.model.save_pretrained(folder, **options)
        (self.processor or self.feature_extractor).save_pretrained(folder)


def check_fits(model: Any, feature_extractor: Any) -> None:
    """Raise a ValueError for a feature extractor that gives another input than the model takes."""
    given = feature_extractor.model_input_names[0]
    if given != model.main_input_name:
        raise ValueError(
            f"feature_extractor: a {type(feature_extractor).__name__} gives {given}, "
            f"and a {type(model).__name__} takes {model.main_input_name}: use the one that the model was trained with"
        )
