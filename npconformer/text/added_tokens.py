"""Tokens of several characters, such as `<pad>`, found in a text before it is split into characters.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from npconformer.storage.messages import shown

LARGEST_ID = 2**31 - 1
IDS = f"ids are integers from 0 to {LARGEST_ID}"
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

    def __str__(self) -> str:
        return self.content

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
                    raise ValueError(f"{name} of a token must be true or false, got {shown(value[name])}")
            return cls(**{name: value[name] for name in ("content", *SWITCHES) if name in value})
        raise ValueError(f"expected a token (a string or an object with 'content'), got {shown(value)}")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def is_id(index: Any) -> bool:
    """Whether that can be a token's id."""
    return type(index) is int and 0 <= index <= LARGEST_ID


def lengths_by_letter(tokens: Iterable[str]) -> dict[str, list[int]]:
    """The lengths, longest first, of the tokens that begin with each letter: what is tried at a place of a text."""
    lengths: dict[str, set[int]] = {}
    for token in tokens:
        if token:
            lengths.setdefault(token[0], set()).add(len(token))
    return {letter: sorted(found, reverse=True) for letter, found in lengths.items()}


def _cut(text: str, tokens: Mapping[str, AddedToken], lengths: Mapping[str, list[int]]) -> list[str]:
    """Tokens, the longest at the leftmost place, and the stretches between them.

    The work for a letter of the text grows with the lengths that tokens have, not with the number of tokens.
    """
    pieces, begin, place = [], 0, 0
    while place < len(text):
        ends = (place + length for length in lengths.get(text[place], ()))
        end = next((end for end in ends if text[place:end] in tokens), None)
        if end is None:
            place += 1
            continue
        pieces += [text[begin:place], text[place:end]]
        begin = place = end
    return [piece for piece in [*pieces, text[begin:]] if piece]


def split_on_tokens(text: str, tokens: Mapping[str, AddedToken], lengths: Mapping[str, list[int]]) -> list[str]:
    """Cut `text` into added tokens and the stretches between them, spaces swallowed as the tokens ask.

    lengths: `lengths_by_letter` of the tokens.
    """
    pieces = _cut(text, tokens, lengths)
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
