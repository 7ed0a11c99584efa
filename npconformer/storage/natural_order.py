"""The order in which people number files: part2 before part10."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

_NUMBER = re.compile("([0-9]+)")


def natural_key(path: str | os.PathLike) -> tuple[Any, ...]:
    """A key for `sorted`: folder by folder, letters by their code and runs of digits by their value.

    Paths that differ only in leading zeros come in the order of their letters, so that the order is always one.
    """
    path = Path(path)
    return tuple(_chunks(part) for part in path.parts), str(path)


def _chunks(name: str) -> tuple[Any, ...]:
    """a2b -> ("a", 2, "b"): letters and numbers take turns, so that only like is compared with like."""
    return tuple(_value(chunk) if i % 2 else chunk for i, chunk in enumerate(_NUMBER.split(name)))


def _value(digits: str) -> tuple[int, str]:
    """What orders as the number does; Python makes no number of thousands of digits."""
    digits = digits.lstrip("0")
    return len(digits), digits
