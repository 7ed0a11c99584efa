"""Rows for every keyword of a call of transformers, each given a value that it changes the result with, if any does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.porting.area import Area
from tests.porting.library import Library
from tests.porting.written import add_calls

# Call -> the keywords that have a row
ROWS: dict[str, set[str]] = {}


class KeywordRows:
    """The rows of one call.

    call: its name in `reference_keywords`. written: the call as a row, with {} where the keyword belongs.
    """

    def __init__(self, area: Area, names: Callable[[Library], dict[str, Any]], call: str, written: str) -> None:
        self._area, self._names, self._call, self._written = area, names, call, written
        ROWS.setdefault(call, set())

    def __call__(self, texts: str, **remarks: Any) -> KeywordRows:
        """Adds rows. texts: a line for each, such as `padding=True`; the first keyword is the one that it is about,
        and behind three points is another call, to be written in place of the usual one."""
        for line in texts.strip().splitlines():
            keyword, _, other = (part.strip() for part in line.partition("..."))
            ROWS[self._call].add(keyword.split("=")[0].strip())
            add_calls(self._area, self._names, [(other or self._written).replace("{}", keyword)], **remarks)
        return self
