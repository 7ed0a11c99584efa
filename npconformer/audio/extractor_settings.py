"""A feature extractor's settings as files, dicts and JSON: loading and saving, with transformers' names.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Mapping
from typing import Any, TypeVar

from npconformer.audio.extractor_files import SETTINGS_FILE, TYPE, extractor_folder, read_extractor_settings
from npconformer.storage.files import make_folder, read_json_object
from npconformer.storage.hub_options import HubOptions, refuse_upload
from npconformer.storage.json_settings import JsonSettings
from npconformer.storage.messages import refuse_typo

Extractor = TypeVar("Extractor", bound="SavedSettings")


class SavedSettings(JsonSettings):
    """What a feature extractor is made with; its attributes are its settings."""

    @classmethod
    def from_pretrained(
        cls: type[Extractor],
        pretrained_model_name_or_path: str | os.PathLike,
        return_unused_kwargs: bool = False,
        **overrides: Any,
    ) -> Any:
        """Load the settings in a folder, or in a repository at the hub; `overrides` replace single settings.

        Of `overrides`, those that `HubOptions` names, such as revision and token, are about the hub instead.
        return_unused_kwargs: as in `from_dict`.

        Both layouts are read: `processor_config.json` with a nested `feature_extractor` (transformers 5)
        comes first, then `preprocessor_config.json` (transformers 4, and a feature extractor saved alone).
        Raises FileNotFoundError when there is neither, and ValueError, naming the file, for one that is
        damaged or has settings of the wrong type.
        """
        folder = extractor_folder(pretrained_model_name_or_path, HubOptions.take(overrides))
        settings, path = read_extractor_settings(folder)
        try:
            return cls.from_dict(settings, return_unused_kwargs, **overrides)
        except (TypeError, ValueError) as error:  # TypeError: a setting called "self"
            owner = settings.get(TYPE, cls.__name__)
            hint = "" if owner == cls.__name__ else f" (these are the settings of a {owner})"
            raise ValueError(f"{path}: {error}{hint}") from error

    @classmethod
    def from_dict(
        cls: type[Extractor],
        feature_extractor_dict: Mapping[str, Any],
        return_unused_kwargs: bool = False,
        **overrides: Any,
    ) -> Any:
        """The extractor with these settings, as `to_dict` gives them; `overrides` replace single ones.

        return_unused_kwargs: return also, in a dict, the overrides that are no settings; otherwise they are kept with
        the extractor. Raises ValueError for one that looks like a setting with a wrong letter.
        """
        known = {*inspect.signature(cls).parameters, *feature_extractor_dict}
        unknown = {name: value for name, value in overrides.items() if name not in known}
        if return_unused_kwargs:
            used = {name: value for name, value in overrides.items() if name in known}
            return cls(**{**feature_extractor_dict, **used}), unknown
        for name in unknown:
            refuse_typo(name, known)
        return cls(**{**feature_extractor_dict, **overrides})

    @classmethod
    def from_json_file(cls: type[Extractor], json_file: str | os.PathLike) -> Extractor:
        """The extractor with the settings of a file that `to_json_file` has written."""
        return cls.from_dict(read_json_object(json_file))

    def to_dict(self) -> dict[str, Any]:
        """All settings, known and unknown, as transformers writes them."""
        return {**copy.deepcopy(vars(self)), TYPE: type(self).__name__}

    def save_pretrained(
        self, save_directory: str | os.PathLike, push_to_hub: bool = False, **options: Any
    ) -> list[str]:
        """Write `preprocessor_config.json` into a folder, made if need be. Returns the file's path.

        options: those of an upload, such as token, which change nothing.
        """
        refuse_upload(push_to_hub, options)
        folder = make_folder(save_directory)
        self.to_json_file(folder / SETTINGS_FILE)
        return [str(folder / SETTINGS_FILE)]
