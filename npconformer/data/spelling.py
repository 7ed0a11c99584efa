"""Transcripts in the letters of a vocabulary."""

from __future__ import annotations

from typing import Any


def spell(text: str, tokenizer: Any) -> str:
    """`text` as the tokenizer decodes it: single spaces, and in upper or lower case where it has only that one.

    The vocabulary of the released checkpoints has capital letters only, so "two five" is "TWO FIVE" there.
    """
    text = " ".join(text.split())
    if getattr(tokenizer, "do_lower_case", False):  # it reads both and answers in lower case
        return text.lower()
    letters = [token for token in tokenizer.get_vocab() if len(token) == 1]
    has_lower = any(letter != letter.upper() for letter in letters)
    has_upper = any(letter != letter.lower() for letter in letters)
    if has_lower == has_upper:
        return text
    return text.upper() if has_upper else text.lower()


def unknown_letters(text: str, tokenizer: Any) -> list[str]:
    """The tokens of `text`, each once and in order, that the vocabulary does not have."""
    known = tokenizer.get_vocab()
    return [token for token in dict.fromkeys(tokenizer.tokenize(text)) if token not in known]
