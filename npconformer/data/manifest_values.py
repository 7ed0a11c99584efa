"""The values of a manifest's row: texts, and times in seconds."""

from __future__ import annotations

from typing import Any

from npconformer.storage.messages import shown
from npconformer.storage.written_numbers import LONGEST_SECONDS, is_number


def text_of(name: str, value: Any) -> str | None:
    """A text, or None for no value. An empty one is a value for what is said, and none for a name.

    Raises ValueError for what is no text, or none that UTF-8 can hold.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and name != "text":
        value = str(value)  # labels and speakers are often numbers
    if value is None or (isinstance(value, str) and not value.strip() and name != "text"):
        return None
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a string, got {shown(value)}")
    if name != "rttm" and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError(f"{name} holds half a letter (a lone surrogate): {shown(value)}")
    return value.strip()


def seconds_of(name: str, value: Any) -> float | None:
    """A number of seconds, or None for no value. Raises ValueError for what no recording has."""
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
        seconds = float(value) if is_number(value) else None
    elif value is None:
        return None
    else:
        seconds = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if seconds is None or not 0 <= seconds <= LONGEST_SECONDS:
        comma = isinstance(value, str) and is_number(value.replace(",", ".", 1))
        hint = "; write a point for the comma" if comma and "," in value else ""
        most = f" and at most {LONGEST_SECONDS:g}" if seconds is not None and seconds > 0 else ""
        raise ValueError(f"{name} must be a number of seconds, 0 or more{most}, got {shown(value)}{hint}")
    return seconds


def end_of(start: float | None, end: float | None, duration: float | None) -> float | None:
    """The end of a stretch, from itself or from how long it is. Raises ValueError when it is not after the start."""
    if end is None and duration is not None:
        end = round((start or 0.0) + duration, 9)  # 0.1 + 0.2 is 0.3 here
    if end is not None and end <= (start or 0.0):
        raise ValueError(f"end ({end:g} s) must be after start ({start or 0:g} s)")
    return end
