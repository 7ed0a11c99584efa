"""JSON from a file that somebody else wrote, read so that every reader understands the same and can write it again.

Refused are what the standard leaves open or a reader stumbles over: a name twice in one object, NaN and numbers beyond
float64, halves of letters (lone surrogates, which UTF-8 cannot hold), values nested a hundred deep, and texts of more
than 10 MB. A byte order mark is passed over.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from npconformer.storage.messages import shown
from npconformer.storage.text_files import decode_text

LONGEST_JSON = 10_000_000  # bytes: of lists and objects that makes up to 300 MB of memory
DEEPEST = 100
_HALF_LETTER = re.compile("[\ud800-\udfff]")


def parse_json(text: bytes | str, *, python: bool = False) -> Any:
    """The value of a JSON text.

    Args:
        text: UTF-8, or already decoded.
        python: also take what Python's json module writes beyond the standard: NaN, infinities, and the halves of
            letters that stand for the bytes of a file's name. For files that this package writes.

    Raises:
        ValueError: what is wrong, in a few printable words.
    """
    if len(text) > LONGEST_JSON:
        raise ValueError(f"it has more than {LONGEST_JSON} bytes")
    try:
        decoded = decode_text(text) if isinstance(text, bytes) else text
        value = json.loads(decoded.removeprefix("\ufeff"), object_pairs_hook=_without_duplicates)
    except RecursionError:
        raise ValueError(f"it is nested more than {DEEPEST} deep") from None
    _check(value, python)
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    together = dict(pairs)
    if len(together) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"the name {shown(twice)} occurs twice")
    return together


def _check(value: Any, python: bool) -> None:
    """Level by level, because a call for each value would be the recursion that deep nesting breaks."""
    level = [value]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                inner += one
                inner += one.values()
            elif isinstance(one, list):
                inner += one
            elif isinstance(one, str):
                if not python and _HALF_LETTER.search(one):
                    raise ValueError(f"the text {shown(one)} holds half a letter (a lone surrogate)")
            elif isinstance(one, float):
                if not python and not math.isfinite(one):
                    raise ValueError(f"it holds {one}, which is no number in JSON or beyond float64")
            elif isinstance(one, int) and one.bit_length() > 1023:
                raise ValueError(f"it holds a whole number of {one.bit_length()} bits, beyond float64")
        if not inner:
            return
        level = inner
    raise ValueError(f"it is nested more than {DEEPEST} deep")
