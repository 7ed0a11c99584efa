"""The pieces of a pipeline, loaded where they are given as a folder."""

from __future__ import annotations

import os
from typing import Any

from npconformer.pipelines.inputs import is_path


def load_model(head: str, model: Any, device: str | None, dtype: Any) -> Any:
    """The model with `head`, such as "ForCTC", in the folder `model`; or a loaded model, checked and moved.

    device, dtype: as in `pipeline`.

    Raises FileNotFoundError for a missing file, and ValueError for a model or a folder with another head.
    """
    if is_path(model):
        return _load_folder(head, model, device, dtype)
    if not any(kind.__name__.endswith(head) for kind in type(model).__mro__):
        raise ValueError(f"model must be a folder or a model {head}, got {type(model).__name__}")
    if dtype is not None:
        model = model.to(dtype)
    if device is not None:
        model = model.to(device)
    return model


def load_feature_extractor(feature_extractor: Any, processor: Any, model: Any) -> Any:
    """The feature extractor given, or the processor's, or the one in the model's folder."""
    from npconformer.audio.feature_extraction import Wav2Vec2FeatureExtractor

    of_processor = getattr(processor, "feature_extractor", processor)
    of_model = model if is_path(model) else None
    for given in (feature_extractor, of_processor, of_model):
        if given is not None:
            return Wav2Vec2FeatureExtractor.from_pretrained(given) if is_path(given) else given
    raise ValueError("a loaded model needs feature_extractor=; only a model given as a folder brings its own")


def _load_folder(head: str, folder: str | os.PathLike, device: str | None, dtype: Any) -> Any:
    from npconformer.models import wav2vec2_conformer

    model_class = getattr(wav2vec2_conformer, f"Wav2Vec2Conformer{head}")
    try:
        return model_class.from_pretrained(folder, dtype=dtype or "float32", device=device)
    except ValueError as error:
        others = _architectures(model_class.config_class, folder)
        if not others or model_class.__name__ in others:
            raise
        raise ValueError(
            f"{os.fspath(folder)} holds a {' and a '.join(others)}; a {model_class.__name__} is needed here"
        ) from error


def _architectures(config_class: Any, folder: str | os.PathLike) -> list[str]:
    """The classes that the folder's config names, as far as it can be read."""
    try:
        return config_class.from_pretrained(folder).architectures or []
    except (ValueError, OSError):
        return []
