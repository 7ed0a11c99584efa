"""Transcripts in the letters of a vocabulary."""

from __future__ import annotations

import unicodedata
from typing import Any

from npconformer.metrics.text_normalization import APOSTROPHES


def spell(text: str, tokenizer: Any) -> str:
    """`text` as the tokenizer decodes it: single spaces, and in upper or lower case where it has only that one.

    The vocabulary of the released checkpoints has capital letters only, so "two five" is "TWO FIVE" there.
    """
    text = " ".join(text.split())
    case = case_of(tokenizer)
    return text if case is None else text.upper() if case == "upper" else text.lower()


def case_of(tokenizer: Any) -> str | None:
    """ "upper" or "lower", the case in which a tokenizer answers; None where its vocabulary has both or neither."""
    if getattr(tokenizer, "do_lower_case", False):  # it reads both and answers in lower case
        return "lower"
    letters = [token for token in tokenizer.get_vocab() if len(token) == 1]
    has_lower = any(letter != letter.upper() for letter in letters)
    has_upper = any(letter != letter.lower() for letter in letters)
    if has_lower == has_upper:
        return None
    return "upper" if has_upper else "lower"


def unknown_letters(text: str, tokenizer: Any) -> list[str]:
    """The tokens of `text`, each once and in order, that the vocabulary does not have."""
    known = tokenizer.get_vocab()
    return [token for token in dict.fromkeys(tokenizer.tokenize(text)) if token not in known]


def in_known_letters(text: str, tokenizer: Any) -> str:
    """`text` without what the vocabulary cannot write.

    An unknown letter becomes the one without its marks (É is E) or the plain apostrophe, if that is known. Otherwise a
    letter, a digit or a mark is left out, and all else, such as a hyphen, is a space.
    """
    text = unicodedata.normalize("NFC", text)
    unknown = set(unknown_letters(text, tokenizer))
    return " ".join("".join(_nearest(c, tokenizer) if c in unknown else c for c in text).split())


def _nearest(letter: str, tokenizer: Any) -> str:
    parts = unicodedata.normalize("NFKD", "'" if letter in APOSTROPHES else letter)
    base = "".join(part for part in parts if not unicodedata.combining(part))
    if base and not unknown_letters(base, tokenizer):
        return base
    return "" if unicodedata.category(letter)[0] in "LNM" else " "
