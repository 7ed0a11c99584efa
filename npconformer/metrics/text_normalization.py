"""Making texts alike that differ in what nobody hears: punctuation and symbols."""

from __future__ import annotations

import unicodedata

APOSTROPHES = {"\u2019", "\u02bc", "\uff07"}  # how an apostrophe is written beside "'": ’, ʼ and the wide one
_TO_PLAIN = dict.fromkeys(map(ord, APOSTROPHES), "'")


def without_punctuation(text: str) -> str:
    """The words of a text with single spaces in between: punctuation and symbols are spaces.

    Those are the letters of Unicode's categories P and S. An apostrophe inside a word belongs to it, and is "'" however
    it is written.

    >>> without_punctuation("“Twenty-five,” he said: don’t!")
    "Twenty five he said don't"
    """
    plain = text.translate(_TO_PLAIN)
    inside = {
        i for i in range(1, len(plain) - 1) if plain[i] == "'" and plain[i - 1].isalnum() and plain[i + 1].isalnum()
    }
    kept = (c if i in inside or unicodedata.category(c)[0] not in "PS" else " " for i, c in enumerate(plain))
    return " ".join("".join(kept).split())
