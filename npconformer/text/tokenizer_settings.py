"""The settings that a tokenizer is made with, taken out of what a file or a caller gave and checked.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from npconformer.storage.messages import shown
from npconformer.text.added_tokens import IDS, AddedToken, is_id
from npconformer.text.text_encoding import UNLIMITED, TextEncoder
from npconformer.text.tokenizer_files import NAMED_TOKENS


def take_side(name: str, settings: dict[str, Any]) -> str:
    """`padding_side` or `truncation_side`, which is taken out of the settings: right unless they say left."""
    side = settings.pop(name, "right")
    if side not in ("right", "left"):
        raise ValueError(f"{name} must be 'right' or 'left', got {shown(side)}")
    return side


def take_input_names(settings: dict[str, Any]) -> tuple[str, ...]:
    """`model_input_names`, which is taken out of the settings: the entries of a batch, `input_ids` first."""
    names = settings.pop("model_input_names", None) or TextEncoder.model_input_names
    if not isinstance(names, list | tuple) or names[0] != "input_ids" or not all(isinstance(n, str) for n in names):
        raise ValueError(f"model_input_names must be a list of names, input_ids first, got {shown(names)}")
    return tuple(names)


def take_split(settings: dict[str, Any]) -> bool:
    """`split_special_tokens`, which is taken out of the settings: whether texts' added tokens are read as letters."""
    split = settings.pop("split_special_tokens", False)
    if not isinstance(split, bool):
        raise ValueError(f"split_special_tokens must be true or false, got {shown(split)}")
    return split


def longest_text(length: Any) -> int:
    """model_max_length as an int; None, 0 and what transformers writes as a float, 1e30, are no limit."""
    if length is None:
        return UNLIMITED
    if isinstance(length, bool) or not isinstance(length, int | float | np.integer) or not length >= 0:
        raise ValueError(f"model_max_length must be a number of tokens, got {shown(length)}")
    return int(min(length, UNLIMITED)) or UNLIMITED


def take_special_tokens(
    named: Mapping[str, Any], word_delimiter_token: Any, settings: dict[str, Any]
) -> tuple[dict[str, AddedToken], list[AddedToken], dict[int, AddedToken]]:
    """All tokens besides the vocabulary's own; those that the settings name are taken out of them.

    Args:
        named: special tokens by their role, such as `pad_token`, with None for a role that nothing has.
        word_delimiter_token: the last of the roles.
        settings: may have the other roles, further special tokens under either of their names, and added tokens.

    Returns:
        Special tokens by role; special tokens without one; added tokens by id.
    """
    named = {**named, **{name: settings.pop(name, None) for name in NAMED_TOKENS if name not in named}}
    named["word_delimiter_token"] = word_delimiter_token
    extra = settings.pop("additional_special_tokens", None)
    extra = settings.pop("extra_special_tokens", None) or extra or []
    if isinstance(extra, Mapping):
        named.update(extra)
        extra = []
    if not isinstance(extra, list | tuple):
        raise ValueError(f"extra_special_tokens must be a list of tokens, got {shown(extra)}")
    return (
        {name: _read_token(name, value) for name, value in named.items() if value is not None},
        [_read_token("extra_special_tokens", value) for value in extra],
        _read_added_tokens(settings.pop("added_tokens_decoder", None) or {}),
    )


def _read_token(name: str, value: Any) -> AddedToken:
    try:
        return AddedToken.read(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _read_added_tokens(added: Any) -> dict[int, AddedToken]:
    """added_tokens_decoder, {id: token}; in JSON the ids are strings."""
    if not isinstance(added, Mapping):
        raise ValueError(f"added_tokens_decoder must map ids to tokens, got {shown(added)}")
    for index in added:
        if not str(index).isdecimal() or not is_id(int(index)):
            raise ValueError(f"added_tokens_decoder has the id {shown(index)}; {IDS}")
    return {int(index): _read_token("added_tokens_decoder", token) for index, token in added.items()}
