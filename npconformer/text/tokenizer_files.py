"""The files beside a vocabulary: a tokenizer's settings, as transformers writes them today and as it used to.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from npconformer.storage.files import existing_folder, read_json_object
from npconformer.storage.hub import local_folder
from npconformer.storage.hub_options import HubOptions
from npconformer.storage.messages import shown
from npconformer.text.added_tokens import IDS, AddedToken, is_id
from npconformer.text.special_tokens import ROLES

VOCABULARY_FILE = "vocab.json"
SETTINGS_FILE = "tokenizer_config.json"
ADDED_TOKENS_FILE = "added_tokens.json"
SENTENCEPIECE_FILE = "tokenizer.model"
SPECIAL_TOKENS_FILE = "special_tokens_map.json"

NAMED_TOKENS = ROLES[:-1]  # without the word delimiter, which those files do not have
ABOUT_THE_FILES = ("tokenizer_class", "name_or_path", "special_tokens_map_file", "tokenizer_file", "vocab_file")


def tokenizer_folder(name: str | os.PathLike, hub: HubOptions) -> Path:
    """The folder with a tokenizer's files; of a repository at the hub, only these are downloaded."""
    others = (SETTINGS_FILE, SPECIAL_TOKENS_FILE, ADDED_TOKENS_FILE, SENTENCEPIECE_FILE)
    folder = local_folder(name, hub, needed=[VOCABULARY_FILE], optional=others)
    return existing_folder(folder, f"{VOCABULARY_FILE} and {SETTINGS_FILE}")


def read_settings(folder: Path) -> dict[str, Any]:
    """The arguments of the tokenizer whose files are in a folder.

    They come from tokenizer_config.json; for old checkpoints, whose file lists no added tokens, also from
    special_tokens_map.json and added_tokens.json. Raises ValueError, naming the file, for one that is damaged.
    """
    settings = _read_if_there(folder / SETTINGS_FILE)
    if "added_tokens_decoder" not in settings:
        settings.update(_read_if_there(folder / SPECIAL_TOKENS_FILE))
        settings["added_tokens_decoder"] = _former_added_tokens(folder / ADDED_TOKENS_FILE, settings)
    return {name: value for name, value in settings.items() if name not in ABOUT_THE_FILES}


def _read_if_there(path: Path) -> dict[str, Any]:
    return read_json_object(path) if path.is_file() else {}


def _former_added_tokens(path: Path, settings: dict[str, Any]) -> dict[int, AddedToken]:
    """The tokens of an added_tokens.json, {token: id}, special ones told by the settings."""
    listed = settings.get("additional_special_tokens")
    named = [settings.get(name) for name in NAMED_TOKENS] + (listed if isinstance(listed, list) else [])
    special = {content for content in map(_content, named) if isinstance(content, str)}
    added = _read_if_there(path)
    for token, index in added.items():
        if not is_id(index):
            raise ValueError(f"{path} gives token {shown(token)} the id {shown(index)}; {IDS}")
    return {index: AddedToken(token, special=token in special) for token, index in added.items()}


def _content(token: Any) -> str | None:
    return token.get("content") if isinstance(token, Mapping) else token
