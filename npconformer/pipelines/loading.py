"""The pieces of a pipeline, loaded where they are given as a folder or as a repository at the hub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from npconformer.models.auto import AutoConfig, model_class, model_names, read_model_type
from npconformer.models.configuration import configuration_file
from npconformer.pipelines.inputs import is_path
from npconformer.storage.hub_options import AS_USUAL, HubOptions
from npconformer.storage.messages import LONGEST, printable


def load_model(
    head_name: str | None,
    model: Any,
    device: str | None,
    dtype: Any,
    hub: HubOptions = AS_USUAL,
    config: Any = None,
    **model_kwargs: Any,
) -> Any:
    """The model with that head, such as "ctc", in the folder `model`; or a loaded model, checked and moved.

    device, dtype, config, model_kwargs: as in `pipeline`. hub: how to get `model` where it is a repository at the hub.

    Raises FileNotFoundError for a missing file, and ValueError for a model or a folder with another head.
    """
    if is_path(model):
        if config is not None:
            model_kwargs["config"] = config
        return _load_folder(head_name, model, device, dtype, hub, model_kwargs)
    for name, given in (("config", config), ("model_kwargs", model_kwargs)):
        if given:
            raise ValueError(f"{name} is about loading a model, and model is a loaded one")
    if getattr(model, "head_name", None) != head_name:
        expected = " or a ".join(model_names(head_name))
        raise ValueError(f"model must be a folder or a {expected}, got {type(model).__name__}")
    if dtype is not None:
        model = model.to(dtype)
    if device is not None:
        model = model.to(device)
    return model


def load_feature_extractor(feature_extractor: Any, processor: Any, model: Any, hub: HubOptions = AS_USUAL) -> Any:
    """The feature extractor given, or the processor's, or the one in the model's folder.

    hub: how to get `model` where it is a repository at the hub; another repository is taken as it is now.
    """
    from npconformer.processors.auto import AutoFeatureExtractor

    of_processor = getattr(processor, "feature_extractor", processor)
    of_model = model if is_path(model) else None
    for given in (feature_extractor, of_processor, of_model):
        if given is not None:
            if not is_path(given):
                return given
            where = hub if given == of_model else hub.elsewhere()
            return AutoFeatureExtractor.from_pretrained(given, **where.arguments())
    raise ValueError("a loaded model needs feature_extractor=; only a model given as a folder brings its own")


def _load_folder(
    head_name: str | None,
    folder: str | os.PathLike,
    device: str | None,
    dtype: Any,
    hub: HubOptions,
    model_kwargs: dict[str, Any],
) -> Any:
    file = configuration_file(folder, hub)
    needed = model_class(read_model_type(file), head_name)
    try:
        return needed.from_pretrained(
            folder,
            dtype=dtype or "auto",
            device=device,
            allow_missing=False,
            **hub.pinned_to(file).arguments(),
            **model_kwargs,
        )
    except ValueError as error:
        others = _architectures(file)
        if not others or needed.__name__ in others:
            raise
        held = printable(" and a ".join(others)[:LONGEST])
        raise ValueError(f"{os.fspath(folder)} holds a {held}; a {needed.__name__} is needed here") from error


def _architectures(file: Path) -> list[str]:
    """The classes that a config.json names, as far as it can be read."""
    try:
        return AutoConfig.from_pretrained(file).architectures or []
    except (ValueError, OSError):
        return []
