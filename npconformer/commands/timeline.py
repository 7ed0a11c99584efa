"""Who speaks when as a picture made of letters."""

from __future__ import annotations

import math
from typing import Any

from npconformer.storage.messages import one_line

COLUMNS = 60


def draw_timeline(segments: list[dict[str, Any]], duration: float, columns: int = COLUMNS) -> str:
    """A line for each speaker, in the order in which they first speak, and a line of times below.

        ANNA  |######          ######|
        BEN   |     ##########       |
               0.00 s          2.40 s

    A column stands for duration / columns seconds and is marked where a part of it, however short, is spoken
    in. segments: dicts with "start", "end" and "speaker"; duration: that of the recording; all in seconds.
    """
    if not segments:
        return f"nobody speaks in these {duration:.2f} s\n"
    marks: dict[str, list[str]] = {}
    for segment in segments:
        line = marks.setdefault(one_line(segment["speaker"]), [" "] * columns)
        first = min(math.floor(segment["start"] / duration * columns), columns - 1)
        end = min(math.ceil(segment["end"] / duration * columns), columns)
        line[first:end] = "#" * (end - first)
    width = max(map(len, marks))
    lines = [f"{speaker:<{width}}  |{''.join(line)}|" for speaker, line in marks.items()]
    last = f"{duration:.2f} s"
    return "\n".join([*lines, f"{'':{width}}   0.00 s{last:>{columns - 6}}"]) + "\n"
