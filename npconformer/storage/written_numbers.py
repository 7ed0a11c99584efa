"""Numbers that people write in files: what counts as one, and how many seconds are too many."""

from __future__ import annotations

import re

LONGEST_SECONDS = 1e9  # thirty years: beyond it a number is a mistake, and samples and frames cannot be counted
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)


def is_number(text: str) -> bool:
    """Whether a text is a number as "1", "-.5", "1e3"; Python's float takes more: "nan", "1_0", other digits."""
    return _NUMBER.fullmatch(text) is not None
