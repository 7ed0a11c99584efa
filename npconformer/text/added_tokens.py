"""Tokens of several characters, such as `<pad>`, found in a text before it is split into characters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

SWITCHES = ("single_word", "lstrip", "rstrip", "normalized", "special")


@dataclass(frozen=True)
class AddedToken:
    """A token kept whole. lstrip, rstrip: swallow spaces before, after it. single_word: only between spaces.

    The fields are those of transformers' files; `normalized` means nothing here and is kept for them.
    """

    content: str
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = False
    special: bool = False

    @classmethod
    def read(cls, value: Any) -> AddedToken:
        """Take a plain string, a dict of fields as saved in JSON, or an AddedToken."""
        if isinstance(value, AddedToken):
            return value
        if isinstance(value, str):
            return cls(value)
        if isinstance(value, Mapping) and isinstance(value.get("content"), str):
            for name in SWITCHES:
                if not isinstance(value.get(name, False), bool):
                    raise ValueError(f"{name} of a token must be true or false, got {value[name]!r}")
            return cls(**{name: value[name] for name in ("content", *SWITCHES) if name in value})
        raise ValueError(f"expected a token (a string or an object with 'content'), got {value!r}")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def compile_pattern(tokens: Mapping[str, AddedToken]) -> re.Pattern | None:
    """A pattern that finds any of `tokens`, the longest at the leftmost place; None when there are none."""
    longest_first = sorted(tokens, key=len, reverse=True)
    return re.compile("(" + "|".join(map(re.escape, longest_first)) + ")") if longest_first else None


def split_on_tokens(text: str, tokens: Mapping[str, AddedToken], pattern: re.Pattern | None) -> list[str]:
    """Cut `text` into added tokens and the stretches between them, spaces swallowed as the tokens ask."""
    if pattern is None:
        return [text] if text else []
    pieces = [piece for piece in pattern.split(text) if piece]
    for i, piece in enumerate(pieces):
        token = tokens.get(piece)
        if token is None:
            continue
        before = pieces[i - 1] if i > 0 else ""
        after = pieces[i + 1] if i + 1 < len(pieces) else ""
        if token.rstrip and after:
            pieces[i + 1] = after = after.lstrip()
        if token.lstrip and before:
            pieces[i - 1] = before = before.rstrip()
        if token.single_word:
            if before and before[-1] != " ":
                pieces[i - 1], pieces[i] = before + piece, ""
            elif after and after[0] != " ":
                pieces[i + 1], pieces[i] = piece + after, ""
    return [piece for piece in pieces if piece]
