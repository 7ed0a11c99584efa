"""The two places where a checkpoint folder keeps a feature extractor's settings.

transformers 5 nests them in `processor_config.json`, under "feature_extractor". transformers 4, and a feature extractor
that is saved alone, have `preprocessor_config.json`.

Lesson: notebooks/02_waveform_to_frames.ipynb, notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from npconformer.storage.files import describe_json, existing_folder, read_json_object
from npconformer.storage.hub import local_folder
from npconformer.storage.hub_options import HubOptions

SETTINGS_FILE = "preprocessor_config.json"
PROCESSOR_FILE = "processor_config.json"
TYPE = "feature_extractor_type"  # the setting that names the class


def extractor_folder(name: str | os.PathLike, hub: HubOptions) -> Path:
    """The folder with a feature extractor's files; of a repository at the hub, only these are downloaded."""
    return local_folder(name, hub, optional=(PROCESSOR_FILE, SETTINGS_FILE))


def read_extractor_settings(folder: str | os.PathLike) -> tuple[dict[str, Any], Path]:
    """The settings of the feature extractor in a folder, and the file that they are from.

    Nested ones come first. Raises FileNotFoundError when there are none, and ValueError, naming the file, for one that
    is damaged.
    """
    folder = existing_folder(folder, f"{SETTINGS_FILE} or {PROCESSOR_FILE}")
    path = folder / PROCESSOR_FILE
    if path.is_file():
        settings = read_json_object(path).get("feature_extractor")
        if not isinstance(settings, dict | None):
            raise ValueError(f"{path}: 'feature_extractor' must be an object, got {describe_json(settings)}")
        if settings is not None:
            return settings, path
    path = folder / SETTINGS_FILE
    if path.is_file():
        return read_json_object(path), path
    raise FileNotFoundError(
        f"{folder} has no feature extractor: neither {PROCESSOR_FILE} with an entry 'feature_extractor' "
        f"nor {SETTINGS_FILE}"
    )
